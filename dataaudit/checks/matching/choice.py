"""Which matchers find copies among the samples of which modality."""

from typing import Any

import numpy as np

from ...data.features.columns import UNUSED, describe
from ...data.reading.frames import join_texts
from ...dataset import Dataset
from .images import ImageMatcher
from .matcher import Matcher, numbered
from .tables import TableMatcher, cells_of_frame
from .texts import TextMatcher


def matchers_for(dataset: Dataset) -> tuple[Matcher[Any], ...]:
    """One, or for a table with columns of text two: copies are looked for by the texts, and by all columns."""
    if dataset.modality == "image":
        return (ImageMatcher(dataset.pixels, numbered(dataset.contents)),)
    if dataset.modality == "text":
        return (TextMatcher.of(dataset),)
    if dataset.modality == "array":
        return (TableMatcher.of(dataset),)
    return dataset.derive("table matchers", lambda: _of_table(dataset))


def _of_table(dataset: Dataset) -> tuple[Matcher[Any], ...]:
    """By the texts alone where the other columns are ids or constant."""
    frame, train = dataset.frame, dataset.rows("train")
    kinds = [column.kind for column in describe(frame, train)]
    is_text = np.array([kind == "text" for kind in kinds], bool)
    if not is_text.any():
        return (TableMatcher.of(dataset),)
    others = [kind for kind in kinds if kind != "text" and kind not in UNUSED]
    texts = TextMatcher(join_texts(frame.loc[:, is_text]).tolist(), beside=bool(others))
    if not others:
        return (texts,)
    return texts, TableMatcher(frame.loc[:, ~is_text], cells_of_frame(frame, train))
