"""A user's own modules, tensors and runs as a problem that attribution backends take, checked before any work."""

import copy
import hashlib
import itertools
import warnings
from collections.abc import Mapping, Sequence, Sized
from dataclasses import fields, replace
from functools import partial
from typing import Any, cast

import numpy as np
import scipy.sparse
import torch
import torch.utils.data
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from .. import plugins
from ..errors import InputError
from ..training.objectives import (
    BINARY,
    CLASSIFICATION,
    REGRESSION,
    Objective,
    PerSample,
    are_probabilities,
    objective_of,
)
from .own_linear import own_linear
from .problem import Problem, Runs, Samples

BLOCK = 1024
"""Samples hashed at a time."""
PROBED = 32
"""Samples whose outputs are held against what logits can be."""
Labelled = tuple[ArrayLike | Tensor, ArrayLike | Tensor] | torch.utils.data.Dataset[Any]


def configured_backend(backend: str, settings: Mapping[str, Any]) -> Any:
    """A backend with these settings. Raises InputError for unknown settings, or values of a wrong type."""
    backend_class, defaults = plugins.get("backends", backend).BACKEND, _settings_of(backend)
    unknown = sorted(set(settings) - set(defaults))
    listing = ", ".join(f"{name}={value!r}" for name, value in defaults.items()) or "none"
    if unknown:
        others = [name for name in plugins.names("backends") if unknown[0] in _settings_of(name)]
        elsewhere = f"; {unknown[0]!r} is one of backend={others[0]!r}" if others else ""
        raise InputError(f"the backend {backend!r} has no setting {unknown[0]!r}; its settings: {listing}{elsewhere}")
    try:
        return backend_class(**settings)
    except TypeError as error:
        found = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        raise InputError(
            f"the backend {backend!r}: a setting is of the wrong type: found {found}; defaults: {listing}"
        ) from error


def _settings_of(backend: str) -> dict[str, Any]:
    return {field.name: field.default for field in fields(plugins.get("backends", backend).BACKEND)}


def custom_objective(loss: PerSample | None, output: PerSample | None) -> Objective | None:
    """The user's own objective, None where there is none. Raises InputError for half of one."""
    if (loss is None) != (output is None):
        raise InputError("loss and output go together: what training minimised, and what to attribute")
    if loss is None or output is None:
        return None
    return Objective(f"own: {_name(loss)}, {_name(output)}", loss, output)


def problem_of(
    models: nn.Module | Sequence[nn.Module] | Runs,
    train: Labelled | None,
    target: Labelled | None,
    objective: Objective | None,
    may_be_linear: bool = False,
) -> Problem:
    """The problem that `attribute` is asked to solve, checked.

    may_be_linear   whether it is looked at if the model is one linear layer
    """
    if isinstance(models, Runs):
        if train is not None or target is not None or objective is not None:
            raise InputError("runs have their own training and target samples and output; pass them alone")
        return Problem.from_runs(models)
    passed: list[Any] = list(models) if isinstance(models, list | tuple) else [models]
    modules = [module for module in passed if isinstance(module, nn.Module)]
    if len(modules) < len(passed):
        actual = next(type(model).__name__ for model in passed if not isinstance(model, nn.Module))
        raise InputError(
            f"expected torch modules or Runs; found {actual}. An estimator without gradients is served by Runs "
            "of your own and the backend 'datamodels'"
        )
    if not modules:
        raise InputError("expected at least one model, found none")
    for number, module in enumerate(modules):
        if module.training:
            raise InputError(f"model {number} is in training mode; call .eval() on it first")
        if next(module.parameters(), None) is None:
            raise InputError(
                f"model {number}: expected a module with parameters, found {type(module).__name__} without"
            )
    if train is None or target is None:
        raise InputError("expected train and target, each a pair of inputs and labels")
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
    if common in (CLASSIFICATION, BINARY):
        _require_logits(samples[0], _in_single_precision(modules[0]))
    problem = Problem(
        models=tuple(partial(_in_single_precision, module) for module in modules),
        train=samples[0],
        target=samples[1],
        objective=common,
        runs=None,
        identity={"content": _digest(samples, modules), "objective": common.name},
    )
    return replace(problem, linear=own_linear(problem)) if may_be_linear else problem


def _name(function: PerSample) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))


def _in_single_precision(module: nn.Module) -> nn.Module:
    """The module itself, or a float32 copy where it has weights in half precision: gradients in it are too coarse."""
    values = itertools.chain(module.parameters(), module.buffers())
    return copy.deepcopy(module).float() if any(_is_half(value) for value in values) else module


def _is_half(values: Tensor) -> bool:
    return values.is_floating_point() and values.itemsize < 4


def _single(values: Tensor) -> Tensor:
    """Half precision as float32, without a loss."""
    return values.float() if _is_half(values) else values


def _checked_objective(samples: Samples, module: nn.Module, objective: Objective | None) -> Objective:
    """The objective, given or inferred from the labels, checked against the module's outputs."""
    name = samples.ids[0].partition("#")[0]
    inputs, single = samples.inputs(np.arange(1)), _in_single_precision(module)
    try:
        outputs = _outputs(single, inputs)
    except (RuntimeError, TypeError, ValueError) as error:
        casts = "; weights in half precision are taken as float32: take casts out of its forward"
        raise InputError(
            f"{name}: the model can't take inputs {inputs.dtype} {tuple(inputs.shape)}: {error}"
            + ("" if single is module else casts)
        ) from error
    if not isinstance(outputs, Tensor) or len(outputs) != 1:
        actual = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise InputError(f"{name}: expected a module that gives one output a sample, a tensor (n, ...); found {actual}")
    if _is_half(outputs):
        raise InputError(
            f"{name}: expected outputs of float32 or float64, found {outputs.dtype} from a model whose weights are not "
            "in half precision; take autocast or the cast out of its forward"
        )
    if objective is not None:
        objective.seeds(outputs.cpu(), torch.from_numpy(samples.labels[:1]))
        return objective
    try:
        return objective_of(outputs, torch.from_numpy(samples.labels))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _outputs(module: nn.Module, inputs: Tensor) -> Tensor | Any:
    with torch.no_grad():
        return module(inputs.to(next(module.parameters()).device))


def _require_logits(samples: Samples, module: nn.Module) -> None:
    """Raises InputError for outputs that are surely probabilities, warns of ones that may be."""
    outputs = _outputs(module, samples.inputs(samples.spread(PROBED)))
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        if are_probabilities(outputs):
            raise InputError(
                "train: expected logits, found probabilities: outputs that are between 0 and 1 and sum to one for each "
                f"of {len(outputs)} samples; leave out the last softmax, or let the model return their logarithm"
            )
    elif ((outputs >= 0) & (outputs <= 1)).all() and samples.labels.min() < samples.labels.max():
        # A model that is never sure and always for 1 has such logits, too.
        warnings.warn(
            f"train: the outputs of {len(outputs)} samples are all between 0 and 1 and taken for logits; if they are "
            "probabilities, leave out the last sigmoid",
            stacklevel=2,
        )


def _samples(name: str, labelled: Labelled | Any) -> Samples:
    if isinstance(labelled, torch.utils.data.Dataset):
        return _from_torch(name, labelled)
    if not isinstance(labelled, tuple | list) or len(labelled) != 2:
        raise InputError(
            f"{name}: expected a pair of inputs and labels, or a torch Dataset; found {type(labelled).__name__}"
        )
    if any(scipy.sparse.issparse(part) or getattr(part, "layout", torch.strided) != torch.strided for part in labelled):
        raise InputError(
            f"{name}: expected dense inputs and labels, found sparse ones; pass x.to_dense() of a tensor, x.toarray() "
            "of a scipy array"
        )
    inputs, labels = (part.detach().cpu() if isinstance(part, Tensor) else _tensor(name, part) for part in labelled)
    if not inputs.ndim or not labels.ndim or len(inputs) != len(labels) or not len(inputs):
        shapes = f"{tuple(labels.shape)}, {tuple(inputs.shape)}"
        raise InputError(f"{name}: expected as many labels as inputs, at least one; found shapes {shapes}")
    ids = tuple(f"{name}#{i}" for i in range(len(inputs)))
    return Samples(ids, _as_labels(labels), lambda positions: _single(inputs[torch.from_numpy(positions)]))


def _as_labels(labels: Tensor) -> NDArray[Any]:
    return (_single(labels) if labels.is_floating_point() else labels.long()).numpy()


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
        return _single(torch.stack([torch.as_tensor(pairs[int(i)][0]) for i in positions]))

    labels = torch.stack([torch.as_tensor(pairs[i][1]) for i in range(count)])
    return Samples(tuple(f"{name}#{i}" for i in range(count)), _as_labels(labels), inputs)


def _digest(samples: list[Samples], modules: list[nn.Module]) -> str:
    digest = hashlib.sha256()
    for split_samples in samples:
        digest.update(np.ascontiguousarray(split_samples.labels).tobytes())
        for start in range(0, len(split_samples), BLOCK):
            inputs = split_samples.inputs(np.arange(start, min(start + BLOCK, len(split_samples))))
            digest.update(np.ascontiguousarray(inputs.numpy()).tobytes())
    for module in modules:
        for value in module.state_dict().values():
            digest.update(np.ascontiguousarray(_single(value.detach().cpu()).numpy()).tobytes())
    return digest.hexdigest()
