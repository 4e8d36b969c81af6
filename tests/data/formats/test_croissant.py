"""Croissant descriptions beside the files that they describe."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataaudit.errors import DatasetError

from .reading import columns, recognised

CONTEXT = {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/", "sc": "https://schema.org/"}


def record_set(name: str, file: str, fields: dict[str, str], label: str | None = None) -> dict[str, Any]:
    def field(title: str, column: str) -> dict[str, Any]:
        return {
            "@type": "cr:Field", "@id": f"{name}/{title}", "name": f"{name}/{title}",
            "dataType": ["sc:Text", "cr:Label"] if title == label else "sc:Text",
            "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
        }  # fmt: skip

    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": [field(*item) for item in fields.items()]}


def describe(folder: Path, sets: list[dict[str, Any]], files: list[str], name: str = "croissant.json") -> None:
    objects = [
        {"@type": "cr:FileObject", "@id": file, "contentUrl": file, "encodingFormat": "text/csv"} for file in files
    ]
    found = {"@context": CONTEXT, "@type": "sc:Dataset", "name": "a", "distribution": objects, "recordSet": sets}
    (folder / name).write_text(json.dumps(found))


@pytest.mark.parametrize("name", ["croissant.json", "metadata.json"])
def test_fields_are_the_columns_that_they_name(tmp_path: Path, name: str) -> None:
    columns(50).to_csv(tmp_path / "data.csv", index=False)
    describe(
        tmp_path, [record_set("rows", "data.csv", {"size": "width", "outcome": "label"}, "outcome")], ["data.csv"], name
    )
    dataset = recognised(tmp_path)
    assert (dataset.layout.format, dataset.modality) == ("croissant", "table")
    assert list(dataset.frame) == ["size"]
    assert dataset.class_names == ("no", "yes")
    assert dataset.ids[3] == "data.csv#3"
    assert dataset.sizes() == {"train": 40, "test": 10}


def test_a_card_without_record_sets_does_not_describe_the_data_beside_it(tmp_path: Path) -> None:
    for split, count in (("train", 20), ("test", 6)):
        columns(count).to_csv(tmp_path / f"{split}.csv", index=False)
    describe(tmp_path, [], [])
    document = json.loads((tmp_path / "croissant.json").read_text())
    del document["recordSet"], document["distribution"]
    (tmp_path / "croissant.json").write_text(json.dumps(document))
    dataset = recognised(tmp_path)
    assert dataset.layout.format != "croissant"
    assert dataset.sizes() == {"train": 20, "test": 6}


@pytest.mark.parametrize("key", ["distribution", "cr:recordSet"])
def test_a_description_without_records_that_can_be_read_is_refused_not_passed_over(tmp_path: Path, key: str) -> None:
    columns(20).to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "croissant.json").write_text(json.dumps({"@context": CONTEXT, "name": "a", key: []}))
    with pytest.raises(DatasetError, match="recordSet"):
        recognised(tmp_path)


def test_record_sets_that_are_named_like_splits(tmp_path: Path) -> None:
    fields = {name: name for name in columns(2)}
    for split, count in (("train", 20), ("test", 6)):
        columns(count).to_csv(tmp_path / f"{split}ing.csv", index=False)
    describe(
        tmp_path, [record_set(split, f"{split}ing.csv", fields) for split in ("train", "test")],
        ["training.csv", "testing.csv"],
    )  # fmt: skip
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 20, "test": 6}
    assert dataset.layout.split_origin == "record sets"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contentUrl": "https://example.org/far.csv"}, ["far.csv", "nothing is downloaded"]),
        ({"contentUrl": "../data.csv"}, ["inside"]),
        ({"contentUrl": "data.zip"}, ["no such file"]),
        ({"@id": "other"}, ["'data.csv'", "does not have"]),
    ],
)
def test_files_elsewhere_are_refused(tmp_path: Path, change: dict[str, str], words: list[str]) -> None:
    columns(20).to_csv(tmp_path / "data.csv", index=False)
    describe(tmp_path, [record_set("rows", "data.csv", {"x": "width", "label": "label"})], ["data.csv"])
    found = json.loads((tmp_path / "croissant.json").read_text())
    found["distribution"][0].update(change)
    (tmp_path / "croissant.json").write_text(json.dumps(found))
    with pytest.raises(DatasetError) as caught:
        recognised(tmp_path)
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_column_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    columns(20).to_csv(tmp_path / "data.csv", index=False)
    describe(tmp_path, [record_set("rows", "data.csv", {"x": "depth", "label": "label"})], ["data.csv"])
    with pytest.raises(DatasetError, match=r"names the column 'depth', which data\.csv has not"):
        recognised(tmp_path)


@pytest.mark.parametrize("sets", [[], "rows", [1], [{"field": 3}], [{"name": "rows", "field": [{"source": "x"}]}]])
def test_a_description_of_another_form_is_refused(tmp_path: Path, sets: Any) -> None:
    columns(20).to_csv(tmp_path / "data.csv", index=False)
    describe(tmp_path, sets, ["data.csv"])
    with pytest.raises(DatasetError, match=r"croissant\.json: expected"):
        recognised(tmp_path)


def test_another_json_file_is_no_description(tmp_path: Path) -> None:
    columns(20).to_csv(tmp_path / "data.csv", index=False)
    (tmp_path / "metadata.json").write_text('{"@context": "https://schema.org/"}')
    (tmp_path / "croissant.json").write_text("[")
    assert recognised(tmp_path).layout.format == "table"
