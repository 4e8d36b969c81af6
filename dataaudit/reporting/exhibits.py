"""How a report shows a sample: its picture, its text, or its values."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from ..data.images import data_uri, picture_uri
from ..dataset import Dataset
from ..result import Exhibit

PICTURE_EDGE = 112
EXHIBIT_BYTES = 3 << 20
"""Longest edge of a picture, and what all pictures, texts and values of samples may take together."""
LETTERS = 400
"""Characters of a text, before it is cut."""
CELLS = 40
"""Columns of a row that are shown."""


def exhibits(
    dataset: Dataset, ids: Sequence[str], edge: int = PICTURE_EDGE, budget: int = EXHIBIT_BYTES
) -> dict[str, Exhibit]:
    """Exhibits of as many of these samples as fit the budget of characters, in order. Pictures have at most `edge`."""
    row_of = {id: row for row, id in enumerate(dataset.ids)}
    shown: dict[str, Exhibit] = {}
    for id in ids:
        if id not in row_of:
            continue
        exhibit = _exhibit(dataset, row_of[id], edge)
        budget -= exhibit.size
        if budget < 0:
            break
        shown[id] = exhibit
    return shown


def _exhibit(dataset: Dataset, row: int, edge: int) -> Exhibit:
    if dataset.modality == "image":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if dataset.sources:
                return Exhibit(picture=data_uri(dataset.sources[row], edge))
            pixels = dataset.pixels[row]
            return Exhibit(
                picture=picture_uri(Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)), edge)
            )
    if dataset.modality == "text":
        return Exhibit(text=_cut(str(dataset.inputs[row])))
    if isinstance(dataset.inputs, pd.DataFrame):
        frame = dataset.inputs
        cells = [(str(name), _value(frame.iat[row, i])) for i, name in enumerate(frame.columns[:CELLS])]
        more = len(frame.columns) - CELLS
        return Exhibit(values=tuple(cells + [("…", f"{more} more columns")] * (more > 0)))
    flat = np.asarray(dataset.inputs[row]).ravel()
    return Exhibit(
        text=_cut(", ".join(f"{value:.4g}" for value in flat[:CELLS])) + (", …" if len(flat) > CELLS else "")
    )


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS else text[:LETTERS].rstrip() + " …"


def _value(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]
        return "missing"
    if isinstance(value, pd.Timestamp) and value == value.normalize():
        return str(value.date())
    return f"{value:.6g}" if isinstance(value, float) else _cut(str(value))
