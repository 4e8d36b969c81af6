"""Random changes of the same size as a given one: how far any such change moves a prediction."""

import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..data.features.words import words
from ..dataset import Dataset

FEWEST_TEXTS = 3
"""Fewest training texts with a word for it to be inserted into others."""


def random_like(dataset: Dataset, before: Any, after: Any, rng: np.random.Generator) -> Any:
    """`before`, changed as much as `after` is, at random.

    image: the same difference at another place, or turned over; text: as many words taken out and put in, each time
    the same ones; table: other columns moved as far, in standard deviations; array: other places moved as much.
    """
    if dataset.modality == "text":
        return _texts(dataset, before, after, rng)
    if isinstance(before, pd.DataFrame):
        return _columns(dataset, before, after, rng)
    difference = after.astype(np.float64) - before
    axes = tuple(range(1 if before.ndim < 4 else 2, before.ndim))
    shifts = [_away(before.shape[axis], rng) for axis in axes]
    moved = before + rng.choice([-1, 1]) * np.roll(difference, shifts, axes)
    return (
        np.clip(np.round(moved), 0, 255).astype(before.dtype)
        if before.dtype == np.uint8
        else moved.astype(before.dtype)
    )


def _away(length: int, rng: np.random.Generator) -> int:
    """A shift by a quarter of an edge or more, whichever way round."""
    return int(rng.integers(max(1, length // 4), max(2, length - length // 4)))


def _texts(dataset: Dataset, before: Any, after: Any, rng: np.random.Generator) -> NDArray[Any]:
    vocabulary = dataset.derive("vocabulary", lambda: _vocabulary(dataset))
    new_words = rng.permutation(vocabulary)
    changed = []
    for text, new_text in zip(before, after, strict=True):
        was, now = Counter(words(str(text))), Counter(words(str(new_text)))
        n_removed, n_added = sum((was - now).values()), sum((now - was).values())
        parts = re.split(r"(\s+)", str(text))
        places = [place for place, part in enumerate(parts) if part.strip()]
        for place in rng.permutation(places)[:n_removed]:
            parts[place] = ""
        changed.append(" ".join(["".join(parts).strip(), *new_words[:n_added]]))
    return np.array(changed, object)


def _vocabulary(dataset: Dataset) -> NDArray[np.str_]:
    """Words that several training texts have."""
    counts = Counter(word for row in dataset.rows("train") for word in set(words(str(dataset.inputs[row]))))
    return np.array(sorted(word for word, count in counts.items() if count >= FEWEST_TEXTS))


def _columns(dataset: Dataset, before: pd.DataFrame, after: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    numeric = [str(name) for name in before if pd.api.types.is_numeric_dtype(before[name])]
    touched = [name for name in numeric if not after[name].equals(before[name])]
    spread = dataset.frame.iloc[dataset.rows("train")][numeric].astype(np.float64).std().to_dict()
    candidates = [name for name in numeric if name not in touched and spread[name] > 0] or numeric
    moved = before.copy()
    for name, candidate in zip(touched, rng.permutation(np.array(candidates, object)), strict=False):
        steps = (after[name].astype(np.float64) - before[name]) / max(spread[name], 1e-300)
        moved[candidate] = before[candidate].astype(np.float64) + rng.choice([-1, 1]) * steps * spread[candidate]
    return moved
