"""The strength of regularisation, chosen on held-out runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from dataaudit.attribution.problem import Problem, Runs
from dataaudit.attribution.regularisation import Strengths, choose_strength
from dataaudit.dataset import silent

N_TRAIN, N_TARGET, RUNS = 60, 80, 48
RNG = np.random.default_rng(0)
TRUE = RNG.normal(size=(N_TRAIN, N_TARGET)).astype("f4")
NOISE = {strength: RNG.normal(size=(N_TRAIN, N_TARGET)).astype("f4") for strength in (0.1, 0.3, 1.0, 3.0, 10.0)}
MASKS = np.stack([RNG.permutation(N_TRAIN) < N_TRAIN // 2 for _ in range(RUNS)])


@dataclass(frozen=True)
class Noisy:
    """True scores with as much noise as is said for each strength."""

    noise: Mapping[float, float]
    left: None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def targets(self, start: int, stop: int) -> Tensor:
        return torch.arange(start, stop)

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        scores = TRUE + self.noise[strength] * NOISE[strength]
        return torch.from_numpy(scores.T[targets.numpy()])

    def self_influence(self, strength: float) -> Tensor | None:
        return None


def chosen(
    noise: Mapping[float, float], default: float, candidates: tuple[float, ...] | None = None
) -> tuple[float, dict[float, float]]:
    margins = ((MASKS - 0.5) @ TRUE).astype("f4")
    runs = Runs(MASKS, margins, np.arange(RUNS))
    problem = SimpleNamespace(target=range(N_TARGET), models=[None], run_of=np.zeros(0, np.int64))
    contrasts = torch.from_numpy(MASKS.astype("f4") - 0.5)
    strengths = Strengths("ridge", candidates or tuple(noise), default)
    return choose_strength(
        cast(Problem, problem), runs, lambda numbers: (Noisy(noise) for _ in numbers), strengths, contrasts, silent
    )


def test_the_default_stays_where_another_is_a_little_better() -> None:
    strength, quality = chosen({0.3: 0.52, 1.0: 0.5, 3.0: 0.5}, 0.3)
    assert strength == 0.3 < max(quality, key=lambda candidate: quality[candidate])


@pytest.mark.parametrize(("default", "expected"), [(0.3, 3.0), (10.0, 10.0)])
def test_a_default_that_is_clearly_worse_gives_way_to_the_nearest_that_is_not(default: float, expected: float) -> None:
    strength, quality = chosen({0.1: 5.0, 0.3: 4.0, 1.0: 3.0, 3.0: 0.52, 10.0: 0.5}, default)
    assert strength == expected
    assert quality[10.0] > quality[3.0] > quality[1.0] > quality[0.3]


def test_the_default_need_not_be_among_the_candidates() -> None:
    strength, quality = chosen({0.3: 4.0, 1.0: 0.5, 3.0: 4.0}, 1.0, (0.3, 3.0))
    assert strength == 1.0
    assert quality.keys() == {0.3, 1.0, 3.0}
