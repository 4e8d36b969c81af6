"""Audits of texts, tables, numbers and arrays from the command line, with learners of the user's own."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from dataaudit.checks.cost import costs
from dataaudit.cli import cli
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.errors import InputError
from dataaudit.reporting.exports.audit_json import SCHEMA as AUDIT_SCHEMA
from dataaudit.training.models.learner_spec import learner_of

from .fixtures_tables import make

SCHEMA = json.loads(AUDIT_SCHEMA.read_text(encoding="utf-8"))
FAST = ["--runs", "8", "--verify", "0", "--jobs", "1"]
Audited = tuple[dict[str, Any], str, pd.DataFrame]


def flowers(root: Path, hostile: str = "") -> Path:
    """A table and a leak: the first test row is the last training row."""
    root.mkdir()
    dataset = make("table", "classification", 120, 40)
    frame = dataset.frame.assign(label=[f"{'abc'[target]}{hostile}" for target in dataset.targets])
    frame = frame.rename(columns={"y": "width", "size": f"size{hostile}"})
    frame.loc[119] = frame.loc[120]
    frame[:120].to_csv(root / "train.csv", index=False)
    frame[120:].to_csv(root / "test.csv", index=False)
    return root


def audit(root: Path, *options: str) -> Audited:
    output = root.with_name(f"{root.name}-audit")
    ended = CliRunner().invoke(cli, ["run", str(root), "--output", str(output), *FAST, *options])
    assert ended.exit_code in (0, 1, 3), ended.output
    assert isinstance(ended.exception, SystemExit | None), ended.output
    document = json.loads((output / "audit.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, SCHEMA)
    page = (output / "report.html").read_text(encoding="utf-8")
    return document, page, pd.read_csv(output / "samples.csv")


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["status"] for check in document["checks"]}


def test_a_table_is_audited_and_a_leak_is_shown_with_its_values(tmp_path: Path) -> None:
    document, page, samples = audit(flowers(tmp_path / "flowers"))
    assert "error" not in statuses(document).values()
    assert statuses(document)["columns"] == statuses(document)["mislabeled"] == "ran"
    leaks = [finding for finding in document["findings"] if finding["kind"] == "leakage"]
    assert [finding["sample_ids"] for finding in leaks] == [["test.csv#0", "train.csv#119"]]
    assert '<th scope="row" dir="auto">size</th>' in page
    assert document["learner"]["recipe"]["learner"] == "table"
    assert set(samples["label"]) == {"a", "b", "c"}


def test_strings_of_a_table_are_text_in_the_report(tmp_path: Path) -> None:
    _, page, _ = audit(flowers(tmp_path / "flowers", hostile="<script>alert(1)</script>"), "--learner", "linear")
    assert page.count("<script") == 2  # its own, and its data
    assert "size&lt;script&gt;" in page


def test_texts_are_audited_and_shown(tmp_path: Path) -> None:
    root = tmp_path / "notes"
    root.mkdir()
    dataset = make("text", "classification", 120, 40)
    lines = [
        {"text": f"{text} <b>of all the things there are</b> {number}", "label": "abc"[target]}
        for number, (text, target) in enumerate(zip(dataset.inputs, dataset.targets, strict=True))
    ]
    lines[0]["label"] = "abc"[("abc".index(lines[0]["label"]) + 1) % 3]
    for name, part in (("train", lines[:120]), ("test", lines[120:])):
        (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, part)), encoding="utf-8")
    document, page, samples = audit(root)
    assert document["dataset"]["modality"] == "text"
    assert "error" not in statuses(document).values()
    quality = samples.set_index("id").label_quality
    assert quality["train.jsonl#0"] < quality.quantile(0.25)
    assert "<b>of all" not in page


def test_numbers_are_audited_and_what_does_not_apply_is_said(tmp_path: Path) -> None:
    root = tmp_path / "prices.csv"
    dataset = make("table", "regression", 160, 0)
    dataset.frame.assign(price=dataset.targets).to_csv(root, index=False)
    document, page, samples = audit(root, "--label", "price")
    assert (document["dataset"]["task"], document["dataset"]["classes"]) == ("regression", [])
    assert document["learner"]["performance"]["measure"] == "R²"
    assert document["learner"]["performance"]["ensemble"] > 0.5
    assert document["trust"]["n_targets"] == 30
    assert "error" not in statuses(document).values()
    assert statuses(document)["target_errors"] == "ran"
    assert statuses(document)["brittle"] == statuses(document)["mislabeled"] == "skipped"
    assert "interquartile range" in page
    assert abs(samples["predicted"] - samples["label"]).median() < 2


def test_arrays_are_audited(tmp_path: Path) -> None:
    root = tmp_path / "arrays.npz"
    dataset = make("array", "classification", 120, 40)
    x, y = np.asarray(dataset.inputs), dataset.targets
    np.savez(root, x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:])
    document, page, _ = audit(root)
    assert document["dataset"]["modality"] == "array"
    assert "error" not in statuses(document).values()
    assert document["learner"]["performance"]["ensemble"] > 0.7
    assert page


def test_an_estimator_is_audited_by_a_stand_in_that_is_named(tmp_path: Path) -> None:
    document, page, _ = audit(flowers(tmp_path / "flowers"), "--learner", "sklearn.naive_bayes:GaussianNB")
    assert document["learner"]["gradients_of"] == "table"
    assert document["learner"]["recipe"]["learner"] == "sklearn.naive_bayes:GaussianNB"
    assert document["trust"] is not None
    assert "models trained on the same halves" in page
    assert "error" not in statuses(document).values()


def test_checkpoints_are_attributed_without_training_and_the_verdict_says_what_was_not_run(tmp_path: Path) -> None:
    root = flowers(tmp_path / "flowers")
    spec = "tests.own_models:net:epochs=60"
    dataset = load(AuditConfig(root), silent)
    learner = learner_of(spec, "table")
    paths = [tmp_path / "a.pt", tmp_path / "b.pt"]
    for seed, path in enumerate(paths):
        torch.save(learner.fit(dataset, dataset.rows("train"), seed).state_dict(), path)
    options = ["--learner", spec, *(part for path in paths for part in ("--checkpoint", str(path)))]
    document, page, samples = audit(root, *options)
    assert document["verdict"]["status"] == "INCOMPLETE"
    assert document["learner"]["models"] == 0
    assert len(document["learner"]["checkpoints"]) == 2
    found = statuses(document)
    assert found["mislabeled"] == found["brittle"] == "not run"
    assert found["leakage"] == found["columns"] == "ran"
    assert found["target_errors"] == "skipped"
    assert not (root.with_name("flowers-audit") / "pool").exists()
    leak = next(finding for finding in document["findings"] if finding["kind"] == "leakage")
    assert leak["evidence"]["copies"][0]["influence_place"] <= 20
    assert samples["predicted"].isna().all()
    assert "2 of your own trained models" in page

    again, _, _ = audit(root, *options, "--retrain")
    assert again["learner"]["models"] == 8
    assert again["trust"] is not None
    assert statuses(again)["mislabeled"] == "ran"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--checkpoint", "nowhere.pt"], "no such file"),
        (["--retrain"], "there is none"),
        (["--unsafe-checkpoints"], "there is none"),
        (["--rows", "10"], "expected at least 50"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(tmp_path: Path, options: list[str], said: str) -> None:
    ended = CliRunner().invoke(cli, ["run", str(flowers(tmp_path / "flowers")), *options])
    assert isinstance(ended.exception, InputError)
    assert said in str(ended.exception)


def test_checkpoints_need_the_factory_of_their_module(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "a.pt")
    root = flowers(tmp_path / "flowers")
    with pytest.raises(InputError, match="the factory of the module"):
        AuditConfig(root, checkpoints=(tmp_path / "a.pt",))
    config = AuditConfig(root, learner="table", checkpoints=(tmp_path / "a.pt",))
    dataset = load(config, silent)
    with pytest.raises(InputError, match="that makes the torch module, found table"):
        costs(config, dataset, True, ())


def test_more_rows_than_asked_for_are_sampled_and_said(tmp_path: Path) -> None:
    document, page, _ = audit(flowers(tmp_path / "flowers"), "--rows", "60", "--learner", "linear")
    assert document["dataset"]["sizes"]["train"] == 60
    assert "sampled" in page


def test_methods_are_measured_on_classes_only_and_that_is_said(tmp_path: Path) -> None:
    root = tmp_path / "prices.csv"
    dataset = make("table", "regression", 80, 0)
    dataset.frame.assign(price=dataset.targets).to_csv(root, index=False)
    ended = CliRunner().invoke(cli, ["evaluate", str(root), "--label", "price", "--runs", "8"])
    assert isinstance(ended.exception, InputError)
    assert "measured on classes so far, found regression" in str(ended.exception)
