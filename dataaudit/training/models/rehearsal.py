"""A trial of the user's learner before the long work, so that one that does not fit the data fails within seconds."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...dataset import Dataset
from ...errors import DataAuditError, InputError
from ..learning import Differentiable, LearningAlgorithm
from ..objectives import are_probabilities
from ..training import require_outputs
from .own_learner import few_rows
from .own_module import OwnModule, load_checkpoint

PROBED = 16
"""Samples that a model's outputs are checked on."""


def rehearse(learner: LearningAlgorithm, dataset: Dataset, spec: str) -> None:
    """Train on a few rows and compute a few outputs. Raises InputError if anything about it does not fit."""
    with _error_context(f"--learner {spec}: training on a few samples"):
        model = learner.fit(dataset, few_rows(dataset), 0)
    _probe(learner, model, dataset, f"--learner {spec}")


def checkpointed(
    dataset: Dataset, learner: LearningAlgorithm, spec: str | None, checkpoints: Sequence[Path], any_code: bool
) -> list[Callable[[], nn.Module]]:
    """Factories of the user's trained modules, checked against the data.

    Raises InputError for a learner that is no factory of modules, a file that can't be read, of another architecture,
    or whose outputs don't fit the data.
    """
    if checkpoints and not isinstance(learner, OwnModule):
        raise InputError(
            f"--checkpoint: expected --learner to name a function or class that makes the torch module, found {spec}"
        )
    factories: list[Callable[[], nn.Module]] = []
    for path in checkpoints:
        assert isinstance(learner, OwnModule)
        make = partial(_loaded, learner, dataset, path, any_code)
        _probe(learner, make(), dataset, str(path))
        factories.append(make)
    return factories


def _loaded(learner: OwnModule, dataset: Dataset, path: Path, any_code: bool) -> nn.Module:
    return load_checkpoint(learner.bare(dataset), path, any_code)


def _probe(learner: LearningAlgorithm | Differentiable, model: Any, dataset: Dataset, where: str) -> None:
    rows = np.unique(np.linspace(0, len(dataset) - 1, PROBED).astype(np.int64))
    with _error_context(f"{where}: asking the model about {len(rows)} samples"):
        outputs = learner.outputs(model, dataset, rows)
    try:
        checked = require_outputs(outputs, dataset, rows, where)
    except DataAuditError as error:
        raise InputError(str(error)) from error
    if dataset.task == "classification" and are_probabilities(torch.from_numpy(checked)):
        raise InputError(
            f"{where}: expected logits, found probabilities: outputs that are between 0 and 1 and sum to one for each "
            f"of {len(rows)} samples; leave out the last softmax, or return the logarithm of probabilities above zero"
        )


@contextmanager
def _error_context(action: str) -> Iterator[None]:
    """Turn errors of the user's code into InputErrors that name the action and the line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        raise InputError(f"{action} failed: {type(error).__name__}: {error} ({where})") from error
