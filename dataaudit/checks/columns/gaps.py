"""Missing values that come with a split or a label."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu

from ...data.features.columns import Column
from ...dataset import Dataset
from ...findings import Finding, Severity
from ..proof import accepted_by_fdr
from .column_skill import Label, labels_of
from .table import Table, column_finding

FALSE_DISCOVERY_RATE = 0.01
MIN_DIFFERENCE, MIN_CORRELATION = 0.1, 0.3


def gap_findings(table: Table, known: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """Gaps that come with a split or a label, at a false-discovery rate over all columns.

    known   pairs of a column and a label that it gives away by its gaps
    """
    dataset, candidates = table.dataset, []
    train = dataset.rows("train")
    for column, values in table:
        missing = values.missing
        if not missing.any() or missing.all():
            continue
        for split in ("val", "test"):
            rows = dataset.rows(split)
            if len(rows):
                candidates.append(_missing_by_split(column, missing, train, rows, split))
        if 0 < column.missing < len(train):
            candidates += [
                _missing_by_label(column, missing[train], train, label, dataset)
                for label in labels_of(dataset)
                if (column.name, label.name) not in known
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
    evidence = {"missing": {"train": counts[0], split: counts[1]}, "p_value": p}
    difference = abs(shares[0] - shares[1])
    claim = column_finding("telling_gaps", Severity.MEDIUM, difference, column.name, words, evidence, f"split\0{split}")
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
        words = f"is missing where the target is another: median {medians[0]:.4g} there, {medians[1]:.4g} elsewhere"
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
    evidence |= {"correlation": correlation, "p_value": p}
    claim = column_finding(
        "telling_gaps", Severity.MEDIUM, correlation, column.name, words, evidence, f"label\0{label.name}"
    )
    return p, correlation >= MIN_CORRELATION, claim
