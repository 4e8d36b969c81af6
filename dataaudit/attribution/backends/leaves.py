"""Influence in trees by the leaves that samples share, from every model of a pool; see `..leaves`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...dataset import Track
from ..attribution import Attribution, identity
from ..ensemble import score_ensemble
from ..leaves import SharedLeaves
from ..problem import Problem


@dataclass(frozen=True)
class Leaves:
    """No settings."""

    needs = ("trees",)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("leaves", {}, problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`."""
        trees = problem.trees
        assert trees is not None
        return score_ensemble(
            replace(problem, models=(nn.Module,) * len(trees), run_of=np.arange(len(trees))),
            lambda runs: map(_OfRun, trees.of_runs(runs)),
            None,
            self.identity(problem),
            path,
            track,
        )


class _OfRun:
    """See `regularisation.Scorer`."""

    left: Tensor | None = None

    def __init__(self, leaves: SharedLeaves) -> None:
        self.notes: Mapping[str, Any] = {}
        self._leaves = leaves

    def targets(self, start: int, stop: int) -> Tensor:
        return torch.from_numpy(self._leaves.scores(start, stop))

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return targets

    def self_influence(self, strength: float) -> None:
        return None


BACKEND = Leaves
