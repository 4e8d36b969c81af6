"""What an answer means for its finding, and what several come to."""

from typing import Any

import pytest

from dataaudit.errors import InputError
from dataaudit.labelling.answers import Answer, decide

from ..cleaning.deciding import remedy
from .exporting import AT, audit, finding

RELABEL, REMOVE = remedy("relabel", "a", to="dog"), remedy("remove", "a")
WRONG = finding("mislabeled-1", "a", remedies=[RELABEL, REMOVE])
PAIR = finding(
    "leakage-2", "t", "a", remedies=[remedy("remove", "t"), remedy("remove", "a"), remedy("move", "t", to="train")]
)
ODD = finding("outlier-3", "a", remedies=[REMOVE])
CONFLICT = finding(
    "conflicting_labels-4", "a", "b", remedies=[remedy("relabel", "b", to="cat"), remedy("relabel", "a", to="dog")]
)
RARE = finding("class_imbalance-5", "a", "b")
FINDINGS = (WRONG, PAIR, ODD, CONFLICT, RARE)


def answer(
    about: dict[str, Any] = WRONG, choice: Any = None, label: str | tuple[str, ...] | None = None,
    given: tuple[str, ...] | None = ("cat",), reason: str = "", by: str = "Ada", at: str = AT,
) -> Answer:  # fmt: skip
    labels = (label,) if isinstance(label, str) else label
    given = given if len(about["sample_ids"]) == 1 else None
    return Answer("export.json: task 7", about["id"], choice, labels, given, reason, by, at)


def decisions(*answers: Answer, **about: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = decide(audit(*FINDINGS, **about), answers).document["decisions"]
    return made


@pytest.mark.parametrize(
    ("one", "word", "made"),
    [
        (answer(label="dog"), "accept", RELABEL),
        (answer(label="eel"), "accept", remedy("relabel", "a", to="eel")),
        (answer(label="cat"), "reject", None),
        (answer(choice="accept"), "accept", RELABEL),
        (answer(choice="accept", label="eel"), "accept", remedy("relabel", "a", to="eel")),
        (answer(choice="remove"), "accept", REMOVE),
        (answer(choice="remove", label="dog"), "accept", REMOVE),
        (answer(choice="reject"), "reject", None),
        (answer(choice="reject", label="dog"), "reject", None),
        (answer(choice="reject", label="cat"), "reject", None),
        (answer(choice="defer", label="dog"), "defer", None),
        (answer(PAIR, "accept"), "accept", remedy("remove", "t")),
        (answer(PAIR, "remove"), "accept", remedy("remove", "t")),
        (answer(ODD, "accept"), "accept", REMOVE),
        (answer(ODD, label="dog"), "accept", RELABEL),
        (answer(CONFLICT, label="dog"), "accept", remedy("relabel", "a", to="dog")),
        (answer(RARE, "accept"), "accept", None),
    ],
)
def test_an_answer_is_one_decision(one: Answer, word: str, made: dict[str, Any] | None) -> None:
    (decision,) = decisions(one)
    about = next(about for about in FINDINGS if about["id"] == one.finding)
    assert (decision["finding"], decision["fingerprint"]) == (about["id"], about["fingerprint"])
    assert (decision["kind"], decision["message"]) == (about["kind"], about["message"])
    assert (decision["decision"], decision["remedy"]) == (word, made)
    assert (decision["reviewer"], decision["at"]) == ("Ada", AT)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (answer(choice="reject", label="eel"), "mislabeled-1: 'reject' and the label 'eel' contradict each other"),
        (answer(choice="accept", label="cat"), "'cat' is the label that the sample has, which contradicts accept"),
        (answer(ODD, label="cat"), "'cat' is the label that the sample has, which says nothing of this finding"),
        (answer(label="cow"), "'cow' is no class of the audited dataset; its classes are 'cat', 'dog', 'eel'"),
        (answer(label=("cat", "dog")), "expected one label, found 'cat', 'dog'"),
        (answer(), "expected one of accept, remove, reject, defer or a label, found neither"),
        (answer(CONFLICT, label="eel"), "it is about 2 samples and has no remedy that relabels as 'eel'"),
        (answer(RARE, "remove"), "it is about 2 samples and has no remedy that removes samples"),
        (answer(finding("mislabeled-9", "a"), "accept"), "'mislabeled-9' is no finding of this audit"),
        (answer(choice="accept", at="yesterday"), "expected a moment as in 2026-11-26T12:00:00Z, found 'yesterday'"),
    ],
)
def test_what_cant_be_meant_is_refused_by_task(one: Answer, message: str) -> None:
    with pytest.raises(InputError, match=f"export.json: task 7: .*{message}"):
        decisions(one)


def test_numbers_are_compared_as_numbers() -> None:
    numbers = finding("mislabeled-1", "a", remedies=[remedy("relabel", "a", to="2.50"), REMOVE])

    def decided(label: str) -> tuple[str, Any]:
        document = audit(numbers, task="regression", classes=())
        (one,) = decide(document, [answer(numbers, label=label, given=("10",))]).document["decisions"]
        return one["decision"], one["remedy"]

    assert decided("10.0") == ("reject", None)
    assert decided("2.5") == ("accept", remedy("relabel", "a", to="2.50"))
    assert decided("3e-07") == ("accept", remedy("relabel", "a", to="3e-07"))


def test_sets_of_labels_are_compared_as_sets() -> None:
    both = answer(label=("dog", "cat"), given=("cat", "dog"))
    assert decisions(both, task="multilabel")[0]["decision"] == "reject"
    more = answer(label=("eel", "cat"), given=("cat", "dog"))
    assert decisions(more, task="multilabel")[0]["remedy"]["to"] == ["eel", "cat"]


def test_of_one_reviewers_answers_the_last_counts() -> None:
    early, late = "2026-11-29T10:00:00+02:00", "2026-11-29T09:00:00Z"
    (decision,) = decisions(answer(choice="reject", at=late), answer(choice="accept", at=early))
    assert (decision["decision"], decision["at"]) == ("reject", late)


def test_reviewers_who_agree_are_all_named() -> None:
    (decision,) = decisions(answer(label="dog", by="Eve", reason="ears"), answer(choice="accept", by="Ada"))
    assert (decision["decision"], decision["remedy"]) == ("accept", RELABEL)
    assert (decision["reviewer"], decision["reason"]) == ("Ada, Eve", "ears")


def test_where_reviewers_differ_nothing_is_decided_and_the_reason_says_who_said_what() -> None:
    said = [answer(label="dog"), answer(label="eel", by="Eve", reason="fins"), answer(PAIR, "accept")]
    decided = decide(audit(*FINDINGS), said)
    first, second = decided.document["decisions"]
    assert (first["decision"], first["remedy"], decided.differing) == ("defer", None, 1)
    assert first["reason"] == "reviewers differ: Ada: accept, relabel dog; Eve: accept, relabel eel (fins)"
    assert second["decision"] == "accept"


def test_decisions_are_in_the_order_of_the_findings() -> None:
    made = decisions(*(answer(about, "defer") for about in reversed(FINDINGS)))
    assert [one["finding"] for one in made] == [about["id"] for about in FINDINGS]
