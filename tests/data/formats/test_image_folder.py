"""Image folders as splits and classes, and those that can't be audited."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dataaudit.config import AuditConfig
from dataaudit.data.formats import image_folder
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError, InputError

from .image_folders import findings, picture, pictures, read, two_classes

# Splits


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("val", "val"),
        ("valid", "val"),
        ("validation", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("testing", "test"),
        ("eval", "test"),
        ("evaluation", "test"),
        ("Test", "test"),
        ("VAL", "val"),
    ],
)
def test_split_folders_are_known_by_their_names(tmp_path: Path, folder: str, split: str) -> None:
    dataset = read(two_classes(tmp_path, "train", folder))
    assert Counter(dataset.splits.tolist()) == {"train": 4, split: 4}
    assert dataset.class_names == ("cat", "dog")
    assert dataset.layout.split_origin == "split folders"


@pytest.mark.parametrize("folder", ["train", "training", "Train"])
def test_the_training_folder_is_known_by_its_names(tmp_path: Path, folder: str) -> None:
    dataset = read(two_classes(tmp_path, folder, "test"))
    assert dataset.counts() == {"train": {"cat": 2, "dog": 2}, "test": {"cat": 2, "dog": 2}}


def test_all_three_splits_are_kept_apart(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "val", "test", count=3))
    assert {split: dataset.ids[dataset.rows(split)[0]] for split in ("train", "val", "test")} == {
        "train": "train/cat/0.png",
        "val": "val/cat/100.png",
        "test": "test/cat/200.png",
    }
    assert dataset.target_split == "test"


def test_without_a_test_split_the_validation_split_is_audited_and_that_is_said(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "val"))
    assert dataset.target_split == "val"
    assert any("validation" in note for note in dataset.layout.notes)


def test_images_lie_at_any_depth_below_their_class(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/2024/may/monday/a.png", 7)
    dataset = read(tmp_path)
    row = dataset.ids.index("train/cat/2024/may/monday/a.png")
    assert dataset.class_names[dataset.targets[row]] == "cat"


def test_ids_are_sorted_relative_paths(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "test", "train", count=1))
    assert dataset.ids == ("test/cat/0.png", "test/dog/50.png", "train/cat/100.png", "train/dog/150.png")


def test_a_class_beside_other_classes_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train", "test"):
        pictures(tmp_path / name, 5)
    dataset = read(tmp_path)
    assert dataset.class_names == ("bus", "test", "train")
    assert "made here" in dataset.layout.split_origin


def test_a_class_in_a_split_may_be_called_train(tmp_path: Path) -> None:
    for folder in ("train/train", "train/test", "test/train", "test/test"):
        pictures(tmp_path / folder)
    dataset = read(tmp_path)
    assert dataset.counts() == {"train": {"test": 2, "train": 2}, "test": {"test": 2, "train": 2}}


def test_a_folder_beside_the_splits_is_neither_a_class_nor_lost(tmp_path: Path) -> None:
    two_classes(tmp_path, "train2017", "val2017")
    picture(tmp_path / "runs/plot.png")
    dataset = read(tmp_path)
    assert (dataset.class_names, dataset.sizes()) == (("cat", "dog"), {"train": 4, "val": 4})
    assert "splits by name: train2017 is train, val2017 is val" in dataset.layout.notes
    (finding,) = findings(dataset)
    assert (finding.kind, finding.evidence["examples"]) == ("stray_files", ["runs/plot.png"])


def test_a_training_folder_alone_beside_another_folder_is_refused(tmp_path: Path) -> None:
    two_classes(tmp_path, "train")
    picture(tmp_path / "runs/plot.png")
    with pytest.raises(DatasetError, match=r"'train' looks like a split.*move 'runs' out, or audit .*train"):
        read(tmp_path)
    assert read(tmp_path / "train").class_names == ("cat", "dog")


def test_folders_between_splits_and_classes_are_named(tmp_path: Path) -> None:
    two_classes(tmp_path / "train", "images", count=5)
    with pytest.raises(
        DatasetError, match="holds the folders cat, dog: if these are the classes, move them one folder"
    ):
        read(tmp_path)


def test_images_without_classes_are_not_sent_to_a_folder_that_is_refused_in_turn(tmp_path: Path) -> None:
    pictures(tmp_path / "images/train2017")
    with pytest.raises(DatasetError) as caught:
        read(tmp_path)
    assert "did you mean" not in str(caught.value)
    assert "metadata.csv" in str(caught.value)


def test_a_hidden_folder_does_not_unmake_the_split_folders(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    pictures(tmp_path / ".cache")
    assert read(tmp_path).class_names == ("cat", "dog")


# The split that is made


def test_without_split_folders_a_stratified_fifth_is_set_aside_and_recorded(tmp_path: Path) -> None:
    pictures(tmp_path / "cat", 20)
    pictures(tmp_path / "dog", 10, 50)
    dataset = read(tmp_path, seed=7)
    assert dataset.counts() == {"train": {"cat": 16, "dog": 8}, "test": {"cat": 4, "dog": 2}}
    assert "seed 7" in dataset.layout.split_origin
    assert any("no split folders" in note and "6 of 30" in note for note in dataset.layout.notes)


def test_beside_a_training_folder_alone_a_split_is_made_too(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", count=10), seed=3)
    assert dataset.counts() == {"train": {"cat": 8, "dog": 8}, "test": {"cat": 2, "dog": 2}}
    assert "seed 3" in dataset.layout.split_origin
    assert any("only a training folder" in note for note in dataset.layout.notes)


def test_the_made_split_depends_on_the_seed_alone(tmp_path: Path) -> None:
    two_classes(tmp_path, count=20)
    first, repeated, other = read(tmp_path, 1), read(tmp_path, 1), read(tmp_path, 2)
    assert first.splits.tolist() == repeated.splits.tolist()
    assert first.splits.tolist() != other.splits.tolist()
    assert first.fingerprint != other.fingerprint


def test_a_class_of_two_images_has_one_in_each_made_split(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, count=2))
    assert dataset.counts() == {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1, "dog": 1}}


def test_a_class_of_one_image_stays_in_training_and_is_found_missing_from_the_made_test_split(tmp_path: Path) -> None:
    two_classes(tmp_path, count=5)
    picture(tmp_path / "yak/only.png")
    dataset = read(tmp_path)
    assert dataset.counts()["train"]["yak"] == 1
    assert [(f.kind, f.evidence["class"], f.evidence["split"]) for f in findings(dataset)] == [
        ("missing_class", "yak", "test")
    ]


# What can't be audited


def _nothing(root: Path) -> None:
    root.mkdir()


def _no_images(root: Path) -> None:
    (root / "cat").mkdir(parents=True)
    (root / "cat/readme.txt").write_text("cats")


def _a_file(root: Path) -> None:
    picture(root.with_suffix(".png")).rename(root)


def _both_training_names(root: Path) -> None:
    two_classes(root, "train", "training", "test")


def _two_spellings(root: Path) -> None:
    two_classes(root, "train", "Test", "test")


def _no_training_split(root: Path) -> None:
    two_classes(root, "val", "test")


def _one_class(root: Path) -> None:
    pictures(root / "cat", 4)


def _one_class_in_splits(root: Path) -> None:
    pictures(root / "train/cat")
    pictures(root / "test/cat", 2, 9)


def _no_class_folders(root: Path) -> None:
    pictures(root, 4)


def _no_class_folders_in_splits(root: Path) -> None:
    pictures(root / "train", 4)
    pictures(root / "test", 4, 9)


def _wrapper(root: Path) -> None:
    two_classes(root / root.name, "train", "test")


def _wrapper_without_splits(root: Path) -> None:
    two_classes(root / root.name)


def _no_training_image_can_be_read(root: Path) -> None:
    two_classes(root, "train", "test")
    for path in root.glob("train/*/*.png"):
        path.write_bytes(b"")


def _no_test_image_can_be_read(root: Path) -> None:
    two_classes(root, "train", "test")
    for path in root.glob("test/*/*.png"):
        path.write_bytes(b"")


def _one_training_class_can_be_read(root: Path) -> None:
    two_classes(root, "train", "test")
    for path in root.glob("train/dog/*.png"):
        path.write_bytes(b"")


def _only_one_image_of_each_class(root: Path) -> None:
    two_classes(root, count=1)


Build = Callable[[Path], None]
UNUSABLE: list[tuple[Build, list[str]]] = [
    (_nothing, ["expected", "class folders", "found"]),
    (_no_images, ["expected", "class folders", "found"]),
    (_a_file, ["folder", "file"]),
    (_both_training_names, ["train", "training", "merge"]),
    (_two_spellings, ["Test", "test", "merge"]),
    (_no_training_split, ["expected a training split", "train/", "found only test, val"]),
    (_one_class, ["expected at least two class folders", "found one, 'cat'"]),
    (_one_class_in_splits, ["expected at least two class folders", "found one, 'cat'"]),
    (_no_class_folders, ["expected class folders", "without a class folder: 4"]),
    (_no_class_folders_in_splits, ["expected split folders with class folders", "without a class folder: 8"]),
    (_wrapper, ["expected at least two class folders", "test, train", "did you mean", "photos/photos"]),
    (_wrapper_without_splits, ["expected at least two class folders", "cat, dog", "did you mean", "photos/photos"]),
    (_no_training_image_can_be_read, ["expected readable training images", "found 0", "unreadable", "train/"]),
    (_one_training_class_can_be_read, ["at least two classes", "found 1", "train/dog/"]),
    (_no_test_image_can_be_read, ["no readable image", "test/cat/"]),
    (_only_one_image_of_each_class, ["nothing to audit"]),
]


@pytest.mark.parametrize(("build", "words"), UNUSABLE, ids=[build.__name__[1:] for build, _ in UNUSABLE])
def test_what_cannot_be_audited_is_refused_with_what_was_expected_found_and_where(
    tmp_path: Path, build: Build, words: list[str]
) -> None:
    root = tmp_path / "photos"
    build(root)
    with pytest.raises(DatasetError) as caught:
        load(AuditConfig(root), silent)
    message = str(caught.value)
    assert [word for word in [str(root), *words] if word not in message] == []


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: no such file or directory"):
        AuditConfig(tmp_path / "missing")


def test_only_folders_with_images_look_like_the_format(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    assert not image_folder.matches(tmp_path)
    assert not image_folder.matches(picture(tmp_path.with_name("lone.png")))
    assert image_folder.matches(picture(tmp_path / "deep/below/A.PNG").parents[2])
