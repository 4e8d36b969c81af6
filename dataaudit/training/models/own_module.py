"""A user's own torch module: trained by our trainer, or trained already and given as checkpoints."""

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
"""Of the optimiser, so that a net trained on a few hundred rows has learnt something."""


@dataclass(frozen=True)
class OwnModule(ModuleLearner):
    """Trains what a factory makes.

    spec      how the user named the factory
    source    digest of the file that it stands in
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
        takes = [
            one
            for one in inspect.signature(self.factory).parameters.values()
            if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        ]
        module = self.factory(dataset) if takes else self.factory()
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
                    found = tuple(batch.shape) if isinstance(batch, Tensor) else type(batch).__name__
                    raise InputError(
                        f"{self.spec}: encode must give one tensor with a row for each of {len(dataset)} samples, "
                        f"it gave {found}"
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
        found: Tensor = self.rescale(self.module(x))
        return found


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
        held = torch.load(path, map_location="cpu", weights_only=not any_code)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: expected weights alone, found objects that run code when they are read; save the model's "
            "state_dict(), or pass --unsafe-checkpoints if you trust the file"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not readable as a torch checkpoint: {error}") from error
    if isinstance(held, nn.Module):
        held = held.state_dict()
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise InputError(f"{path}: expected a state dict of tensors, found {type(held).__name__}")
    own = module.state_dict()
    if all(name.startswith("module.") for name in held) and not all(name.startswith("module.") for name in own):
        held = {name.removeprefix("module."): value for name, value in held.items()}  # saved by DataParallel
    wrong = [name for name in own if name not in held or held[name].shape != own[name].shape]
    extra = [name for name in held if name not in own]
    if wrong or extra:
        name = (wrong or extra)[0]
        found = f"is {tuple(held[name].shape)} in" if name in held else "is missing from"
        expected = f"is {tuple(own[name].shape)} in" if name in own else "is missing from"
        raise InputError(
            f"{path}: a checkpoint of another architecture: {name!r} {found} the file and {expected} the module; "
            f"{len(wrong)} of {len(own)} entries don't fit, {len(extra)} are unknown"
        )
    module.load_state_dict(held)
    return module.eval()
