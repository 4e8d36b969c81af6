"""What the values of a column are as targets: classes, numbers or sets of labels, and how that can be said."""

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from dataaudit.data.reading.targets import Targets, read_targets
from dataaudit.dataset import Task
from dataaudit.errors import DatasetError

RNG = np.random.default_rng(0)


def read(values: Any, name: str = "label", task: Task | None = None) -> Targets:
    return read_targets(
        pd.Series(list(values), name=name, dtype=None if isinstance(values, np.ndarray) else object), "data.csv", task
    )


# Codes and amounts

EVEN = np.repeat(np.arange(40), 8)
NORMAL = np.clip(np.round(RNG.normal(50, 12, 400)), 1, 100).astype(int)


@pytest.mark.parametrize(
    ("values", "name", "task"),
    [
        (EVEN + 1, "class", "classification"),
        (EVEN, "y", "classification"),  # counted out, from 0 without a gap
        (EVEN * 7, "product_code", "classification"),
        (RNG.integers(0, 40, 320), "species", "classification"),
        (RNG.integers(0, 40, 320), "y", "regression"),  # as uneven as chance
        (NORMAL, "y", "regression"),
        (NORMAL, "age", "regression"),
        (np.arange(320), "class", "regression"),
        (RNG.integers(0, 40, 2000), "y", "classification"),  # each fifty times, from 0 without a gap
        (np.round(RNG.normal(0, 8, 2000)), "delay", "regression"),  # as often, with both signs
        (RNG.integers(1, 60, 3000) * 500_000, "value", "regression"),
        (np.resize([1, 2, 3, 4, 5], 300), "stars", "regression"),
        (np.resize([1, 2, 3, 4, 5], 300), "label", "classification"),
        (np.resize([0, 1], 300), "score", "classification"),
    ],
)
def test_whole_numbers_are_codes_or_amounts_by_name_number_and_evenness(values: Any, name: str, task: str) -> None:
    assert read(values, name).task == task


def test_the_other_way_is_named_and_works() -> None:
    grades = np.resize([3, 4, 5, 6, 7], 100)
    numbers = read(grades, "grade")
    assert numbers.note == (
        "regression: the targets are 5 different whole numbers; --task classification reads them as classes"
    )
    assert read(grades, "grade", "classification").class_names == ("3", "4", "5", "6", "7")
    classes = read(grades, "label")
    assert "--task regression" in classes.note
    assert read(grades, "label", "regression").values.tolist() == grades.tolist()


def test_numbers_with_fractions_can_be_classes() -> None:
    assert read([0.5, 1.5] * 10, task="classification").class_names == ("0.5", "1.5")


@pytest.mark.parametrize(
    ("values", "task", "words"),
    [
        (["a", "b"] * 5, "regression", "expected numbers in 'label', found words, such as 'a'"),
        ([1, 2] * 5, "multilabel", "expected lists or words in 'label', found numbers, such as '1'"),
        ([["a"], ["b"]] * 5, "classification", "expected words or numbers in 'label', found lists"),
        (np.arange(100) / 7, "classification", "expected classes in 'label', found 100 different values"),
    ],
)
def test_a_task_that_the_values_do_not_allow_is_refused(values: Any, task: Task, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read(values, task=task)


def test_every_task_reads_something() -> None:
    for task, values in zip(get_args(Task), (["a", "b"], [1.5, 2], ["a,b", "b"]), strict=True):
        assert read(values * 3, task=task).task == task


# Sets in one cell


@pytest.mark.parametrize("separator", [";", "|"])
def test_words_whose_parts_recur_are_sets(separator: str) -> None:
    words = [separator.join(names) for names in (["red", "big"], ["big"], ["red", " new "], ["new"], ["red"])]
    targets = read(words)
    assert (targets.task, targets.class_names, targets.separator) == ("multilabel", ("big", "new", "red"), separator)
    assert targets.values.tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1]]
    assert "--task classification" in targets.note
    assert read(words, task="classification").task == "classification"


@pytest.mark.parametrize("words", [["a;b", "c;d"], ["one, two", "one"], ["x", "y"], ["left|right", "up|down", "on"]])
def test_names_with_a_separator_in_them_are_classes(words: list[str]) -> None:
    assert read(words * 5).class_names == tuple(sorted(words))


def test_commas_separate_where_the_task_is_named() -> None:
    assert read(["a, b", "c"] * 3, task="multilabel").class_names == ("a", "b", "c")


# Words that may mean that there is none


def test_na_is_a_class_where_it_is_as_frequent_as_others() -> None:
    targets = read(["NA"] * 20 + ["DE"] * 22 + ["FR"] * 18)
    assert targets.class_names == ("DE", "FR", "NA")
    assert "'NA', in 20 rows, is read as a class" in targets.note


def test_na_is_a_missing_label_where_it_is_rare() -> None:
    targets = read(["NA"] * 2 + ["DE"] * 22 + ["FR"] * 18 + [None])
    assert targets.class_names == ("DE", "FR")
    assert "'NA', in 2 rows, is read as a missing label" in targets.note
    assert targets.reasons[[0, 1, 42]].tolist() == ["no label: 'label' is 'NA' here"] * 2 + [
        "no label: 'label' is empty here"
    ]
