"""The training rows that claims are tested on: all of them, or where that takes long a part that holds the claims."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset, stratified_split
from ..findings import Finding
from ..training.learning import LearningAlgorithm, is_linear

ENOUGH = 10_000
"""Training rows, beside those that claims are about, that a test is made with where there are more."""


def proof_set(
    dataset: Dataset, learner: LearningAlgorithm, findings: Iterable[Finding], seed: int
) -> NDArray[np.int64]:
    """Training rows, ascending: all that findings are about, and ENOUGH of the others, drawn at random by class (for
    numbers: by decile).

    All rows for a linear learner, whose trainings start near each other.
    """
    train = dataset.rows("train")
    named = {id for finding in findings for id in finding.sample_ids}
    claimed = np.array([dataset.ids[row] in named for row in train])
    others = train[~claimed]
    if is_linear(learner) or len(others) <= ENOUGH:
        return train
    drawn = others[stratified_split(dataset.strata[others], ENOUGH / len(others), seed)]
    return np.sort(np.concatenate([train[claimed], drawn]))


def in_words(rows: NDArray[np.int64], dataset: Dataset) -> tuple[str, ...]:
    """A sentence, if these are not all training rows."""
    total = len(dataset.rows("train"))
    if len(rows) == total:
        return ()
    return (
        f"tested on models of {len(rows):,} of the {total:,} training samples: all that findings are about, and others "
        "drawn at random by class; sizes and effects are of such models",
    )
