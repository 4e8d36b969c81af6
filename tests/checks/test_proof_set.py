"""Of many training rows claims are tested on a part, which resembles the whole."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dataaudit
from dataaudit.checks import cost
from dataaudit.checks import proof_set as module
from dataaudit.checks.proof_set import of_models, proof_set, scope_note
from dataaudit.dataset import silent
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.retraining import Retraining

from ..fixtures import MakeDataset, NearestMean


def test_it_is_a_random_part_of_the_training_rows(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dataset, learner = make_dataset(), NearestMean()
    train = dataset.rows("train")
    monkeypatch.setattr(module, "ENOUGH", 24)
    rows, others = (proof_set(dataset, learner, seed) for seed in (0, 1))
    assert rows is not None
    assert len(set(rows) & set(train)) == 24
    np.testing.assert_array_equal(rows, np.sort(rows))
    np.testing.assert_array_equal(rows, proof_set(dataset, learner, 0))
    assert set(rows) != set(others)  # type: ignore[arg-type]
    retraining = Retraining(dataset, learner, tmp_path, 0, 3, silent, rows)
    assert of_models(retraining) == " in models of 24 of the 60 training samples"
    with_others = retraining.including(np.setdiff1d(train, rows)[:5])
    assert len(with_others.rows) == 29
    assert "29 of the 60" in scope_note(with_others)[0]


def test_it_is_everything_where_that_is_little_or_costs_little(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dataset = make_dataset()
    assert proof_set(dataset, NearestMean(), 0) is None
    monkeypatch.setattr(module, "ENOUGH", 24)
    assert proof_set(dataset, LinearLearner(), 0) is None
    whole = Retraining(dataset, LinearLearner(), tmp_path, 0, 1, silent)
    np.testing.assert_array_equal(whole.including(np.arange(3)).rows, dataset.rows("train"))
    assert (of_models(whole), scope_note(whole)) == ("", ())


def test_an_audit_tests_its_claims_on_it_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong labels and copies are found among all rows, and confirmed on a part of them."""
    for place in (module, cost):
        monkeypatch.setattr(place, "ENOUGH", 120)
    rng, labels = np.random.default_rng(0), np.arange(500) % 2
    inputs = rng.normal(size=(500, 3)) + 2 * labels[:, None]
    labels[:30] = 1 - labels[:30]
    inputs[490:494] = inputs[100:104]
    frame = pd.DataFrame(inputs, columns=["x", "y", "z"]).assign(
        label=np.array(["no", "yes"])[labels], split=["train"] * 400 + ["test"] * 100
    )
    checks = "mislabeled,leakage,harmful,brittle"
    audit = dataaudit.audit(frame, label="label", output=tmp_path, runs=8, jobs=1, verify=3, checks=checks).audit
    notes = {check.name: " ".join(check.notes) for check in audit.checks if check.status == "ran"}
    for name, size in {"mislabeled": 120, "leakage": 124, "harmful": 120, "brittle": 120}.items():
        of = re.search(r"models of (\d+) of the 400 training samples", notes[name])
        assert of is not None, name
        assert 120 <= int(of[1]) <= size, name
    assert [limit for limit in audit.limits if "models of 120 of the 400 training samples" in limit]
    assert re.search(r"removing \d+ of the \d+ training samples reported", notes["mislabeled"])
    confirmed = {f.kind for f in audit.findings if f.verification.status in ("confirmed", "consistent")}
    assert {"mislabeled", "leakage"} <= confirmed
