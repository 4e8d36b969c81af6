"""What a report shows of a sample, whatever it is, within a budget."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dataaudit.dataset import Modality
from dataaudit.reporting.exhibits import CELLS, LETTERS, exhibits

from ..fixtures_tables import dataset_of, make


@pytest.mark.parametrize("modality", ["image", "text", "table", "array"])
def test_every_modality_is_shown_and_the_budget_is_kept(modality: Modality) -> None:
    dataset = make(modality, "classification", 20, 5)
    shown = exhibits(dataset, dataset.ids, 32, 1 << 20)
    assert list(shown) == list(dataset.ids)
    one = shown[dataset.ids[0]]
    assert [bool(one.picture), bool(one.text), bool(one.values)].count(True) == 1
    few = exhibits(dataset, dataset.ids, 32, 3 * max(own.size for own in shown.values()))
    assert 3 <= len(few) < len(dataset)
    assert exhibits(dataset, ["no such sample"], 32, 1 << 20) == {}


def test_long_texts_wide_rows_and_long_arrays_are_cut_and_say_so() -> None:
    text = dataset_of(np.array(["word " * 500, "short"], object), [0, 1], 1, "text")
    shown = exhibits(text, text.ids, 32, 1 << 20)
    assert len(shown[text.ids[0]].text) <= LETTERS + 2
    assert shown[text.ids[0]].text.endswith(" …")
    assert shown[text.ids[1]].text == "short"
    wide = dataset_of(pd.DataFrame(np.ones((2, CELLS + 3))), [0, 1], 1, "table")
    assert exhibits(wide, wide.ids, 32, 1 << 20)[wide.ids[0]].values[-1] == ("…", "3 more columns")
    long = dataset_of(np.ones((2, 100), np.float32), [0, 1], 1, "array")
    assert exhibits(long, long.ids, 32, 1 << 20)[long.ids[0]].text.endswith(", …")


def test_values_are_in_words_that_can_be_read() -> None:
    days = pd.to_datetime(["2020-01-02 00:00", "2020-01-02 03:04"])
    frame = pd.DataFrame({"x": [1 / 3, None], "when": days, "word": pd.Categorical(["a", None]), "n": [7, 8]})
    dataset = dataset_of(frame, [0, 1], 1, "table")
    first, second = (dict(one.values) for one in exhibits(dataset, dataset.ids, 32, 1 << 20).values())
    assert first == {"x": "0.333333", "when": "2020-01-02", "word": "a", "n": "7"}
    assert second == {"x": "missing", "when": "2020-01-02 03:04:00", "word": "missing", "n": "8"}


def test_images_without_files_are_shown_from_their_pixels() -> None:
    grey = make("image", "classification", 4, 2)
    colour = replace(grey, inputs=np.repeat(np.asarray(grey.inputs), 3, 1))
    for dataset in (grey, colour):
        assert exhibits(dataset, dataset.ids[:1], 32, 1 << 20)[dataset.ids[0]].picture.startswith("data:image/png")
