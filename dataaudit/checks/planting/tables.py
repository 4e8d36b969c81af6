"""Altered copies of rows of numbers and words, such as leak between splits: for planting them where a detector looks.

Rows are numbers float64 (m, d), nan where there is none, and codes of words (m, d), -1 where there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
Alteration = Callable[["Cells", "Cells", np.random.Generator], "Cells"]


@dataclass(frozen=True)
class Cells:
    """Rows as numbers and codes, both (m, d)."""

    numbers: Numbers
    codes: Codes

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.int64]) -> "Cells":
        """A copy of some rows."""
        return Cells(self.numbers[rows], self.codes[rows])

    def with_rows(self, rows: NDArray[np.int64], replacements: "Cells") -> "Cells":
        """A copy with some rows replaced."""
        changed = Cells(self.numbers.copy(), self.codes.copy())
        changed.numbers[rows], changed.codes[rows] = replacements.numbers, replacements.codes
        return changed

    def put(self, chosen: NDArray[np.bool_], replacements: "Cells") -> "Cells":
        """A copy with the chosen cells (m, d) replaced."""
        numbers = np.where(chosen, replacements.numbers, self.numbers)
        return Cells(numbers, np.where(chosen, replacements.codes, self.codes))


def rounded(rows: Cells, table: Cells, rng: np.random.Generator) -> Cells:
    """Numbers with three significant digits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** (np.floor(np.log10(np.abs(rows.numbers))) - 2)
        numbers = np.where(rows.numbers == 0, 0.0, np.round(rows.numbers / unit) * unit)
    return Cells(numbers, rows.codes)


def noisy(rows: Cells, table: Cells, rng: np.random.Generator) -> Cells:
    """Normal noise of 0.5 to 3 % of each column's deviation on its numbers; whole numbers stay whole."""
    present = ~np.isnan(table.numbers)
    count = np.maximum(present.sum(0), 1)
    mean = np.where(present, table.numbers, 0).sum(0) / count
    deviation = np.sqrt(np.where(present, (table.numbers - mean) ** 2, 0).sum(0) / count)
    integer = (~present | (table.numbers == np.round(table.numbers))).all(0)
    size = rng.uniform(0.005, 0.03, (len(rows), 1)) * deviation
    numbers = rows.numbers + size * rng.standard_normal(rows.numbers.shape)
    return Cells(np.where(integer, np.round(numbers), numbers), rows.codes)


def changed(rows: Cells, table: Cells, rng: np.random.Generator) -> Cells:
    """5 to 20 % of the cells of each row, at least one, as in another row; one is kept."""
    return rows.put(_random_cells(rows, rng), table.take(rng.integers(0, len(table), len(rows))))


def blanked(rows: Cells, table: Cells, rng: np.random.Generator) -> Cells:
    """5 to 20 % of the cells of each row, at least one, without a value; one is kept."""
    return rows.put(_random_cells(rows, rng), Cells(np.full_like(rows.numbers, np.nan), np.full_like(rows.codes, -1)))


def two_changes(rows: Cells, table: Cells, rng: np.random.Generator) -> Cells:
    """Some cells changed, and rounded or under noise."""
    return changed((rounded if rng.integers(2) else noisy)(rows, table, rng), table, rng)


ALTERATIONS: Mapping[str, Alteration] = {
    "rounded": rounded,
    "noise": noisy,
    "cells changed": changed,
    "cells missing": blanked,
    "two changes": two_changes,
}


def alterations(table: Cells) -> list[str]:
    """Names of the alterations that change such rows: rounding needs fractions, noise needs numbers."""
    numbers = table.numbers[~np.isnan(table.numbers)]
    ineffective = {"rounded"} if (numbers == np.round(numbers)).all() else set()
    ineffective |= {"noise", "two changes"} if not len(numbers) else set()
    return [name for name in ALTERATIONS if name not in ineffective]


def altered_in_turn(table: Cells, chosen: NDArray[np.int64], rng: np.random.Generator) -> tuple[Cells, list[str]]:
    """Copies of the chosen rows, each altered by the next sort in turn, and the sorts' names."""
    sorts = alterations(table)
    names = [sorts[i % len(sorts)] for i in range(len(chosen))]
    parts = [ALTERATIONS[name](table.take(chosen[i : i + 1]), table, rng) for i, name in enumerate(names)]
    return Cells(
        np.concatenate([part.numbers for part in parts]), np.concatenate([part.codes for part in parts])
    ), names


def _random_cells(rows: Cells, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(m, d) random cells, 5 to 20 % of each row, at least one and not all."""
    m, d = rows.numbers.shape
    count = np.round(rng.uniform(0.05, 0.2, m) * d).clip(1, max(d - 1, 0))
    chosen: NDArray[np.bool_] = rng.random((m, d)).argsort(1).argsort(1) < count[:, None]
    return chosen
