"""Frames as typed values and texts."""

from pathlib import Path

import pandas as pd

from dataaudit.data.reading.frames import join_texts

from ..formats.reading import recognised, texts


def test_a_missing_text_is_an_empty_one_and_not_the_word_nan(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [None, *texts(39)], "label": ["a", "b"] * 20})
    frame.to_json(tmp_path / "data.jsonl", orient="records", lines=True)
    dataset = recognised(tmp_path)
    assert dict(zip(dataset.ids, dataset.inputs, strict=True))["data.jsonl#0"] == ""
    missing = pd.DataFrame({"title": [None, float("nan"), pd.NA], "body": ["x", pd.NaT, 1]}, dtype=object)
    assert join_texts(missing).tolist() == ["\nx", "\n", "\n1"]
