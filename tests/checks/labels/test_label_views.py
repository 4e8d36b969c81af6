"""Descriptors know inputs and not labels, of every modality."""

from dataclasses import replace

import numpy as np
import pytest

from dataaudit.checks.labels.label_views import (
    COMPONENTS,
    descriptors,
    linear_probabilities,
    nearest_training,
    neighbour_probabilities,
)
from dataaudit.dataset import Dataset, Modality

from ...fixtures import MakeDataset
from ...fixtures_tables import make

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
