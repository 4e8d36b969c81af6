"""A user's own torch module: trained here, or already trained and given as checkpoints."""

import inspect
import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.features.vectors import features
from ...dataset import Dataset
from ...errors import InputError
from .module_learner import ModuleLearner, Rescale, adapt_outputs

LEAST_STEPS = 500
"""Fewest optimiser steps, so that a net trained on a few hundred rows has learnt something."""


@dataclass(frozen=True)
class OwnModule(ModuleLearner):
    """Trains the module that a factory makes.

    spec      how the user named the factory
    source    digest of the file that defines it
    factory   called with the dataset if it takes an argument; the module it returns may have a method
              `encode(inputs) -> Tensor` that makes its batches from the inputs as read (strings, a frame, pixels)
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    spec: str = ""
    source: str = ""
    factory: Callable[..., nn.Module] = nn.Identity

    name: ClassVar[str] = "module"

    @property
    def recipe(self) -> Mapping[str, Any]:
        settings = {name: getattr(self, name) for name in ("epochs", "batch_size", "learning_rate", "weight_decay")}
        return {"learner": self.spec, "source": self.source, **settings}

    def build(self, dataset: Dataset) -> nn.Module:
        """See `bare`; for regression its outputs are brought to the targets' unit."""
        module = self.bare(dataset)
        return _Rescaled(module) if dataset.task == "regression" else module

    def bare(self, dataset: Dataset) -> nn.Module:
        """The module as the factory makes it. Raises InputError if it gives none."""
        required = [
            parameter
            for parameter in inspect.signature(self.factory).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        module = self.factory(dataset) if required else self.factory()
        if not isinstance(module, nn.Module):
            raise InputError(f"{self.spec}: expected a factory of a torch module, it gave {type(module).__name__}")
        return module

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        batch = self._encoded(dataset)[rows]
        return batch.float() if dataset.modality == "image" and not batch.is_floating_point() else batch

    def passes(self, n_rows: int) -> int:
        """The default's, and at least LEAST_STEPS steps."""
        return self.epochs or max(super().passes(n_rows), -(-LEAST_STEPS * self.batch_size // max(n_rows, 1)))

    def adapt(self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> None:
        adapt_outputs(model, dataset, rows)

    def _encoded(self, dataset: Dataset) -> Tensor:
        """All inputs as the module takes them, made once for a dataset."""

        def encoded() -> NDArray[Any]:
            encode = getattr(self.bare(dataset), "encode", None)
            if encode is not None:
                batch = encode(dataset.inputs)
                if not isinstance(batch, Tensor) or len(batch) != len(dataset):
                    actual = tuple(batch.shape) if isinstance(batch, Tensor) else type(batch).__name__
                    raise InputError(
                        f"{self.spec}: encode must give one tensor with a row for each of {len(dataset)} samples, "
                        f"it gave {actual}"
                    )
                return batch.numpy()
            if dataset.modality == "image" or (dataset.modality == "array" and dataset.inputs.ndim > 2):
                return np.asarray(dataset.inputs)
            return features(dataset)

        return torch.from_numpy(np.ascontiguousarray(dataset.derive(f"encoded by {self.spec}", encoded)))


class _Rescaled(nn.Module):
    """A module whose single output is brought to the targets' unit."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.rescale = module, Rescale()

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rescale(self.module(x))
        return outputs


def load_checkpoint(module: nn.Module, path: Path, any_code: bool) -> nn.Module:
    """The module with a checkpoint's weights, in evaluation mode.

    The file holds a state dict, alone or under "state_dict", "model_state_dict" or "model". Files that need more than
    weights to be read are refused unless `any_code`.
    Raises InputError for a file that can't be read, or of another architecture.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if not (zipfile.is_zipfile(path) or start.startswith(b"\x80")):
        raise InputError(
            f"{path}: not readable as a torch checkpoint: expected what torch.save writes, found {start!r}..."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=not any_code)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: expected weights alone, found objects that run code when they are read; save the model's "
            "state_dict(), or pass --unsafe-checkpoints if you trust the file"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not readable as a torch checkpoint: {error}") from error
    if isinstance(state, nn.Module):
        state = state.state_dict()
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: expected a state dict of tensors, found {type(state).__name__}")
    expected_state = module.state_dict()
    if all(name.startswith("module.") for name in state) and not all(
        name.startswith("module.") for name in expected_state
    ):
        state = {name.removeprefix("module."): value for name, value in state.items()}  # saved by DataParallel
    misfits = [name for name in expected_state if name not in state or state[name].shape != expected_state[name].shape]
    unknown = [name for name in state if name not in expected_state]
    if misfits or unknown:
        name = (misfits or unknown)[0]
        in_file = f"is {tuple(state[name].shape)} in" if name in state else "is missing from"
        in_module = f"is {tuple(expected_state[name].shape)} in" if name in expected_state else "is missing from"
        raise InputError(
            f"{path}: a checkpoint of another architecture: {name!r} {in_file} the file and {in_module} the module; "
            f"{len(misfits)} of {len(expected_state)} entries don't fit, {len(unknown)} are unknown"
        )
    module.load_state_dict(state)
    return module.eval()
