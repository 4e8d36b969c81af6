"""Scores of what is like what: the baselines that any attribution has to beat."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .problem import Problem


class TurnedLikeness:
    """Likeness (m, n_train) of a range of targets, times 1 where labels are equal and -1/(c - 1) where they are not.

    With c the number of classes, so that over all of them it sums to zero. See `regularisation.Scorer`.
    """

    left: Tensor | None = None

    def __init__(
        self, problem: Problem, likeness: Callable[[int, int], Tensor], notes: Mapping[str, Any] | None = None
    ) -> None:
        self.notes: Mapping[str, Any] = notes or {}
        self._likeness = likeness
        self._train, self._target = (torch.from_numpy(part.labels) for part in (problem.train, problem.target))
        self._unlike = -1 / max(1, len(np.union1d(problem.train.labels, problem.target.labels)) - 1)

    def targets(self, start: int, stop: int) -> Tensor:
        same = self._target[start:stop, None] == self._train[None]
        return self._likeness(start, stop) * torch.where(same, 1.0, self._unlike)

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return targets

    def self_influence(self, strength: float) -> None:
        return None


def cosines(train: Tensor, target: Tensor) -> Callable[[int, int], Tensor]:
    """Of the rows of a range of targets (n_target, d) with those of the training samples (n_train, d)."""
    of_train, of_target = functional.normalize(train, dim=1), functional.normalize(target, dim=1)
    return lambda start, stop: of_target[start:stop] @ of_train.T
