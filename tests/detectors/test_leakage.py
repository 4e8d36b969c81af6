"""Planted copies are found, clean splits stay silent."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataaudit.attribution import Attribution
from dataaudit.backends.trak import Trak
from dataaudit.dataset import Dataset, silent
from dataaudit.detection import Case, Detection
from dataaudit.detectors import leakage
from dataaudit.pool import Pool
from dataaudit.problem import Problem

from ..fixtures import dataset_of
from ..test_near_duplicates import ALTERATIONS, textures

N_TRAIN, N_TEST = 300, 100


class NoInfluence:
    """Stands in for an attribution: every score is random."""

    def blocks(self) -> list[tuple[int, np.ndarray]]:
        return [(0, np.random.default_rng(0).normal(size=(N_TRAIN, N_TEST)).astype("f4"))]


class AnyPool:
    """Stands in for a pool: every prediction is right."""

    def accuracies(self, rows: np.ndarray) -> np.ndarray:
        return np.ones(3)


def detect(dataset: Dataset) -> Detection:
    pool, attribution = AnyPool(), NoInfluence()
    return leakage.detect(Case(dataset, pool, attribution, 0, silent))  # type: ignore[arg-type]


@pytest.fixture
def clean(tmp_path: Path) -> Dataset:
    pixels = (textures(N_TRAIN + N_TEST) * 255).round().byte().numpy()
    return dataset_of(pixels, np.arange(N_TRAIN + N_TEST) % 3, N_TRAIN, tmp_path)


def plant(dataset: Dataset, copies: dict[int, np.ndarray]) -> Dataset:
    inputs, contents = dataset.inputs.copy(), list(dataset.contents)
    for row, pixels in copies.items():
        inputs[row] = pixels
        contents[row] = pixels.tobytes().hex()
    return replace(dataset, inputs=inputs, contents=tuple(contents))


def test_a_clean_split_has_no_finding_but_candidates_for_every_sample(clean: Dataset) -> None:
    detection = detect(clean)
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
    found = {(f.evidence["test_id"], f.evidence["copies"][0]["train_id"]) for f in detection.findings}
    assert found == {(clean.ids[N_TRAIN + i], clean.ids[i]) for i in range(12)}
    assert detection.notes[0].startswith("12 of 100 test samples (12.0%)")
    disagreeing = {f.evidence["test_id"] for f in detection.findings if not f.evidence["labels_agree"]}
    assert disagreeing == {clean.ids[N_TRAIN + i] for i in range(12) if clean.targets[N_TRAIN + i] != clean.targets[i]}


def test_exact_copies_are_found_even_when_blank_and_all_copies_are_in_one_finding(clean: Dataset) -> None:
    blank = np.full_like(clean.inputs[0], 40)
    detection = detect(plant(clean, {3: blank, 8: blank, N_TRAIN + 5: blank}))
    (finding,) = detection.findings
    assert set(finding.sample_ids) == {clean.ids[N_TRAIN + 5], clean.ids[3], clean.ids[8]}
    assert all(copy["exact"] for copy in finding.evidence["copies"])
    assert [pair.kind for pair in detection.pairs if pair.test_id == clean.ids[N_TRAIN + 5]][:2] == ["exact", "exact"]


def test_fingerprints_survive_renaming(clean: Dataset) -> None:
    planted = plant(clean, {3: clean.inputs[N_TRAIN]})
    contents = list(planted.contents)
    contents[3] = contents[N_TRAIN]
    planted = replace(planted, contents=tuple(contents))
    renamed = replace(planted, ids=tuple(f"other/{id}" for id in planted.ids))
    assert detect(planted).findings[0].fingerprint == detect(renamed).findings[0].fingerprint


def test_influence_is_that_of_the_pair(small_pool: Pool, tmp_path: Path) -> None:
    attribution = Trak().attribute(Problem.of(small_pool), tmp_path / "s.h5", silent)
    detection = leakage.detect(Case(small_pool.dataset, small_pool, attribution, 0, silent))
    scores = Attribution.load(tmp_path / "s.h5").scores()
    for pair in detection.pairs[::7]:
        row, column = attribution.train_ids.index(pair.train_id), attribution.target_ids.index(pair.test_id)
        assert pair.influence == pytest.approx(float(scores[row, column]), rel=1e-5)
