"""Planted copies are found, clean splits stay silent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataaudit.attribution.attribution import Attribution
from dataaudit.attribution.backends.trak import Trak
from dataaudit.attribution.problem import Problem
from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import duplicates, leakage
from dataaudit.dataset import Dataset, silent
from dataaudit.findings import Finding
from dataaudit.training.pool import Pool

from ...fixtures import KnownScores, dataset_of
from ..matching.test_near_duplicates import ALTERATIONS, textures

N_TRAIN, N_TEST = 120, 40


class NoInfluence(KnownScores):
    """Stands in for an attribution: every score is random."""

    def __init__(self, n_train: int = N_TRAIN) -> None:
        super().__init__(np.random.default_rng(0).normal(size=(n_train, N_TEST)).astype("f4"))


class AnyPool:
    """Stands in for a pool: every prediction is right."""

    def accuracies(self, rows: np.ndarray) -> np.ndarray:
        return np.ones(3)


def context_of(dataset: Dataset) -> CheckContext:
    return CheckContext(dataset, AnyPool(), NoInfluence(), 0, silent)  # type: ignore[arg-type]


def detect(dataset: Dataset) -> Detection:
    return leakage.detect(context_of(dataset))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    pixels = (textures(N_TRAIN + N_TEST) * 255).round().byte().numpy()
    return dataset_of(pixels, np.arange(N_TRAIN + N_TEST) % 3, N_TRAIN, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def context(clean: Dataset) -> CheckContext:
    """Of the clean split, in which the search for copies is made once."""
    return context_of(clean)


def found_pair(finding: Finding) -> tuple[str, str]:
    (copy,) = finding.evidence["copies"]
    assert finding.sample_ids == (copy["test_id"], copy["train_id"])
    return copy["test_id"], copy["train_id"]


def plant(dataset: Dataset, copies: dict[int, np.ndarray]) -> Dataset:
    inputs, contents = dataset.inputs.copy(), list(dataset.contents)
    for row, pixels in copies.items():
        inputs[row] = pixels
        contents[row] = pixels.tobytes().hex()
    return replace(dataset, inputs=inputs, contents=tuple(contents))


def test_a_clean_split_has_no_finding_but_candidates_for_every_sample(context: CheckContext) -> None:
    detection = leakage.detect(context)
    assert detection.findings == ()
    assert {pair.kind for pair in detection.pairs} == {"candidate"}
    assert len(detection.pairs) == 5 * N_TEST
    assert {pair.ranked for pair in detection.pairs} == {1, 2, 3, 4, 5}


def test_altered_copies_are_found_and_nothing_else(clean: Dataset) -> None:
    changes = [change for name, change in ALTERATIONS.items() if name != "same"]
    sources = torch.from_numpy(clean.inputs[N_TRAIN : N_TRAIN + 12]).float() / 255
    copies = {
        i: (changes[i % len(changes)](sources[i : i + 1]).clamp(0, 1)[0] * 255).round().byte().numpy()
        for i in range(12)
    }
    detection = detect(plant(clean, copies))
    found = {found_pair(finding) for finding in detection.findings}
    assert found == {(clean.ids[N_TRAIN + i], clean.ids[i]) for i in range(12)}
    assert detection.notes[0].startswith("12 of 40 test samples (30.0%)")
    disagreeing = {f.sample_ids[0] for f in detection.findings if not f.evidence["labels_agree"]}
    assert disagreeing == {clean.ids[N_TRAIN + i] for i in range(12) if clean.targets[N_TRAIN + i] != clean.targets[i]}


def test_exact_copies_are_found_even_when_blank_and_all_copies_are_in_one_finding(clean: Dataset) -> None:
    blank = np.full_like(clean.inputs[0], 40)
    detection = detect(plant(clean, {3: blank, 8: blank, N_TRAIN + 5: blank}))
    (finding,) = detection.findings
    assert set(finding.sample_ids) == {clean.ids[N_TRAIN + 5], clean.ids[3], clean.ids[8]}
    assert all(copy["exact"] for copy in finding.evidence["copies"])
    assert [pair.kind for pair in detection.pairs if pair.test_id == clean.ids[N_TRAIN + 5]][:2] == ["equal", "equal"]


def test_fingerprints_survive_renaming(clean: Dataset) -> None:
    planted = plant(clean, {3: clean.inputs[N_TRAIN]})
    contents = list(planted.contents)
    contents[3] = contents[N_TRAIN]
    planted = replace(planted, contents=tuple(contents))
    renamed = replace(planted, ids=tuple(f"other/{id}" for id in planted.ids))
    assert detect(planted).findings[0].fingerprint == detect(renamed).findings[0].fingerprint


def test_influence_is_that_of_the_pair(small_pool: Pool, tmp_path: Path) -> None:
    attribution = Trak().attribute(Problem.from_pool(small_pool), tmp_path / "s.h5", silent)
    detection = leakage.detect(CheckContext(small_pool.dataset, small_pool, attribution, 0, silent))
    scores = Attribution.load(tmp_path / "s.h5").scores()
    for pair in detection.pairs[::7]:
        row, column = attribution.train_ids.index(pair.train_id), attribution.target_ids.index(pair.test_id)
        assert pair.influence == pytest.approx(float(scores[row, column]), rel=1e-5)


def altered(pixels: np.ndarray, name: str) -> np.ndarray:
    image = torch.from_numpy(pixels[None]).float() / 255
    return (ALTERATIONS[name](image).clamp(0, 1)[0] * 255).round().byte().numpy()


def test_all_copies_of_one_sample_are_one_finding(clean: Dataset) -> None:
    source = clean.inputs[N_TRAIN]
    copies = {3: altered(source, "brightness"), N_TRAIN + 1: altered(source, "blur"), 8: altered(source, "mirror")}
    other = {20: altered(clean.inputs[N_TRAIN + 30], "blur")}
    detection = detect(plant(clean, copies | other))
    groups = {frozenset(finding.sample_ids): finding for finding in detection.findings}
    expected = {
        frozenset(clean.ids[row] for row in rows) for rows in [(N_TRAIN, N_TRAIN + 1, 3, 8), (N_TRAIN + 30, 20)]
    }
    assert set(groups) == expected
    group = groups[frozenset(clean.ids[row] for row in (N_TRAIN, N_TRAIN + 1, 3, 8))]
    assert len(group.evidence["copies"]) == 4
    tested, learnt = ({clean.ids[row] for row in rows} for rows in ((N_TRAIN, N_TRAIN + 1), (3, 8)))
    assert [(remedy.action, set(remedy.sample_ids), remedy.to) for remedy in group.remedies] == [
        ("remove", tested, ()), ("remove", learnt, ()), ("move", tested, ("train",)),
    ]  # fmt: skip
    drawn = replace(plant(clean, other), layout=replace(clean.layout, split_origin="made here: at random"))
    by_accident = detect(drawn)
    assert by_accident.findings == ()
    assert by_accident.notes[0] == (
        "the split was drawn here: 1 of 40 test samples (2.5%) have a copy in the training set; reported as duplicates"
    )
    (reported,) = duplicates.detect(context_of(drawn)).findings
    assert set(reported.sample_ids) == {clean.ids[20], clean.ids[N_TRAIN + 30]}
    assert "train and test contain 2 near-duplicates of one sample" in reported.message
    assert not group.evidence["labels_agree"]
    assert "2 more copies of the same sample; their labels conflict: 'a', 'b', 'c'" in group.message
    assert detection.notes[0].startswith("3 of 40 test samples (7.5%) have a copy in the training set")


def test_the_largest_influences_are_shown_with_where_the_copy_stands_among_them(clean: Dataset) -> None:
    scores = NoInfluence().scores()
    detection = detect(plant(clean, {3: altered(clean.inputs[N_TRAIN + 7], "blur")}))
    (finding,) = detection.findings
    (copy,) = finding.evidence["copies"]
    influence = scores[:, 7]
    order = np.argsort(-influence)
    assert [influencer["id"] for influencer in finding.evidence["largest_influencers"]] == [
        clean.ids[row] for row in order[:3]
    ]
    assert copy["influence_place"] == list(order).index(3) + 1
    spread = 1.4826 * np.median(np.abs(influence - np.median(influence)))
    assert copy["influence_deviations"] == pytest.approx((influence[3] - np.median(influence)) / spread, rel=1e-4)


def test_validation_samples_are_looked_for_in_training_and_test_without_influences(clean: Dataset) -> None:
    splits = clean.splits.copy()
    splits[80:120] = "val"
    copies = {90: altered(clean.inputs[5], "blur"), 100: altered(clean.inputs[N_TRAIN + 9], "mirror")}
    planted = replace(plant(clean, copies), splits=splits)
    detection = leakage.detect(replace(context_of(planted), scores=NoInfluence(80)))
    pairs = {found_pair(finding): finding for finding in detection.findings}
    assert set(pairs) == {(clean.ids[90], clean.ids[5]), (clean.ids[100], clean.ids[N_TRAIN + 9])}
    between = pairs[clean.ids[100], clean.ids[N_TRAIN + 9]]
    assert between.evidence["copies"][0]["splits"] == ["val", "test"]
    assert between.evidence["largest_influencers"] == []
    assert f"{clean.ids[100]} has a near-duplicate in the test set" in between.message
    assert detection.notes[0].startswith("2 of 40 val samples (5.0%) have a copy in the training or the test set")
    assert {pair.test_id for pair in detection.pairs} == {clean.ids[row] for row in range(N_TRAIN, N_TRAIN + N_TEST)}


def test_calibration_finds_most_planted_copies_reports_nothing_else_and_changes_nothing(
    clean: Dataset, context: CheckContext
) -> None:
    before = clean.inputs.copy()
    calibration = leakage.calibrate(context, no_pool)
    assert calibration is not None
    np.testing.assert_array_equal(clean.inputs, before)
    assert sum(calibration.planted.values()) == N_TEST // 2
    assert len(calibration.planted) == 12
    assert sum(calibration.found.values()) > 0.7 * N_TEST // 2
    assert set(calibration.found) == set(calibration.planted)
    assert all(count <= calibration.planted[sort] for sort, count in calibration.found.items())
    assert calibration.reported == calibration.right == sum(calibration.found.values())
    assert 0.6 <= (calibration.threshold or 0) <= 0.8
    assert leakage.detect(context_of(clean)).findings == ()


def test_what_calibration_sets_is_what_detection_asks_for(clean: Dataset) -> None:
    planted = plant(clean, {3: altered(clean.inputs[N_TRAIN + 7], "noise")})
    context = context_of(planted)
    calibration = leakage.calibrate(context, no_pool)
    assert calibration is not None
    assert len(leakage.detect(replace(context, calibration=calibration)).findings) == 1
    assert leakage.detect(replace(context, calibration=replace(calibration, threshold=1.01))).findings == ()


def test_calibration_does_not_count_the_copies_that_were_there(clean: Dataset) -> None:
    copies = {i: altered(clean.inputs[N_TRAIN + i], "blur") for i in range(10)}
    calibration = leakage.calibrate(context_of(plant(clean, copies)), no_pool)
    assert calibration is not None
    assert sum(calibration.planted.values()) == 15
    assert calibration.reported == calibration.right


def test_tiny_sets_have_nothing_planted_and_do_not_fail(clean: Dataset) -> None:
    tiny = context_of(dataset_of(clean.inputs[:5], clean.targets[:5], 3, clean.root))
    assert leakage.calibrate(tiny, no_pool) is None


def no_pool(labels: np.ndarray) -> Pool:
    raise AssertionError("leaks are planted into inputs, not labels")


class Remembering:
    """Stands in for retraining: sure of the test samples whose copy was trained on, guessing at the others."""

    times, among = 4, None

    def __init__(self, dataset: Dataset, copies: dict[int, int]) -> None:
        self.dataset, self.copies, self.rows = dataset, copies, dataset.rows("train")

    def including(self, rows: np.ndarray) -> "Remembering":
        return self

    def outputs(self, removals: list[np.ndarray], times: range, rows: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(0)
        logits = rng.normal(0, 0.1, (len(removals), len(times), len(rows), 3))
        for removed, of_removal in zip(removals, logits, strict=True):
            for i, row in enumerate(rows):
                if row in self.copies and self.copies[row] not in removed:
                    of_removal[:, i, self.dataset.targets[self.copies[row]]] += 5
        return logits


def test_retraining_tells_copies_that_carry_a_prediction_from_those_that_do_not(clean: Dataset) -> None:
    targets = clean.targets.copy()
    targets[[0, 1]] = targets[[N_TRAIN, N_TRAIN + 1]]  # the third copy has another label than its test sample
    targets[2] = (targets[N_TRAIN + 2] + 1) % 3
    copies = {i: altered(clean.inputs[N_TRAIN + i], "blur") for i in range(3)}
    planted = replace(plant(clean, copies), targets=targets)
    context = context_of(planted)
    remembered = Remembering(planted, {N_TRAIN: 0, N_TRAIN + 2: 2})
    detection = leakage.verify(context, leakage.detect(context), remembered)  # type: ignore[arg-type]
    status = {finding.sample_ids[0]: finding.verification for finding in detection.findings}
    assert [status[clean.ids[N_TRAIN + i]].status for i in range(3)] == ["confirmed", "inconclusive", "inconclusive"]
    confirmed = status[clean.ids[N_TRAIN]]
    assert confirmed.effect == pytest.approx(5, abs=0.5)
    assert confirmed.interval is not None
    assert confirmed.interval[0] < confirmed.effect < confirmed.interval[1]
    assert confirmed.random == pytest.approx(0, abs=0.3)
    assert confirmed.seeds == 4
    assert any(
        note.startswith("mean accuracy of 4 retrained models on the samples with a copy") for note in detection.notes
    )


def test_nothing_is_retrained_without_findings(context: CheckContext) -> None:
    detection = leakage.detect(context)
    assert leakage.verify(context, detection, None) is detection  # type: ignore[arg-type]
