"""Target leakage and column quality: columns that give the label away, identifiers, constant columns, missing values.

## What it finds
Target leakage: columns that alone predict the label almost perfectly. Identifier columns. Columns that are constant,
empty, mostly missing, or mix numbers with words. Missing values that depend on the split or on the label.

## Why it matters
A column that is filled in after the label is known, or derived from it, makes every measured figure wrong and the model
useless on new rows. Identifiers are memorised. A word among numbers often stands for a value that nobody entered.

## How it is checked
Target leakage: on up to 5,000 training rows a decision tree predicts the label from one column at a time,
cross-validated. The column's skill is the share of a guesser's errors that it avoids (for numeric targets R², or that
of the ranks if it is higher). A column is reported if its skill is at least 95 % and all other columns together
(extremely randomised trees), without others that give the label away, leave at least three times its errors; or if it
has one value for each label. Where most columns do as well, the task is easy and nothing is reported.

Identifier columns hold codes that differ in nearly every row, or running numbers. They weigh more if their order
predicts the label.

Missing values are tested against splits and labels: Fisher's exact, chi-square and Mann-Whitney tests, at a
false-discovery rate (Benjamini-Hochberg) of at most 1 %, and with a difference of at least ten points or a correlation
of at least 0.3.

## What to do
For target leakage, ask whether the column's value is known before the label is. Drop identifiers and empty columns; fix
words among numbers; find out why values are missing.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu

from ...data.features.columns import UNUSED, Column, Values, describe, read
from ...dataset import Dataset
from ...findings import Finding, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..labels.column_skill import Label, column_skills, is_bijective, joint_skill, labels_of
from ..proof import accepted_by_fdr

KINDS = {
    "label_leak": "Target leakage",
    "id_column": "Identifier columns",
    "constant_column": "Constant columns",
    "empty_column": "Empty columns",
    "sparse_column": "Columns with mostly missing values",
    "mixed_column": "Mixed-type columns",
    "telling_gaps": "Informative missing values",
}
ROWS = 5000
"""Training rows, drawn at random, that labels are predicted on at most."""
MIN_ROWS = 50
MIN_SKILL = 0.95
TIMES_THE_ERRORS = 3.0
ORDER_TELLS = 0.5
"""Skill from which an identifier's order is said to tell the label."""
MOSTLY_MISSING = 0.5
FALSE_DISCOVERY_RATE = 0.01
MIN_DIFFERENCE, MIN_CORRELATION = 0.1, 0.3
MAX_SHOWN = 5
"""Words quoted of a mixed column."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    if dataset.modality != "table":
        return Detection((), 0, len(dataset), skipped=f"made for tables, not for {dataset.modality}")
    train = dataset.rows("train")
    columns = describe(dataset.frame, train)
    column_values = [read(dataset.frame.iloc[:, place]) for place in range(len(columns))]
    findings: list[Finding] = []
    order_skill: dict[int, float] = {}
    notes = [_summary(columns)]
    if len(train) < MIN_ROWS:
        notes.append(f"{len(train)} training rows are too few to test for target leakage")
    else:
        rows = np.sort(np.random.default_rng(context.seed).permutation(train)[:ROWS])
        for label in labels_of(dataset):
            skills = column_skills(dataset, columns, column_values, rows, label)
            findings += _leaks(dataset, columns, column_values, rows, label, skills)
            for place, skill in skills.items():
                if columns[place].kind == "id":
                    order_skill[place] = max(skill, order_skill.get(place, 0.0))
    findings += _structural_findings(columns, column_values, train, order_skill)
    findings += _missingness_findings(dataset, columns, column_values)
    return Detection(tuple(findings), len(dataset), len(dataset), notes=tuple(notes))


def _summary(columns: tuple[Column, ...]) -> str:
    counts = Counter(column.kind for column in columns)
    words = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    unused = [repr(column.name) for column in columns if column.kind in UNUSED]
    return f"columns: {words}" + (f"; not shown to models: {', '.join(unused)}" if unused else "")


def _leaks(
    dataset: Dataset, columns: tuple[Column, ...], column_values: list[Values], rows: NDArray[np.int64], label: Label,
    skills: dict[int, float],
) -> Iterator[Finding]:  # fmt: skip
    usable = {place: skill for place, skill in skills.items() if columns[place].kind != "id"}
    bijective = {place for place in usable if not label.numeric and is_bijective(column_values[place], label, rows)}
    telling = {place for place, skill in usable.items() if skill >= MIN_SKILL} | bijective
    if not telling:
        return
    remaining = [place for place in usable if place not in telling]
    skill_of_others = joint_skill(dataset, remaining, label, rows)
    easy = len(telling - bijective) > len(usable) / 2
    for place in sorted(telling, key=lambda place: -usable[place]):
        error_share = max(1 - usable[place], 1e-3)
        if place not in bijective and (easy or 1 - skill_of_others < TIMES_THE_ERRORS * error_share):
            continue
        name = columns[place].name
        label_words = f"label {label.name!r}" if label.name else "label"
        claim_words = "has one value for each" if place in bijective else f"alone predicts the {label_words} with"
        measure = f"R² {usable[place]:.3f}" if label.numeric else f"{usable[place]:.1%} of a guesser's errors avoided"
        words = f"{claim_words} {label_words}" if place in bijective else f"{claim_words} {measure}"
        comparison = f"; the {len(remaining)} other columns together reach {skill_of_others:.1%}" if remaining else ""
        evidence = {
            "column": name,
            "column_kind": columns[place].kind,
            "skill": usable[place],
            "skill_of_all_others": skill_of_others,
            "one_value_a_label": place in bijective,
            "rows": len(rows),
        }
        claim = f"{words}{comparison}. Is it known before the label is?"
        yield _finding("label_leak", Severity.HIGH, usable[place], name, claim, evidence, label.name)


def _structural_findings(
    columns: tuple[Column, ...], column_values: list[Values], train: NDArray[np.int64], order_skill: dict[int, float]
) -> Iterator[Finding]:
    """Findings about single columns without regard to the label.

    order_skill   how well each identifier's order tells the label, by place
    """
    groups: dict[str, list[Column]] = {"constant_column": [], "empty_column": [], "sparse_column": []}
    for place, column in enumerate(columns):
        filled = len(train) - column.missing
        evidence = {"column": column.name, "values": filled, "distinct": column.distinct}
        if column.kind == "id":
            skill = order_skill.get(place, 0.0)
            order_words = f"; its order predicts the label (skill {skill:.0%})" if skill >= ORDER_TELLS else ""
            words = (
                f"has {column.distinct:,} different values in {filled:,} training rows, like an identifier{order_words}"
            )
            severity = Severity.MEDIUM if order_words else Severity.LOW
            yield _finding("id_column", severity, skill, column.name, words, evidence | {"skill": skill})
        elif column.kind == "mixed":
            codes = column_values[place].codes[train]
            common = Counter(column_values[place].words[codes[codes >= 0]].tolist()).most_common(MAX_SHOWN)
            n_words = int((codes >= 0).sum())
            quoted = ", ".join(f"{word[:40]!r} ({count:,})" for word, count in common)
            words = f"mixes numbers and words: {n_words:,} of {filled:,} training rows hold words, such as {quoted}"
            share = min(n_words, filled - n_words) / filled
            yield _finding("mixed_column", Severity.LOW, share, column.name, words, evidence | {"words": n_words})
        elif column.kind in ("constant", "missing"):
            groups["constant_column" if column.kind == "constant" else "empty_column"].append(column)
        if column.kind != "missing" and column.missing > MOSTLY_MISSING * len(train):
            groups["sparse_column"].append(column)
    for kind, words in (
        ("constant_column", "with the same value in all training rows"),
        ("empty_column", "without a value in any training row"),
        ("sparse_column", f"without a value in more than {MOSTLY_MISSING:.0%} of the training rows"),
    ):
        if groups[kind]:
            yield _grouped_finding(kind, groups[kind], words)


def _grouped_finding(kind: str, columns: list[Column], words: str) -> Finding:
    names = [column.name for column in columns]
    more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
    return Finding(
        kind=kind,
        severity=Severity.LOW,
        sample_ids=(),
        score=float(len(names)),
        message=f"{len(names)} {'column' if len(names) == 1 else 'columns'} {words}: "
        + ", ".join(map(repr, names[:MAX_SHOWN]))
        + more,
        fingerprint=fingerprint(kind, names),
        evidence={"columns": {column.name: {"missing": column.missing} for column in columns}},
    )


def _finding(
    kind: str, severity: Severity, score: float, name: str, words: str, evidence: dict[str, Any], claim: str = ""
) -> Finding:
    """A finding about one column.

    claim   distinguishes it from others of this kind on the same column
    """
    return Finding(kind, severity, (), score, f"column {name!r} {words}", fingerprint(kind, [name], claim), evidence)


def _missingness_findings(
    dataset: Dataset, columns: tuple[Column, ...], column_values: list[Values]
) -> Iterator[Finding]:
    train, candidates = dataset.rows("train"), []
    for column, values in zip(columns, column_values, strict=True):
        missing = values.missing
        if not missing.any() or missing.all():
            continue
        for split in ("val", "test"):
            rows = dataset.rows(split)
            if len(rows):
                candidates.append(_missing_by_split(column, missing, train, rows, split))
        if 0 < column.missing < len(train):
            candidates += [
                _missing_by_label(column, missing[train], train, label, dataset) for label in labels_of(dataset)
            ]
    accepted, _ = accepted_by_fdr(np.array([p for p, *_ in candidates]), FALSE_DISCOVERY_RATE)
    for (_, large, finding), differs in zip(candidates, accepted, strict=True):
        if differs and large:
            yield finding


def _missing_by_split(
    column: Column, missing: NDArray[np.bool_], train: NDArray[np.int64], rows: NDArray[np.int64], split: str
) -> tuple[float, bool, Finding]:
    """p-value, whether the difference is large, the claim."""
    counts = [int(missing[part].sum()) for part in (train, rows)]
    p = float(fisher_exact([[counts[0], len(train) - counts[0]], [counts[1], len(rows) - counts[1]]]).pvalue)
    shares = counts[0] / len(train), counts[1] / len(rows)
    words = f"is missing in {shares[0]:.1%} of train and {shares[1]:.1%} of {split}"
    evidence = {"column": column.name, "missing": {"train": counts[0], split: counts[1]}, "p_value": p}
    difference = abs(shares[0] - shares[1])
    claim = _finding("telling_gaps", Severity.MEDIUM, difference, column.name, words, evidence, f"split\0{split}")
    return p, difference >= MIN_DIFFERENCE, claim


def _missing_by_label(
    column: Column, missing: NDArray[np.bool_], train: NDArray[np.int64], label: Label, dataset: Dataset
) -> tuple[float, bool, Finding]:
    """The same for the label, by training rows."""
    targets = label.values[train]
    if label.numeric:
        test = mannwhitneyu(targets[missing], targets[~missing])
        correlation = abs(2 * float(test.statistic) / (missing.sum() * (~missing).sum()) - 1)
        medians = [float(np.median(targets[part])) for part in (missing, ~missing)]
        words = f"is missing at other targets: median {medians[0]:.4g} where missing, {medians[1]:.4g} elsewhere"
        evidence: dict[str, Any] = {"median_where_missing": medians[0], "median_elsewhere": medians[1]}
        p = float(test.pvalue)
    else:
        table = pd.crosstab(missing, targets).to_numpy()
        test = chi2_contingency(table)
        p, correlation = float(test.pvalue), float(np.sqrt(test.statistic / len(targets)))
        shares = table[1] / table.sum(0)
        names = ("absent", "present") if label.name else dataset.class_names
        by_name = {names[number]: float(share) for number, share in zip(np.unique(targets), shares, strict=True)}
        low, high = min(by_name, key=lambda name: by_name[name]), max(by_name, key=lambda name: by_name[name])
        group = f"where {label.name!r} is " if label.name else "of "
        words = f"is missing in {by_name[high]:.1%} {group}{high!r} and {by_name[low]:.1%} {group}{low!r}"
        evidence = {"share_missing": by_name}
    evidence |= {"column": column.name, "correlation": correlation, "p_value": p}
    claim = _finding("telling_gaps", Severity.MEDIUM, correlation, column.name, words, evidence, f"label\0{label.name}")
    return p, correlation >= MIN_CORRELATION, claim
