"""Images listed in metadata files."""

from pathlib import Path

import pandas as pd
import pytest

from dataaudit.errors import DatasetError

from .image_folders import picture, two_classes
from .reading import recognised


def listed(root: Path, folder: str = "", count: int = 8, ending: str = "csv", **more: list[object]) -> pd.DataFrame:
    """Images with a metadata file that lists them."""
    names = [f"images/{at}.png" for at in range(count)]
    for at, name in enumerate(names):
        picture(root / folder / name, seed=100 * len(folder) + at)
    frame = pd.DataFrame({"file_name": names, "label": ["cat", "dog"] * (count // 2), **more})
    write(root / folder, frame, ending)
    return frame


def write(folder: Path, frame: pd.DataFrame, ending: str = "csv") -> None:
    path = folder / f"metadata.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_file_in_each_split_folder(tmp_path: Path, ending: str) -> None:
    listed(tmp_path, "train", ending=ending)
    listed(tmp_path, "validation", 4, ending)
    dataset = recognised(tmp_path)
    assert (dataset.layout.format, dataset.modality) == ("image_metadata", "image")
    assert dataset.counts() == {"train": {"cat": 4, "dog": 4}, "val": {"cat": 2, "dog": 2}}
    assert dataset.ids[1] == "train/images/1.png"
    assert dataset.sources[1] == tmp_path / "train/images/1.png"
    assert dataset.layout.ignored == ()


def test_one_file_at_the_top_with_a_split_column(tmp_path: Path) -> None:
    listed(tmp_path, split=["train"] * 4 + ["test"] * 4, camera=["a"] * 8)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 4, "test": 4}
    assert dataset.layout.split_origin == "split column 'split'"
    assert any("not used: camera" in note for note in dataset.layout.notes)


def test_without_splits_a_fifth_is_set_aside(tmp_path: Path) -> None:
    listed(tmp_path, count=20)
    assert recognised(tmp_path).counts() == {"train": {"cat": 8, "dog": 8}, "test": {"cat": 2, "dog": 2}}


def test_the_list_goes_before_the_names_of_folders(tmp_path: Path) -> None:
    frame = listed(tmp_path, count=20)
    for at in range(20):
        picture(tmp_path / ["apple", "pear"][at % 2] / f"{at}.png", at)
    frame["file_name"] = [f"{['apple', 'pear'][at % 2]}/{at}.png" for at in range(20)]
    write(tmp_path, frame)
    dataset = recognised(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert {item.reason for item in dataset.layout.ignored} == {"an image that no metadata file lists"}


def test_numbers_and_lists_may_be_targets(tmp_path: Path) -> None:
    frame = listed(tmp_path, count=20)
    write(tmp_path, frame.assign(label=[at / 7 for at in range(20)]))
    assert recognised(tmp_path).task == "regression"
    write(tmp_path, frame.assign(label=[["a", "b"][: at % 3] for at in range(20)]), "jsonl")
    (tmp_path / "metadata.csv").unlink()
    assert recognised(tmp_path).task == "multilabel"


def test_missing_broken_and_unlabelled_images_are_rejected(tmp_path: Path) -> None:
    frame = listed(tmp_path, count=20)
    (tmp_path / "images/3.png").unlink()
    (tmp_path / "images/4.png").write_bytes(b"no image")
    frame.loc[5, "label"] = None
    write(tmp_path, frame)
    reasons = {sample.id: sample.reason for sample in recognised(tmp_path).rejected}
    assert reasons.pop("images/3.png") == "listed, but there is no such file"
    assert "not readable" in reasons.pop("images/4.png")
    assert "no label" in reasons.pop("images/5.png")
    assert reasons == {}


def test_an_image_that_is_not_listed_is_left_out_and_said(tmp_path: Path) -> None:
    listed(tmp_path, count=20)
    picture(tmp_path / "images/more.png")
    dataset = recognised(tmp_path)
    assert [item.path for item in dataset.layout.ignored] == ["images/more.png"]
    assert len(dataset) == 20


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "images/../../secret.png", "", "a\0.png"])
def test_a_name_may_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "photos"
    frame = listed(root)
    picture(tmp_path / "secret.png")
    frame.loc[2, "file_name"] = name
    write(root, frame, "jsonl")
    (root / "metadata.csv").unlink()
    with pytest.raises(DatasetError, match="data row 2: expected"):
        recognised(root)


def test_a_name_may_point_to_another_folder_of_the_dataset(tmp_path: Path) -> None:
    listed(tmp_path, "train")
    frame = listed(tmp_path, "test", 4)
    picture(tmp_path / "shared/a.png", 99)
    frame.loc[0, "file_name"] = "../shared/a.png"
    write(tmp_path / "test", frame)
    assert "shared/a.png" in recognised(tmp_path).ids


def test_a_file_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    frame = listed(tmp_path)
    frame.loc[1, "file_name"] = "images/./0.png"
    write(tmp_path, frame)
    with pytest.raises(DatasetError, match=r"'images/0\.png' is listed more than once"):
        recognised(tmp_path)


def test_two_lists_for_the_same_images_are_refused(tmp_path: Path) -> None:
    frame = listed(tmp_path)
    write(tmp_path, frame, "jsonl")
    with pytest.raises(DatasetError, match=r"expected one metadata file.*metadata\.csv, metadata\.jsonl"):
        recognised(tmp_path)


@pytest.mark.parametrize("name", ["labels.csv", "train.csv", "list.tsv"])
def test_any_list_of_images_beside_them_is_taken(tmp_path: Path, name: str) -> None:
    frame = listed(tmp_path, count=20).rename(columns={"file_name": "image", "label": "kind"})
    (tmp_path / "metadata.csv").unlink()
    frame.to_csv(tmp_path / name, index=False, sep="\t" if name.endswith("tsv") else ";")
    dataset = recognised(tmp_path, "kind")
    assert (dataset.layout.format, len(dataset), dataset.class_names) == ("image_metadata", 20, ("cat", "dog"))
    assert f"images are listed in {name}, column 'image'" in dataset.layout.notes
    assert dataset.layout.ignored == ()


def test_a_table_that_lists_no_image_is_none(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test", count=5)
    pd.DataFrame({"file": ["no.png", "../no.png"], "label": [0, 1]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(DatasetError, match="ambiguous, it looks like image_folder and like table"):
        recognised(tmp_path)


def test_a_metadata_file_without_file_names_is_a_table(tmp_path: Path) -> None:
    pd.DataFrame({"x": range(20), "label": [0, 1] * 10}).to_csv(tmp_path / "metadata.csv", index=False)
    assert recognised(tmp_path).layout.format == "table"


def test_names_that_are_not_utf_8_are_left_alone(tmp_path: Path) -> None:
    listed(tmp_path, count=20)
    picture(tmp_path / "images/new.png").rename(tmp_path / "images/a\udcff.png")
    assert [item.path for item in recognised(tmp_path).layout.ignored] == ["images/a\\xff.png"]
