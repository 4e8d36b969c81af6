"""What checks find of faults planted to try them, in words: what they did not report may be there all the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..result import Check

HARDLY = 0.5
"""Share of the planted faults of a sort, below which it is named."""


def recall(calibration: Mapping[str, Any] | None) -> str:
    """How many planted faults a check found, and of which sorts less than half; empty where none were planted."""
    if calibration is None or not calibration["planted"]:
        return ""
    planted, found = calibration["planted"], calibration["found"]
    words = f"Of {sum(planted.values()):,} such faults, planted to try the check, it found {sum(found.values()):,}"
    missed = [f"{sort} ({found.get(sort, 0)} of {planted[sort]})" for sort in _hardly_found(calibration)]
    return f"{words}; less than half of {', '.join(missed)}." if missed else f"{words}."


def hardly_found(checks: Sequence[Check]) -> Iterator[str]:
    """A sentence for every check that misses most of some sort."""
    for check in checks:
        if check.calibration is not None and _hardly_found(check.calibration):
            yield f"{check.name}: {recall(check.calibration)}"


def _hardly_found(calibration: Mapping[str, Any]) -> list[str]:
    planted, found = calibration["planted"], calibration["found"]
    return [sort for sort in planted if found.get(sort, 0) < HARDLY * planted[sort]]
