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
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu, spearmanr
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ...data.features.columns import UNUSED, Column, Values, describe, encode, read
from ...dataset import Dataset
from ...findings import Finding, Severity, fingerprint
from ..detection import CheckContext, Detection
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
FEWEST = 50
FOLDS, LEAF, TREES = 5, 5, 100
LEAST_SKILL = 0.95
TIMES_THE_ERRORS = 3.0
ORDER_TELLS = 0.5
"""Skill from which an identifier's order is said to tell the label."""
MOSTLY = 0.5
FALSE_DISCOVERY_RATE = 0.01
LEAST_DIFFERENCE, LEAST_CORRELATION = 0.1, 0.3
SHOWN = 5
"""Words quoted of a mixed column."""


@dataclass(frozen=True)
class _Label:
    """What is to be predicted, (n,) class numbers or numbers; `name` is that of one label of many, else empty."""

    name: str
    values: NDArray[Any]
    numeric: bool


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    if dataset.modality != "table":
        return Detection((), 0, len(dataset), skipped=f"made for tables, not for {dataset.modality}")
    train = dataset.rows("train")
    columns = describe(dataset.frame, train)
    known = [read(dataset.frame.iloc[:, place]) for place in range(len(columns))]
    findings: list[Finding] = []
    order: dict[int, float] = {}
    notes = [_summary(columns)]
    if len(train) < FEWEST:
        notes.append(f"{len(train)} training rows are too few to test for target leakage")
    else:
        rows = np.sort(np.random.default_rng(context.seed).permutation(train)[:ROWS])
        for label in _labels(dataset):
            skills = _skills(dataset, columns, known, rows, label)
            findings += _leaks(dataset, columns, known, rows, label, skills)
            for place, skill in skills.items():
                if columns[place].kind == "id":
                    order[place] = max(skill, order.get(place, 0.0))
    findings += _plain(columns, known, train, order)
    findings += _gaps(dataset, columns, known)
    return Detection(tuple(findings), len(dataset), len(dataset), notes=tuple(notes))


def _summary(columns: tuple[Column, ...]) -> str:
    counts = Counter(column.kind for column in columns)
    words = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    unused = [repr(column.name) for column in columns if column.kind in UNUSED]
    return f"columns: {words}" + (f"; not shown to models: {', '.join(unused)}" if unused else "")


def _labels(dataset: Dataset) -> list[_Label]:
    """Of which there is one, or for sets of labels one each."""
    if dataset.task == "multilabel":
        return [
            _Label(name, dataset.targets[:, place].astype(np.int64), False)
            for place, name in enumerate(dataset.class_names)
        ]
    return [_Label("", dataset.targets, dataset.task == "regression")]


def _skills(
    dataset: Dataset, columns: tuple[Column, ...], known: list[Values], rows: NDArray[np.int64], label: _Label
) -> dict[int, float]:
    """How well each column alone predicts the label, by the column's place."""
    skills: dict[int, float] = {}
    if (label.values[rows] == label.values[rows[0]]).all():
        return skills
    for place, (column, values) in enumerate(zip(columns, known, strict=True)):
        if column.kind in ("constant", "missing"):
            continue
        features: NDArray[Any] = _alone(values, rows)
        if column.kind == "text":
            features = encode(dataset.frame.iloc[rows, [place]], np.arange(len(rows)))
        model = DecisionTreeRegressor if label.numeric else DecisionTreeClassifier
        skills[place] = _skill(model(min_samples_leaf=LEAF, random_state=0), features, label, rows)
        numbers = features[:, 0]
        if label.numeric and column.kind == "numeric" and not np.isnan(numbers).any():
            skills[place] = max(skills[place], float(spearmanr(numbers, label.values[rows]).statistic) ** 2)
    return skills


def _alone(values: Values, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows, 2) the number, and the word's place in the alphabet: trees ask for no more than an order."""
    place = np.empty(len(values.words))
    place[np.argsort(values.words.astype(str))] = np.arange(len(values.words))
    return np.stack([values.numbers[rows], np.append(place, np.nan)[values.codes[rows]]], 1)


def _skill(model: Any, features: NDArray[Any], label: _Label, rows: NDArray[np.int64]) -> float:
    """Share of the guesser's errors, or squared errors, that a model avoids out of sample; 0 at least."""
    wanted = label.values[rows]
    if label.numeric:
        folds: Any = KFold(FOLDS, shuffle=True, random_state=0)
        errors = float(np.square(cross_val_predict(model, features, wanted, cv=folds) - wanted).sum())
        guessed = float(np.square(wanted - wanted.mean()).sum())
    else:
        counts = np.bincount(wanted)
        guessed = float(counts.sum() - counts.max())
        if not guessed:
            return 0.0
        # Classes too rare for stratified folds would be warned of.
        few = counts[counts > 0].min() < FOLDS
        folds = (KFold if few else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
        errors = float((cross_val_predict(model, features, wanted, cv=folds) != wanted).sum())
    return max(0.0, 1 - errors / guessed) if guessed > 0 else 0.0


def _leaks(
    dataset: Dataset, columns: tuple[Column, ...], known: list[Values], rows: NDArray[np.int64], label: _Label,
    skills: dict[int, float],
) -> Iterator[Finding]:  # fmt: skip
    usable = {place: skill for place, skill in skills.items() if columns[place].kind != "id"}
    copies = {place for place in usable if not label.numeric and _copies(known[place], label, rows)}
    telling = {place for place, skill in usable.items() if skill >= LEAST_SKILL} | copies
    if not telling:
        return
    rest = [place for place in usable if place not in telling]
    together = _together(dataset, rest, label, rows)
    easy = len(telling - copies) > len(usable) / 2
    for place in sorted(telling, key=lambda place: -usable[place]):
        left = max(1 - usable[place], 1e-3)
        if place not in copies and (easy or 1 - together < TIMES_THE_ERRORS * left):
            continue
        name = columns[place].name
        what = f"label {label.name!r}" if label.name else "label"
        how = "has one value for each" if place in copies else f"alone predicts the {what} with"
        measure = f"R² {usable[place]:.3f}" if label.numeric else f"{usable[place]:.1%} of a guesser's errors avoided"
        words = f"{how} {what}" if place in copies else f"{how} {measure}"
        beside = f"; the {len(rest)} other columns together reach {together:.1%}" if rest else ""
        evidence = {
            "column": name,
            "column_kind": columns[place].kind,
            "skill": usable[place],
            "skill_of_all_others": together,
            "one_value_a_label": place in copies,
            "rows": len(rows),
        }
        claim = f"{words}{beside}. Is it known before the label is?"
        yield _finding("label_leak", Severity.HIGH, usable[place], name, claim, evidence, label.name)


def _copies(values: Values, label: _Label, rows: NDArray[np.int64]) -> bool:
    """Whether each label has its one value, and each value its one label."""
    pairs = pd.DataFrame({"number": values.numbers[rows], "word": values.codes[rows], "label": label.values[rows]})
    distinct = pairs.drop_duplicates()
    labels = distinct["label"].nunique()
    return labels > 1 and len(distinct) == labels == len(distinct[["number", "word"]].drop_duplicates())


def _together(dataset: Dataset, places: list[int], label: _Label, rows: NDArray[np.int64]) -> float:
    if not places:
        return 0.0
    features = encode(dataset.frame.iloc[rows, places], np.arange(len(rows)))
    model = ExtraTreesRegressor if label.numeric else ExtraTreesClassifier
    return _skill(model(TREES, min_samples_leaf=2, random_state=0), features, label, rows)


def _plain(
    columns: tuple[Column, ...], known: list[Values], train: NDArray[np.int64], order: dict[int, float]
) -> Iterator[Finding]:
    """What columns are by themselves.

    order   how well each identifier's order tells the label, by place
    """
    groups: dict[str, list[Column]] = {"constant_column": [], "empty_column": [], "sparse_column": []}
    for place, column in enumerate(columns):
        filled = len(train) - column.missing
        evidence = {"column": column.name, "values": filled, "distinct": column.distinct}
        if column.kind == "id":
            skill = order.get(place, 0.0)
            tells = f"; its order predicts the label (skill {skill:.0%})" if skill >= ORDER_TELLS else ""
            words = f"has {column.distinct:,} different values in {filled:,} training rows, like an identifier{tells}"
            severity = Severity.MEDIUM if tells else Severity.LOW
            yield _finding("id_column", severity, skill, column.name, words, evidence | {"skill": skill})
        elif column.kind == "mixed":
            codes = known[place].codes[train]
            common = Counter(known[place].words[codes[codes >= 0]].tolist()).most_common(SHOWN)
            number = int((codes >= 0).sum())
            quoted = ", ".join(f"{word[:40]!r} ({count:,})" for word, count in common)
            words = f"mixes numbers and words: {number:,} of {filled:,} training rows hold words, such as {quoted}"
            share = min(number, filled - number) / filled
            yield _finding("mixed_column", Severity.LOW, share, column.name, words, evidence | {"words": number})
        elif column.kind in ("constant", "missing"):
            groups["constant_column" if column.kind == "constant" else "empty_column"].append(column)
        if column.kind != "missing" and column.missing > MOSTLY * len(train):
            groups["sparse_column"].append(column)
    for kind, words in (
        ("constant_column", "with the same value in all training rows"),
        ("empty_column", "without a value in any training row"),
        ("sparse_column", f"without a value in more than {MOSTLY:.0%} of the training rows"),
    ):
        if groups[kind]:
            yield _of_several(kind, groups[kind], words)


def _of_several(kind: str, columns: list[Column], words: str) -> Finding:
    names = [column.name for column in columns]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return Finding(
        kind=kind,
        severity=Severity.LOW,
        sample_ids=(),
        score=float(len(names)),
        message=f"{len(names)} {'column' if len(names) == 1 else 'columns'} {words}: "
        + ", ".join(map(repr, names[:SHOWN]))
        + more,
        fingerprint=fingerprint(kind, names),
        evidence={"columns": {column.name: {"missing": column.missing} for column in columns}},
    )


def _finding(
    kind: str, severity: Severity, score: float, name: str, words: str, evidence: dict[str, Any], claim: str = ""
) -> Finding:
    """Of one column.

    claim   what tells it from others of this kind on the same column
    """
    return Finding(kind, severity, (), score, f"column {name!r} {words}", fingerprint(kind, [name], claim), evidence)


def _gaps(dataset: Dataset, columns: tuple[Column, ...], known: list[Values]) -> Iterator[Finding]:
    train, candidates = dataset.rows("train"), []
    for column, values in zip(columns, known, strict=True):
        missing = values.missing
        if not missing.any() or missing.all():
            continue
        for split in ("val", "test"):
            rows = dataset.rows(split)
            if len(rows):
                candidates.append(_by_split(column, missing, train, rows, split))
        if 0 < column.missing < len(train):
            candidates += [_by_label(column, missing[train], train, label, dataset) for label in _labels(dataset)]
    accepted, _ = accepted_by_fdr(np.array([p for p, *_ in candidates]), FALSE_DISCOVERY_RATE)
    for (_, large, finding), differs in zip(candidates, accepted, strict=True):
        if differs and large:
            yield finding


def _by_split(
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
    return p, difference >= LEAST_DIFFERENCE, claim


def _by_label(
    column: Column, missing: NDArray[np.bool_], train: NDArray[np.int64], label: _Label, dataset: Dataset
) -> tuple[float, bool, Finding]:
    """The same for the label, by training rows."""
    wanted = label.values[train]
    if label.numeric:
        test = mannwhitneyu(wanted[missing], wanted[~missing])
        correlation = abs(2 * float(test.statistic) / (missing.sum() * (~missing).sum()) - 1)
        medians = [float(np.median(wanted[part])) for part in (missing, ~missing)]
        words = f"is missing at other targets: median {medians[0]:.4g} where missing, {medians[1]:.4g} elsewhere"
        evidence: dict[str, Any] = {"median_where_missing": medians[0], "median_elsewhere": medians[1]}
        p = float(test.pvalue)
    else:
        table = pd.crosstab(missing, wanted).to_numpy()
        test = chi2_contingency(table)
        p, correlation = float(test.pvalue), float(np.sqrt(test.statistic / len(wanted)))
        shares = table[1] / table.sum(0)
        names = ("absent", "present") if label.name else dataset.class_names
        told = {names[number]: float(share) for number, share in zip(np.unique(wanted), shares, strict=True)}
        low, high = min(told, key=lambda name: told[name]), max(told, key=lambda name: told[name])
        of = f"where {label.name!r} is " if label.name else "of "
        words = f"is missing in {told[high]:.1%} {of}{high!r} and {told[low]:.1%} {of}{low!r}"
        evidence = {"share_missing": told}
    evidence |= {"column": column.name, "correlation": correlation, "p_value": p}
    claim = _finding("telling_gaps", Severity.MEDIUM, correlation, column.name, words, evidence, f"label\0{label.name}")
    return p, correlation >= LEAST_CORRELATION, claim
