"""Rows with equal content, before anything else is known of them: a split that is drawn keeps them on one side."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...dataset import UnsampledCopies
from ..features.chance import repeats_within, rows_numbered
from ..features.columns import UNUSED, describe
from .frames import is_words, join_texts

Codes = NDArray[np.int64]
"""(n,) equal numbers for rows with equal content; -1 for a row without content."""


COPIES_NAMED = 50
"""Copies that are named, of those that the audited sample does not show."""


class EqualRows(NamedTuple):
    """Codes of rows with equal content.

    whole   rows that are equal in all columns but identifiers
    texts   rows whose texts are, whatever stands beside them: to be kept together in a draw, but maybe no copies
    """

    whole: list[Codes]
    texts: list[Codes]

    @property
    def ties(self) -> list[Codes]:
        """Both, those of whole rows first: of none where only texts are known to be equal."""
        return [*(self.whole or [np.full_like(codes, -1) for codes in self.texts]), *self.texts]


def equal_rows(columns: Mapping[str, "pd.Series[Any] | None"]) -> EqualRows:
    """The rows that are equal, those without any value aside.

    columns   typed, see `frames.typed`

    Where chance explains that rows of a few coarse columns are equal (see `chance`), none are taken for copies.
    """
    frame = pd.DataFrame({name: column for name, column in columns.items() if column is not None})
    sole_words = frame.shape[1] == 1 and is_words(frame.iloc[:, 0])
    described = describe(frame, np.arange(len(frame)))
    texts = [column.name for column in described if column.kind == "text" or sole_words]
    used = [column.name for column in described if column.kind not in UNUSED]
    of_texts = [equal_texts(join_texts(frame[texts]))] if texts else []
    if len(used) <= max(1, len(texts)):
        return EqualRows(of_texts, [])
    codes = np.stack([_codes(frame[name]) for name in used], 1)
    rows = np.where(codes.any(1), rows_numbered(codes), -1)
    repeats = repeats_within(rows, codes, np.zeros(len(rows), np.int64))
    return EqualRows([rows] if repeats.count and not repeats.are_chance else [], of_texts)


def unsampled_copies(
    copies: Callable[[], Sequence[Codes]], splits: NDArray[np.str_], usable: NDArray[np.bool_], kept: Codes,
    ids: Callable[[int], str],
) -> UnsampledCopies | None:  # fmt: skip
    """Copies among all usable samples that those kept, rows of them, don't show; None where all are kept.

    Between splits they are counted as the check for leakage does: validation samples also where they equal test ones.

    copies   codes (n,) of equal samples
    ids      of a row
    """
    in_sample = np.zeros(len(splits), bool)
    in_sample[kept] = True
    if (in_sample | ~usable).all():
        return None
    leaks, repeats = np.full((2, len(splits)), -1)  # the row that a row equals
    for codes in copies():
        every = np.flatnonzero(usable & (codes >= 0))
        for split, others in (("test", ("train",)), ("val", ("train", "test"))):
            rows, base = (every[np.isin(splits[every], names)] for names in (split, others))
            first, first_sampled = (_first_rows(codes, some) for some in (base, base[in_sample[base]]))
            shown = in_sample[rows] & (first_sampled[codes[rows]] >= 0)
            rows = rows[~shown]
            leaks[rows] = np.maximum(leaks[rows], first[codes[rows]])
        for split in np.unique(splits[every]):
            rows = every[splits[every] == split]
            first, first_sampled = (_first_rows(codes, some) for some in (rows, rows[in_sample[rows]]))
            is_later = first[codes[rows]] < rows
            shown = in_sample[rows] & (first_sampled[codes[rows]] < rows)
            rows = rows[is_later & ~shown]
            repeats[rows] = np.maximum(repeats[rows], first[codes[rows]])

    def named(equal: NDArray[np.int64]) -> tuple[tuple[str, str], ...]:
        return tuple((ids(int(row)), ids(int(equal[row]))) for row in np.flatnonzero(equal >= 0)[:COPIES_NAMED])

    return UnsampledCopies(int((leaks >= 0).sum()), int((repeats >= 0).sum()), named(leaks), named(repeats))


def _first_rows(codes: Codes, rows: Codes) -> NDArray[np.int64]:
    """The first of these rows with each code; -1 for a code that none has."""
    first = np.full(codes.max(initial=-1) + 1, -1)
    first[codes[rows[::-1]]] = rows[::-1]
    return first


def equal_texts(texts: Sequence[str] | NDArray[np.object_]) -> Codes:
    """Codes of equal texts, white space at the ends aside; blank ones have no content."""
    stripped = [text.strip() or None for text in texts]
    return pd.factorize(np.array(stripped, object))[0].astype(np.int64)


def equal_files(paths: Sequence[Path]) -> Codes:
    """Codes of files with equal bytes; only files that share their size are read."""
    sizes = [path.stat().st_size if path.is_file() else -1 for path in paths]
    counts = Counter(sizes)
    keys = [
        _file_digest(path) if size > 0 and counts[size] > 1 else None for path, size in zip(paths, sizes, strict=True)
    ]
    return equal_digests(keys)


def equal_digests(digests: Iterable[str | None]) -> Codes:
    """Codes of equal digests; None is no content."""
    return pd.factorize(np.array([*digests, None], object)[:-1])[0].astype(np.int64)


def _file_digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # whoever decodes it says so
        return None


def _codes(column: "pd.Series[Any]") -> Codes:
    """Positions of the values in their order, from 1; missing values are equal, and 0."""
    values = column.map(str, na_action="ignore") if column.dtype == object else column
    return pd.factorize(values, sort=True)[0].astype(np.int64) + 1
