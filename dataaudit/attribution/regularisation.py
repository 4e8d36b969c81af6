"""The strength of regularisation, TRAK's ridge or the damping of influence functions, chosen on held-out runs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..dataset import Track
from .problem import Problem, Runs
from .products import Products
from .trust import choosing_subsets, gain, lds

BLOCK = 1024
"""Targets scored at a time."""
CHOOSING_MODELS = 8
"""How many models the strength is chosen with. Four need a stronger one than a pool together: on images, 1 seemed best
where .3 was (LDS .59 and .61)."""


class Scorer(Protocol):
    """One model's scores, (n_train, n_target) = left @ solve(strength, targets).T.

    notes   facts about these scores for the provenance, as plain data
    """

    notes: Mapping[str, Any]

    @property
    def left(self) -> Tensor | Products | None:
        """(n_train, k); None stands for the identity, k = n_train, Products for a factor too large to be made."""

    def targets(self, start: int, stop: int) -> Tensor:
        """(m, k') the part of these targets' scores that does not depend on the strength."""

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        """(m, k) for what `targets` gave."""

    def self_influence(self, strength: float) -> Tensor | None:
        """(n_train,) the predicted rise of each training sample's own loss when it is removed; None if too costly."""


Scorers = Callable[[range], Iterable[Scorer]]
"""Those of a problem's models of these numbers, each made when it is asked for."""


@dataclass(frozen=True)
class Strengths:
    """Candidate strengths of one regularisation, and the default, used unless the runs favour another."""

    name: str
    candidates: Sequence[float]
    default: float


def choose_strength(
    problem: Problem,
    runs: Runs,
    scorers: Scorers,
    strengths: Strengths,
    contrasts: Tensor,
    track: Track,
) -> tuple[float, dict[float, float]]:
    """The chosen strength, and each candidate's LDS on the choosing subsets, with the first few models.

    Of those that the best is better than by at most one standard error (Breiman et al. 1984), it is the one nearest to
    the default, by their ratio: there are few choosing subsets.
    """
    n_target, candidates = len(problem.target), sorted({*strengths.candidates, strengths.default})
    numbers = range(min(CHOOSING_MODELS, len(problem.models)))
    predictions = np.zeros((len(candidates), len(numbers), len(contrasts), n_target), np.float32)
    of_models = iter(scorers(numbers))
    for number in track(numbers, f"choosing the {strengths.name}", len(numbers)):
        model_scorer = next(of_models)
        combined = combined_by(contrasts, model_scorer)
        for start in range(0, n_target, BLOCK):
            stop = min(start + BLOCK, n_target)
            targets = model_scorer.targets(start, stop)
            for index, candidate in enumerate(candidates):
                predictions[index, number, :, start:stop] = (
                    combined @ model_scorer.solve(candidate, targets).T
                ).numpy()
        del model_scorer
    subsets = choosing_subsets(runs)
    actual = runs.subset_margins()[subsets]
    predicted = {
        candidate: leave_out(runs, problem.run_of, prediction)[subsets]
        for candidate, prediction in zip(candidates, predictions, strict=True)
    }
    quality = {
        candidate: float(np.nan_to_num(lds(actual, prediction)).mean()) for candidate, prediction in predicted.items()
    }
    best = max(quality, key=lambda candidate: quality[candidate])
    for candidate in sorted(candidates, key=lambda candidate: abs(math.log(candidate / strengths.default))):
        improvement, error = gain(actual, predicted[best], predicted[candidate])
        if improvement <= error:
            break
    return candidate, quality


def combined_by(weights: Tensor, scorer: Scorer) -> Tensor:
    """weights (m, n_train) @ the scorer's left factor, (m, k)."""
    if isinstance(scorer.left, Products):
        return scorer.left.sums(weights)
    return weights if scorer.left is None else weights @ scorer.left


def leave_out(runs: Runs, run_of: NDArray[np.int64], predictions: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, t) from (models, S, t): each subset's prediction averaged over the models trained on another subset.

    Over all models where none belongs to a run.
    """
    if not len(run_of):
        return np.asarray(predictions.mean(0))
    masks = [runs.subsets[run_of[: len(predictions)]] != subset for subset in runs.distinct()]
    return np.stack([predictions[mask, j].mean(0) for j, mask in enumerate(masks)])
