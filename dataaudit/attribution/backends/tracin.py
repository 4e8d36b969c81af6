"""TracIn (Pruthi et al. 2020, section 3.2): products of gradients, without curvature.

score(i, z) = mean over models of -grad L(i) . grad f(z): what one step of gradient descent on sample i does to the
target's output. The paper sums over checkpoints of one training, weighted by their learning rates; here every model
counts the same, so pass checkpoints as models. A baseline: TRAK with an infinite ridge.
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
from ..ensemble import score_ensemble
from ..gradients.model_gradients import ModelGradients
from ..problem import Problem


@dataclass(frozen=True)
class TracIn:
    """Settings.

    dimensions   most gradient coordinates kept per model
    normalised   divide each gradient by its norm: the cosine, in which a few samples of large loss don't win everywhere
    """

    dimensions: int = 4096
    normalised: bool = False

    needs = ("models",)

    def __post_init__(self) -> None:
        if self.dimensions < 1:
            raise InputError(f"dimensions: expected at least 1, found {self.dimensions}")

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("tracin", asdict(self), problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises NumericsError if a gradient is not finite, naming model and sample."""
        return score_ensemble(
            problem,
            lambda numbers: (_Products(problem, number, self) for number in numbers),
            None,
            self.identity(problem),
            path,
            track,
        )


class _Products:
    def __init__(self, problem: Problem, number: int, settings: TracIn) -> None:
        self._gradients = ModelGradients(problem, number, settings.dimensions)
        self._normalised = settings.normalised
        self._train = self._scaled(self._gradients.train("loss")[0])
        self.left: Tensor | None = self._train
        self.notes = self._gradients.notes

    def targets(self, start: int, stop: int) -> Tensor:
        return self._scaled(self._gradients.target(start, stop))

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return targets

    def self_influence(self, strength: float) -> Tensor:
        return self._train.square().sum(1)

    def _scaled(self, gradients: Tensor) -> Tensor:
        return torch.nn.functional.normalize(gradients, dim=1) if self._normalised else gradients


BACKEND = TracIn
