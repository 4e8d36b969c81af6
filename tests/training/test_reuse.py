"""Models of an earlier version of a dataset are kept where their half is as it was, and only there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataaudit.dataset import Dataset, silent
from dataaudit.errors import InputError
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import Pool, train_pool
from dataaudit.training.reuse import carry_over

from ..fixtures import MakeDataset, SmallLearner

QUICK = SmallLearner(epochs=2, batch_size=16)


def without_rows(dataset: Dataset, rows: list[int]) -> Dataset:
    return dataset.part(np.setdiff1d(np.arange(len(dataset)), rows))


def audited_again(before: Pool, dataset: Dataset, folder: Path) -> Pool:
    return train_pool(dataset, before.learner, folder, 8, 0, silent, previous=before.directory)


@pytest.mark.parametrize("learner", [QUICK, LinearLearner()])
def test_where_only_test_samples_changed_all_models_are_kept_and_say_what_new_ones_would(
    make_dataset: MakeDataset, tmp_path: Path, learner: SmallLearner | LinearLearner
) -> None:
    dataset = make_dataset()
    before = train_pool(dataset, learner, tmp_path / "before", 8, 0, silent)
    fewer = without_rows(dataset, [65, 79])
    again = audited_again(before, fewer, tmp_path / "again")
    assert again.resumed == 8
    trained = train_pool(fewer, learner, tmp_path / "anew", 8, 0, silent)
    np.testing.assert_array_equal(again.masks, trained.masks)
    np.testing.assert_allclose(again.outputs, trained.outputs, rtol=1e-4, atol=1e-4)


def test_a_changed_label_is_forgotten_by_the_models_that_saw_it_only(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    before = train_pool(dataset, QUICK, tmp_path / "before", 8, 0, silent)
    targets = dataset.targets.copy()
    targets[7] = (targets[7] + 1) % 3
    again = audited_again(before, replace(dataset, targets=targets), tmp_path / "again")
    assert again.resumed == 4 == (~before.masks[:, 7]).sum()
    same = (np.abs(again.outputs - before.outputs) < 1e-4).all((1, 2))
    np.testing.assert_array_equal(same, ~before.masks[:, 7])


def test_another_recipe_seed_or_order_of_the_rows_keeps_nothing(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    before = train_pool(dataset, QUICK, tmp_path / "before", 8, 0, silent)
    again = replace(before, learner=replace(QUICK, epochs=3))
    assert audited_again(again, dataset, tmp_path / "recipe").resumed == 0
    other = train_pool(dataset, QUICK, tmp_path / "seed", 8, 1, silent, previous=before.directory)
    assert other.resumed == 0
    assert audited_again(before, without_rows(dataset, [3]), tmp_path / "fewer").resumed == 0


def test_a_model_that_cannot_be_read_is_named(make_dataset: MakeDataset, tmp_path: Path) -> None:
    before = train_pool(make_dataset(), QUICK, tmp_path / "before", 8, 0, silent)
    for name in ("run-00003.pt", "manifest.json"):
        (before.directory / name).write_bytes(b"half a file")
        with pytest.raises(InputError, match=rf"before.{name}: expected what an earlier audit kept"):
            audited_again(before, before.dataset, tmp_path / name)


def test_a_folder_without_models_gives_none(make_dataset: MakeDataset, tmp_path: Path) -> None:
    carry_over(make_dataset(), QUICK, tmp_path / "new", 0, [], tmp_path / "nothing")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["manifest.json"]
