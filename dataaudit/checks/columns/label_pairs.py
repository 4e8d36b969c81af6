"""Pairs of columns that give the label away together, as the two sides of a difference do, and neither does alone."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...findings import Finding, Severity, fingerprint
from .column_skill import Label, Prediction, errs_less, joint, paired
from .table import Table

MIN_SKILL, TIMES_THE_ERRORS = 0.95, 3.0
"""As for single columns."""
MOST_COLUMNS = 30
"""Columns whose pairs are tried at most."""
SCREENED, SCREENING_SKILL = 1000, 0.8
"""Rows that all pairs are tried on, in two halves, and the skill there of those that are looked at closely."""
LOOKED_AT = 3


def pair_findings(
    table: Table, alone: Mapping[int, Prediction], rows: NDArray[np.int64], label: Label
) -> Iterator[Finding]:
    """The pairs that nearly always tell the label where all columns but one of the pair make surely far more errors.

    An honest strong pair has substitutes: who knows the length of a petal hardly needs its width.

    alone   predictions by each column that is looked at, those left out that tell the label alone
    """
    if len(alone) < 3:
        return
    few = np.arange(0, len(rows), -(-len(rows) // SCREENED))
    of_few = label.of(few)
    if not of_few.guessing:
        return
    tried = [place for place in alone if table.columns[place].kind != "text"][:MOST_COLUMNS]
    pairs = list(combinations(tried, 2))
    screened = np.array([paired(table, pair, rows[few], of_few, folds=2).skill for pair in pairs])
    taken: set[int] = set()
    for best in np.argsort(-screened, kind="stable")[:LOOKED_AT]:
        pair = pairs[best]
        if screened[best] < SCREENING_SKILL or taken & {*pair}:
            continue
        together = paired(table, pair, rows, label)
        if together.lowest_skill < MIN_SKILL or not all(
            errs_less(together, alone[one], TIMES_THE_ERRORS) for one in pair
        ):
            continue
        without = [joint(table, [place for place in alone if place != one], rows, label) for one in pair]
        if all(errs_less(together, rest, TIMES_THE_ERRORS) for rest in without):
            taken |= {*pair}
            yield _finding(table, pair, together, without, label, len(rows))


def _finding(
    table: Table, pair: tuple[int, int], together: Prediction, without: list[Prediction], label: Label, n: int
) -> Finding:
    names = [table.columns[place].name for place in pair]
    label_words = f"label {label.name!r}" if label.name else "label"
    skill_without = max(prediction.skill for prediction in without)
    measure = (
        f"R² {together.skill:.3f}"
        if label.numeric
        else f"{together.skill:.1%} of a guesser's errors avoided, at least {together.lowest_skill:.1%}"
    )
    message = (
        f"columns {names[0]!r} and {names[1]!r} together predict the {label_words} with {measure}; all columns but one "
        f"of the two reach {skill_without:.1%}: are both known before the label is?"
    )
    evidence = {
        "columns": names,
        "told_by": "pair",
        "skill": together.skill,
        "lowest_skill": together.lowest_skill,
        "skill_without_one": skill_without,
        "rows": n,
    }
    claim = f"pair\0{label.name}"
    return Finding(
        "label_leak", Severity.HIGH, (), together.skill, message, fingerprint("label_leak", names, claim), evidence
    )
