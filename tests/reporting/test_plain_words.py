"""What a retraining test showed, in sentences."""

from dataclasses import replace
from typing import Literal

import pytest

from dataaudit.findings import Finding, Verification
from dataaudit.reporting.plain_words import shown_by_retraining

from ..fixtures_findings import leak, wrong

Status = Literal["confirmed", "consistent", "refuted", "inconclusive"]


def told(finding: Finding, status: Status, confidence: tuple[float, float, float] | None = None) -> str:
    verification = Verification(status, "a measure", 1.0, (0.5, 1.5), 0.1, 4, confidence)
    return shown_by_retraining(replace(finding, verification=verification))


def test_nothing_is_said_where_nothing_was_retrained() -> None:
    assert shown_by_retraining(leak("t", "b", "c")) == shown_by_retraining(wrong("w", "c")) == ""
    assert told(leak("t", "b", "c"), "confirmed") == ""
    assert told(replace(wrong("w", "c"), kind="of_others"), "confirmed") == ""


def test_what_a_copy_does_to_the_models() -> None:
    copy = leak("t", "b", "c")
    assert told(copy, "confirmed", (0.93, 0.81, 0.92)) == (
        "Without the copy in training, the models' confidence in this sample's label falls from 93% to 81%; without as "
        "many random samples it is 92%."
    )
    assert told(copy, "confirmed", (0.999, 0.998, 0.999)).endswith("The margin behind it falls all the same, by 1.00.")
    assert told(copy, "inconclusive", (0.934, 0.931, 0.92)) == (
        "Without the copy in training, the models' confidence in this sample's label stays at 93%; without as many "
        "random samples it is 92%. An effect on the models is not shown; a copy it is all the same."
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("consistent", "prefer 'other' to the given 'c', too."),
        ("refuted", "prefer the given 'c'."),
        ("inconclusive", "do not agree whether it is 'c' or 'other'."),
    ],
)
def test_which_label_models_prefer(status: Status, words: str) -> None:
    assert told(wrong("w", "c"), status) == f"Models trained without any of the reported samples {words}"


def test_flips_and_gains() -> None:
    flips = {"flips": 3, "trainings": 4, "flips_after_random_removal": 0, "random_trainings": 8}
    brittle = replace(wrong("w", "c"), kind="brittle", evidence=flips)
    assert told(brittle, "confirmed") == (
        "Trained without these samples, 3 of 4 models predict another class; without random ones, 0 of 8 do."
    )
    one = replace(brittle, evidence={**flips, "flips": 1, "trainings": 1})
    assert told(one, "confirmed").startswith("Trained without these samples, the model predicts another class;")
    accuracy = {"with": 0.831, "without": 0.846, "after_random_removal": 0.83}
    harmful = replace(brittle, kind="harmful", evidence={"measures": {"accuracy": accuracy}})
    assert told(harmful, "confirmed") == (
        "Accuracy on held-out samples that played no part in choosing the group rises from 83.1% to 84.6% without it; "
        "without as many random samples it is 83.0%."
    )
    assert told(replace(harmful, evidence={"measures": {}}), "confirmed") == ""
