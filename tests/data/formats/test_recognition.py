"""Which format a path is read in: by evidence, by dataaudit.toml, or not at all."""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataaudit import plugins
from dataaudit.dataset import UNREAD
from dataaudit.errors import DatasetError

from .image_folders import picture, two_classes
from .reading import columns, recognised, texts


def table(root: Path, name: str = "train.csv", count: int = 20) -> None:
    columns(count).to_csv(root / name, index=False)


# Evidence


def _images_and_table(root: Path) -> None:
    two_classes(root, "train", "test")
    table(root)


def _table_and_arrays(root: Path) -> None:
    table(root)
    np.savez(root / "a.npz", x=np.zeros((4, 2)), y=np.zeros(4))


def _csv_and_json_lines(root: Path) -> None:
    table(root)
    columns(20).to_json(root / "train.jsonl", orient="records", lines=True)


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (_images_and_table, "image_folder and like table"),
        (_table_and_arrays, "npz and like table"),
        (_csv_and_json_lines, "json_lines and like table"),
    ],
)
def test_two_formats_of_equal_evidence_are_refused_and_both_named(
    tmp_path: Path, build: Callable[[Path], None], names: str
) -> None:
    build(tmp_path)
    with pytest.raises(DatasetError, match=f"ambiguous, it looks like {names}"):
        recognised(tmp_path)


def test_what_was_looked_for_and_what_was_found_is_said(tmp_path: Path) -> None:
    for name in ("a.doc", "b.doc", "c.xls", "README"):
        (tmp_path / name).write_text("text")
    with pytest.raises(DatasetError) as caught:
        recognised(tmp_path)
    words = ["2 .doc", "1 .xls", "1 without an ending", *(f"({name})" for name in plugins.names("formats"))]
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("name", plugins.names("formats"))
def test_looking_never_raises(tmp_path: Path, name: str) -> None:
    matches = plugins.get("formats", name).matches
    (tmp_path / "loop").symlink_to("loop")
    for path in ("loop", "missing", "a\nb\udcff", "file.bin"):
        (tmp_path / "file.bin").write_bytes(b"\0\xff")
        assert matches(tmp_path / path) is False
    for ending in ("csv", "npz", "h5", "jsonl", "json", "parquet", "tar", "arrow"):
        (tmp_path / f"a.{ending}").write_bytes(b"\0\xff")
        assert matches(tmp_path / f"a.{ending}") in (True, False)
    assert matches(tmp_path) in (True, False)


# What is not supported


@pytest.mark.parametrize("name", ["annotations/instances_val2017.json", "train/labels.json"])
def test_coco_is_recognised_and_refused(tmp_path: Path, name: str) -> None:
    two_classes(tmp_path, "train", "test")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(json.dumps({"info": "x" * 200_000, "images": [], "annotations": [], "categories": []}))
    with pytest.raises(DatasetError, match="COCO file of objects in images, which is not supported"):
        recognised(tmp_path)


def test_webdataset_shards_are_recognised_and_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "train-000000.tar", "w") as shard:
        shard.add(picture(tmp_path / "a.png"), "0.png")
    for path in (tmp_path, tmp_path / "train-000000.tar"):
        with pytest.raises(DatasetError, match="WebDataset are not supported"):
            recognised(path)


def test_an_archive_beside_images_is_no_shard(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    tarfile.open(tmp_path / "backup.tar", "w").close()
    assert recognised(tmp_path).layout.format == "image_folder"


# dataaudit.toml


def layout(root: Path, text: str) -> None:
    (root / "dataaudit.toml").write_text(f"[gate]\nanything = true\n[layout]\n{text}")


def test_the_named_format_is_taken_where_two_match(tmp_path: Path) -> None:
    _images_and_table(tmp_path)
    layout(tmp_path, 'format = "table"')
    assert recognised(tmp_path).layout.format == "table"
    layout(tmp_path, 'format = "image_folder"')
    dataset = recognised(tmp_path)
    assert dataset.layout.format == "image_folder"
    assert "dataaudit.toml" not in {item.path for item in dataset.layout.ignored}


def test_columns_and_files_are_described(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name, count in (("deep/one.csv", 20), ("deep/two.csv", 20), ("three.csv", 6)):
        frame = columns(count).rename(columns={"label": "outcome"})
        frame.assign(note="short", id=range(count), label=1).to_csv(tmp_path / name, index=False)
    layout(
        tmp_path,
        'label = "outcome"\ntext = ["note"]\ndrop = ["id", "label"]\n'
        'files = { train = ["deep/one.csv", "deep/two.csv"], test = "three.csv" }',
    )
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 40, "test": 6}
    assert list(dataset.frame) == ["width", "colour", "note"]
    assert dataset.class_names == ("no", "yes")
    assert {"deep/two.csv#19", "three.csv#5"} <= set(dataset.ids)
    assert any("left out as dataaudit.toml says: id, label" in note for note in dataset.layout.notes)


def test_a_split_column_of_any_name(tmp_path: Path) -> None:
    columns(10).assign(part=["train"] * 6 + ["test"] * 4).to_csv(tmp_path / "a.csv", index=False)
    layout(tmp_path, 'split = "part"')
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 6, "test": 4}
    assert list(dataset.frame) == ["width", "colour"]


def test_a_column_named_as_text_is_one(tmp_path: Path) -> None:
    n = 20
    pd.DataFrame({"tag": ["a", "b"] * 10, "body": texts(n), "label": [0, 1] * 10}).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert recognised(tmp_path).modality == "table"
    layout(tmp_path, 'text = ["tag", "body"]')
    dataset = recognised(tmp_path)
    assert dataset.modality == "text"
    assert dataset.inputs[1] == f"b\n{texts(n)[1]}"


def test_the_user_goes_before_the_file(tmp_path: Path) -> None:
    table(tmp_path)
    layout(tmp_path, 'label = "label"')
    assert recognised(tmp_path, label="colour").class_names == ("blue", "red")


def test_other_tables_are_left_alone(tmp_path: Path) -> None:
    table(tmp_path)
    (tmp_path / "dataaudit.toml").write_text('[gate]\nlearner = "x"\n')
    assert recognised(tmp_path).layout.format == "table"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('lable = "x"', ["no key 'lable'", "did you mean 'label'?"]),
        (
            'learner = "os:system"',
            ["no key 'learner'", "names no code", "format, label, task, split, text, drop, files"],
        ),
        ('format = "tabel"', ["no format 'tabel'", "table"]),
        ("label = 3", ["a word in quotes for 'label'", "3"]),
        ("drop = [1]", ["a list of words", "drop"]),
        ("label = ", ["not readable as TOML"]),
        ('files = "train.csv"', ["expected files = {"]),
        ('files = { first = "train.csv" }', ["names of splits", "'first'"]),
        ('files = { train = "../train.csv" }', ["inside"]),
        ('files = { train = "no.csv" }', ["no.csv", "no such file"]),
        ('files = { test = "train.csv" }', ["expected a training split", "only test"]),
        ('files = { val = "train.csv", dev = "train.csv" }', ["both name the val split"]),
        ('drop = ["depth"]', ["'depth'", "no feature there"]),
        ('split = "depth"', ["no column 'depth'"]),
        ('split = "colour"', ["expected names of splits", "'colour'"]),
        ('format = "image_folder"\ndrop = ["x"]', ["image_folder has no use for drop"]),
    ],
)
def test_a_description_that_does_not_hold_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    table(tmp_path)
    layout(tmp_path, text)
    with pytest.raises(DatasetError) as caught:
        recognised(tmp_path)
    assert [word for word in words if word not in str(caught.value)] == []


# Advice that works


def test_a_list_beside_images_may_become_their_metadata(tmp_path: Path) -> None:
    rows = [{"id": str(number), "label": "ab"[number % 2]} for number in range(20)]
    for row in rows:
        picture(tmp_path / f"{row['id']}.png", 7)
    pd.DataFrame(rows).to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(DatasetError, match=r"call it metadata\.csv .*the columns file_name"):
        recognised(tmp_path)
    (tmp_path / "train.csv").unlink()
    named = pd.DataFrame(rows).assign(file_name=lambda frame: frame.pop("id") + ".png")
    for name in ("metadata.csv", "list.csv"):
        named.to_csv(tmp_path / name, index=False)
        assert len(recognised(tmp_path)) == 20
        (tmp_path / name).unlink()


def test_a_file_of_rows_beside_the_table_is_named(tmp_path: Path) -> None:
    table(tmp_path)
    for name in ("more.xlsx", "notes.md", "old/table.csv", "plots/a.png.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    reasons = {item.path: item.reason for item in recognised(tmp_path).layout.ignored}
    assert reasons == {"more.xlsx": UNREAD, "old/": UNREAD, "notes.md": "no file of rows", "plots/": "no file of rows"}


@pytest.mark.parametrize(("name", "advice"), [("a.xlsx", "save the sheet as CSV"), ("a.zip", "unpack it")])
def test_what_can_be_converted_says_how(tmp_path: Path, name: str, advice: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DatasetError, match=advice):
        recognised(tmp_path / name)
