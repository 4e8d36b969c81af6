"""Of many training rows claims are tested on a part, which holds what they are about and resembles the whole."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dataaudit
from dataaudit.checks import cost
from dataaudit.checks import proof_set as module
from dataaudit.checks.proof_set import in_words, proof_set
from dataaudit.findings import Finding, Severity
from dataaudit.training.models.linear_learner import LinearLearner

from ..fixtures import MakeDataset, NearestMean


def claims(*ids: str) -> list[Finding]:
    return [Finding("odd", Severity.LOW, (id,), 1.0, "odd", id * 8) for id in ids]


def test_it_holds_what_is_claimed_and_a_part_of_every_class(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENOUGH", 24)
    dataset = make_dataset()
    train, claimed = dataset.rows("train"), [3, 4, 5, 6]
    assert len(train) == 60
    rows = proof_set(dataset, NearestMean(), claims(*(dataset.ids[row] for row in (*claimed, 70))), 0)
    assert set(claimed) < set(rows)
    assert set(rows) <= set(train)
    others = np.setdiff1d(rows, claimed)
    shares = [np.bincount(dataset.targets[part]) / len(part) for part in (others, np.setdiff1d(train, claimed))]
    np.testing.assert_allclose(*shares, atol=0.04)
    assert len(others) == pytest.approx(24, abs=1)
    np.testing.assert_array_equal(rows, np.unique(rows))
    again = proof_set(dataset, NearestMean(), claims(*(dataset.ids[row] for row in claimed)), 0)
    np.testing.assert_array_equal(rows, again)
    assert f"{len(rows)} of the 60 training samples" in in_words(rows, dataset)[0]


def test_it_is_everything_where_that_is_little_or_costs_little(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    np.testing.assert_array_equal(proof_set(dataset, NearestMean(), [], 0), dataset.rows("train"))
    monkeypatch.setattr(module, "ENOUGH", 24)
    np.testing.assert_array_equal(proof_set(dataset, LinearLearner(), [], 0), dataset.rows("train"))
    assert in_words(dataset.rows("train"), dataset) == ()


def test_an_audit_tests_its_claims_on_it_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong labels, copies and harm are found among all rows, and confirmed on a part of them."""
    monkeypatch.setattr(module, "ENOUGH", 120)
    monkeypatch.setattr(cost, "ENOUGH", 120)
    rng, labels = np.random.default_rng(0), np.arange(500) % 2
    inputs = rng.normal(size=(500, 3)) + 2 * labels[:, None]
    labels[:10] = 1 - labels[:10]
    inputs[490:494] = inputs[100:104]
    frame = pd.DataFrame(inputs, columns=["x", "y", "z"]).assign(
        label=np.array(["no", "yes"])[labels], split=["train"] * 400 + ["test"] * 100
    )
    checks = "mislabeled,leakage,harmful,brittle"
    audit = dataaudit.audit(frame, label="label", output=tmp_path, runs=8, jobs=1, verify=3, checks=checks).audit
    tested = {check.name: check for check in audit.checks if check.status == "ran"}
    assert set(tested) >= {"mislabeled", "leakage", "harmful", "brittle"}
    for name in ("mislabeled", "leakage", "harmful", "brittle"):
        assert "of the 400 training samples" in " ".join(tested[name].notes), name
    confirmed = {f.kind for f in audit.findings if f.verification.status in ("confirmed", "consistent")}
    assert {"mislabeled", "leakage"} <= confirmed
