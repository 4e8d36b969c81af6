"""Flipped labels are found and ranked first; clean labels are left alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dataaudit.dataset import Dataset, silent
from dataaudit.detection import Case, Detection
from dataaudit.detectors import mislabeled
from dataaudit.detectors.mislabeled import _fit_noise, _probability_wrong
from dataaudit.label_views import descriptors, linear_probabilities, neighbour_probabilities
from dataaudit.learners.image import ImageLearner
from dataaudit.pool import train_pool

from ..fixtures import MakeDataset


class AnyAttribution:
    """Stands in for an attribution."""

    def __init__(self, n: int) -> None:
        self.self_influence = np.arange(n, dtype="f4")
        self.shape = (n, 4)

    def sums_over_targets(self) -> NDArray[np.float32]:
        return -self.self_influence


def detect(dataset: Dataset, tmp_path: Path) -> Detection:
    torch.set_num_threads(1)
    pool = train_pool(dataset, ImageLearner(epochs=6, batch_size=16), tmp_path / "pool", 8, 0, silent)
    attribution = AnyAttribution(len(dataset.rows("train")))
    return mislabeled.detect(Case(dataset, pool, attribution, 0, silent))  # type: ignore[arg-type]


def flipped(dataset: Dataset, rows: NDArray[np.int64]) -> Dataset:
    targets = dataset.targets.copy()
    targets[rows] = (targets[rows] + 1) % len(dataset.class_names)
    return replace(dataset, targets=targets)


def test_clean_labels_are_left_alone(make_dataset: MakeDataset, tmp_path: Path) -> None:
    detection = detect(make_dataset(200, 40), tmp_path)
    assert detection.findings == ()
    assert detection.examined == detection.total == 240


def test_flips_in_any_split_are_found_and_ranked_first(make_dataset: MakeDataset, tmp_path: Path) -> None:
    clean = make_dataset(200, 40)
    rows = np.array([3, 40, 77, 120, 150, 199, 205, 230])
    detection = detect(flipped(clean, rows), tmp_path)
    found = {finding.sample_ids[0] for finding in detection.findings}
    expected = {clean.ids[row] for row in rows}
    assert len(found & expected) >= 7
    assert len(found - expected) <= 2
    worst = np.argsort(detection.columns["label_quality"])[: len(rows)]
    assert len(set(worst.tolist()) & set(rows.tolist())) >= 7
    for finding in detection.findings:
        row = clean.ids.index(finding.sample_ids[0])
        if row in rows:
            assert finding.evidence["suggested_label"] == clean.class_names[clean.targets[row]]
        assert ("self_influence" in finding.evidence) == (row < 200)
    assert np.isnan(detection.columns["self_influence"][200:]).all()


def test_the_fitted_noise_is_that_which_was_put_in() -> None:
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(8000, 4)) * 6
    p = np.exp(0.5 * evidence) / np.exp(0.5 * evidence).sum(1, keepdims=True)
    true = (p.cumsum(1) > rng.random((8000, 1))).argmax(1)
    wrong = rng.random(8000) < 0.08
    given = np.where(wrong, (true + rng.integers(1, 4, 8000)) % 4, true)
    trust, noise = _fit_noise(evidence, given)
    assert trust == pytest.approx(0.5, rel=0.1)
    assert noise == pytest.approx(0.08, abs=0.015)
    trust, noise = _fit_noise(evidence, true)
    assert noise < 0.01


def test_probability_wrong_falls_as_quality_rises_and_stays_within_bounds() -> None:
    quality = np.array([0.0, 1e-9, 0.1, 0.5, 1.0])
    wrong = _probability_wrong(quality, 0.05)
    assert (np.diff(wrong) <= 0).all()
    assert wrong[0] == 1
    assert wrong[-1] == 0
    assert wrong[3] == pytest.approx(0.05)


def test_views_do_not_see_the_label_of_their_own_row(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(60, 10)
    other = flipped(dataset, np.array([5]))
    features = descriptors(dataset)
    np.testing.assert_array_equal(features, descriptors(other))
    for view in (
        lambda d: neighbour_probabilities(d, features),
        lambda d: linear_probabilities(d, features, 0),
    ):
        before, after = view(dataset)[5], view(other)[5]
        assert before.argmax() == after.argmax() == dataset.targets[5]
        np.testing.assert_allclose(view(dataset).sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(
        neighbour_probabilities(dataset, features)[5], neighbour_probabilities(other, features)[5]
    )


def test_a_class_that_is_rare_or_missing_in_training_is_no_crash(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset(60, 20)
    targets = dataset.targets.copy()
    targets[:60][targets[:60] == 2] = 1
    targets[0] = 2
    detection = detect(replace(dataset, targets=targets), tmp_path)
    assert np.isfinite(detection.columns["label_quality"]).all()
    targets[0] = 1
    unseen = detect(replace(dataset, targets=targets), tmp_path / "unseen")
    assert np.isfinite(unseen.columns["label_quality"]).all()
