"""Brittle predictions with three planted samples as their support set are claimed with them; the others are not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import brittle
from dataaudit.dataset import Dataset, silent
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import train_pool
from dataaudit.training.retraining import Retraining

from ...fixtures import KnownScores, LeaveOneOut, NearestMean, dataset_of, noisy_blobs_of, pool_scores

N_TRAIN, HANGING, SAFE = 120, 4, 6
EXTREME = {0, 2, 4}
"""Training samples of the class a that lie beyond the class b: without them, what is between a and b is b's."""


def between(tmp_path: Path) -> Dataset:
    """Grey images: a is about 100, but for three at 230; b is about 200. Four test images lie just on a's side."""
    rng = np.random.default_rng(0)
    targets = np.arange(N_TRAIN + HANGING + SAFE) % 2
    levels = np.where(targets == 0, 100.0, 200.0) + rng.normal(0, 2, len(targets))
    levels[sorted(EXTREME)] = 230
    levels[N_TRAIN : N_TRAIN + HANGING] = 151
    targets[N_TRAIN : N_TRAIN + HANGING] = 0
    pixels = levels[:, None, None, None] + rng.normal(0, 1, (len(targets), 1, 8, 8))
    return dataset_of(pixels.round().astype(np.uint8), targets, N_TRAIN, tmp_path)


class WithoutSeeds(NearestMean):
    seedless = True

    def trajectory(self, dataset: Dataset, rows: np.ndarray, seed: int) -> Iterator[nn.Module]:
        return super().trajectory(dataset, rows, 0)


def examine(
    dataset: Dataset, tmp_path: Path, predictions: int = 10, times: int = 4, learner: NearestMean | None = None,
    seed: int = 0, scored: NDArray[np.int64] | None = None, among: NDArray[np.int64] | None = None,
) -> Detection:  # fmt: skip
    learner = learner or NearestMean()
    pool = train_pool(dataset, learner, tmp_path / "pool", 8, seed, silent)
    target = dataset.rows("test")
    predicted = pool.probabilities[target].argmax(1)

    def influences(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
        margin_labels = predicted.copy()
        margin_labels[rows - N_TRAIN] = labels
        return LeaveOneOut(dataset, learner, margin_labels).scores()[:, rows - N_TRAIN]

    scores: Any = LeaveOneOut(dataset, learner)
    if scored is not None:
        scores = KnownScores(scores.scores()[:, scored - N_TRAIN])
    context = CheckContext(dataset, pool, scores, 0, silent, influences, predictions, scored=scored)
    retraining = Retraining(dataset, learner, tmp_path / "retrained", 0, times, silent, among)
    return brittle.verify(context, brittle.detect(context), retraining)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return between(tmp_path)


def test_hanging_predictions_are_claimed_with_the_samples_they_hang_on(dataset: Dataset, tmp_path: Path) -> None:
    detection = examine(dataset, tmp_path)
    claimed = {finding.sample_ids[0] for finding in detection.findings}
    assert claimed == {dataset.ids[N_TRAIN + i] for i in range(HANGING)}
    for finding in detection.findings:
        assert set(finding.sample_ids[1:4]) <= {dataset.ids[i] for i in EXTREME}
        assert 2 <= len(finding.sample_ids) - 1 <= 4
        assert finding.evidence["support_size"] == len(finding.evidence["support"]) == len(finding.sample_ids) - 1
        assert finding.evidence["flips"] == 4
        assert finding.evidence["flips_after_random_removal"] == 0
        assert finding.verification.status == "confirmed"
        assert finding.verification.interval is not None
        assert finding.verification.interval[0] > 0
        assert abs(finding.verification.random or 0) < finding.verification.interval[0]


def test_on_a_part_of_the_training_rows_supports_are_of_that_part(dataset: Dataset, tmp_path: Path) -> None:
    among = np.union1d(sorted(EXTREME), np.arange(40, N_TRAIN))
    detection = examine(dataset, tmp_path, among=among)
    assert {finding.sample_ids[0] for finding in detection.findings} == {
        dataset.ids[N_TRAIN + i] for i in range(HANGING)
    }
    ids = {dataset.ids[row] for row in among}
    for finding in detection.findings:
        assert {dataset.ids[row] for row in EXTREME} & set(finding.sample_ids)
        assert set(finding.sample_ids[1:]) <= ids
    assert detection.figures["most"] == round(brittle.MAX_REMOVED_SHARE * len(among))
    whole = examine(dataset, tmp_path / "whole")
    np.testing.assert_array_equal(detection.columns["support_estimate"] > 0, whole.columns["support_estimate"] > 0)


def test_a_learner_without_seeds_is_trained_once_and_its_claims_say_so(dataset: Dataset, tmp_path: Path) -> None:
    # Halves that lack two of the three samples disagree on what hangs on them: the one model of all samples counts.
    detection = examine(dataset, tmp_path, times=1, learner=WithoutSeeds())
    assert {finding.sample_ids[0] for finding in detection.findings} == {
        dataset.ids[N_TRAIN + i] for i in range(HANGING)
    }
    for finding in detection.findings:
        assert (finding.evidence["flips"], finding.evidence["trainings"]) == (1, 1)
        assert finding.evidence["random_trainings"] == 8
        assert finding.verification.seeds == 1
        assert finding.message.endswith("flips the prediction")


def test_the_fall_of_the_lead_while_searching_is_kept(dataset: Dataset, tmp_path: Path) -> None:
    for finding in examine(dataset, tmp_path).findings:
        margins, size = finding.evidence["margins"], finding.evidence["support_size"]
        removed, lead = margins["removed"], margins["lead"]
        assert removed[0] == 0
        assert removed == sorted(set(removed))
        assert size in removed
        assert len(lead) == len(removed)
        assert lead[0] > 0 > lead[removed.index(size)]
        assert margins["fresh"]["removed"] == [0, size]
        assert margins["fresh"]["lead"] == [finding.evidence["lead"], finding.evidence["lead_without"]]
        assert margins["random"]["removed"][1] >= size
        assert margins["random"]["lead"][1] > 0


def test_what_holds_is_said_to_hold_up_to_the_most_tried(dataset: Dataset, tmp_path: Path) -> None:
    detection = examine(dataset, tmp_path)
    states = {support["id"]: support["status"] for support in detection.figures["supports"]}
    assert detection.figures["most"] == round(0.04 * N_TRAIN)
    assert [states[dataset.ids[N_TRAIN + HANGING + i]] for i in range(SAFE)] == ["not found"] * SAFE
    assert detection.examined == HANGING + SAFE
    assert "6 did not flip without the 5 most influential training samples" in detection.notes[1]
    assert detection.figures["counterfactual"]["correlation"] > 0.8


def test_only_as_many_as_asked_are_examined_and_the_rest_is_said(dataset: Dataset, tmp_path: Path) -> None:
    detection = examine(dataset, tmp_path, predictions=3)
    assert detection.examined == 3
    assert detection.notes[0].startswith("3 of 10 stable predictions examined")
    assert "3 drawn" not in detection.notes[0]
    assert "1 drawn at random" in detection.notes[0]


def test_without_retraining_there_are_estimates_and_no_findings(dataset: Dataset, tmp_path: Path) -> None:
    detection = examine(dataset, tmp_path, predictions=0)
    estimates = detection.columns["support_estimate"]
    assert np.isnan(estimates[:N_TRAIN]).all()
    assert (estimates[N_TRAIN : N_TRAIN + HANGING] <= 4).all()
    assert np.isnan(estimates[N_TRAIN + HANGING :]).all()
    assert not detection.skipped
    assert not detection.findings
    assert detection.notes[-1] == "no support set was searched by retraining"
    assert detection.notes[0].count("(") == HANGING


def test_the_smallest_estimates_are_examined_beside_those_drawn(dataset: Dataset, tmp_path: Path) -> None:
    detection = examine(dataset, tmp_path, predictions=2 * HANGING)
    assert len(detection.findings) == HANGING  # whichever are drawn, the rest of them are the smallest


def test_of_a_sample_with_scores_nothing_is_said_of_the_others(dataset: Dataset, tmp_path: Path) -> None:
    scored = np.array([N_TRAIN + 1, N_TRAIN + 3, N_TRAIN + HANGING, N_TRAIN + HANGING + 2])
    detection = examine(dataset, tmp_path, scored=scored)
    claimed = {finding.sample_ids[0] for finding in detection.findings}
    assert claimed == {dataset.ids[N_TRAIN + 1], dataset.ids[N_TRAIN + 3]}
    assert detection.total == detection.examined == len(scored)
    estimated = np.flatnonzero(~np.isnan(detection.columns["support_estimate"]))
    assert set(claimed) <= {dataset.ids[row] for row in estimated}
    assert set(estimated) <= set(scored)


def test_nothing_is_said_of_models_without_a_signal(dataset: Dataset, tmp_path: Path) -> None:
    targets = dataset.targets.copy()
    targets[:N_TRAIN] = np.random.default_rng(1).permutation(targets[:N_TRAIN])
    detection = examine(replace(dataset, targets=targets), tmp_path)
    assert "no signal" in detection.skipped
    assert not detection.columns
    assert not detection.notes


def test_the_interval_of_a_sample_contains_the_share_of_all_predictions(tmp_path: Path) -> None:
    dataset, learner = noisy_blobs_of(tmp_path, 300, 60), LinearLearner()
    pool = train_pool(dataset, learner, tmp_path / "pool", 8, 0, silent)
    scores = pool_scores(pool, tmp_path / "scores.h5", "linear")
    retraining = Retraining(dataset, learner, tmp_path / "retrained", 0, 1, silent)

    def told(predictions: int) -> list[dict[str, Any]]:
        context = CheckContext(dataset, pool, scores, 0, silent, predictions=predictions)
        shares: list[dict[str, Any]] = brittle.verify(context, brittle.detect(context), retraining).figures["shares"]
        return shares

    sampled, everything = told(24), told(2 * 60)
    assert sampled[0]["drawn"] == 12 < everything[0]["drawn"]
    assert 0 < everything[-1]["flip"] < everything[-1]["drawn"]
    for sample, whole in zip(sampled, everything, strict=True):
        low, high = sample["interval"]
        assert low <= whole["flip"] / whole["drawn"] <= high


def test_a_wrong_prediction_is_asked_about_as_predicted(dataset: Dataset, tmp_path: Path) -> None:
    targets = dataset.targets.copy()
    targets[N_TRAIN] = 1
    detection = examine(replace(dataset, targets=targets), tmp_path)
    finding = next(finding for finding in detection.findings if finding.sample_ids[0] == dataset.ids[N_TRAIN])
    assert finding.evidence["predicted"] == "a"
    assert finding.evidence["label"] == "b"


def test_a_claim_is_the_same_whatever_the_order_it_was_trained_in(dataset: Dataset, tmp_path: Path) -> None:
    first = examine(dataset, tmp_path)
    again = examine(dataset, tmp_path / "again")
    assert [finding.fingerprint for finding in first.findings] == [finding.fingerprint for finding in again.findings]
    assert first.figures == again.figures
