"""Which names stand for splits."""

from pathlib import Path

import pytest

from dataaudit.data.reading.split_names import note_of_names, require_one_name_per_split, split_of, splits_of
from dataaudit.errors import DatasetError


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train2017", "train"), ("images_train", "train"), ("training_set", "train"), ("TrainSet", "train"),
        ("validation_matched", "val"), ("dev2", "val"), ("val-images", "val"), ("test_mismatched", "test"),
        ("train-00000-of-00002", "train"), ("PublicTest", "test"), ("Test", "test"),
    ],
)  # fmt: skip
def test_names_with_a_year_a_number_or_a_common_word_are_splits(name: str, split: str) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    "name",
    ["tr", "te", "trains", "latest", "cable_valley", "contest", "trainer", "devil", "runs", "images", "2017", ""],
)
def test_other_names_are_none(name: str) -> None:
    assert split_of(name) is None


def test_what_all_names_begin_with_is_no_part_of_them() -> None:
    assert splits_of(["reviews_train", "reviews_test"]) == ["train", "test"]
    assert splits_of(["reviews_train", "others_test"]) == [None, None]


def test_parts_of_a_split_are_told_from_two_names_for_it() -> None:
    require_one_name_per_split(Path("x"), ["train", "validation_matched", "validation_mismatched"], "files")
    for names in (["val", "valid"], ["test", "test2"], ["dev_1", "val_2"]):
        with pytest.raises(
            DatasetError, match=f"x: the files {names[0]} and {names[1]} both name the (val|test) split"
        ):
            require_one_name_per_split(Path("x"), ["train", *names], "files")


def test_only_names_that_are_more_than_the_word_are_noted() -> None:
    assert note_of_names(["train", "Val"]) == []
    assert note_of_names(["train2017", "val2017"]) == ["splits by name: train2017 is train, val2017 is val"]
