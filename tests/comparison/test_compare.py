"""Whole comparisons of small sets: planted differences are found, and none where there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from dataaudit.comparison.compare import compare
from dataaudit.comparison.comparison import Comparison
from dataaudit.comparison.pools import Contender
from dataaudit.comparison.transforms import transform_of
from dataaudit.config import AuditConfig
from dataaudit.dataset import Dataset, Task, silent
from dataaudit.errors import InputError
from dataaudit.training.learning import LearningAlgorithm
from dataaudit.training.models.learner_spec import learner_of

from ..fixtures_tables import make
from . import plants


def compared(
    dataset: Dataset, a: LearningAlgorithm, b: LearningAlgorithm, folder: Path, *specs: str, seed: int = 0
) -> Comparison:
    """With as few models as may be."""
    torch.set_num_threads(1)
    (folder / "data").mkdir(exist_ok=True)
    config = AuditConfig(folder / "data", folder / "out", runs=16, jobs=1, seed=seed)
    transforms = [transform_of(spec, dataset) for spec in specs]
    return compare(config, dataset, [Contender("one", a), Contender("other", b)], transforms, 0.05, 2, silent)


def precision(found: Comparison, dataset: Dataset, marked: NDArray[np.bool_]) -> float:
    """Of the first component's targets, at the end where they are most."""
    has = dict(zip(dataset.ids, marked.tolist(), strict=True))
    return max(float(np.mean([has[one.id] for one in end.targets])) for end in found.components[0].ends)


def test_a_word_that_one_of_two_text_learners_does_not_see(tmp_path: Path) -> None:
    dataset, marked = plants.texts(200, 150)
    found = compared(dataset, plants.Uncued(), learner_of("text", "text"), tmp_path, f"remove:{plants.CUE}")
    assert found.components[0].real
    assert precision(found, dataset, marked) >= 0.9
    taken = found.counterfactuals[0]
    assert (taken.transform, taken.towards, taken.suggested) == (f"remove:{plants.CUE}", "a", False)
    assert abs(taken.a.mean) < 1e-6
    assert taken.b.mean < -0.05
    assert taken.differs
    assert taken.interval[0] > 0.03
    assert taken.targets == marked[dataset.rows("test")].sum()
    put = next(one for one in found.counterfactuals if one.transform == f"insert:{plants.CUE}")
    assert put.suggested
    assert put.b.mean > 0.05
    assert put.b.p < 0.1 < put.a.p
    assert 0.9 < found.own[0] <= 1


def test_a_column_that_strong_regularisation_makes_little_of(tmp_path: Path) -> None:
    dataset, marked = plants.table(500, 300)
    strong, weak = learner_of("linear:C=0.05", "table"), learner_of("linear", "table")
    found = compared(dataset, strong, weak, tmp_path, "shift:flag=2")
    assert found.components[0].real
    assert precision(found, dataset, marked) >= 0.9
    test = found.counterfactuals[0]
    assert test.differs
    assert abs(test.b.mean) > 2 * abs(test.a.mean)


def test_a_column_that_goes_along_with_the_class(tmp_path: Path) -> None:
    dataset = plants.scanned(400, 150)
    found = compared(dataset, plants.Unscanned(batch_size=200), learner_of("table:batch_size=200", "table"), tmp_path)
    test = next(one for one in found.counterfactuals if one.transform.startswith("shift:scanner="))
    assert test.suggested
    assert test.a.mean == 0
    assert abs(test.b.mean) > 0.08
    assert test.differs
    assert len(found.counterfactuals) <= 3


def test_a_corner_that_one_of_two_image_learners_does_not_see(tmp_path: Path) -> None:
    dataset, marked = plants.images(240, 120)
    spec = f"patch:top=0,left=0,size={plants.CORNER},value=255"
    found = compared(dataset, plants.Cornerless(C=0.1), learner_of("linear:C=0.1", "image"), tmp_path, spec)
    assert found.components[0].real
    assert precision(found, dataset, marked) >= 0.9
    test = found.counterfactuals[0]
    assert test.towards == "a"
    assert test.differs
    assert abs(test.a.mean) < 1e-6
    assert test.b.mean > 0.1


@pytest.mark.parametrize(
    "estimator", [HistGradientBoostingClassifier(max_iter=10), RandomForestClassifier(10, min_samples_leaf=5)]
)
def test_a_column_that_one_of_two_tree_learners_does_not_see(estimator: Any, tmp_path: Path) -> None:
    dataset, marked = plants.table(300, 150)
    blind, seeing = plants.trees(estimator, "flag"), plants.trees(estimator)
    found = compared(dataset, blind, seeing, tmp_path)
    assert found.method == "the leaves of trees that samples share"
    assert found.components[0].real
    assert precision(found, dataset, marked) >= 0.9
    test = next(one for one in found.counterfactuals if one.transform.startswith("shift:flag="))
    assert test.suggested
    assert test.a.mean == 0
    assert abs(test.b.mean) > 0.03
    assert test.differs


def test_trees_are_not_told_from_themselves_nor_compared_with_nets(tmp_path: Path) -> None:
    dataset, _ = plants.table(150, 100)
    learner = plants.trees(HistGradientBoostingClassifier(max_iter=10))
    found = compared(dataset, learner, learner, tmp_path)
    assert not found.real
    assert 0.9 < found.own[0] <= 1
    with pytest.raises(InputError, match=r"found --a by the leaves .*; --b by TRAK .*\. Compare trees with trees"):
        compared(dataset, learner, learner_of("table", "table"), tmp_path)


@pytest.mark.parametrize(("task", "towards"), [("regression", "the prediction"), ("multilabel", "a")])
def test_other_targets_than_classes_are_compared(task: Task, towards: str, tmp_path: Path) -> None:
    dataset = make("table", task, 120, 60)
    found = compared(
        dataset, learner_of("linear:C=0.01", "table"), learner_of("linear", "table"), tmp_path, "shift:x=1"
    )
    assert found.components[0].real
    test = found.counterfactuals[0]
    assert test.towards == towards
    assert test.b.mean > 0.1
    assert test.differs


def test_a_learner_is_not_told_from_itself_and_work_goes_on_where_it_stopped(tmp_path: Path) -> None:
    dataset, _ = plants.texts(120, 60)
    learner = learner_of("text", "text")
    found = compared(dataset, learner, learner, tmp_path)
    assert not found.real
    assert not found.counterfactuals
    assert all(not end.of_targets for one in found.components for end in one.ends)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("run-*.pt")}
    assert len(kept) == 4 * 16
    again = compared(dataset, learner, learner, tmp_path)
    assert again.components == found.components
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_too_little_to_compare_is_refused(tmp_path: Path) -> None:
    dataset, _ = plants.texts(60, 5)
    learner = learner_of("text", "text")
    with pytest.raises(InputError, match="expected 10 or more"):
        compared(dataset, learner, learner, tmp_path)


def test_a_transformation_without_effect_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    dataset, _ = plants.texts(120, 60)
    learner = learner_of("text", "text")
    with pytest.raises(InputError, match="--transform remove:nowhere: it changes none of the 60 targets"):
        compared(dataset, learner, learner, tmp_path, "remove:nowhere")
    assert not (tmp_path / "out").exists()
