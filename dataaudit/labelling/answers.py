"""Answers given in a labelling tool -> decisions: what each means for its finding, and what several agree on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, NoReturn, get_args

from ..errors import InputError
from ..verdict.decisions import SCHEMA_VERSION

Choice = Literal["accept", "remove", "reject", "defer"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
"""remove accepts a finding as well, and takes its samples out."""
Labels = tuple[str, ...]
"""A label, those of a set, or a number."""


@dataclass(frozen=True)
class Answer:
    """What one person said of one finding.

    where    the place in the tool, for messages
    choice   None where only a label was chosen
    label    the label that is right; None where none was chosen
    given    the sample's label in the dataset; None where the finding names several samples
    at       ISO 8601
    """

    where: str
    finding: str
    choice: Choice | None
    label: Labels | None
    given: Labels | None
    reason: str
    reviewer: str
    at: str


@dataclass(frozen=True)
class Decided:
    """The content of decisions.json, and how many of its findings were deferred since reviewers differ."""

    document: dict[str, Any]
    differing: int


def decide(audit: Mapping[str, Any], answers: Iterable[Answer]) -> Decided:
    """The decisions that these answers come to, in the order of the audit's findings.

    audit   as in audit.json

    Of several answers of one reviewer the last counts. A finding on which reviewers differ is deferred, and the reason
    says who said what. Raises InputError for a finding or a label that the audit doesn't have, and for an answer that
    contradicts itself.
    """
    findings = {finding["id"]: finding for finding in audit["findings"]}
    places = {id: place for place, id in enumerate(findings)}
    made: list[tuple[Answer, dict[str, Any]]] = []
    for answer in answers:
        if answer.finding not in findings:
            raise InputError(
                f"{answer.where}: {answer.finding!r} is no finding of this audit; pass the audit that the tasks were "
                "made from"
            )
        made.append((answer, _decision(audit["dataset"], findings[answer.finding], answer)))
    made.sort(key=lambda one: (places[one[0].finding], _moment(one[0])))
    decisions, differing = [], 0
    for _, of_finding in groupby(made, key=lambda one: one[0].finding):
        last = {answer.reviewer: decision for answer, decision in of_finding}
        decisions.append(_joined(list(last.values())))
        differing += not _agree(list(last.values()))
    dataset = {name: audit["dataset"][name] for name in ("name", "fingerprint", "reading")}
    document = {"schema_version": SCHEMA_VERSION, "dataset": dataset, "signature": None, "decisions": decisions}
    return Decided(document, differing)


def _moment(answer: Answer) -> datetime:
    try:
        return datetime.fromisoformat(answer.at).astimezone()
    except ValueError as error:
        raise InputError(
            f"{answer.where}: expected a moment as in 2026-11-26T12:00:00Z, found {answer.at!r}"
        ) from error


def _decision(dataset: Mapping[str, Any], finding: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """One answer as an entry of decisions.json."""
    word, remedy = _Question(dataset, finding, answer).decided()
    return {
        **{"finding": finding["id"], **{name: finding[name] for name in ("fingerprint", "kind", "message")}},
        "decision": word,
        "remedy": remedy,
        "reason": answer.reason,
        "reviewer": answer.reviewer,
        "at": answer.at,
    }


def _agree(decisions: Sequence[Mapping[str, Any]]) -> bool:
    return all(
        (one["decision"], one["remedy"]) == (decisions[0]["decision"], decisions[0]["remedy"]) for one in decisions
    )


def _joined(decisions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Reviewers' decisions on one finding as one, the latest last."""
    if len(decisions) == 1:
        return decisions[0]
    joined = decisions[-1] | {"reviewer": ", ".join(sorted(decision["reviewer"] for decision in decisions))}
    if _agree(decisions):
        return joined | {"reason": "; ".join(dict.fromkeys(one["reason"] for one in decisions if one["reason"]))}
    said = "; ".join(f"{one['reviewer']}: {_in_words(one)}" for one in decisions)
    return joined | {"decision": "defer", "remedy": None, "reason": f"reviewers differ: {said}"}


def _in_words(decision: Mapping[str, Any]) -> str:
    remedy, reason = decision["remedy"], f" ({decision['reason']})" if decision["reason"] else ""
    done = f", {' '.join([remedy['action'], *remedy['to']])}" if remedy else ""
    return f"{decision['decision']}{done}{reason}"


class _Question:
    """A finding, and an answer to it."""

    def __init__(self, dataset: Mapping[str, Any], finding: Mapping[str, Any], answer: Answer) -> None:
        self.dataset, self.finding, self.answer = dataset, finding, answer
        self.remedies: list[dict[str, Any]] = finding["remedies"]
        self.first = self.remedies[0] if self.remedies else None
        self.about_label = len(finding["sample_ids"]) == 1 and any(one["action"] == "relabel" for one in self.remedies)

    def decided(self) -> tuple[str, dict[str, Any] | None]:
        """The word of decisions.json, and the remedy; a label that was chosen is used or refused, never dropped."""
        choice, label = self.answer.choice, self.answer.label
        if label is not None:
            self._require_known(label)
        if choice in ("reject", "defer", "remove"):
            if label is not None and not self._as_shown(label):
                self._fail(f"{choice!r} and the label {_quoted(label)} contradict each other; keep one of them")
            return ("accept", self._removal()) if choice == "remove" else (choice, None)
        if label is None:
            if choice is None:
                self._fail(f"expected one of {', '.join(CHOICES)} or a label, found neither")
            return "accept", self.first
        if not self._same(label, self.answer.given):
            return "accept", self._relabelling(label)
        if choice is None and self.about_label:
            return "reject", None
        self._fail(
            f"{_quoted(label)} is the label that the sample has, which "
            f"{'contradicts accept' if choice else 'says nothing of this finding'}; choose reject, or another label"
        )

    def _as_shown(self, label: Labels) -> bool:
        """Whether it is the label that the sample has, or the one that was filled in beforehand."""
        suggested = self.first["to"] if self.first and self.first["action"] == "relabel" else None
        return self._same(label, self.answer.given) or self._same(label, suggested)

    def _removal(self) -> dict[str, Any]:
        for remedy in self.remedies:
            if remedy["action"] == "remove":
                return remedy
        return {"action": "remove", "sample_ids": self._the_sample("removes samples"), "to": []}

    def _relabelling(self, label: Labels) -> dict[str, Any]:
        for remedy in self.remedies:
            if remedy["action"] == "relabel" and self._same(label, remedy["to"]):
                return remedy
        ids = self._the_sample(f"relabels as {_quoted(label)}")
        return {"action": "relabel", "sample_ids": ids, "to": list(label)}

    def _the_sample(self, does: str) -> list[str]:
        ids: list[str] = self.finding["sample_ids"]
        if len(ids) != 1:
            self._fail(f"it is about {len(ids)} samples and has no remedy that {does}; choose accept or reject")
        return ids

    def _same(self, label: Labels, other: Sequence[str] | None) -> bool:
        if other is None:
            return False
        if self.dataset["task"] == "regression":
            return len(other) == 1 and float(label[0]) == float(other[0])
        return set(label) == set(other)

    def _require_known(self, label: Labels) -> None:
        """Raise InputError unless the dataset can hold this label."""
        classes = self.dataset["classes"]
        unknown = [] if self.dataset["task"] == "regression" else [name for name in label if name not in classes]
        if unknown:
            self._fail(f"{unknown[0]!r} is no class of the audited dataset; its classes are {_quoted(classes[:20])}")
        if self.dataset["task"] != "multilabel" and len(label) != 1:
            self._fail(f"expected one label, found {_quoted(label)}")

    def _fail(self, what: str) -> NoReturn:
        raise InputError(f"{self.answer.where}: {self.finding['id']}: {what}")


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels)) or "none"
