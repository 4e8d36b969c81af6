"""The exact Shapley value of every training sample in a k-nearest-neighbour vote (Jia et al. 2019, theorem 1).

The game for target z: a coalition of training samples predicts z by its k nearest members, and earns the share of them
that carry z's label. With the training samples sorted by distance to z, nearest first,

    s_n = [y_n = y] / max(k, n)
    s_i = s_(i+1) + ([y_i = y] - [y_(i+1) = y]) / k * min(k, i) / i

so one sort a target gives all values; nothing of size n x n is made. Distances are taken before the net's last linear
layer. Values are shares of a vote, not changes of the output. The paper's 1/n for s_n holds only for n >= k.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...dataset import Track
from ...errors import InputError
from ..attribution import Attribution, identity
from ..embeddings import embed, require_classes
from ..ensemble import score_ensemble
from ..problem import Problem


@dataclass(frozen=True)
class KnnShapley:
    """Settings.

    k   neighbours that vote
    """

    k: int = 10

    needs = ("models",)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"k: expected at least 1, found {self.k}")

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("knn_shapley", asdict(self), problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises InputError if labels aren't class numbers or no layer is linear."""
        require_classes("knn_shapley", problem)
        return score_ensemble(
            problem,
            lambda numbers: (_Votes(problem, number, self.k) for number in numbers),
            None,
            self.identity(problem),
            path,
            track,
        )


class _Votes:
    left: Tensor | None = None

    def __init__(self, problem: Problem, number: int, k: int) -> None:
        self.notes: Mapping[str, Any] = {}
        self._k = k
        self._train, self._target = (embed(problem, number, samples) for samples in (problem.train, problem.target))
        self._train_labels, self._target_labels = (
            torch.from_numpy(samples.labels) for samples in (problem.train, problem.target)
        )

    def targets(self, start: int, stop: int) -> Tensor:
        order = torch.cdist(self._target[start:stop], self._train).argsort(dim=1, stable=True)
        agree = (self._train_labels[order] == self._target_labels[start:stop, None]).float()
        return torch.empty_like(agree).scatter_(1, order, shapley_values(agree, self._k))

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return targets

    def self_influence(self, strength: float) -> None:
        return None


def shapley_values(agree: Tensor, k: int) -> Tensor:
    """Values (m, n) of neighbours in order of distance, from whether their labels agree with the target's (m, n)."""
    n = agree.shape[1]
    places = torch.arange(1, n)
    steps = (agree[:, :-1] - agree[:, 1:]) / k * (places.clamp(max=k) / places)
    last = agree[:, -1:] / max(k, n)
    return torch.cat([steps, last], 1).flip(1).cumsum(1).flip(1)


BACKEND = KnnShapley
