"""Identifiers that come more than once."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...data.features.columns import Values
from ...dataset import Dataset
from ...findings import Finding, Severity
from .table import Table, column_finding, in_words

MAX_GROUPS = 50
"""Repeated identifiers whose rows are listed."""
MAX_SHOWN = 3


def repeated_id_findings(table: Table) -> Iterator[Finding]:
    """A finding for each column of identifiers in which some come more than once.

    Files that number their rows anew share numbers by that; there, only rows of the same split are compared.
    """
    for column, values in table:
        if column.kind != "id":
            continue
        codes = _codes(values)
        if _is_numbered_anew(table.dataset, codes):
            codes = np.where(codes < 0, -1, pd.factorize(pd.MultiIndex.from_arrays([codes, table.dataset.splits]))[0])
        counts = np.bincount(codes[codes >= 0])
        repeated = np.flatnonzero(counts > 1)
        if len(repeated):
            yield _finding(table.dataset, column.name, values, codes, repeated)


def _codes(values: Values) -> NDArray[np.int64]:
    """(n,) a number for each identifier, -1 where there is none."""
    words = (values.codes >= 0).any()
    return np.asarray(values.codes if words else pd.factorize(values.numbers)[0], np.int64)


def _is_numbered_anew(dataset: Dataset, codes: NDArray[np.int64]) -> bool:
    """Whether most rows of the smaller split have an identifier of the training split."""
    train, target = codes[dataset.rows("train")], codes[dataset.rows(dataset.target_split)]
    target = target[target >= 0]
    return bool(len(target) and np.isin(target, train).mean() > 0.5 and not dataset.layout.splits_drawn)


def _finding(
    dataset: Dataset, name: str, values: Values, codes: NDArray[np.int64], repeated: NDArray[np.int64]
) -> Finding:
    groups = [np.flatnonzero(codes == code) for code in repeated[:MAX_GROUPS]]
    named = [(_identifier(values, int(rows[0])), [dataset.ids[row] for row in rows]) for rows in groups]
    shown = "; ".join(f"{identifier} in {' and '.join(ids[:MAX_SHOWN])}" for identifier, ids in named[:MAX_SHOWN])
    across = sum(len(set(dataset.splits[rows])) > 1 for rows in groups)
    noun = "identifier comes" if len(repeated) == 1 else "identifiers come"
    words = f"looks like an identifier, and {len(repeated):,} {noun} more than once: {shown}"
    words += f"; {across} of them in more than one split" if across else ""
    evidence = {"repeated": len(repeated), "in_several_splits": across, 
                "rows": [{"identifier": identifier, "samples": ids} for identifier, ids in named]}  # fmt: skip
    severity = Severity.MEDIUM if across and not dataset.layout.splits_drawn else Severity.LOW
    sample_ids = [id for _, ids in named for id in ids]
    return column_finding("repeated_id", severity, float(len(repeated)), name, words, evidence, ids=sample_ids)


def _identifier(values: Values, row: int) -> str:
    code = int(values.codes[row])
    return str(values.words[code]) if code >= 0 else in_words(float(values.numbers[row]))
