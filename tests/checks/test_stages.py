"""Detectors are calibrated, run and verified in turn; one that breaks takes no other down."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from dataaudit import plugins
from dataaudit.checks import stages
from dataaudit.checks.detection import Calibration, CheckContext, Detection
from dataaudit.dataset import silent
from dataaudit.findings import Finding, Severity, Verification
from dataaudit.training.retraining import Retraining
from dataaudit.verdict.policy import Limit, Policy

from ..fixtures import MakeDataset, NearestMean

CLAIM = Finding("odd", Severity.LOW, ("0000.png",), 1.0, "odd", "0" * 64)
ALL = dict.fromkeys(("broken", "plain", "uncalibrated", "unproven", "whole"), "")
PLANTED = Calibration({"sort": 4}, {"sort": 3}, 3, 3, "by hand", threshold=0.7)


def detect(context: CheckContext) -> Detection:
    bar = context.calibration.threshold if context.calibration else None
    return Detection((CLAIM,), 5, 9, columns={"bar": [bar]}, notes=(f"threshold {bar}",))  # type: ignore[dict-item]


def fail(*_: object) -> NoReturn:
    raise ValueError("no such luck")


def confirm(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    confirmed = replace(CLAIM, verification=Verification("confirmed", "x", 1.0, (0.5, 1.5), 0.0, retraining.times))
    return replace(detection, findings=(confirmed,))


@pytest.fixture
def detectors(monkeypatch: pytest.MonkeyPatch) -> dict[str, SimpleNamespace]:
    known = {
        "plain": SimpleNamespace(detect=detect),
        "whole": SimpleNamespace(detect=detect, calibrate=lambda context, retrained: PLANTED, verify=confirm),
        "broken": SimpleNamespace(detect=fail, verify=confirm),
        "uncalibrated": SimpleNamespace(detect=detect, calibrate=fail, verify=confirm),
        "unproven": SimpleNamespace(detect=detect, verify=fail),
    }
    monkeypatch.setattr(plugins, "names", lambda group: sorted(known))
    monkeypatch.setattr(plugins, "get", lambda group, name: known[name])
    return known


@pytest.fixture
def context(make_dataset: MakeDataset) -> CheckContext:
    return CheckContext(make_dataset(), None, None, 0, silent)  # type: ignore[arg-type]


def retraining(context: CheckContext, tmp_path: Path) -> Retraining:
    return Retraining(context.dataset, NearestMean(), tmp_path, 0, 4, silent)


@pytest.mark.usefixtures("detectors")
def test_every_stage_that_fails_is_an_error_of_that_check_alone(context: CheckContext, tmp_path: Path) -> None:
    examined = stages.verify_claims(stages.run_detectors(context, ALL, fail), retraining(context, tmp_path))
    status = {state.name: state.check.status for state in examined}
    assert status == {"plain": "ran", "whole": "ran", "broken": "error", "uncalibrated": "error", "unproven": "error"}
    assert all(state.check.reason == "ValueError: no such luck" for state in examined if state.check.status == "error")
    assert len(stages.findings(examined, Policy())) == 2


def test_severities_are_those_of_the_policy_and_the_gravest_comes_first(context: CheckContext) -> None:
    copies = tuple(
        Finding("leakage", Severity.HIGH, (id,), 1.0, "m", id * 64, {"agreement": how})
        for id, how in (("a", "near"), ("b", "equal"))
    )
    state = stages.CheckState("leakage", context, Detection(copies, 3, 3))
    assert stages.findings([state], Policy()) == copies
    policy = Policy(limits={"leakage": Limit(severity={"near": Severity.LOW})})
    graded = stages.findings([state], policy)
    assert [(finding.sample_ids, finding.severity) for finding in graded] == [(("b",), 3), (("a",), 1)]


def test_equal_claims_on_copies_of_one_sample_have_ids_of_their_own(context: CheckContext) -> None:
    twins = tuple(Finding("mislabeled", Severity.MEDIUM, (id,), 0.9, "m", "ab" * 32) for id in "cab")
    ordered = stages.findings([stages.CheckState("x", context, Detection(twins, 3, 3))], Policy())
    assert [finding.sample_ids for finding in ordered] == [("a",), ("b",), ("c",)]
    assert len({finding.id for finding in ordered}) == 3
    assert ordered[0].fingerprint == "ab" * 32
    assert ordered == stages.findings([stages.CheckState("x", context, Detection(twins[::-1], 3, 3))], Policy())


@pytest.mark.usefixtures("detectors")
def test_the_threshold_of_the_calibration_is_used_and_reported(context: CheckContext) -> None:
    (whole,) = [state for state in stages.run_detectors(context, ALL, fail) if state.name == "whole"]
    assert whole.check.notes == ("threshold 0.7",)
    assert whole.check.calibration is not None
    assert whole.check.calibration["found"] == {"sort": 3}


@pytest.mark.usefixtures("detectors")
def test_without_retraining_nothing_is_calibrated_and_findings_stay_unverified(context: CheckContext) -> None:
    examined = stages.run_detectors(context, ALL, None)
    assert {state.check.status for state in examined if state.name != "broken"} == {"ran"}
    assert all(state.check.calibration is None for state in examined)
    assert {finding.verification.status for finding in stages.findings(examined, Policy())} == {"unverified"}
    assert [state.name for state in examined if stages.UNCALIBRATED in state.check.notes] == ["uncalibrated", "whole"]


@pytest.mark.usefixtures("detectors")
def test_claims_are_verified_with_as_many_trainings_as_asked(context: CheckContext, tmp_path: Path) -> None:
    examined = stages.verify_claims(stages.run_detectors(context, ALL, fail), retraining(context, tmp_path))
    (whole,) = [state for state in examined if state.name == "whole"]
    assert whole.detection is not None
    assert whole.detection.findings[0].verification.seeds == 4
