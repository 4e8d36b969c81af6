"""Harm is claimed where samples were spoilt, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import harmful
from dataaudit.dataset import Dataset, silent
from dataaudit.training.pool import train_pool
from dataaudit.training.retraining import Retraining

from ...fixtures import KnownScores, LeaveOneOut, MakeDataset, NearestMean, dataset_of
from ...fixtures_tables import make

N_TRAIN = 200
SPOILT = 40
CALIBRATED = 13.0
"""The learner's scale at which its probabilities are right for `overlapping`."""


def overlapping(root: Path, n_test: int, seed: int = 0) -> Dataset:
    """Two classes of noise about different greys, which the best rule tells apart in 88 of 100 cases."""
    rng = np.random.default_rng(seed)
    targets = np.arange(N_TRAIN + n_test) % 2
    pixels = rng.normal(np.where(targets == 0, 110, 140)[:, None, None, None], 50, (len(targets), 1, 4, 4))
    return dataset_of(pixels.clip(0, 255).astype(np.uint8), targets, N_TRAIN, root)


def examine(dataset: Dataset, tmp_path: Path, seed: int = 0) -> Detection:
    learner = NearestMean(CALIBRATED)
    pool = train_pool(dataset, learner, tmp_path / f"pool{seed}", 8, seed, silent)
    context = CheckContext(dataset, pool, LeaveOneOut(dataset, learner), seed, silent)  # type: ignore[arg-type]
    retraining = Retraining(dataset, learner, tmp_path / f"retrained{seed}", seed, 4, silent)
    return harmful.verify(context, harmful.detect(context), retraining)


@pytest.fixture
def spoilt(tmp_path: Path) -> Dataset:
    """The first forty training samples of class a are labelled b."""
    clean = overlapping(tmp_path, 1500)
    targets = clean.targets.copy()
    targets[: 2 * SPOILT : 2] = 1
    return replace(clean, targets=targets)


def test_flipped_labels_are_claimed_to_be_harmful_with_the_proof(spoilt: Dataset, tmp_path: Path) -> None:
    (finding,) = examine(spoilt, tmp_path).findings
    planted = {spoilt.ids[i] for i in range(0, 2 * SPOILT, 2)}
    assert len(planted & set(finding.sample_ids)) >= 0.7 * len(finding.sample_ids)
    assert finding.verification.status == "confirmed"
    assert finding.verification.interval is not None
    assert finding.verification.interval[0] > max(0.0, finding.verification.random or 0.0)
    evidence = finding.evidence
    for measure in evidence["measures"].values():
        assert measure["without"] > max(measure["with"], measure["after_random_removal"])
    assert [member["train_id"] for member in evidence["members"]] == list(finding.sample_ids)
    assert np.mean([member["harm"] > 0 for member in evidence["members"]]) > 0.9
    assert sum(evidence["classes"].values()) == len(finding.sample_ids)


def test_nothing_is_claimed_on_clean_data(tmp_path: Path) -> None:
    claims = 0
    for seed in range(8):
        detection = examine(overlapping(tmp_path, 300, seed), tmp_path, seed)
        claims += len(detection.findings)
        assert len(detection.notes) == 2
    assert claims <= 1


def test_the_half_that_selects_does_so_by_those_of_it_that_have_scores(spoilt: Dataset, tmp_path: Path) -> None:
    learner = NearestMean(CALIBRATED)
    pool = train_pool(spoilt, learner, tmp_path / "pool", 8, 0, silent)
    target, scores = spoilt.rows("test"), LeaveOneOut(spoilt, learner).scores()
    context = CheckContext(spoilt, pool, KnownScores(scores), 0, silent)  # type: ignore[arg-type]
    some = np.flatnonzero(np.arange(len(target)) % 3 == 0)
    sampled = replace(context, scores=KnownScores(scores[:, some]), scored=target[some])  # type: ignore[arg-type]
    whole, part = harmful._harm(context), harmful._harm(sampled)
    assert np.corrcoef(whole, part)[0, 1] > 0.9
    chosen = some[harmful._selecting(context)[some]]
    p = pool.probabilities[target[chosen], spoilt.targets[target[chosen]]]
    np.testing.assert_allclose(part, -(scores[:, chosen] @ (p * (1 - p))) / len(chosen), rtol=1e-4, atol=1e-6)


def test_selection_and_confirmation_share_no_sample(spoilt: Dataset, tmp_path: Path) -> None:
    """Labels of the confirming half have no say in the ranking."""
    learner = NearestMean(CALIBRATED)
    pool = train_pool(spoilt, learner, tmp_path / "pool", 8, 0, silent)
    context = CheckContext(spoilt, pool, LeaveOneOut(spoilt, learner), 0, silent)  # type: ignore[arg-type]
    selecting = harmful._selecting(context)
    assert 0.4 < selecting.mean() < 0.6
    before = harmful.detect(context).columns["harm"]
    zeroed = LeaveOneOut(spoilt, learner)
    zeroed._scores[:, ~selecting] = 99
    np.testing.assert_array_equal(harmful.detect(replace(context, scores=zeroed)).columns["harm"], before)  # type: ignore[arg-type]


def test_too_few_held_out_samples_are_said_to_be_too_few(make_dataset: MakeDataset, tmp_path: Path) -> None:
    detection = examine(make_dataset(n_train=40, n_test=20), tmp_path)
    assert detection.findings == ()
    assert "too few to confirm harm on" in detection.skipped


class LeastSquares:
    """A learner of numbers that is trained in no time; the seed leaves a few rows out."""

    recipe = {"learner": "least squares"}  # noqa: RUF012

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
        rows = rows[np.random.default_rng(seed).random(len(rows)) < 0.97]
        features = self._known(dataset, rows)
        return np.linalg.solve(
            features.T @ features + 1e-3 * np.eye(features.shape[1]), features.T @ dataset.targets[rows]
        )

    def outputs(self, model: NDArray[np.float64], dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return (self._known(dataset, rows) @ model).astype(np.float32)[:, None]

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        return 0.0

    def _known(self, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.c_[np.asarray(dataset.inputs)[rows].astype(float), np.ones(len(rows))]


class Measured(KnownScores):
    """Stands in for an attribution of numbers: what leaving each training sample out does, seen by doing it."""

    def __init__(self, dataset: Dataset, learner: LeastSquares) -> None:
        train, target = dataset.rows("train"), dataset.rows("test")

        def predicted(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            features = learner._known(dataset, rows)
            model = np.linalg.solve(
                features.T @ features + 1e-3 * np.eye(features.shape[1]), features.T @ dataset.targets[rows]
            )
            return learner.outputs(model, dataset, target)[:, 0]

        super().__init__(np.stack([predicted(train) - predicted(np.delete(train, i)) for i in range(len(train))]))


def examine_numbers(dataset: Dataset, folder: Path) -> Detection:
    learner = LeastSquares()
    pool = train_pool(dataset, learner, folder / "pool", 8, 0, silent)
    context = CheckContext(dataset, pool, Measured(dataset, learner), 0, silent)  # type: ignore[arg-type]
    retraining = Retraining(dataset, learner, folder / "retrained", 0, 4, silent)
    return harmful.verify(context, harmful.detect(context), retraining)


def test_marred_numbers_are_claimed_to_be_harmful_and_clean_ones_not(tmp_path: Path) -> None:
    clean = make("array", "regression", 150, 300)
    assert examine_numbers(clean, tmp_path / "clean").findings == ()
    targets = clean.targets.copy()
    targets[:12] *= 10
    (finding,) = examine_numbers(replace(clean, targets=targets), tmp_path / "marred").findings
    assert finding.verification.status == "confirmed"
    assert len({clean.ids[i] for i in range(12)} & set(finding.sample_ids)) >= 0.6 * len(finding.sample_ids)
    assert list(finding.evidence["measures"]) == ["squared error, turned to positive for better"]
    assert finding.evidence["members"][0]["label"] == f"{targets[clean.ids.index(finding.sample_ids[0])]:.6g}"
