"""The card as a Croissant description: what was measured, in the fields that are made for it, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dataaudit.reporting.data_card.croissant import OWNERS, croissant
from dataaudit.reporting.data_card.sections import data_card
from dataaudit.reporting.data_card.value import Told
from dataaudit.reporting.data_card.writing import json_ld, markdown
from dataaudit.result import Check
from dataaudit.verdict.decisions import Decision, Decisions
from dataaudit.verdict.review import WrongShare

from ..fixtures_audits import HOSTILE as HOSTILE_MARKDOWN
from ..fixtures_findings import HOSTILE, audit_of
from .test_data_card import document, named

OWNERS_FIELDS = {
    "rai:dataUseCases", "rai:dataSocialImpact", "rai:personalSensitiveInformation", "rai:annotatorDemographics",
    "rai:annotationsPerItem", "rai:dataCollection", "rai:dataReleaseMaintenancePlan",
}  # fmt: skip


def said() -> Told:
    return Told((("Ada", 60),), {"": WrongShare(8, 0.125, 0.05, 0.25, 6, 1)})


def test_what_was_measured_is_said_as_the_card_says_it() -> None:
    fields = croissant(named("shirt"), said())
    card = markdown(data_card(named("shirt"), said())).replace("`", "")
    assert fields["conformsTo"] == ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
    assert "Audited: 8 samples (7 train, 1 test)." in fields["description"]
    assert f"the fingerprint {'0' * 64}." in fields["description"]
    shares = fields["rai:dataAnnotationAnalysis"]
    assert shares[0].startswith(
        "Share of wrong labels: 12.5% of 8 (95% CI 5.0% to 25.0%; 6 reviewed, 1 of them unsure)."
    )
    assert shares[0].endswith("Judged by Ada: 60 labels.")
    for name in ("rai:dataAnnotationAnalysis", "rai:dataBiases", "rai:dataLimitations"):
        for text in fields[name]:
            assert f"- {text.split('. ')[0].removesuffix('.')}" in card


def test_what_was_not_measured_and_what_only_the_owner_knows_is_left_out() -> None:
    skipped = tuple(Check(name, "skipped", 0, 5, 0, "no model") for name in ("leakage", "mislabeled", "imbalance"))
    audit = replace(audit_of([]), checks=skipped)
    checks = [vars(Check(name, "skipped", 0, 5, 0)) for name in (
        "integrity", "duplicates", "groups", "drift", "underperforming", "columns", "target_leakage")]  # fmt: skip
    content = document(audit)
    content["checks"] += json.loads(json.dumps(checks, default=dict))
    fields = croissant(content, Told())
    assert not fields.keys() & (OWNERS_FIELDS | set(OWNERS))
    assert "rai:dataAnnotationAnalysis" not in fields
    assert "rai:dataPreprocessingProtocol" not in fields
    assert "ot measured" not in json.dumps(fields)
    assert "filled in" not in json.dumps(fields)
    assert [text.split(":")[0] for text in fields["rai:dataLimitations"]] == [
        "Accuracy on the test split as it is",
        "Verdict of the audit, by its policy",
    ]


def test_what_is_decided_and_not_done_is_no_preprocessing(tmp_path: Path) -> None:
    decision = Decision("a", "0" * 64, "mislabeled", "m", "reject", None, "", "Ada", "2026-11-26T12:00:00Z")
    decided = Decisions(tmp_path, "a", "0" * 64, None, None, (decision,), "0" * 64)  # type: ignore[arg-type]
    record: dict[str, Any] = {
        "changes": [{"action": "remove", "because": [{"reviewer": "Ada"}]}], "counts": {"removed": 1}, "verified": True,
        "signature": None,
    }  # fmt: skip
    assert "rai:dataPreprocessingProtocol" not in croissant(named("shirt"), Told(decisions=decided))
    (text,) = croissant(named("shirt"), Told(decisions=decided, record=record))["rai:dataPreprocessingProtocol"]
    assert text == (
        "Cleaned by dataaudit apply, before this audit: 1 removed (the result was compared with the decisions). "
        "Ada: 1 sample removed. Not signed."
    )


@pytest.mark.parametrize("name", HOSTILE + HOSTILE_MARKDOWN, ids=lambda string: ascii(string)[:20])
def test_names_from_the_data_are_values_and_nothing_else(name: str) -> None:
    hostile, tame = (json.loads(json_ld(data_card(named(text), Told()))) for text in (name, "tame"))
    json_ld(data_card(named(name), Told())).encode("utf-8")
    assert hostile.keys() == tame.keys()
    assert all(type(hostile[key]) is type(tame[key]) for key in tame)


def test_croissants_own_library_takes_it(tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    for name in ("photos", HOSTILE[0], HOSTILE[-5]):
        card = data_card(named(name), said())
        (tmp_path / "card.json").write_text(json_ld(card), encoding="utf-8")
        metadata = mlcroissant.Dataset(tmp_path / "card.json").metadata
        assert metadata.ctx.is_v1_1()
        assert not metadata.ctx.issues.errors
        assert metadata.data_annotation_analysis == card.croissant["rai:dataAnnotationAnalysis"]
        assert metadata.data_limitations == card.croissant["rai:dataLimitations"]
        assert metadata.data_biases == card.croissant["rai:dataBiases"]
