"""Folders that save_to_disk of Hugging Face's datasets wrote."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataaudit.errors import DatasetError

from .reading import recognised, texts

SAVED = pytest.importorskip("datasets")
SAVED.disable_progress_bars()
TEXT, NUMBER = SAVED.Value("string"), SAVED.Value("float32")


def save(path: Path, features: dict[str, Any], **splits: dict[str, list[Any]]) -> Path:
    tables = {name: SAVED.Dataset.from_dict(rows, SAVED.Features(features)) for name, rows in splits.items()}
    (SAVED.DatasetDict(tables) if "rows" not in tables else tables["rows"]).save_to_disk(path)
    return path


def test_texts_with_class_numbers_under_any_name(tmp_path: Path) -> None:
    intent = SAVED.ClassLabel(names=["stay", "leave", "unused"])
    train = {"sentence": texts(20), "intent": [0, 1] * 9 + [-1, 0]}
    test = {"sentence": texts(6), "intent": [1, 0] * 3}
    path = save(tmp_path / "a", {"sentence": TEXT, "intent": intent}, train=train, validation=test, extra=test)
    dataset = recognised(path)
    assert (dataset.layout.format, dataset.modality, dataset.task) == ("hugging_face", "text", "classification")
    assert dataset.class_names == ("leave", "stay")
    assert dataset.sizes() == {"train": 19, "val": 6}
    assert dataset.inputs[dataset.ids.index("train#3")] == texts(20)[3]
    assert [sample.id for sample in dataset.rejected] == ["train#18"]
    assert [item.path for item in dataset.layout.ignored] == ["extra"]


def test_numbers_without_splits(tmp_path: Path) -> None:
    rows = {"a": list(range(50)), "b": [0.5] * 50, "target": [at / 3 for at in range(50)]}
    dataset = recognised(save(tmp_path / "a", {"a": NUMBER, "b": NUMBER, "target": NUMBER}, rows=rows))
    assert (dataset.modality, dataset.task, dataset.sizes()) == ("table", "regression", {"train": 40, "test": 10})
    assert dataset.ids[7] == "rows#7"


def test_lists_of_classes_are_sets_of_labels(tmp_path: Path) -> None:
    labels = SAVED.Sequence(SAVED.ClassLabel(names=["joy", "fear", "anger"]))
    rows = {"text": texts(30), "labels": [[0, 1, 2][: at % 3] for at in range(30)]}
    dataset = recognised(save(tmp_path / "a", {"text": TEXT, "labels": labels}, rows=rows))
    assert (dataset.task, dataset.class_names) == ("multilabel", ("fear", "joy"))
    assert dataset.modality == "text"


def test_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (12, 9, 8), np.uint8)
    pictures = [Image.fromarray(array) for array in pixels]
    features = {"picture": SAVED.Image(), "label": SAVED.ClassLabel(names=["cat", "dog"]), "place": TEXT}
    rows = {"picture": pictures, "label": [0, 1] * 6, "place": ["here"] * 12}
    test = {name: values[:4] for name, values in rows.items()} | {"picture": [*pictures[:3], None]}
    dataset = recognised(save(tmp_path / "a", features, train=rows, test=test))
    assert (dataset.modality, dataset.sources) == ("image", ())
    np.testing.assert_array_equal(dataset.pixels[:12, 0], pixels)
    assert dataset.contents[dataset.ids.index("test#2")] == dataset.contents[dataset.ids.index("train#2")]
    assert [(sample.id, sample.split) for sample in dataset.rejected] == [("test#3", "test")]
    assert any("not used: place" in note for note in dataset.layout.notes)


def test_a_row_that_names_a_file_instead_of_holding_it_is_not_followed(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(10)]
    for number, file in enumerate(files):
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(file)
    stored = {"bytes": SAVED.Value("binary"), "path": TEXT}
    rows = {"picture": [{"bytes": file.read_bytes(), "path": None} for file in files]}
    rows["picture"][9] = {"bytes": None, "path": str(files[9])}
    table = SAVED.Dataset.from_dict({**rows, "label": [0, 1] * 5}, SAVED.Features(picture=stored, label=NUMBER))
    table.save_to_disk(tmp_path / "a")
    info = tmp_path / "a/dataset_info.json"
    plain = SAVED.Features(picture=SAVED.Image(), label=NUMBER)
    described = json.loads(info.read_text())
    described["features"] = plain.to_dict()
    info.write_text(json.dumps(described))
    dataset = recognised(tmp_path / "a")
    assert [sample.id for sample in dataset.rejected] == ["rows#9"]
    assert "no image is stored in this row" in dataset.rejected[0].reason


def test_two_splits_of_one_kind_are_refused(tmp_path: Path) -> None:
    rows = {"x": [1.0] * 4, "label": [0.0, 1.0] * 2}
    path = save(tmp_path / "a", {"x": NUMBER, "label": NUMBER}, train=rows, val=rows, validation=rows)
    with pytest.raises(DatasetError, match="val and validation both name the val split"):
        recognised(path)


def test_a_broken_folder_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a", {"x": NUMBER, "label": NUMBER}, rows={"x": [1.0] * 4, "label": [0.0, 1.0] * 2})
    next(path.glob("*.arrow")).write_bytes(b"not arrow")
    with pytest.raises(DatasetError, match="not readable as a folder of save_to_disk"):
        recognised(path)


def test_without_the_library_it_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DatasetError, match=r"pip install 'dataaudit\[huggingface\]'"):
        recognised(tmp_path)
