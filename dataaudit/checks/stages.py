"""Running the detectors: each is calibrated on planted faults, looks at the data, and has its claims checked.

Whatever a detector raises becomes a check that could not run: a broken one must not take the others down.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import plugins
from ..config import AuditConfig
from ..dataset import Dataset, Task
from ..errors import ClusterError
from ..findings import Finding, Pair, fingerprint
from ..result import Check
from ..training.pool import Pool
from ..training.retraining import SEARCH_TIMES, Retraining
from ..verdict.policy import Policy
from .detection import Calibration, CheckContext, Detection, trainings

NO_POOL = "it needs models trained on parts of the data, but only checkpoints were given; --retrain allows it"
PENDING = "its models are still to be trained"
UNCALIBRATED = "not calibrated on planted faults, as nothing was retrained: see --verify and --budget"
NO_TIME = "not tested by retraining: no time was left for it, see --budget"
NOT_ASKED = "left out by --checks or --skip"
NO_TRAINING = "with predictions given, nothing is trained; --features, --learner or --checks asks for it"
Retrained = Callable[[NDArray[np.int64]], Pool]


@dataclass(frozen=True)
class CheckState:
    """One detector's state, between the stages and after them.

    reason    why there is no detection
    unmade    what is to be said of a check that was not made: "not asked" for, or "not run" for want of what it needs
    """

    name: str
    context: CheckContext
    detection: Detection | None = None
    reason: str = ""
    seconds: float = 0.0
    unmade: Literal["", "not asked", "not run"] = ""

    @property
    def check(self) -> Check:
        """The audit's summary of this detector."""
        detection = self.detection
        if detection is None:
            return Check(self.name, self.unmade or "error", 0, len(self.context.dataset), 0, self.reason)
        return Check(
            self.name,
            "skipped" if detection.skipped else "ran",
            detection.examined,
            detection.total,
            len(detection.findings),
            detection.skipped,
            detection.notes,
            None if self.context.calibration is None else vars(self.context.calibration),
            detection.figures,
        )


def choose(config: AuditConfig, dataset: Dataset) -> dict[str, str]:
    """Every check, and why it is left out; "" where it is to be made.

    Someone who brings predictions of a model of their own, and neither features nor a learner, asks for no training.
    """
    own_predictions = dataset.pred_probs is not None and dataset.features is None and config.learner is None
    chosen = {}
    for name in plugins.names("detectors"):
        left_out = name in config.skip or bool(config.checks and name not in config.checks)
        untrained = own_predictions and not config.checks and needs(name) == "models"
        chosen[name] = NOT_ASKED if left_out else NO_TRAINING if untrained else ""
    return chosen


def needs(name: str) -> str:
    """What a check can do nothing without: trained "models", "predictions" out of sample, or the "data" alone."""
    return str(getattr(plugins.get("detectors", name), "NEEDS", "data"))


def need_models(chosen: Mapping[str, str], dataset: Dataset) -> bool:
    """Whether any of the checks to be made can do nothing without models trained here."""
    satisfied = ("data",) if dataset.pred_probs is None else ("data", "predictions")
    return any(
        not reason and needs(name) not in satisfied and dataset.task in _tasks(name, dataset)
        for name, reason in chosen.items()
    )


def tested(chosen: Mapping[str, str], dataset: Dataset) -> tuple[str, ...]:
    """Those of the checks to be made whose claims are tested by retraining."""
    return tuple(
        name
        for name, reason in chosen.items()
        if not reason and dataset.task in _tasks(name, dataset) and hasattr(plugins.get("detectors", name), "verify")
    )


def judge_labels(chosen: Mapping[str, str], dataset: Dataset) -> bool:
    """Whether label errors are among the checks to be made."""
    return not chosen["mislabeled"] and dataset.task in _tasks("mislabeled", dataset)


def _tasks(name: str, dataset: Dataset) -> Collection[Task]:
    tasks: Collection[Task] = getattr(plugins.get("detectors", name), "TASKS", (dataset.task,))
    return tasks


def run_detectors(
    context: CheckContext, chosen: Mapping[str, str], retrained: Retrained | None = None
) -> list[CheckState]:
    """The findings of the chosen detectors, not checked yet; calibrated where a pool on changed labels can be had."""
    return [
        CheckState(name, context, reason=reason, unmade="not asked")
        if reason
        else _detected_by(CheckState(name, context), retrained)
        for name, reason in chosen.items()
    ]


def with_models(states: list[CheckState], context: CheckContext, retrained: Retrained | None) -> list[CheckState]:
    """The same once there are models, which `context` has: of what needs them or says more with them."""
    return [
        _detected_by(replace(state, context=context, detection=None, reason="", unmade=""), retrained)
        if state.unmade != "not asked" and (needs(state.name) != "data" or _gains(state.name))
        else replace(state, context=context)
        for state in states
    ]


def _gains(name: str) -> bool:
    return bool(getattr(plugins.get("detectors", name), "GAINS", False))


def _detected_by(state: CheckState, retrained: Retrained | None) -> CheckState:
    context, detector = state.context, plugins.get("detectors", state.name)
    tasks = _tasks(state.name, context.dataset)
    if context.dataset.task not in tasks:
        return replace(state, detection=_skipped(context, f"made for {' and '.join(tasks)}"))
    if (needed := needs(state.name)) != "data" and not (
        context.has_predictions if needed == "predictions" else len(context.pool)
    ):
        return replace(state, reason=PENDING if context.scores is None else NO_POOL, unmade="not run")
    if retrained is not None and hasattr(detector, "calibrate"):
        state = _step(state, partial(_calibrated, retrained=retrained))
    state = state if state.reason else _step(state, _detected)
    return state if retrained is not None else _said_uncalibrated(state, detector)


def _said_uncalibrated(state: CheckState, detector: Any) -> CheckState:
    """A list of findings whose thresholds could have been set on planted faults says that they were not."""
    detection = state.detection
    if detection is None or not detection.findings or not hasattr(detector, "calibrate"):
        return state
    return replace(state, detection=replace(detection, notes=(*detection.notes, UNCALIBRATED)))


def _skipped(context: CheckContext, reason: str) -> Detection:
    return Detection((), 0, len(context.dataset), skipped=reason)


def verify_claims(
    states: list[CheckState], retraining: Retraining, predictions: int = 0,
    affords: Callable[[str], bool] = lambda name: True,
) -> list[CheckState]:  # fmt: skip
    """The states with every claim verified whose detector can do so, as far as there is time: the cheapest first.

    predictions   how many are examined by retraining
    affords       whether there is time left for the test of this check
    """

    def cost(state: CheckState) -> int:
        return trainings(plugins.get("detectors", state.name), retraining.times, len(SEARCH_TIMES), predictions)

    states = [replace(state, context=replace(state.context, predictions=predictions)) for state in states]
    done = {state.name: state for state in states}
    for state in sorted(filter(_verifiable, states), key=cost):
        tested = affords(state.name)
        done[state.name] = _step(state, partial(_verified, retraining=retraining)) if tested else _untested(state)
    return [done[state.name] for state in states]


def _untested(state: CheckState) -> CheckState:
    detection = state.detection
    assert detection is not None
    return replace(state, detection=replace(detection, notes=(*detection.notes, NO_TIME)))


def untested(states: list[CheckState]) -> list[str]:
    """Checks whose retraining test there was no time for."""
    return [state.name for state in states if NO_TIME in state.check.notes]


def _verifiable(state: CheckState) -> bool:
    dataset = state.context.dataset
    verifying = hasattr(plugins.get("detectors", state.name), "verify")
    return state.detection is not None and verifying and dataset.task in _tasks(state.name, dataset)


def findings(states: list[CheckState], policy: Policy) -> tuple[Finding, ...]:
    """All findings, of the severities that the policy gives, the gravest first.

    Copies of one sample give rise to equal claims on equal content; all but the first get a fingerprint of their own.
    """
    all_findings = [
        policy.graded(state.name, finding)
        for state in states
        if state.detection
        for finding in state.detection.findings
    ]
    all_findings.sort(key=lambda finding: (-finding.severity, finding.kind, -finding.score, finding.sample_ids))
    occurrences = Counter[str]()
    for i, finding in enumerate(all_findings):
        if earlier := occurrences[finding.fingerprint]:
            all_findings[i] = replace(
                finding, fingerprint=fingerprint(finding.kind, [finding.fingerprint], str(earlier))
            )
        occurrences[finding.fingerprint] += 1
    return tuple(all_findings)


def pairs(states: list[CheckState]) -> tuple[Pair, ...]:
    """All candidate pairs."""
    return tuple(pair for state in states if state.detection for pair in state.detection.pairs)


def columns(states: list[CheckState]) -> Mapping[str, NDArray[Any]]:
    """All figures of samples.csv, by column name."""
    return {name: values for state in states if state.detection for name, values in state.detection.columns.items()}


def _calibrated(state: CheckState, retrained: Retrained) -> CheckState:
    calibration: Calibration | None = plugins.get("detectors", state.name).calibrate(state.context, retrained)
    return replace(state, context=replace(state.context, calibration=calibration))


def _detected(state: CheckState) -> CheckState:
    return replace(state, detection=plugins.get("detectors", state.name).detect(state.context))


def _verified(state: CheckState, retraining: Retraining) -> CheckState:
    verify = plugins.get("detectors", state.name).verify
    return replace(state, detection=verify(state.context, state.detection, retraining))


def _step(state: CheckState, step: Callable[[CheckState], CheckState]) -> CheckState:
    start = time.perf_counter()
    try:
        state = step(state)
    except ClusterError:  # the next check would train there, too
        raise
    except Exception as error:
        state = replace(state, detection=None, reason=f"{type(error).__name__}: {error}")
    return replace(state, seconds=round(state.seconds + time.perf_counter() - start, 2))
