"""Copies within a split are grouped, contradicting labels are told apart, clean splits stay silent."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import duplicates
from dataaudit.checks.matching.registration import blur
from dataaudit.dataset import Dataset, silent

from ...fixtures import dataset_of
from ..matching.test_near_duplicates import textures
from .test_leakage import plant

N_TRAIN, N_TEST = 180, 40


def detect(dataset: Dataset) -> Detection:
    return duplicates.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    pixels = (textures(N_TRAIN + N_TEST) * 255).round().byte().numpy()
    return dataset_of(pixels, np.arange(N_TRAIN + N_TEST) % 3, N_TRAIN, tmp_path_factory.mktemp("data"))


def test_clean_splits_have_no_finding_even_where_one_split_copies_another(clean: Dataset) -> None:
    copied = plant(clean, {row: clean.inputs[row - N_TRAIN] for row in range(N_TRAIN, N_TRAIN + 10)})
    detection = detect(copied)
    assert detection.findings == ()
    assert detection.examined == detection.total == N_TRAIN + N_TEST


def test_near_copies_are_found_in_every_split_and_grouped(clean: Dataset) -> None:
    pixels = torch.from_numpy(clean.inputs).float() / 255
    softer = (blur(pixels) * 255).round().byte().numpy()
    mirrored = clean.inputs[..., ::-1]
    darker = (clean.inputs * 0.7 + 20).astype(np.uint8)
    copies = {3: softer[0], 6: mirrored[0], 9: darker[12], N_TRAIN + 3: softer[N_TRAIN], 31: darker[30]}
    detection = detect(plant(clean, copies))
    found = {frozenset(finding.sample_ids): finding for finding in detection.findings}
    expected = [(0, 3, 6), (9, 12), (N_TRAIN, N_TRAIN + 3), (30, 31)]
    assert set(found) == {frozenset(clean.ids[row] for row in group) for group in expected}
    kinds = {finding.kind for finding in detection.findings if clean.ids[30] not in finding.sample_ids}
    assert kinds == {"duplicate"}
    conflict = found[frozenset((clean.ids[30], clean.ids[31]))]
    assert conflict.kind == "conflicting_labels"
    assert conflict.severity > found[frozenset((clean.ids[9], clean.ids[12]))].severity
    assert conflict.evidence["labels"] == {"a": 1, "b": 1}
    removed, *agreed = conflict.remedies  # no label has most of the copies: none is proposed
    assert removed.sample_ids == conflict.sample_ids
    assert {(remedy.action, remedy.sample_ids, remedy.to) for remedy in agreed} == {
        ("relabel", (clean.ids[31],), (clean.label(30),)), ("relabel", (clean.ids[30],), (clean.label(31),)),
    }  # fmt: skip
    plain = found[frozenset(clean.ids[row] for row in (0, 3, 6))]
    assert [remedy.sample_ids for remedy in plain.remedies] == [plain.sample_ids[1:]]
    assert "'a', 'b'" in conflict.message
    assert all(pair["q_value"] <= 0.05 for finding in found.values() for pair in finding.evidence["pairs"])


def test_equal_pictures_are_one_finding_however_many_and_do_not_hide_near_copies(clean: Dataset) -> None:
    blank = np.full_like(clean.inputs[0], 40)
    darker = (clean.inputs[60] * 0.7 + 20).astype(np.uint8)
    copies = dict.fromkeys(range(0, 30, 3), blank) | dict.fromkeys(range(60, 90, 3), clean.inputs[60])
    detection = detect(plant(clean, copies | {90: darker}))
    groups = {finding.sample_ids: finding.evidence["exact"] for finding in detection.findings}
    assert groups == {
        tuple(clean.ids[row] for row in range(0, 30, 3)): True,
        tuple(clean.ids[row] for row in range(60, 91, 3)): False,
    }


def test_of_conflicting_copies_the_label_that_most_have_is_proposed(clean: Dataset) -> None:
    (finding,) = detect(plant(clean, dict.fromkeys((3, 6, 7), clean.inputs[0]))).findings
    relabel, remove, _ = finding.remedies
    assert (relabel.action, relabel.sample_ids, relabel.to) == ("relabel", (clean.ids[7],), ("a",))
    assert remove.sample_ids == finding.sample_ids


def test_in_a_large_split_the_likeliest_are_aligned_and_the_check_says_so(
    clean: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "ALIGNED", 50)
    planted = plant(clean, {3: (clean.inputs[0] * 0.7 + 20).astype(np.uint8)})
    detection = detect(planted)
    assert [finding.sample_ids for finding in detection.findings] == [(clean.ids[0], clean.ids[3])]
    assert detection.notes[0] == "train: the 76 of 180 samples most similar to another one were aligned"


def test_tiny_splits_are_no_trouble(clean: Dataset) -> None:
    small = dataset_of(clean.inputs[:4], clean.targets[:4], 3, clean.root)
    assert detect(small).findings == ()
    assert len(detect(plant(small, dict.fromkeys([0, 1], small.inputs[0]))).findings) == 1


def test_fingerprints_are_of_the_content_and_of_the_labels_in_conflict(clean: Dataset) -> None:
    copies = {3: clean.inputs[0], 31: clean.inputs[30]}
    (first, second) = sorted(detect(plant(clean, copies)).findings, key=lambda finding: finding.sample_ids)
    renamed = replace(plant(clean, copies), ids=tuple(f"other/{id}" for id in clean.ids))
    assert {f.fingerprint for f in detect(renamed).findings} == {first.fingerprint, second.fingerprint}
    targets = clean.targets.copy()
    targets[31] = 2
    (_, other) = sorted(detect(replace(plant(clean, copies), targets=targets)).findings, key=lambda f: f.sample_ids)
    assert other.kind == second.kind
    assert other.fingerprint != second.fingerprint
