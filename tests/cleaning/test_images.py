"""Image folders and images with a metadata file: removed, relabelled and moved, and all else copied."""

import os
import shutil
import zlib
from pathlib import Path

import pandas as pd
import pytest

from dataaudit.errors import DatasetError, InputError

from ..data.formats.image_folders import picture
from ..data.formats.reading import recognised
from ..data.formats.test_image_metadata import listed
from .deciding import cleaned, remedy, samples, tree


def photos(root: Path) -> Path:
    """Two classes in two splits, with a file that is no image."""
    folder = root / "photos"
    for split, count in (("training", 6), ("test", 3)):
        for label in ("cat", "dog"):
            for number in range(count):
                picture(folder / split / label / f"{number}.png", seed=zlib.crc32(f"{split} {label} {number}".encode()))
    (folder / "README.md").write_text("whence they come")
    return folder


def test_files_are_removed_and_moved_and_all_else_is_copied(tmp_path: Path) -> None:
    path = photos(tmp_path)
    picture(path / "training/cat/deep/9.png", seed=77)
    before, files = recognised(path), tree(path)
    new, after, record = cleaned(
        path,
        remedy("remove", "training/cat/0.png"),
        remedy("relabel", "training/cat/deep/9.png", to="dog"),
        remedy("relabel", "training/cat/1.png", to="dog"),
        remedy("move", "test/dog/2.png", to="train"),
    )
    expected = dict(files)
    del expected["training/cat/0.png"]
    expected["training/dog/deep"] = "folder"
    expected["training/dog/deep/9.png"] = expected.pop("training/cat/deep/9.png")
    expected["training/dog/1-2.png"] = expected.pop("training/cat/1.png")
    expected["training/dog/2-2.png"] = expected.pop("test/dog/2.png")
    assert tree(new) == expected
    assert {one["sample"]: one["now"] for one in record["changes"]} == {
        "training/cat/0.png": None,
        "training/cat/1.png": "training/dog/1-2.png",
        "training/cat/deep/9.png": "training/dog/deep/9.png",
        "test/dog/2.png": "training/dog/2-2.png",
    }
    assert record["counts"] == {"removed": 1, "relabelled": 2, "moved": 1, "unchanged": len(before) - 4}
    assert after.counts() == {"train": {"cat": 4, "dog": 9}, "test": {"cat": 3, "dog": 2}}


def test_one_sample_may_get_another_label_and_another_split(tmp_path: Path) -> None:
    path = photos(tmp_path)
    id = "test/cat/1.png"
    new, _, record = cleaned(path, remedy("relabel", id, to="dog"), remedy("move", id, to="train"))
    assert not (new / id).exists()
    assert [one["action"] for one in record["changes"]] == ["move", "relabel"]
    assert (new / "training/dog/1-2.png").read_bytes() == (path / id).read_bytes()


def test_an_unreadable_image_is_removed(tmp_path: Path) -> None:
    path = photos(tmp_path)
    (path / "test/cat/broken.png").write_bytes(b"no image")
    new, after, record = cleaned(path, remedy("remove", "test/cat/broken.png"))
    assert after.rejected == ()
    assert not (new / "test/cat/broken.png").exists()
    assert record["changes"][0]["from"] == "cat"


def test_without_splits_images_are_relabelled_and_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    for number in range(20):
        picture(path / "ab"[number % 2] / f"{number}.png", seed=number)
    with pytest.raises(InputError, match="no splits of its own"):
        cleaned(path, remedy("move", "a/0.png", to="test"))
    _, after, _ = cleaned(path, remedy("relabel", "a/0.png", to="b"))
    assert "b/0.png" in after.ids


def test_links_inside_become_what_they_lead_to_and_links_outside_are_not_followed(tmp_path: Path) -> None:
    path = photos(tmp_path)
    outside = tmp_path / "store"
    picture(outside / "x.png", seed=5)
    before = tree(outside)
    (path / "training/cat/in.png").symlink_to(path / "training/cat/3.png")
    (path / "training/cat/out.png").symlink_to("../../../store/x.png")
    (path / "training/dog/out.png").symlink_to(outside / "x.png")
    (path / "gone.png").symlink_to("nowhere")
    new, after, record = cleaned(
        path,
        remedy("remove", "training/cat/3.png", "training/dog/out.png"),
        remedy("relabel", "training/cat/out.png", to="dog"),
    )
    assert (new / "training/cat/in.png").is_file()
    assert not (new / "training/cat/in.png").is_symlink()
    assert (new / "training/dog/out.png").readlink().is_absolute()
    assert tree(outside) == before
    assert "training/dog/out.png" in after.ids
    assert sorted(record["notes"]) == [
        "left out, a link to nothing: gone.png",
        "stays a link, since it leads outside: training/cat/out.png",
        "stays a link, since it leads outside: training/dog/out.png",
    ]


def test_nothing_behind_a_linked_folder_outside_is_changed(tmp_path: Path) -> None:
    path = photos(tmp_path)
    shutil.move(path / "training/cat", tmp_path / "cats")
    (path / "training/cat").symlink_to(tmp_path / "cats")
    outside = tree(tmp_path / "cats")
    for choice in (remedy("remove", "training/cat/1.png"), remedy("relabel", "training/dog/1.png", to="cat")):
        with pytest.raises(DatasetError, match=r"mislabeled-\w{12}: 'training/cat/1.*' lies behind a link"):
            cleaned(path, choice)
    assert tree(tmp_path / "cats") == outside
    assert not (tmp_path / "clean").exists()


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    path = photos(tmp_path)
    os.mkfifo(path / "pipe")
    new, _, record = cleaned(path, remedy("remove", "training/cat/1.png"))
    assert not (new / "pipe").exists()
    assert record["notes"] == ["left out, since it is no regular file: pipe"]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_metadata_file_and_its_images_change_together(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "photos"
    listed(path, "train", ending=ending)
    listed(path, "test", 6, ending)
    before = recognised(path)
    new, after, record = cleaned(
        path,
        remedy("remove", "train/images/0.png"),
        remedy("relabel", "train/images/1.png", to="cat"),
        remedy("move", "test/images/2.png", to="train"),
    )
    assert not (new / "train/images/0.png").exists()
    assert record["changes"][0]["now"] == "train/images/2-2.png"
    assert (new / "train/images/2-2.png").read_bytes() == (path / "test/images/2.png").read_bytes()
    assert not (new / "test/images/2.png").exists()
    assert after.sizes() == {"train": 8, "test": 5}
    assert after.layout.ignored == ()
    moved = [(split, label, content) for split, label, content in samples(before) if split == "test"]
    assert len(set(moved) - set(samples(after))) == 1


def test_a_split_column_of_a_metadata_file(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    listed(path, split=["train"] * 5 + ["test"] * 3)
    new, after, record = cleaned(path, remedy("move", "images/6.png", to="train"), remedy("remove", "images/0.png"))
    assert after.sizes() == {"train": 5, "test": 2}
    assert record["changes"][1]["now"] == "images/6.png"
    assert "images/0.png" not in set(pd.read_csv(new / "metadata.csv")["file_name"])


def test_a_row_without_an_image_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "photos"
    listed(path, split=["train"] * 5 + ["test"] * 3)
    (path / "images/1.png").unlink()
    _, after, _ = cleaned(path, remedy("remove", "images/1.png"))
    assert after.rejected == ()
