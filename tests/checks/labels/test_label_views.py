"""Descriptors know inputs and not labels, of every modality."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataaudit.checks.labels import label_views
from dataaudit.checks.labels.label_opinion import label_opinion, opinions_by_label
from dataaudit.checks.labels.label_views import (
    COMPONENTS,
    descriptors,
    linear_probabilities,
    nearest_training,
    neighbour_probabilities,
)
from dataaudit.data.features import sentence_embeddings as embeddings
from dataaudit.dataset import Dataset, Modality
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import Pool

from ...fixtures import MakeDataset
from ...fixtures_tables import make
from ...fixtures_texts import knowing

MODALITIES: list[Modality] = ["image", "table", "text", "array"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("modality", MODALITIES)
def test_views_on_descriptors_tell_the_classes(modality: Modality) -> None:
    dataset = make(modality, "classification", 300, 100)
    features = descriptors(dataset)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert features.std() == pytest.approx(1, abs=0.01)
    assert modality == "text" or features.shape[1] <= COMPONENTS
    for view in (
        linear_probabilities(dataset, features, 0),
        neighbour_probabilities(dataset, nearest_training(dataset, features)),
    ):
        np.testing.assert_allclose(view.sum(1), 1, rtol=1e-5)
        # Of these pictures only the brightness differs, which oriented gradients hardly see.
        assert modality == "image" or (view.argmax(1) == dataset.targets).mean() > 0.55


def test_descriptors_are_computed_once_and_again_for_other_inputs() -> None:
    dataset = make("array", "classification")
    assert descriptors(dataset) is descriptors(dataset)
    assert descriptors(replace(dataset, targets=1 - dataset.targets.clip(0, 1))) is descriptors(dataset)
    other = replace(dataset, inputs=dataset.inputs + 1)
    assert descriptors(other) is not descriptors(dataset)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("modality", MODALITIES)
def test_samples_that_are_all_alike_are_no_trouble(modality: Modality) -> None:
    dataset = make(modality, "classification", 60, 20)
    first = np.zeros(80, np.int64)
    alike = dataset.frame.iloc[first].reset_index(drop=True) if modality == "table" else dataset.inputs[first]
    features = descriptors(replace(dataset, inputs=alike))
    assert np.abs(features - features[0]).max() < 1e-3


def test_no_row_is_its_own_neighbour_even_among_copies(make_dataset: MakeDataset) -> None:
    dataset: Dataset = make_dataset(60, 20)
    copies = replace(dataset, inputs=dataset.inputs[np.arange(80) % 3])
    nearest = nearest_training(copies, descriptors(copies))
    assert (nearest != np.arange(80)[:, None]).all()
    assert nearest.max() < 60


@pytest.mark.filterwarnings("error")
def test_features_of_a_net_take_the_place_of_descriptors_made_here() -> None:
    dataset = make("image", "classification", 300, 100)
    told = np.eye(3, dtype=np.float16)[dataset.targets] + np.float16(0)
    with_features = replace(dataset, features=np.concatenate([told, np.zeros((400, 200), np.float16)], 1))
    without = descriptors(dataset)
    view = linear_probabilities(dataset, descriptors(with_features), 0)
    assert (view.argmax(1) == dataset.targets).all()
    np.testing.assert_array_equal(descriptors(dataset), without)


def test_where_features_tell_nothing_oriented_gradients_still_find_flips(make_dataset: MakeDataset) -> None:
    dataset: Dataset = make_dataset(200, 40)
    flipped = np.arange(0, 200, 20)
    targets = dataset.targets.copy()
    targets[flipped] = (targets[flipped] + 1) % 3
    noise = np.random.default_rng(0).normal(size=(240, 50)).astype(np.float16)
    dataset = replace(dataset, targets=targets, features=noise, pred_probs=np.full((240, 3), 1 / 3))
    opinion = label_opinion(Pool.empty(dataset, LinearLearner(), Path("pool")), 0)
    assert list(opinion.views) == ["pool", "linear", "neighbours", "gradients"]
    wrong = opinion.wrong()[:200]
    assert set(np.argsort(-wrong)[:10]) == set(flipped)
    without = label_opinion(Pool.empty(replace(dataset, features=None), LinearLearner(), Path("pool")), 0)
    assert list(without.views) == ["pool", "linear", "neighbours"]


def test_where_words_tell_nothing_sentences_still_find_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, rng = make("text", "classification", 200, 40), np.random.default_rng(0)
    true, flipped = rng.integers(0, 3, 240), np.arange(0, 200, 20)
    targets = true.copy()
    targets[flipped] = (targets[flipped] + 1) % 3
    dataset = replace(dataset, targets=targets, pred_probs=np.full((240, 3), 1 / 3))
    told = (np.eye(3)[true] + 0.2 * rng.normal(size=(240, 3))).astype(np.float16)
    monkeypatch.setattr(label_views, "sentence_embeddings", lambda dataset, source: told)
    pool = Pool.empty(dataset, LinearLearner(), Path("pool"))
    monkeypatch.setattr(embeddings, "weights_file", lambda: None)
    assert list(label_opinion(pool, 0).views) == ["pool", "linear", "neighbours"]
    knowing(monkeypatch, dataset.inputs)
    opinion = label_opinion(pool, 0)
    assert list(opinion.views) == ["pool", "linear", "neighbours", "sentences", "similar sentences"]
    assert set(np.argsort(-opinion.wrong()[:200])[:10]) == set(flipped)
    assert (opinion.wrong() > 0.5).sum() <= 12
    multilabel = replace(dataset, targets=np.eye(3, dtype=bool)[targets], task="multilabel")
    by_label = opinions_by_label(multilabel, np.full((240, 3), 1 / 3), 0)
    assert len(by_label[0].views) == 5
    assert set(np.argsort(-np.max([one.wrong()[:200] for one in by_label], 0))[:10]) == set(flipped)


def test_a_net_that_reads_nothing_into_texts_flags_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make("text", "classification", 300, 100)
    knowing(monkeypatch, dataset.inputs)
    probabilities = np.where(np.eye(3)[dataset.targets] > 0, 0.8, 0.1)
    pool = Pool.empty(replace(dataset, pred_probs=probabilities), LinearLearner(), Path("pool"))
    opinion = label_opinion(pool, 0)
    assert len(opinion.views) == 5
    assert (opinion.wrong() > 0.5).sum() == 0
