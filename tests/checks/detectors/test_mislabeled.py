"""Flipped labels are found, ranked first and borne out by retraining; clean labels are left alone."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import norm

from dataaudit.checks.detection import Calibration, CheckContext, Detection
from dataaudit.checks.detectors import mislabeled
from dataaudit.checks.labels.label_views import (
    descriptors,
    linear_probabilities,
    nearest_training,
    neighbour_probabilities,
)
from dataaudit.dataset import Dataset, silent
from dataaudit.findings import Finding
from dataaudit.training.learners.image import ImageLearner
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import Pool, train_pool
from dataaudit.training.retraining import Retraining

from ...fixtures import MakeDataset
from ...fixtures_tables import dataset_of, make

QUICK = ImageLearner(epochs=6, batch_size=16)
FLIPPED = np.array([3, 40, 77, 120, 150, 199, 205, 230])


class AnyAttribution:
    """Stands in for an attribution."""

    def __init__(self, n: int) -> None:
        self.self_influence = np.arange(n, dtype="f4")
        self.shape = (n, 4)

    def sums_over_targets(self) -> NDArray[np.float32]:
        return -self.self_influence


def context_of(dataset: Dataset, folder: Path, seed: int = 0) -> CheckContext:
    torch.set_num_threads(1)
    pool = train_pool(dataset, QUICK, folder, 8, seed, silent)
    attribution = AnyAttribution(len(dataset.rows("train")))
    return CheckContext(dataset, pool, attribution, seed, silent)  # type: ignore[arg-type]


def retrainer(context: CheckContext, folder: Path) -> Callable[[NDArray[np.int64]], Pool]:
    return lambda labels: train_pool(replace(context.dataset, targets=labels), QUICK, folder, 8, context.seed, silent)


def flipped(dataset: Dataset, rows: NDArray[np.int64]) -> Dataset:
    targets = dataset.targets.copy()
    targets[rows] = (targets[rows] + 1) % len(dataset.class_names)
    return replace(dataset, targets=targets)


@pytest.fixture
def faulty(make_dataset: MakeDataset, tmp_path: Path) -> CheckContext:
    """200 training and 40 test blobs, of which FLIPPED carry another label."""
    return context_of(flipped(make_dataset(200, 40), FLIPPED), tmp_path / "pool")


def reported(context: CheckContext, detection: Detection) -> set[int]:
    return {context.dataset.ids.index(finding.sample_ids[0]) for finding in detection.findings}


def test_clean_labels_are_left_alone_with_and_without_calibration(make_dataset: MakeDataset, tmp_path: Path) -> None:
    context = context_of(make_dataset(200, 40), tmp_path / "pool")
    detection = mislabeled.detect(context)
    assert detection.findings == ()
    assert detection.examined == detection.total == 240
    calibrated = replace(context, calibration=mislabeled.calibrate(context, retrainer(context, tmp_path / "planted")))
    assert mislabeled.detect(calibrated).findings == ()


def test_flips_in_any_split_are_found_and_ranked_first(faulty: CheckContext) -> None:
    detection = mislabeled.detect(faulty)
    found, expected = reported(faulty, detection), set(FLIPPED.tolist())
    assert len(found & expected) >= 7
    assert len(found - expected) <= 2
    worst = np.argsort(detection.columns["label_quality"])[: len(expected)]
    assert len(set(worst.tolist()) & expected) >= 7
    classes = faulty.dataset.class_names
    for finding in detection.findings:
        row = faulty.dataset.ids.index(finding.sample_ids[0])
        if row in expected:
            assert finding.evidence["suggested_label"] == classes[faulty.dataset.targets[row] - 1]
            relabel, remove = finding.remedies
            assert relabel.to == (classes[faulty.dataset.targets[row] - 1],)
            assert relabel.sample_ids == remove.sample_ids == finding.sample_ids
        assert ("self_influence" in finding.evidence) == (row < 200)
    assert np.isnan(detection.columns["self_influence"][200:]).all()


def test_q_is_the_expected_share_of_false_findings_so_far(faulty: CheckContext) -> None:
    findings = mislabeled.detect(faulty).findings
    right = np.array([1 - finding.evidence["probability_wrong"] for finding in findings])
    q = np.array([finding.evidence["q_value"] for finding in findings])
    np.testing.assert_allclose(q, np.cumsum(right) / np.arange(1, len(q) + 1), atol=1e-12)
    assert (np.diff(right) >= 0).all()
    assert q[-1] <= 0.2


def test_planted_errors_are_found_again_and_set_the_threshold(faulty: CheckContext, tmp_path: Path) -> None:
    planted_labels: list[NDArray[np.int64]] = []

    def retrained(labels: NDArray[np.int64]) -> Pool:
        planted_labels.append(labels)
        return retrainer(faulty, tmp_path / "planted")(labels)

    calibration = mislabeled.calibrate(faulty, retrained)
    (labels,) = planted_labels
    assert calibration.planted == {"random": 5, "confusable": 5}
    assert (labels != faulty.dataset.targets).sum() == 10
    assert sum(calibration.found.values()) == calibration.right >= 8
    assert calibration.right <= calibration.reported <= calibration.right + 2
    assert calibration.threshold is not None
    assert 0.2 < calibration.threshold < 0.8
    detection = mislabeled.detect(replace(faulty, calibration=calibration))
    assert len(reported(faulty, detection) & set(FLIPPED.tolist())) >= 7


def test_the_threshold_is_the_probability_that_becomes_an_even_chance(faulty: CheckContext) -> None:
    def quality(threshold: float) -> NDArray[np.float64]:
        calibration = Calibration({}, {}, 0, 0, "", threshold)
        found = mislabeled.detect(replace(faulty, calibration=calibration)).columns["label_quality"]
        return np.asarray(found)

    plain, bolder = quality(0.5), quality(0.3)
    np.testing.assert_array_equal(plain, mislabeled.detect(faulty).columns["label_quality"])
    np.testing.assert_array_equal(bolder < 0.5, plain < 0.7)
    assert (bolder <= plain).all()


def test_advocates_are_other_training_samples_of_either_label(faulty: CheckContext) -> None:
    calls: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []

    def influences(rows: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        calls.append((rows, labels))
        scores = np.arange(200, dtype="f4")[:, None] + np.arange(len(rows), dtype="f4") / 100
        scores[rows[rows < 200], np.flatnonzero(rows < 200)] = 1e6  # a sample speaks for itself loudest
        return scores

    dataset = faulty.dataset
    findings = mislabeled.detect(replace(faulty, influences=influences)).findings
    ((rows, labels),) = calls
    np.testing.assert_array_equal(rows[: len(findings)], rows[len(findings) :])
    for i, (by_influence, by_likeness) in enumerate(zip(findings, mislabeled.detect(faulty).findings, strict=True)):
        for side, column in (("for_label", i), ("for_suggested", len(findings) + i)):
            candidates = np.flatnonzero((dataset.targets[:200] == labels[column]) & (np.arange(200) != rows[column]))
            advocates = by_influence.evidence[side]
            assert [advocate["id"] for advocate in advocates] == [dataset.ids[i] for i in candidates[:-4:-1]]
            assert advocates[0]["influence"] == pytest.approx(candidates[-1] + column / 100, abs=1e-4)
            near = by_likeness.evidence[side]
            assert {advocate["label"] for advocate in near} == {dataset.class_names[labels[column]]}
            assert by_likeness.sample_ids[0] not in {advocate["id"] for advocate in near}
            assert near[0]["similarity"] >= near[2]["similarity"]


def test_retraining_confirms_flips_and_refutes_a_claim_that_is_not_so(faulty: CheckContext, tmp_path: Path) -> None:
    detection = mislabeled.detect(faulty)
    true = next(finding for finding in detection.findings if faulty.dataset.ids.index(finding.sample_ids[0]) in FLIPPED)
    innocent = faulty.dataset.ids[next(row for row in range(200) if row not in reported(faulty, detection))]
    given = faulty.dataset.class_names[faulty.dataset.targets[faulty.dataset.ids.index(innocent)]]
    other = next(name for name in faulty.dataset.class_names if name != given)
    false = replace(true, sample_ids=(innocent,), evidence={**true.evidence, "suggested_label": other})
    claims = replace(detection, findings=(*detection.findings, false))
    retraining = Retraining(faulty.dataset, QUICK, tmp_path / "retrained", 0, 3, silent)
    verified = mislabeled.verify(faulty, claims, retraining)

    consistent = [finding.verification.status == "consistent" for finding in verified.findings[:-1]]
    assert sum(consistent) >= 6
    refuted = verified.findings[-1].verification
    assert refuted.status == "refuted"
    assert refuted.interval is not None
    assert refuted.effect is not None
    assert refuted.interval[0] < refuted.effect < refuted.interval[1] < 0
    assert refuted.seeds == 3
    assert refuted.random is not None
    assert refuted.random < 0
    accuracy, loss = verified.notes[-2:]
    assert "accuracy on the" in accuracy
    assert "mean log-loss on the" in loss
    assert len(list((tmp_path / "retrained").glob("*.pt"))) == 9


def test_findings_outside_training_are_judged_by_models_of_everything(faulty: CheckContext, tmp_path: Path) -> None:
    detection = mislabeled.detect(faulty)
    tests = tuple(finding for finding in detection.findings if finding.evidence["split"] == "test")
    retraining = Retraining(faulty.dataset, QUICK, tmp_path / "retrained", 0, 3, silent)
    verified = mislabeled.verify(faulty, replace(detection, findings=tests), retraining)
    assert tests
    assert all((finding.verification.effect or 0) > 0 for finding in verified.findings)
    assert all(finding.verification.effect == finding.verification.random for finding in verified.findings)
    assert verified.notes == detection.notes
    assert len(list((tmp_path / "retrained").glob("*.pt"))) == 3
    assert mislabeled.verify(faulty, replace(detection, findings=()), retraining).findings == ()


def test_views_do_not_see_the_label_of_their_own_row(make_dataset: MakeDataset) -> None:
    dataset = make_dataset(60, 10)
    other = flipped(dataset, np.array([5]))
    features = descriptors(dataset)
    np.testing.assert_array_equal(features, descriptors(replace(other, derived={})))
    neighbours = nearest_training(dataset, features)
    assert (neighbours != np.arange(len(dataset))[:, None]).all()
    assert set(neighbours.ravel().tolist()) <= set(dataset.rows("train").tolist())
    for view in (
        lambda d: neighbour_probabilities(d, neighbours),
        lambda d: linear_probabilities(d, features, 0),
    ):
        before, after = view(dataset)[5], view(other)[5]
        assert before.argmax() == after.argmax() == dataset.targets[5]
        np.testing.assert_allclose(view(dataset).sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(
        neighbour_probabilities(dataset, neighbours)[5], neighbour_probabilities(other, neighbours)[5]
    )


@pytest.mark.parametrize(("n_train", "classes"), [(60, 3), (20, 2), (4, 2), (40, 1)])
def test_few_rows_few_classes_and_rare_classes_are_no_crash(
    n_train: int, classes: int, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset(n_train, 10, classes=classes)
    targets = dataset.targets.copy()
    targets[:n_train][targets[:n_train] == 2] = 1
    for rare in (2, 1):  # one sample in training; none, but some in the test split
        targets[0] = min(rare, classes - 1)
        context = context_of(replace(dataset, targets=targets), tmp_path / str(rare))
        calibration = mislabeled.calibrate(context, retrainer(context, tmp_path / f"planted-{rare}"))
        assert (calibration is not None) == (n_train >= 10 and classes > 1)
        detection = mislabeled.detect(replace(context, calibration=calibration))
        unknown = np.bincount(context.dataset.targets[:n_train], minlength=classes)[context.dataset.targets] < 5
        assessed = ~unknown if classes > 1 else np.zeros(len(dataset), bool)
        np.testing.assert_array_equal(~np.isnan(detection.columns["label_quality"]), assessed)
        assert detection.examined == assessed.sum()
        assert bool(detection.skipped) == (detection.examined == 0)
        assert len(detection.findings) <= 1


@pytest.mark.parametrize("columns", ["constant", "noise", "rare classes"])
def test_nothing_is_called_wrong_where_nothing_can_be_learnt(columns: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    inputs = np.ones((200, 4)) if columns == "constant" else rng.normal(size=(200, 4))
    shares = [0, 0, 0, 1, 2] if columns == "rare classes" else [0, 1]
    dataset = dataset_of(inputs, rng.permutation(np.resize(shares, 200)), 160, "array", names="abc"[: max(shares) + 1])
    pool = train_pool(dataset, LinearLearner(), tmp_path, 8, 0, silent)
    context = CheckContext(dataset, pool, AnyAttribution(160), 0, silent)  # type: ignore[arg-type]
    detection = mislabeled.detect(context)
    assert detection.findings == ()
    assert detection.skipped.startswith("no signal: the models do not beat the class frequencies (log-loss")
    assert np.isnan(detection.columns["label_quality"]).all()
    assert mislabeled.calibrate(context, lambda labels: pytest.fail("trained in vain")) is None


class PoolOfSets:
    """Stands in for a pool: what the inputs that `make` gives say of their labels, at best."""

    def __init__(self, dataset: Dataset) -> None:
        noise = 0.25**2
        seen = np.asarray(dataset.inputs)[:, :3] / (1 + noise)
        self.probabilities = norm.cdf((seen - 0.3) / np.sqrt(noise / (1 + noise))).clip(1e-4, 1 - 1e-4)


class RetrainedAs:
    """Stands in for retraining: every model gives these labels, the surer the larger the logit."""

    times, among = 3, None

    def __init__(self, truth: NDArray[np.bool_], rows: NDArray[np.int64]) -> None:
        self.rows = rows
        self.logits = np.where(truth, 3.0, -3.0)

    def outputs(self, removals: list[object], times: range, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = np.random.default_rng(0).normal(0, 0.1, (len(removals), len(times), len(rows), self.logits.shape[1]))
        return (self.logits[rows] + noise).astype(np.float32)


def test_single_labels_of_sets_are_judged_by_themselves() -> None:
    for seed in range(3):
        dataset = make("array", "multilabel", 400, 100, seed)
        truth, targets = dataset.targets, dataset.targets.copy()
        pool = PoolOfSets(dataset)
        scores = AnyAttribution(len(dataset.rows("train")))
        assert mislabeled.detect(CheckContext(dataset, pool, scores, seed, silent)).findings == ()  # type: ignore[arg-type]
        rng = np.random.default_rng(seed)
        planted = {(int(row), int(rng.integers(3))) for row in rng.permutation(500)[:25]}
        for row, place in planted:
            targets[row, place] ^= True
        context = CheckContext(replace(dataset, targets=targets), pool, scores, seed, silent)  # type: ignore[arg-type]
        detection = mislabeled.detect(context)
        found = {
            (dataset.ids.index(finding.sample_ids[0]), dataset.class_names.index(finding.evidence["label_of_set"]))
            for finding in detection.findings
        }
        # Of inputs this noisy a third lies so near the bound that either label is likely.
        assert len(found & planted) >= 11
        assert len(found - planted) <= 0.25 * len(found)
        row, place = next(iter(found & planted))
        suggested = detection.columns["suggested_label"][row].split(", ")
        assert (dataset.class_names[place] in suggested) == truth[row, place]
        of_row: dict[str, list[Finding]] = {}
        for finding in detection.findings:
            of_row.setdefault(finding.sample_ids[0], []).append(finding)
        for id, several in of_row.items():
            assert len({finding.remedies[0].to for finding in several}) == 1  # accepted together, they agree
            given = {
                name for name, holds in zip(dataset.class_names, targets[dataset.ids.index(id)], strict=True) if holds
            }
            for finding in several:
                assert set(finding.remedies[-2].to) ^ given == {finding.evidence["label_of_set"]}
        verified = mislabeled.verify(context, detection, RetrainedAs(truth, dataset.rows("train")))  # type: ignore[arg-type]
        status = [finding.verification.status for finding in verified.findings]
        assert status.count("consistent") == len(found & planted)
        assert status.count("refuted") == len(found - planted)


def test_nothing_is_planted_into_sets_of_labels() -> None:
    context = CheckContext(make("array", "multilabel"), None, None, 0, silent)  # type: ignore[arg-type]
    assert mislabeled.calibrate(context, lambda labels: context.pool) is None


def test_labels_that_stand_apart_but_are_not_reported_are_worth_a_look_and_not_retrained(
    faulty: CheckContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = np.zeros(0, np.int64), np.zeros(0)
    monkeypatch.setattr(mislabeled, "surest", lambda wrong: nobody)
    detection = mislabeled.detect(faulty)
    assert {finding.kind for finding in detection.findings} == {"doubtful_label"}
    assert {str(finding.severity) for finding in detection.findings} == {"low"}
    assert len(reported(faulty, detection) & set(FLIPPED.tolist())) >= 6
    assert len(reported(faulty, detection) - set(FLIPPED.tolist())) <= 1
    assert mislabeled.verify(faulty, detection, None) is detection  # type: ignore[arg-type]
