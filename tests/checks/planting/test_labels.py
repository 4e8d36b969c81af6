"""Planted label errors are where and what they are said to be."""

from dataclasses import replace

import numpy as np
import pytest

from dataaudit.checks.planting.labels import plant, plant_in_numbers, planted_flips

from ...fixtures import MakeDataset
from ...fixtures_tables import make


def test_planted_flips_are_another_class_and_only_in_training(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(n_train=80, n_test=20)
    targets, flipped = planted_flips(dataset, 0.1, 0)
    changed = targets != dataset.targets
    np.testing.assert_array_equal(changed[:80], flipped)
    assert flipped.sum() == 8
    assert not changed[80:].any()


def test_half_is_random_and_half_what_the_sample_is_mistaken_for(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(n_train=400, n_test=50, classes=3)
    probabilities = np.random.default_rng(1).dirichlet(np.ones(3), 450)
    trusted = np.arange(450) % 4 != 0
    planted = plant(dataset, probabilities, trusted, 0)
    assert planted is not None
    assert {sort: len(rows) for sort, rows in planted.rows.items()} == {"random": 10, "confusable": 10}
    np.testing.assert_array_equal(np.sort(planted.all_rows), np.flatnonzero(planted.labels != dataset.targets))
    assert trusted[planted.all_rows].all()
    assert planted.all_rows.max() < 400
    for row in planted.rows["confusable"]:
        others = [label for label in range(3) if label != dataset.targets[row]]
        assert planted.labels[row] == max(others, key=lambda label: probabilities[row, label])
    again = plant(dataset, probabilities, trusted, 0)
    assert again is not None
    np.testing.assert_array_equal(planted.labels, again.labels)


@pytest.mark.parametrize(("n_train", "expected"), [(12_000, 500), (1000, 50), (100, 10), (20, 4)])
def test_the_number_is_bounded(n_train: int, expected: int, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(n_train=n_train, n_test=5)
    planted = plant(dataset, np.full((n_train + 5, 3), 1 / 3), np.ones(n_train + 5, bool), 0)
    assert planted is not None
    assert len(planted.all_rows) == expected


def test_nothing_is_planted_where_nothing_can_be(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(n_train=60, n_test=5)
    even, everyone = np.full((65, 3), 1 / 3), np.ones(65, bool)
    assert plant(dataset, even, ~everyone, 0) is None
    single = replace(dataset, targets=np.zeros(65, np.int64), class_names=("a",))
    assert plant(single, np.ones((65, 1)), everyone, 0) is None


def test_numbers_are_marred_in_three_ways_among_the_trusted() -> None:
    dataset = make("array", "regression", 400, 100)
    trusted = np.arange(500) % 2 == 0
    planted = plant_in_numbers(dataset, trusted, 0)
    assert planted is not None
    assert {sort: len(rows) for sort, rows in planted.rows.items()} == {"swapped": 7, "decimal point": 7, "sign": 6}
    changed = np.flatnonzero(planted.labels != dataset.targets)
    np.testing.assert_array_equal(changed, np.sort(planted.all_rows))
    assert trusted[changed].all()
    assert (dataset.splits[changed] == "train").all()
    swapped, tenfold, negated = planted.rows.values()
    assert sorted(planted.labels[swapped]) == sorted(dataset.targets[swapped])
    np.testing.assert_allclose(np.abs(np.log10(np.abs(planted.labels / dataset.targets)[tenfold])), 1)
    np.testing.assert_array_equal(planted.labels[negated], -dataset.targets[negated])
    np.testing.assert_array_equal(plant_in_numbers(dataset, trusted, 0).labels, planted.labels)  # type: ignore[union-attr]
    assert plant_in_numbers(dataset, np.arange(500) < 5, 0) is None
