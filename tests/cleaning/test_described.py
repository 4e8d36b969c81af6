"""Croissant descriptions and folders of save_to_disk."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataaudit.dataset import Dataset
from dataaudit.errors import DatasetError

from ..data.formats.reading import columns, recognised, texts
from ..data.formats.test_croissant import describe, record_set
from .deciding import cleaned, remedy, tree


def test_croissant_keeps_its_description_but_for_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    columns(50).to_csv(path / "data.csv", index=False)
    (path / "other.csv").write_text("kept")
    describe(path, [record_set("rows", "data.csv", {"size": "width", "outcome": "label"}, "outcome")], ["data.csv"])
    described = json.loads((path / "croissant.json").read_text())
    old = hashlib.sha256((path / "data.csv").read_bytes()).hexdigest()
    described["distribution"][0]["sha256"] = old
    described["distribution"].append({"@id": "far", "contentUrl": "https://example.org/far.csv", "sha256": "0" * 64})
    (path / "croissant.json").write_text(json.dumps(described, indent=3))
    new, after, _ = cleaned(path, remedy("remove", "data.csv#3"), remedy("relabel", "data.csv#4", to="yes"))
    now = hashlib.sha256((new / "data.csv").read_bytes()).hexdigest()
    assert (new / "croissant.json").read_text() == (path / "croissant.json").read_text().replace(old, now)
    assert now != old
    assert len(after) == 49
    lines = (path / "data.csv").read_text().splitlines()
    assert (new / "data.csv").read_text().splitlines() == [*lines[:4], lines[5].replace("no", "yes"), *lines[6:]]


def test_croissant_sets_that_share_a_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir()
    columns(50).to_csv(path / "data.csv", index=False)
    fields = {name: name for name in columns(2)}
    describe(path, [record_set(split, "data.csv", fields) for split in ("train", "test")], ["data.csv"])
    with pytest.raises(DatasetError, match="must be unique"):
        cleaned(path, remedy("remove", "data.csv#3"))


def save(path: Path, features: dict[str, Any], **splits: dict[str, list[Any]]) -> Path:
    saved = pytest.importorskip("datasets")
    saved.disable_progress_bars()
    tables = {name: saved.Dataset.from_dict(rows, saved.Features(features)) for name, rows in splits.items()}
    (saved.DatasetDict(tables) if "rows" not in tables else tables["rows"]).save_to_disk(path)
    return path


def labels(dataset: Dataset, prefix: str) -> list[str]:
    return [dataset.label(row) for row, id in enumerate(dataset.ids) if id.startswith(prefix)]


def test_saved_texts_with_class_numbers(tmp_path: Path) -> None:
    saved = pytest.importorskip("datasets")
    features = {"sentence": saved.Value("string"), "intent": saved.ClassLabel(names=["stay", "leave"])}
    train, test = ({"sentence": texts(n), "intent": [0, 1] * (n // 2)} for n in (20, 6))
    path = save(tmp_path / "data", features, train=train, test=test)
    (path / "README.md").write_text("kept")
    new, after, _ = cleaned(
        path,
        remedy("remove", "train#0"),
        remedy("relabel", "train#2", to="leave"),
        remedy("move", "test#1", to="train"),
    )
    assert after.sizes() == {"train": 20, "test": 5}
    assert labels(after, "train") == ["leave", "leave", "leave", *["stay", "leave"] * 8, "leave"]
    assert set(tree(path)) == set(tree(new))
    found = saved.load_from_disk(str(new))
    assert found["train"].features == saved.Features(features)
    assert found["train"][0]["sentence"] == texts(20)[1]


def test_saved_lists_of_classes_without_splits(tmp_path: Path) -> None:
    saved = pytest.importorskip("datasets")
    features = {
        "text": saved.Value("string"),
        "labels": saved.Sequence(saved.ClassLabel(names=["joy", "fear", "anger"])),
    }
    rows = {"text": texts(30), "labels": [[0, 1, 2][: at % 3] for at in range(30)]}
    new, after, _ = cleaned(
        save(tmp_path / "data", features, rows=rows), remedy("relabel", "rows#0", to=("fear", "joy")),
        remedy("remove", "rows#1"),
    )  # fmt: skip
    assert saved.load_from_disk(str(new))[0]["labels"] == [1, 0]
    assert len(after) == 29


def test_saved_images(tmp_path: Path) -> None:
    saved = pytest.importorskip("datasets")
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 8), np.uint8)
    features = {"picture": saved.Image(), "label": saved.ClassLabel(names=["cat", "dog"])}
    rows = {"picture": [Image.fromarray(one) for one in pixels], "label": [0, 1] * 6}
    test = {"picture": [*rows["picture"][:3], None], "label": [0, 1] * 2}
    path = save(tmp_path / "data", features, train=rows, test=test)
    before = recognised(path)
    _, after, _ = cleaned(path, remedy("remove", "test#3", "train#0"), remedy("relabel", "train#1", to="cat"))
    assert after.rejected == ()
    assert after.contents[:11] == before.contents[1:12]
    assert labels(after, "train")[:2] == ["cat", "cat"]


def test_a_saved_split_behind_a_link_is_not_changed(tmp_path: Path) -> None:
    saved = pytest.importorskip("datasets")
    features = {"sentence": saved.Value("string"), "label": saved.ClassLabel(names=["stay", "leave"])}
    train, test = ({"sentence": texts(n), "label": [0, 1] * (n // 2)} for n in (20, 6))
    path = save(tmp_path / "data", features, train=train, test=test)
    (path / "test").rename(tmp_path / "outside")
    (path / "test").symlink_to(tmp_path / "outside")
    before = tree(tmp_path / "outside")
    with pytest.raises(DatasetError, match="lies behind a link"):
        cleaned(path, remedy("remove", "test#0"))
    assert tree(tmp_path / "outside") == before
