"""Running the detectors: each is calibrated on planted faults, looks at the data, and has its claims checked.

Whatever a detector raises becomes a check that could not run: a broken one must not take the others down.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import plugins
from ..findings import Finding, Pair, fingerprint
from ..result import Check
from ..training.pool import Pool
from ..training.retraining import Retraining
from .detection import Calibration, CheckContext, Detection

NO_POOL = "it needs models trained on parts of the data, but only checkpoints were given; --retrain allows it"
UNCALIBRATED = "not calibrated on planted faults, as nothing was retrained: see --verify"
Retrained = Callable[[NDArray[np.int64]], Pool]


@dataclass(frozen=True)
class CheckState:
    """One detector's state, between the stages and after them.

    reason    why there is no detection
    allowed   whether the user lets the detector have what it needs
    """

    name: str
    context: CheckContext
    detection: Detection | None = None
    reason: str = ""
    seconds: float = 0.0
    allowed: bool = True

    @property
    def check(self) -> Check:
        """The audit's summary of this detector."""
        detection = self.detection
        if detection is None:
            status: Literal["error", "not run"] = "error" if self.allowed else "not run"
            return Check(self.name, status, 0, len(self.context.dataset), 0, self.reason)
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


def run_detectors(context: CheckContext, retrained: Retrained | None) -> list[CheckState]:
    """Every detector's findings, not checked yet; calibrated where a pool on changed labels can be had."""
    states = []
    for name in plugins.names("detectors"):
        state, detector = CheckState(name, context), plugins.get("detectors", name)
        tasks = getattr(detector, "TASKS", (context.dataset.task,))
        if context.dataset.task not in tasks:
            states.append(replace(state, detection=_skipped(context, f"made for {' and '.join(tasks)}")))
            continue
        if getattr(detector, "NEEDS_POOL", False) and not len(context.pool):
            states.append(replace(state, reason=NO_POOL, allowed=False))
            continue
        if retrained is not None and hasattr(detector, "calibrate"):
            state = _step(state, partial(_calibrated, retrained=retrained))
        state = state if state.reason else _step(state, _detected)
        states.append(state if retrained is not None else _said_uncalibrated(state, detector))
    return states


def _said_uncalibrated(state: CheckState, detector: Any) -> CheckState:
    """A list of findings whose thresholds could have been set on planted faults says that they were not."""
    detection = state.detection
    if detection is None or not detection.findings or not hasattr(detector, "calibrate"):
        return state
    return replace(state, detection=replace(detection, notes=(*detection.notes, UNCALIBRATED)))


def _skipped(context: CheckContext, reason: str) -> Detection:
    return Detection((), 0, len(context.dataset), skipped=reason)


def verify_claims(states: list[CheckState], retraining: Retraining) -> list[CheckState]:
    """The states with every claim verified whose detector can do so."""
    return [
        _step(state, partial(_verified, retraining=retraining)) if _verifiable(state) else state for state in states
    ]


def _verifiable(state: CheckState) -> bool:
    detector = plugins.get("detectors", state.name)
    task = state.context.dataset.task
    return state.detection is not None and hasattr(detector, "verify") and task in getattr(detector, "TASKS", (task,))


def findings(states: list[CheckState]) -> tuple[Finding, ...]:
    """All findings, the gravest first.

    Copies of one sample give rise to equal claims on equal content; all but the first get a fingerprint of their own.
    """
    all_findings = [finding for state in states if state.detection for finding in state.detection.findings]
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
    except Exception as error:
        state = replace(state, detection=None, reason=f"{type(error).__name__}: {error}")
    return replace(state, seconds=round(state.seconds + time.perf_counter() - start, 2))
