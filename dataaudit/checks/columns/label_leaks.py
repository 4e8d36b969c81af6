"""Columns that give the label away."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...findings import Finding, Severity
from .column_skill import Label, Prediction, by_parts, errs_less, graded, is_bijective, joint
from .label_pairs import pair_findings
from .table import Table, column_finding, in_words

MIN_SKILL = 0.95
"""Least skill, at its lower limit, of a column whose values predict the label as measurements do."""
MIN_SKILL_OF_PARTS, MIN_LOWEST_OF_PARTS = 0.85, 0.8
"""Least skill, and at its lower limit, where a gap, a common value or one of few tells: measurements do not."""
TIMES_THE_ERRORS = 3.0
MIN_ORDER_SKILL = 0.5


def leak_findings(table: Table, rows: NDArray[np.int64], label: Label) -> Iterator[Finding]:
    """Columns that nearly always tell the label where all others together don't, and identifiers in its order."""
    label = label.of(rows)
    if not label.guessing:
        return
    for place, column in enumerate(table.columns):
        if column.kind == "id":
            yield from _ordered_id(table, place, graded(table, place, rows, label), rows, label)
    usable = [place for place, column in enumerate(table.columns) if column.kind not in ("id", "constant", "missing")]
    predictions = {place: _best(table, place, rows, label) for place in usable}
    bijective = {place for place in usable if is_bijective(table.values[place], rows, label)}
    telling = {place for place, prediction in predictions.items() if _tells(prediction)} | bijective
    others = [place for place in usable if place not in telling]
    measured = [place for place in telling - bijective if predictions[place].form == "measure"]
    easy = not others or len(measured) >= len(usable) / 2
    of_others = joint(table, others, rows, label) if telling and others else None
    for place in sorted(telling, key=lambda place: -predictions[place].skill):
        prediction = predictions[place]
        if place not in bijective:
            if of_others is None or (prediction.form == "measure" and easy):
                continue
            if not errs_less(prediction, of_others, TIMES_THE_ERRORS):
                continue
        yield _finding(table, place, prediction, label, rows, place in bijective, of_others, len(others))
    yield from pair_findings(table, {place: predictions[place] for place in others}, rows, label)


def _best(table: Table, place: int, rows: NDArray[np.int64], label: Label) -> Prediction:
    """The best prediction by parts if it is good enough, else that by the value as a measure."""
    if not label.numeric:
        best = max(by_parts(table, place, rows, label), key=lambda prediction: prediction.skill, default=None)
        if best is not None and _tells(best):
            return best
    return graded(table, place, rows, label)


def _tells(prediction: Prediction) -> bool:
    if prediction.form == "measure":
        return prediction.lowest_skill >= MIN_SKILL
    return prediction.skill >= MIN_SKILL_OF_PARTS and prediction.lowest_skill >= MIN_LOWEST_OF_PARTS


def _finding(
    table: Table, place: int, prediction: Prediction, label: Label, rows: NDArray[np.int64], bijective: bool,
    of_others: Prediction | None, n_others: int,
) -> Finding:  # fmt: skip
    column, label_words = table.columns[place], f"label {label.name!r}" if label.name else "label"
    avoided = f"{prediction.skill:.1%} of a guesser's errors avoided, at least {prediction.lowest_skill:.1%}"
    measure = f"R² {prediction.skill:.3f}" if label.numeric else avoided
    if bijective:
        words = f"has one value for each {label_words}"
    elif prediction.form == "gap":
        words = f"predicts the {label_words} by being empty or not, with {measure}"
    elif prediction.form == "commonest value":
        words = f"predicts the {label_words} by being {_commonest(table, place, rows)} or not, with {measure}"
    else:
        words = f"alone predicts the {label_words} with {measure}"
    skill_of_others = of_others.skill if of_others else 0.0
    comparison = f"; the {n_others} other columns together reach {skill_of_others:.1%}" if of_others else ""
    evidence: dict[str, Any] = {
        "column_kind": column.kind,
        "told_by": prediction.form,
        "skill": prediction.skill,
        "lowest_skill": prediction.lowest_skill,
        "skill_of_all_others": skill_of_others,
        "one_value_a_label": bijective,
        "rows": len(rows),
    }
    words += f"{comparison}: is it known before the label is?"
    return column_finding("label_leak", Severity.HIGH, prediction.skill, column.name, words, evidence, label.name)


def _commonest(table: Table, place: int, rows: NDArray[np.int64]) -> str:
    numbers = table.values[place].numbers[rows]
    numbers, counts = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    return in_words(float(numbers[counts.argmax()]))


def _ordered_id(
    table: Table, place: int, prediction: Prediction, rows: NDArray[np.int64], label: Label
) -> Iterator[Finding]:
    """Of an identifier in the file's own order, which says no more than that the file is sorted, medium severity."""
    if prediction.lowest_skill < MIN_ORDER_SKILL:
        return
    counts_rows = bool((np.diff(table.values[place].numbers[rows]) > 0).all())
    label_words = f"label {label.name!r}" if label.name else "label"
    cause = f"rows are sorted by the {label_words} and counted" if counts_rows else "it was given by the label"
    words = (
        f"looks like an identifier, and its order tells the {label_words} (skill {prediction.skill:.0%}, at least "
        f"{prediction.lowest_skill:.0%}): {cause}; do not let a model see this column"
    )
    evidence = {"column_kind": "id", "told_by": "order", "skill": prediction.skill, "rows": len(label.values),
                "lowest_skill": prediction.lowest_skill, "counts_rows": counts_rows}  # fmt: skip
    claim = f"order\0{label.name}"
    yield column_finding(
        "label_leak", Severity.MEDIUM if counts_rows else Severity.HIGH, prediction.skill,
        table.columns[place].name, words, evidence, claim,
    )  # fmt: skip
