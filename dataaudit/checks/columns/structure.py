"""Columns that say nothing, or mix what they say."""

from collections import Counter
from collections.abc import Iterator

from ...data.features.columns import Column
from ...findings import Finding, Severity, fingerprint
from .table import Table, column_finding

MOSTLY_MISSING = 0.5
MAX_SHOWN = 5
"""Words quoted of a mixed column, and columns named in one finding."""


def structure_findings(table: Table) -> Iterator[Finding]:
    """Identifiers, mixed columns, and columns that hold one value, none or few."""
    train = table.dataset.rows("train")
    groups: dict[str, list[Column]] = {"constant_column": [], "empty_column": [], "sparse_column": []}
    for column, values in table:
        filled = len(train) - column.missing
        evidence = {"values": filled, "distinct": column.distinct}
        if column.kind == "id":
            words = f"has {column.distinct:,} different values in {filled:,} training rows, like an identifier"
            share = column.distinct / filled
            yield column_finding("id_column", Severity.LOW, share, column.name, words, evidence)
        elif column.kind == "mixed":
            codes = values.codes[train]
            common = Counter(values.words[codes[codes >= 0]].tolist()).most_common(MAX_SHOWN)
            n_words = int((codes >= 0).sum())
            quoted = ", ".join(f"{word[:40]!r} ({count:,})" for word, count in common)
            words = f"holds numbers, and in {n_words:,} of {filled:,} training rows words, such as {quoted}"
            share = min(n_words, filled - n_words) / filled
            yield column_finding("mixed_column", Severity.LOW, share, column.name, words, evidence | {"words": n_words})
        elif column.kind in ("constant", "missing"):
            groups["constant_column" if column.kind == "constant" else "empty_column"].append(column)
        if column.kind != "missing" and column.missing > MOSTLY_MISSING * len(train):
            groups["sparse_column"].append(column)
    for kind, words in (
        ("constant_column", "holding one value in all training rows"),
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
