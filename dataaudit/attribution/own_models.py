"""A user's own modules, tensors and runs as a problem that attribution backends take, checked before any work."""

import hashlib
from collections.abc import Mapping, Sequence, Sized
from dataclasses import fields
from functools import partial
from typing import Any, cast

import numpy as np
import torch
import torch.utils.data
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .. import plugins
from ..data.features.vectors import features
from ..dataset import Dataset, Split
from ..errors import InputError
from ..training.objectives import REGRESSION, Objective, PerSample, objective_of
from ..training.pool import Pool
from .problem import Problem, Runs, Samples, checked_labels

BLOCK = 1024
"""Samples hashed at a time."""
Labelled = tuple[ArrayLike | Tensor, ArrayLike | Tensor] | torch.utils.data.Dataset[Any]


def configured_backend(backend: str, settings: Mapping[str, Any]) -> Any:
    """A backend with these settings. Raises InputError for unknown settings, or values of a wrong type."""
    backend_class = plugins.get("backends", backend).BACKEND
    defaults = {field.name: field.default for field in fields(backend_class)}
    unknown = sorted(set(settings) - set(defaults))
    listing = ", ".join(f"{name}={value!r}" for name, value in defaults.items()) or "none"
    if unknown:
        raise InputError(f"the backend {backend!r} has no setting {unknown[0]!r}; its settings: {listing}")
    try:
        return backend_class(**settings)
    except TypeError as error:
        raise InputError(
            f"the backend {backend!r}: a setting is of the wrong type: {error}; defaults: {listing}"
        ) from error


def custom_objective(loss: PerSample | None, output: PerSample | None) -> Objective | None:
    """The user's own objective, None where there is none. Raises InputError for half of one."""
    if (loss is None) != (output is None):
        raise InputError("loss and output go together: what training minimised, and what to attribute")
    if loss is None or output is None:
        return None
    return Objective(f"own: {_name(loss)}, {_name(output)}", loss, output)


def problem_of(
    models: nn.Module | Sequence[nn.Module] | Pool | Runs,
    train: Labelled | Dataset | None,
    target: Labelled | None,
    labels: ArrayLike | None,
    objective: Objective | None,
) -> Problem:
    """The problem that `attribute` is asked to solve, checked."""
    if isinstance(models, Pool | Runs):
        if train is not None or target is not None or objective is not None:
            raise InputError("a pool, or runs, have their own training and target samples and output; pass them alone")
        if isinstance(models, Runs):
            return Problem.from_runs(models)
        return Problem.from_pool(models, None if labels is None else np.asarray(labels))
    passed: list[Any] = list(models) if isinstance(models, list | tuple) else [models]
    modules = [module for module in passed if isinstance(module, nn.Module)]
    if len(modules) < len(passed):
        actual = next(type(model).__name__ for model in passed if not isinstance(model, nn.Module))
        raise InputError(
            f"expected torch modules, a Pool or Runs; found {actual}. An estimator without gradients is served by Runs "
            "of your own and the backend 'datamodels'"
        )
    if not modules:
        raise InputError("expected at least one model, found none")
    for number, module in enumerate(modules):
        if module.training:
            raise InputError(f"model {number} is in training mode; call .eval() on it first")
    if isinstance(train, Dataset):
        if target is not None:
            raise InputError("a dataaudit Dataset has its own target split; pass it alone")
        samples = [_split_samples(train, "train", None), _split_samples(train, train.target_split, labels)]
    elif train is None or target is None:
        raise InputError("expected train and target, each a pair of inputs and labels")
    elif labels is not None:
        raise InputError("labels= is for a Pool or a dataaudit Dataset; here the target's labels are its second part")
    else:
        samples = [_samples("train", train), _samples("target", target)]
    objectives = {_checked_objective(split_samples, modules[0], objective) for split_samples in samples}
    if len(objectives) > 1:
        raise InputError(f"train and target are of different tasks: {' and '.join(sorted(o.name for o in objectives))}")
    (common,) = objectives
    if common is REGRESSION and np.isin(samples[0].labels, (0, 1)).all():
        raise InputError(
            "train: labels are floating-point, and all 0 or 1: pass integers (labels.long()) for one logit, or loss= "
            "and output= of your own for a regression on them"
        )
    return Problem(
        models=tuple(partial(_return_module, module) for module in modules),
        train=samples[0],
        target=samples[1],
        objective=common,
        runs=None,
        identity={"content": _digest(samples, modules), "objective": common.name},
    )


def _name(function: PerSample) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


def _return_module(module: nn.Module) -> nn.Module:
    return module


def _checked_objective(samples: Samples, module: nn.Module, objective: Objective | None) -> Objective:
    """The objective, given or inferred from the labels, checked against the module's outputs."""
    name = samples.ids[0].partition("#")[0]
    inputs, _ = samples.batch(np.arange(1))
    try:
        with torch.no_grad():
            outputs = module(inputs.to(next(module.parameters()).device))
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{name}: the model can't take inputs {inputs.dtype} {tuple(inputs.shape)}: {error}"
        ) from error
    if not isinstance(outputs, Tensor) or len(outputs) != 1:
        actual = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise InputError(f"{name}: expected a module that gives one output a sample, a tensor (n, ...); found {actual}")
    if objective is not None:
        objective.seeds(outputs.cpu(), torch.from_numpy(samples.labels[:1]))
        return objective
    try:
        return objective_of(outputs, torch.from_numpy(samples.labels))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _samples(name: str, labelled: Labelled | Any) -> Samples:
    if isinstance(labelled, torch.utils.data.Dataset):
        return _from_torch(name, labelled)
    if not isinstance(labelled, tuple | list) or len(labelled) != 2:
        raise InputError(
            f"{name}: expected a pair of inputs and labels, or a torch Dataset; found {type(labelled).__name__}"
        )
    inputs, labels = (part.detach().cpu() if isinstance(part, Tensor) else _tensor(name, part) for part in labelled)
    if not inputs.ndim or not labels.ndim or len(inputs) != len(labels) or not len(inputs):
        shapes = f"{tuple(labels.shape)}, {tuple(inputs.shape)}"
        raise InputError(f"{name}: expected as many labels as inputs, at least one; found shapes {shapes}")
    ids = tuple(f"{name}#{i}" for i in range(len(inputs)))
    return Samples(ids, _integers_as_long(labels).numpy(), lambda positions: inputs[torch.from_numpy(positions)])


def _integers_as_long(labels: Tensor) -> Tensor:
    return labels if labels.is_floating_point() else labels.long()


def _tensor(name: str, part: ArrayLike) -> Tensor:
    try:
        array = np.asarray(part)
        return torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected tensors or arrays of numbers: {error}") from error


def _from_torch(name: str, pairs: torch.utils.data.Dataset[Any]) -> Samples:
    """A torch Dataset of (input, label), read sample by sample when it is needed."""
    count = len(cast(Sized, pairs))
    if not count:
        raise InputError(f"{name}: expected at least one sample, found none")

    def inputs(positions: NDArray[np.int64]) -> Tensor:
        return torch.stack([torch.as_tensor(pairs[int(i)][0]) for i in positions])

    labels = torch.stack([torch.as_tensor(pairs[i][1]) for i in range(count)])
    return Samples(tuple(f"{name}#{i}" for i in range(count)), _integers_as_long(labels).numpy(), inputs)


def _split_samples(dataset: Dataset, split: Split, labels: ArrayLike | None) -> Samples:
    rows = dataset.rows(split)
    if not len(rows):
        raise InputError(f"{dataset.root}: expected samples in the split {split!r}, found none")
    targets = dataset.targets[rows] if labels is None else checked_labels(labels, len(rows), len(dataset.class_names))
    if dataset.task == "regression":
        targets = targets.astype(np.float32)

    def inputs(positions: NDArray[np.int64]) -> Tensor:
        values = dataset.inputs if isinstance(dataset.inputs, np.ndarray) and dataset.inputs.dtype != object else None
        values = features(dataset) if values is None else values  # texts and tables as rows of numbers
        return torch.from_numpy(np.ascontiguousarray(values[rows[positions]])).float()

    return Samples(tuple(dataset.ids[row] for row in rows), targets, inputs)


def _digest(samples: list[Samples], modules: list[nn.Module]) -> str:
    digest = hashlib.sha256()
    for split_samples in samples:
        digest.update(np.ascontiguousarray(split_samples.labels).tobytes())
        for start in range(0, len(split_samples), BLOCK):
            inputs = split_samples.inputs(np.arange(start, min(start + BLOCK, len(split_samples))))
            digest.update(np.ascontiguousarray(inputs.numpy()).tobytes())
    for module in modules:
        for value in module.state_dict().values():
            digest.update(np.ascontiguousarray(value.detach().cpu().numpy()).tobytes())
    return digest.hexdigest()
