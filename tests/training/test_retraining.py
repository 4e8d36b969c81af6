"""Training again without chosen rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataaudit.dataset import silent
from dataaudit.errors import NumericsError
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import attributed
from dataaudit.training.retraining import Retraining
from dataaudit.training.scaling import ByOutput

from ..fixtures import MakeDataset, SmallLearner


def test_a_learner_without_seeds_is_trained_once_for_all_times(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, rows = make_dataset(), np.arange(4)
    removals = [np.zeros(0, np.int64), dataset.rows("train")[:5]]
    for learner, trainings in ((LinearLearner(), 3), (SmallLearner(epochs=1, batch_size=16), 6)):
        retraining = Retraining(dataset, learner, tmp_path / learner.name, 0, 3, silent)
        outputs = retraining.outputs(removals, range(3), rows)
        assert outputs.shape[:3] == (2, 3, 4)
        assert len(list((tmp_path / learner.name).glob("*.pt"))) == trainings
        assert (outputs[:, 0] == outputs[:, 1]).all() == (trainings == 3)


@pytest.mark.parametrize("by_output", [True, False])
def test_a_linear_learner_that_starts_from_the_whole_sets_model_ends_where_any_other_does(
    by_output: bool, make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByOutput, "pays", lambda *sizes: by_output)
    dataset, learner = make_dataset(), LinearLearner()
    rows, train = np.arange(len(dataset)), dataset.rows("train")
    removed = train[::6]
    retrained = Retraining(dataset, learner, tmp_path / "retrained", 0, 1, silent).margins([removed], [0], rows)[0, 0]
    kept = np.setdiff1d(train, removed)
    outputs = learner.outputs(learner.fit(dataset, kept, 0), dataset, rows)
    whole = learner.outputs(learner.fit(dataset, train, 0), dataset, rows)
    fresh, before = (attributed(dataset.task, out[None], dataset.targets)[0] for out in (outputs, whole))
    effect = np.sqrt(np.square(fresh - before).mean())
    assert effect > 0.05
    assert np.sqrt(np.square(retrained - fresh).mean()) < 0.05 * effect


def test_where_a_part_of_the_rows_is_trained_on_others_play_no_part(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, learner = make_dataset(), SmallLearner(epochs=1, batch_size=16)
    train, rows = dataset.rows("train"), np.arange(len(dataset))
    part = Retraining(dataset, learner, tmp_path / "part", 0, 3, silent, train[:40])
    whole = Retraining(dataset, learner, tmp_path / "whole", 0, 3, silent)
    for removed in (np.zeros(0, np.int64), train[3:9]):
        of_whole = whole.outputs([np.union1d(removed, train[40:])], [0], rows)
        np.testing.assert_array_equal(part.outputs([removed], [0], rows), of_whole)


def test_a_linear_learner_names_an_input_that_is_not_finite(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    features = np.random.default_rng(0).normal(size=(len(dataset), 3)).astype(np.float32)
    features[7, 1] = np.inf
    broken = replace(dataset, features=features)
    with np.errstate(invalid="ignore"), pytest.raises(NumericsError, match=r"the input of .* is not finite"):
        LinearLearner().fit(broken, broken.rows("train"), 0)
