"""The columns that the checks of columns look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ...data.features.columns import Column, Values, describe, read
from ...dataset import Dataset
from ...findings import Finding, Severity, fingerprint


@dataclass(frozen=True)
class Table:
    """The columns of a table, or those beside texts, each described by its training rows and read in all rows."""

    dataset: Dataset
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    values: tuple[Values, ...]

    def __iter__(self) -> Iterator[tuple[Column, Values]]:
        return zip(self.columns, self.values, strict=True)

    @classmethod
    def of(cls, dataset: Dataset) -> "Table | None":
        """None where there are no columns."""
        frame = dataset.frame if dataset.modality == "table" else dataset.beside
        if frame is None:
            return None
        columns = describe(frame, dataset.rows("train"))
        return cls(dataset, frame, columns, tuple(read(frame.iloc[:, place]) for place in range(len(columns))))


def column_finding(
    kind: str, severity: Severity, score: float, column: str, words: str, evidence: dict[str, Any], claim: str = "",
    ids: Sequence[str] = (),
) -> Finding:  # fmt: skip
    """A finding about one column, and about these samples.

    words   what follows the column's name in the message
    claim   distinguishes the finding from others of its kind on the same column
    """
    message = f"column {column!r} {words}"
    return Finding(
        kind, severity, tuple(ids), score, message, fingerprint(kind, [column], claim), {"column": column, **evidence}
    )


def in_words(number: float) -> str:
    """A number as a reader would write it."""
    return f"{number:.0f}" if number == round(number) and abs(number) < 1e15 else f"{number:.6g}"
