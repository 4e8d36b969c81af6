"""What `--learner` names: recipes, learners, estimators and modules, each seen to fit before the long work."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from dataaudit.attribution.problem import Problem
from dataaudit.attribution.trust import trust
from dataaudit.dataset import Dataset, silent
from dataaudit.errors import InputError
from dataaudit.training.learning import is_differentiable
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.models.own_estimator import EstimatorLearner
from dataaudit.training.models.own_learner import OwnLearner, few_rows
from dataaudit.training.models.own_module import OwnModule, load_checkpoint
from dataaudit.training.models.rehearsal import rehearse
from dataaudit.training.pool import quality, train_pool

from ...fixtures import pool_scores
from ...fixtures_tables import make

HERE = "tests.own_models"


@pytest.fixture(scope="module")
def table() -> Dataset:
    return make("table", "classification", 150, 60)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (f"{HERE}:Centroids", OwnLearner),
        (f"{HERE}:words", EstimatorLearner),
        ("sklearn.ensemble:HistGradientBoostingClassifier", EstimatorLearner),
        ("sklearn.naive_bayes:GaussianNB", EstimatorLearner),
        (f"{HERE}:net", OwnModule),
        (f"{HERE}:Fixed", OwnModule),
        (f"{HERE}:net:epochs=3,learning_rate=1e-2", OwnModule),
    ],
)
def test_an_object_is_recognised_by_what_it_is(spec: str, kind: type) -> None:
    assert isinstance(learner_of(spec, "table"), kind)


def test_options_of_recipes_and_factories_have_the_settings_types() -> None:
    recipe = learner_of("image:epochs=20,learning_rate=0.1,augment=flip", "image").recipe
    assert (recipe["epochs"], recipe["learning_rate"], recipe["augment"]) == (20, 0.1, "flip")
    own = learner_of(f"{HERE}:net:epochs=3,learning_rate=1e-2", "table").recipe
    assert (own["learner"], own["epochs"], own["learning_rate"]) == (f"{HERE}:net:epochs=3,learning_rate=1e-2", 3, 0.01)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nonsense", "expected a recipe (array, image, linear, table, text)"),
        ("no.such.module:thing", "importing 'no.such.module' failed: ModuleNotFoundError"),
        (f"{HERE}:Centroid", "has no 'Centroid'; did you mean 'Centroids'?"),
        (f"{HERE}:nothing", "found int"),
        (f"{HERE}:Centroids:epochs=3", "options are for recipes and for factories"),
        ("table:epoch=3", "there is no option 'epoch'; did you mean 'epochs'?"),
        ("table:epochs=many", "epochs: expected int, found 'many'"),
        ("image:augment=rotate", "augment is one of none, shift, flip, crop, erase, found 'rotate'"),
        ("table:epochs", "expected options as name=value, found 'epochs'"),
        (f"{HERE}:net:spec=x", "there is no option 'spec'"),
        ("sklearn.pipeline:Pipeline", "can't be made without arguments"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        learner_of(spec, "table")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (f"{HERE}:Silent", "output for 'table.csv#0' is not finite"),
        (f"{HERE}:Narrow", "expected logits of 3 classes for each of 16 samples, (16, 3), found (16, 1)"),
        (
            f"{HERE}:Probabilities",
            "expected logits, found probabilities: outputs that are between 0 and 1 and sum to one",
        ),
        (f"{HERE}:Broken", "training on a few samples failed: KeyError: 'no such column' (own_models.py, line"),
        (f"{HERE}:OnlyLabels", "expected a classifier with predict_proba or decision_function"),
        (f"{HERE}:Fixed", "shapes cannot be multiplied"),
        (f"{HERE}:text_instead", "expected a factory of a torch module, it gave str"),
        (f"{HERE}:words", "failed: "),
        ("image", "expected images, found a dataset of the modality 'table'"),
    ],
)
def test_a_learner_that_does_not_fit_the_data_fails_before_the_long_work(table: Dataset, spec: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        rehearse(learner_of(spec, "table"), table, spec)


@pytest.mark.parametrize(
    "spec",
    [
        f"{HERE}:Centroids",
        "sklearn.ensemble:RandomForestClassifier",
        "sklearn.svm:LinearSVC",
        f"{HERE}:net:epochs=200",
        "examples.torch_module:net:epochs=60",
    ],
)
def test_every_kind_is_trained_on_known_subsets_and_does_well(table: Dataset, spec: str, tmp_path: Path) -> None:
    learner = learner_of(spec, "table")
    rehearse(learner, table, spec)
    pool = train_pool(table, learner, tmp_path / "pool", 8, 0, silent)
    test = table.rows("test")
    assert quality(table, pool.predictions[test], test) > 0.75
    assert is_differentiable(learner) == (":net" in spec)
    assert (pool.snapshots > 0).all() == (":net" in spec)


def test_an_estimator_has_the_seed_of_its_run_and_one_thread() -> None:
    dataset = make("table", "classification", 60, 20)
    learner = EstimatorLearner(RandomForestClassifier(5, n_jobs=-1), "forest")
    one, again, other = (learner.fit(dataset, dataset.rows("train"), seed) for seed in (1, 1, 2))
    assert (one.random_state, other.random_state, one.n_jobs) == (1, 2, 1)
    test = dataset.rows("test")
    np.testing.assert_array_equal(learner.outputs(one, dataset, test), learner.outputs(again, dataset, test))
    assert (learner.outputs(one, dataset, test) != learner.outputs(other, dataset, test)).any()


def test_a_class_that_an_estimator_did_not_see_gets_the_least_probability() -> None:
    dataset = make("table", "classification", 60, 20)
    rows = np.flatnonzero((dataset.splits == "train") & (dataset.targets != 1))
    learner = EstimatorLearner(RandomForestClassifier(5), "forest")
    outputs = learner.outputs(learner.fit(dataset, rows, 0), dataset, np.arange(10))
    assert outputs.shape == (10, 3)
    np.testing.assert_allclose(outputs[:, 1], np.log(1e-6), rtol=1e-6)


def test_a_pipeline_is_given_the_texts_themselves() -> None:
    dataset = make("text", "classification")
    learner = learner_of(f"{HERE}:words", "text")
    test = dataset.rows("test")
    outputs = learner.outputs(learner.fit(dataset, dataset.rows("train"), 0), dataset, test)
    assert (outputs.argmax(1) == dataset.targets[test]).mean() > 0.75


def test_a_pipeline_may_end_in_a_forest() -> None:
    """Which can't be asked for its truth before it is fitted."""
    dataset = make("array", "classification", 60, 20)
    learner = EstimatorLearner(make_pipeline(RandomForestClassifier(5, n_jobs=2)), "forest")
    model = learner.fit(dataset, dataset.rows("train"), 3)
    assert (model[-1].random_state, model[-1].n_jobs) == (3, 1)


def test_regression_and_sets_of_labels_work_with_estimators() -> None:
    numbers = make("table", "regression")
    learner = learner_of("sklearn.ensemble:RandomForestRegressor", "table")
    test = numbers.rows("test")
    found = learner.outputs(learner.fit(numbers, numbers.rows("train"), 0), numbers, test)
    assert quality(numbers, found[:, 0], test) > 0.6
    labels = make("table", "multilabel")
    learner = learner_of("sklearn.ensemble:RandomForestClassifier", "table")
    found = learner.outputs(learner.fit(labels, labels.rows("train"), 0), labels, test)
    assert quality(labels, found > 0, test) > 0.75


def test_a_module_that_encodes_texts_itself_is_trained_and_attributed(tmp_path: Path) -> None:
    dataset = make("text", "classification", 120, 40)
    learner = learner_of(f"{HERE}:Letters:epochs=30,learning_rate=0.05", "text")
    assert isinstance(learner, OwnModule)
    assert learner.tensors(dataset, np.array([3, 5])).shape == (2, 60)
    pool = train_pool(dataset, learner, tmp_path / "pool", 8, 0, silent)
    assert pool_scores(pool, tmp_path / "scores.h5").shape == (120, 40)


def test_scores_of_a_learner_without_gradients_come_from_a_stand_in_and_are_measured_on_it(tmp_path: Path) -> None:
    dataset = make("table", "classification", 120, 40)
    pool = train_pool(dataset, learner_of(f"{HERE}:Centroids", "table"), tmp_path / "own", 24, 0, silent)
    stand_in = train_pool(dataset, learner_of(None, "table"), tmp_path / "stand-in", 24, 0, silent)
    problem = Problem.from_pool(pool, surrogate=stand_in)
    assert problem.runs is not None
    np.testing.assert_array_equal(problem.runs.margins, pool.margins(dataset.rows("test"), dataset.targets[120:]))
    from dataaudit.attribution.backends.trak import Trak

    measured = trust(problem.runs, Trak().attribute(problem, tmp_path / "scores.h5", silent).held_out)
    assert measured is not None
    assert measured.interval[0] > 0.1


def test_the_few_rows_of_a_rehearsal_hold_every_class(table: Dataset) -> None:
    rows = few_rows(table, 5)
    assert len(rows) == 5
    assert set(table.targets[rows]) == {0, 1, 2}
    assert set(table.splits[rows]) == {"train"}


def test_checkpoints_of_all_common_forms_are_read_and_others_refused(table: Dataset, tmp_path: Path) -> None:
    learner = learner_of(f"{HERE}:net", "table")
    assert isinstance(learner, OwnModule)
    module = learner.bare(table)
    state = module.state_dict()
    path = tmp_path / "a.pt"
    for held in (state, {"state_dict": state}, {"model": state, "epoch": 3},
                 {f"module.{name}": value for name, value in state.items()}):  # fmt: skip
        torch.save(held, path)
        loaded = load_checkpoint(learner.bare(table), path, False)
        assert not loaded.training
        np.testing.assert_array_equal(
            loaded.get_parameter("0.weight").detach(), module.get_parameter("0.weight").detach()
        )

    def refused(said: str, any_code: bool = False) -> None:
        with pytest.raises(InputError, match=re.escape(said)):
            load_checkpoint(learner.bare(table), path, any_code)

    torch.save(module, path)
    refused("expected weights alone")
    assert load_checkpoint(learner.bare(table), path, True).get_parameter("0.weight").shape == state["0.weight"].shape
    torch.save({**state, "0.weight": torch.zeros(3, 3)}, path)
    refused("a checkpoint of another architecture: '0.weight' is (3, 3) in the file and is (8, ")
    torch.save({**state, "9.weight": torch.zeros(3)}, path)
    refused("'9.weight' is (3,) in the file and is missing from the module")
    torch.save({"epoch": 3}, path)
    refused("expected a state dict of tensors")
    path.write_bytes(b"hello")
    refused("not readable as a torch checkpoint")


@pytest.mark.parametrize(
    "code",
    [
        "class Own:\n    fit = outputs = lambda *_: None\n",
        "from sklearn.naive_bayes import GaussianNB\nOwn = GaussianNB()\n",
        "from torch import nn\ndef Own():\n    return nn.Linear(2, 3)\n",
    ],
)
def test_edited_code_is_another_recipe(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"edited_{abs(hash(code))}"
    path = tmp_path / f"{name}.py"
    path.write_text(code, encoding="utf-8")
    before = learner_of(f"{name}:Own", "table").recipe
    assert learner_of(f"{name}:Own", "table").recipe == before
    path.write_text(code + "# edited\n", encoding="utf-8")
    assert learner_of(f"{name}:Own", "table").recipe != before
