"""Attribution for whoever has trained models and tensors, and needs no dataset on disk."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from . import plugins
from .attribution import Attribution, Backend
from .dataset import silent
from .errors import InputError
from .pool import Pool
from .problem import Problem, Samples

Labelled = tuple[Tensor, Tensor]


def attribute(
    models: nn.Module | Sequence[nn.Module] | Pool,
    train: Labelled | None = None,
    target: Labelled | None = None,
    backend: str = "trak",
    **settings: Any,
) -> Attribution:
    """Score how much each training sample moves the margin of each target's label.

    models     one classifier that gives logits, several trained independently, in evaluation mode, or a Pool
    train      inputs (n_train, ...) and class numbers (n_train,); left out for a Pool, which has its own
    target     likewise; the label may be any class, such as the predicted one
    backend    name of a plugin of `backends`
    settings   the backend's own

    Scores are (n_train, n_target), positive where including the sample raises the target's margin. Without a pool
    there are no held-out runs: the ridge is the backend's default, and the scores' scale is the method's own.

    Raises InputError for models in training mode, or inputs and labels that don't fit each other or the models.
    """
    engine: Backend = plugins.get("backends", backend).BACKEND(**settings)
    problem = _problem(models, train, target)
    folder = tempfile.TemporaryDirectory(prefix="dataaudit-")
    scored = engine.attribute(problem, Path(folder.name) / "scores.h5", silent)
    return replace(scored, keeping=folder)


def _problem(
    models: nn.Module | Sequence[nn.Module] | Pool, train: Labelled | None, target: Labelled | None
) -> Problem:
    if isinstance(models, Pool):
        if train is not None or target is not None:
            raise InputError("a pool has its own training and target samples; pass it alone")
        return Problem.of(models)
    if train is None or target is None:
        raise InputError("expected train and target, each a pair of inputs and labels")
    modules = [models] if isinstance(models, nn.Module) else list(models)
    if not modules:
        raise InputError("expected at least one model, found none")
    for number, module in enumerate(modules):
        if module.training:
            raise InputError(f"model {number} is in training mode; call .eval() on it first")
    samples = {"train": _samples("train", train, modules[0]), "target": _samples("target", target, modules[0])}
    digest = hashlib.sha256()
    for tensor in (*train, *target, *(value for module in modules for value in module.state_dict().values())):
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    return Problem(
        models=tuple(_giving(module) for module in modules),
        runs=None,
        identity={"content": digest.hexdigest()},
        **samples,
    )


def _giving(module: nn.Module) -> Callable[[], nn.Module]:
    return lambda: module


def _samples(name: str, labelled: Labelled, module: nn.Module) -> Samples:
    if not isinstance(labelled, tuple | list) or [isinstance(part, Tensor) for part in labelled] != [True, True]:
        raise InputError(f"{name}: expected a pair of tensors, inputs and labels; found {type(labelled).__name__}")
    inputs, labels = labelled
    if len(inputs) != len(labels) or not len(inputs):
        raise InputError(f"{name}: expected as many labels as inputs, at least one; found {len(labels)}, {len(inputs)}")
    numbers = labels.detach().cpu().numpy()
    if not np.issubdtype(numbers.dtype, np.integer) or numbers.ndim != 1:
        raise InputError(f"{name}: expected labels as class numbers (n,), found {labels.dtype} {tuple(labels.shape)}")
    try:
        with torch.no_grad():
            logits = module(inputs[:1].to(next(module.parameters()).device))
    except RuntimeError as error:
        raise InputError(f"{name}: the model can't take inputs of shape {tuple(inputs.shape)}: {error}") from error
    if logits.ndim != 2 or not 0 <= numbers.min() <= numbers.max() < logits.shape[1]:
        raise InputError(
            f"{name}: expected logits (n, classes) with room for labels {numbers.min()} to {numbers.max()}, "
            f"found an output of shape {tuple(logits.shape)} for one sample"
        )

    def batch(positions: NDArray[np.int64]) -> Tensor:
        return inputs[torch.from_numpy(positions)]

    return Samples(tuple(f"{name}#{i}" for i in range(len(inputs))), numbers.astype(np.int64), batch)
