"""Similarity of embeddings: the baseline that any attribution has to beat.

score(i, z) = mean over models of cos(h(i), h(z)) times 1 where the labels are equal and -1/(c - 1) where they are not,
with h the input of the net's last linear layer and c the number of classes, so that over all classes it sums to zero.
Only an ordering: its values are not changes of an output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...dataset import Track
from ..attribution import Attribution, identity
from ..embeddings import embed, require_classes
from ..ensemble import score_ensemble
from ..problem import Problem


@dataclass(frozen=True)
class Similarity:
    """No settings."""

    needs = ("models",)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("similarity", {}, problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises InputError if labels aren't class numbers or no layer is linear."""
        require_classes("similarity", problem)
        return score_ensemble(
            problem,
            lambda numbers: (_Cosines(problem, number) for number in numbers),
            None,
            self.identity(problem),
            path,
            track,
        )


class _Cosines:
    left: Tensor | None = None

    def __init__(self, problem: Problem, number: int) -> None:
        self.notes: Mapping[str, Any] = {}
        self._train, self._target = (
            functional.normalize(embed(problem, number, samples), dim=1) for samples in (problem.train, problem.target)
        )
        self._train_labels, self._target_labels = (
            torch.from_numpy(samples.labels) for samples in (problem.train, problem.target)
        )
        classes = np.union1d(problem.train.labels, problem.target.labels)
        self._unlike = -1 / max(1, len(classes) - 1)

    def targets(self, start: int, stop: int) -> Tensor:
        same = self._target_labels[start:stop, None] == self._train_labels[None]
        return self._target[start:stop] @ self._train.T * torch.where(same, 1.0, self._unlike)

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return targets

    def self_influence(self, strength: float) -> None:
        return None


BACKEND = Similarity
