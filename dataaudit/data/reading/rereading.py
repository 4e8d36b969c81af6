"""What columns are read as, where that is not what their cells literally say: told to the reader, who knows better."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...dataset import Doubt
from .date_words import DateWords
from .number_words import NumberWords

MAX_COLUMNS = 20
"""Columns named in one note."""
MAX_CELLS = 3
"""Cells quoted of a column."""


class Rereadings:
    """Collects what was read as what.

    doubts   columns that could be read in another way as well
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[str]] = {}
        self.doubts: list[Doubt] = []

    @property
    def notes(self) -> list[str]:
        """A note for each kind of rereading, with the columns that it was done in."""
        return [f"{what}: {_listed(columns, MAX_COLUMNS)}" for what, columns in self._columns.items()]

    def add(self, what: str, column: Any, detail: str = "") -> None:
        """`what` was done in this column, where or how says the detail."""
        self._columns.setdefault(what, []).append(f"{str(column)!r}" + (f" ({detail})" if detail else ""))

    def add_missing(
        self, column: Any, words: Sequence[str], counts: NDArray[np.int64], missing: NDArray[np.bool_]
    ) -> None:
        """Some of the words were taken for missing values, `counts` says of how many rows."""
        for place in np.flatnonzero(missing).tolist():
            rows = f"{counts[place]:,} {'row' if counts[place] == 1 else 'rows'}"
            self.add(f"{words[place].strip()!r} is read as a missing value", column, rows)

    def add_numbers(self, column: Any, numbers: NumberWords, otherwise: str) -> None:
        """The words were read as numbers; `otherwise` says so of plain ones, empty where nothing needs to be said."""
        if detail := numbers.form or otherwise:
            self.add("read as numbers", column, detail)
        self._add_doubt(column, "numbers", numbers.doubt)

    def add_dates(self, column: Any, dates: DateWords, words: Sequence[str], counts: NDArray[np.int64]) -> None:
        """The words were read as dates."""
        if dates.form:
            self.add("read as dates", column, dates.form)
        if lost := np.flatnonzero(np.isnat(dates.dates)).tolist():
            cells = _listed([f"{words[place][:40]!r} in {counts[place]:,}" for place in lost], MAX_CELLS)
            self.add("no dates, read as missing values", column, f"rows: {cells}")
        self._add_doubt(column, "dates", dates.doubt)

    def _add_doubt(self, column: Any, read_as: str, doubt: str) -> None:
        if doubt:
            self.doubts.append(Doubt(str(column), f"is read as {read_as}: {doubt}"))


def _listed(items: Sequence[str], most: int) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more
