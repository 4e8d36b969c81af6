"""Where models have learnt nothing nothing is claimed, and a weak signal counts however sure of themselves they are."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from dataaudit.checks.signal import Signal, signal
from dataaudit.dataset import Task

from ..fixtures_tables import dataset_of

DRAWS = 20


def signal_in(targets: NDArray[Any], predicted: NDArray[np.float64], task: Task = "classification") -> Signal:
    """That of out-of-sample predictions, the last fifth of them on the test split."""
    names = "abc"[: predicted.shape[-1]]
    dataset = dataset_of(np.zeros((len(targets), 1)), targets, len(targets) * 4 // 5, "array", task, names)
    pool = SimpleNamespace(probabilities=predicted, predictions=predicted)
    return signal(SimpleNamespace(dataset=dataset, pool=pool))  # type: ignore[arg-type]


def cross_fitted(inputs: NDArray[np.float64], targets: NDArray[Any], model: Any = None) -> NDArray[np.float64]:
    """(n, c) probabilities of models fitted on halves, as those of a pool are."""
    model = LogisticRegression(C=10) if model is None else model
    return np.asarray(cross_val_predict(model, inputs, targets, cv=2, method="predict_proba"))


def balanced(rng: np.random.Generator, n: int, classes: int = 2) -> NDArray[np.int64]:
    return rng.permutation(np.resize(np.arange(classes), n))


@pytest.mark.parametrize("columns", ["constant", "noise", "useless", "shuffled labels", "neighbours"])
def test_columns_that_say_nothing_are_no_signal(columns: str) -> None:
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        targets = balanced(rng, 200)
        inputs = rng.normal(size=(200, {"noise": 8, "neighbours": 8}.get(columns, 1)))
        if columns == "constant":
            inputs[:] = 1.5
        if columns == "shuffled labels":
            inputs, targets = inputs + 3 * targets[:, None], rng.permutation(targets)
        model = KNeighborsClassifier(16) if columns == "neighbours" else None
        measured = signal_in(targets, cross_fitted(inputs, targets, model))
        assert "do not beat the class frequencies (log-loss" in measured.reason
        assert measured.prior_log_loss == pytest.approx(np.log(2), abs=0.01)


def test_a_weak_signal_counts_even_if_overconfidence_makes_its_log_loss_worse_than_the_frequencies() -> None:
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        targets = balanced(rng, 400)
        told = expit(5 * rng.normal(0.55 * targets, 1))  # area under the curve 0.65
        measured = signal_in(targets, np.stack([1 - told, told], 1))
        assert measured.log_loss > measured.prior_log_loss
        assert measured.reason == ""


def test_numbers_count_by_their_ranks_so_that_a_wild_one_hides_nothing() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 3))
    targets = inputs[:, 0] + rng.normal(size=300)
    targets[:3] = 1e4
    told = cross_val_predict(Ridge(), inputs, targets, cv=2)
    measured = signal_in(targets, inputs[:, 0], "regression")
    assert measured.log_loss == pytest.approx(1, abs=0.05)
    assert measured.reason == ""
    unrelated = cross_val_predict(Ridge(), rng.normal(size=(300, 3)), targets, cv=2)
    assert signal_in(targets, unrelated, "regression").reason.startswith(
        "no signal: the models do not beat the mean (R²"
    )
    assert (
        signal_in(np.full(300, 2.0), told, "regression").reason == "all targets are equal, so there is nothing to learn"
    )


def test_labels_of_sets_count_alike_so_that_one_that_is_told_is_enough() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((300, 3)) < [0.5, 0.4, 0.1]
    told = rng.random((300, 3)) * 0.5 + 0.1
    assert "log-loss" in signal_in(targets, told, "multilabel").reason
    told[:, 2] += 0.3 * targets[:, 2]
    assert signal_in(targets, told, "multilabel").reason == ""


def test_splits_of_other_frequencies_are_no_signal() -> None:
    rng = np.random.default_rng(0)
    targets = np.where(rng.random(500) < np.where(np.arange(500) < 400, 0.2, 0.8), 1, 0)
    told = np.where(np.arange(500) < 400, 0.2, 0.6) + 0.01 * rng.random(500)
    assert signal_in(targets, np.stack([1 - told, told], 1)).reason != ""


def test_other_views_are_believed_where_the_models_have_learnt_nothing() -> None:
    rng = np.random.default_rng(0)
    targets = balanced(rng, 300)
    dataset = dataset_of(np.zeros((300, 1)), targets, 240, "array", names="ab")
    blind = np.full((300, 2), 0.5)
    context: Any = SimpleNamespace(dataset=dataset, pool=SimpleNamespace(probabilities=blind))
    seeing = expit(logit(0.7) * (2 * targets - 1) + rng.normal(size=300))
    assert signal(context).p_value == 1
    assert signal(context, [blind, np.stack([1 - seeing, seeing], 1)]).reason == ""
