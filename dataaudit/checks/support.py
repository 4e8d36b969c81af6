"""The smallest set of training samples whose removal flips a prediction, searched by retraining.

Samples are removed in the order of their influence on the prediction, so that one number, how many, is left to search
for. Influence predicts how far the prediction's lead falls; how much of that comes true is estimated from the
retrainings so far, first over all predictions, then for each prediction alone (the scale differs between them).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

ROUNDS = 5
TYPICAL_ROUNDS = 3
"""How many a search usually takes."""
PRECISION = 0.25
"""The search ends where the bracket is this narrow, as a share of the number found."""
SAFETY = 1.0
"""Margin, in logits, past zero that a removal aims at: a set that flips by chance would not be confirmed."""
OVERSHOOT = 0.05
"""Where nothing is left to chance, a removal aims at this share of the lead past zero and, once a set flips, as much
short of it: a near miss closes the bracket, another flip does not."""
FIRST_SHARE = 0.6
"""Share of the predicted fall that is expected to come true before anything was retrained: 0.44 for a net, 0.63 and
0.70 for linear models."""
PRIOR = 2
"""Predictions that FIRST_SHARE is worth."""

Outcomes = Callable[[Sequence[tuple[int, int]]], NDArray[np.float32]]
"""(question, removed) pairs -> leads (len(pairs), seeds) after training without that many of its samples."""


@dataclass
class Question:
    """One prediction in the search.

    lead     mean lead of the predicted class over training seeds, with nothing removed
    falls    (k_max,) predicted fall of the lead when the first 1, 2, ... samples are removed
    safety   margin past zero that a removal aims at; 0 where nothing is left to chance, see OVERSHOOT
    tried    number removed -> observed leads (seeds,)
    """

    lead: float
    falls: NDArray[np.float32]
    safety: float = SAFETY
    tried: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def max_removed(self) -> int:
        """How many samples may be removed."""
        return len(self.falls)

    @property
    def flipping(self) -> int | None:
        """The least number tried that flipped the prediction under every seed."""
        return min((k for k, leads in self.tried.items() if (leads < 0).all()), default=None)

    @property
    def holding(self) -> int:
        """The largest number tried, below `flipping`, that did not."""
        bound = self.flipping or self.max_removed + 1
        return max((k for k in self.tried if k < bound), default=0)

    @property
    def changes(self) -> list[tuple[float, float]]:
        """Predicted and actual fall of the lead, for each number tried."""
        return [(float(self.falls[k - 1]), self.lead - float(leads.mean())) for k, leads in sorted(self.tried.items())]

    @property
    def realized(self) -> float | None:
        """Actual over predicted fall where it was tried nearest to its flip; None before, and where nothing fell."""
        if not self.tried:
            return None
        nearest = min(self.tried, key=lambda k: abs(float(self.tried[k].mean())))
        predicted, actual = float(self.falls[nearest - 1]), self.lead - float(self.tried[nearest].mean())
        return actual / predicted if predicted > 0 and actual > 0 else None

    def scale(self, share: float) -> float:
        """Between its own, which is noisy, and that of all predictions: their geometric mean."""
        return share if self.realized is None else math.sqrt(share * self.realized)

    def next(self, share: float) -> int | None:
        """How many to remove next; None when there is nothing more to learn."""
        low, high = self.holding, self.flipping or self.max_removed + 1
        if high - low <= max(1.0, PRECISION * high):
            return None
        aim = self.safety or (-OVERSHOOT if self.flipping else OVERSHOOT) * self.lead
        target_fall = (self.lead + aim) / self.scale(share)
        guess = int(np.searchsorted(np.maximum.accumulate(self.falls), target_fall)) + 1
        margin = (high - low) // 5
        return int(np.clip(guess, low + 1 + margin, high - 1 - margin if self.flipping else self.max_removed))


def search(questions: Sequence[Question], outcomes: Outcomes) -> None:
    """Fill in `tried` of every question, one number per round, until brackets are narrow or ROUNDS are over."""
    for _ in range(ROUNDS):
        share = share_come_true(questions)
        trials = [(i, k) for i, question in enumerate(questions) if (k := question.next(share)) is not None]
        if not trials:
            return
        for (i, k), leads in zip(trials, outcomes(trials), strict=True):
            questions[i].tried[k] = leads


def share_come_true(questions: Sequence[Question]) -> float:
    """Actual over predicted fall, by least squares through zero over everything tried."""
    changes = np.array([change for question in questions for change in question.changes]).reshape(-1, 2)
    if not len(changes):
        return FIRST_SHARE
    share = float(changes.prod(1).sum() / max((changes[:, 0] ** 2).sum(), 1e-12))
    return share if share > 0 else FIRST_SHARE


def typical_share(questions: Sequence[Question]) -> float:
    """The same at the flip of a prediction like these, each counted once, shrunk to FIRST_SHARE: a geometric mean."""
    logs = [math.log(question.realized) for question in questions if question.realized is not None]
    return math.exp((sum(logs) + PRIOR * math.log(FIRST_SHARE)) / (len(logs) + PRIOR))
