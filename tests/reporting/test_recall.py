"""What was planted and missed is said."""

from dataaudit.reporting.recall import hardly_found, recall
from dataaudit.result import Check


def test_sorts_of_which_most_are_missed_are_named() -> None:
    calibration = {"planted": {"crop": 4, "turn": 5, "overlay": 5}, "found": {"crop": 2, "turn": 1}}
    told = "Of 14 such faults, planted to try the check, it found 3; less than half of turn (1 of 5), overlay (0 of 5)."
    assert recall(calibration) == told
    checks = (Check("leakage", "ran", 5, 5, 0, calibration=calibration), Check("drift", "ran", 5, 5, 0))
    assert list(hardly_found(checks)) == [f"leakage: {told}"]


def test_nothing_is_said_where_nothing_is_missed_or_planted() -> None:
    good = {"planted": {"crop": 4}, "found": {"crop": 4}}
    assert recall(good) == "Of 4 such faults, planted to try the check, it found 4."
    assert recall(None) == recall({"planted": {}, "found": {}}) == ""
    assert list(hardly_found((Check("leakage", "ran", 5, 5, 0, calibration=good),))) == []
