"""Rows with equal content, before anything else is known of them: a split that is drawn keeps them on one side."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..features.columns import UNUSED, describe
from .frames import is_words, join_texts, typed
from .rereading import Rereadings

PARTITIONS = 3
"""Times that the columns are parted in two to estimate chance."""
MORE_THAN_CHANCE = 2.0
"""Times as many rows as chance repeats must repeat, if they are to be copies."""
Codes = NDArray[np.int64]
"""(n,) equal numbers for rows with equal content; -1 for a row without content."""


def equal_rows(columns: Mapping[str, "pd.Series[Any]"]) -> list[Codes]:
    """Codes of rows that are equal in all columns but identifiers, and of those whose texts are.

    Rows of a few coarse columns are equal by chance: where shuffling one half of the columns against the other makes
    half as many rows repeat as do, or there is one column alone, none are taken for copies.
    """
    rereadings = Rereadings()  # what they change is noted when the rows are read
    typed_columns = {name: typed(column.reset_index(drop=True), rereadings) for name, column in columns.items()}
    frame = pd.DataFrame({name: column for name, column in typed_columns.items() if column is not None})
    sole_words = frame.shape[1] == 1 and is_words(frame.iloc[:, 0])
    described = describe(frame, np.arange(len(frame)))
    texts = [column.name for column in described if column.kind == "text" or sole_words]
    used = [column.name for column in described if column.kind not in UNUSED]
    ties = [equal_texts(join_texts(frame[texts]))] if texts else []
    if len(used) > max(1, len(texts)):
        codes = [_codes(frame[name]) for name in used]
        rows = _joint(codes)
        if (repeats := _repeats(rows)) and repeats > MORE_THAN_CHANCE * _repeats_by_chance(codes):
            ties.append(rows)
    return ties


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
    return pd.factorize(column)[0].astype(np.int64) + 1  # missing values are equal


def _joint(codes: Sequence[Codes]) -> Codes:
    """Codes of rows that are equal in each of these."""
    joint = codes[0]
    for other in codes[1:]:
        joint = pd.factorize(joint * (int(other.max()) + 1) + other)[0].astype(np.int64)
    return joint


def _repeats(codes: Codes) -> int:
    """Rows beyond the first of their kind."""
    return len(codes) - len(pd.unique(codes))


def _repeats_by_chance(codes: Sequence[Codes]) -> int:
    """Repeats after shuffling one half of the columns against the other, the most of a few ways to part them."""
    rng = np.random.default_rng(0)
    most = 0
    for _ in range(PARTITIONS):
        order = rng.permutation(len(codes))
        halves = [_joint([codes[place] for place in part]) for part in np.array_split(order, 2)]
        most = max(most, _repeats(_joint([halves[0], rng.permutation(halves[1])])))
    return most
