"""What people said of an audit, as measures: how many labels are wrong, and what was decided by whom."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...verdict.decisions import Decision, Decisions
from ...verdict.review import LEVEL, WrongShare
from .value import Given, Line, Measured, Told, counted, unknown

ACTIONS = {"remove": "removed", "relabel": "relabelled", "move": "moved to another split"}
LEFT = {"reject": "rejected", "defer": "deferred"}


def label_errors(told: Told) -> Measured:
    """The share of wrong labels, with its interval, by the answers of reviewers."""
    title = "Share of wrong labels"
    if not told.wrong:
        return unknown(
            f"{title}: no reviewer's answers were given. Judge the labels drawn in the audit's review.csv, and pass "
            "the file, as in dataaudit card AUDIT answers.csv."
        )
    by: Iterator[Line] = (("Judged by ", Given(name), f": {counted(count, 'label')}.") for name, count in told.answers)
    return _shares(title, told.wrong, by)


def residual(told: Told) -> Measured:
    """The share of labels that are wrong still once decisions are applied."""
    title = "Share of wrong labels once the decisions are applied"
    if not told.still_wrong:
        return unknown(f"{title}: it takes both decisions and a reviewer's answers.")
    return _shares(title, told.still_wrong)


def changes(told: Told) -> tuple[Measured, ...]:
    """Samples that were removed, relabelled or moved, or are to be, by whom, and who signed that."""
    done = () if told.record is None else (_done(told.record),)
    planned = () if told.decisions is None else (_planned(told.decisions),)
    nothing = unknown(
        "Samples removed, relabelled or moved: neither decisions on these data were given (--decisions decisions.json) "
        "nor the record of the cleaning that made them (--changes NAME.changes.json)."
    )
    return (*done, *planned) or (nothing,)


def _done(record: Mapping[str, Any]) -> Measured:
    """What `dataaudit apply` did."""
    by: dict[str, Counter[str]] = defaultdict(Counter)
    for change in record["changes"]:
        for reviewer in {decision["reviewer"] for decision in change["because"]}:
            by[reviewer][change["action"]] += 1
    lines: list[Line] = [(Given(name), f": {', '.join(_actions(counts))}.") for name, counts in sorted(by.items())]
    checked = "the result was compared with the decisions" if record["verified"] else "the result was not compared"
    counts = ", ".join(f"{count:,} {word}" for word, count in record["counts"].items())
    return Measured(
        (f"Cleaned by dataaudit apply, before this audit: {counts} ({checked}).",),
        (*lines, _signed(record["signature"])),
    )


def _planned(decisions: Decisions) -> Measured:
    """What is decided and not done yet."""
    reviewers = list(dict.fromkeys(decision.reviewer for decision in decisions.decisions))
    by: list[Line] = [
        (Given(name), ": ", _decided(one for one in decisions.decisions if one.reviewer == name)) for name in reviewers
    ]
    signature = None if decisions.signature is None else vars(decisions.signature)
    words = f"Decided after this audit, for dataaudit apply to carry out: {_decided(decisions.decisions)}"
    return Measured((words,), (*by, _signed(signature)))


def _signed(signature: Mapping[str, Any] | None) -> Line:
    if signature is None:
        return ("Not signed.",)
    name, day, outcome = (Given(text) for text in (signature["name"], signature["at"][:10], signature["outcome"]))
    return ("Signed by ", name, " on ", day, ": ", outcome, ".")


def _decided(decisions: Iterable[Decision]) -> str:
    """What is to be done, counting each sample once for an action."""
    made = list(decisions)
    remedies = [one.remedy for one in made if one.decision == "accept" and one.remedy is not None]
    samples = {(remedy.action, id) for remedy in remedies for id in remedy.sample_ids}
    done = _actions(Counter(action for action, _ in samples), "to be ")
    words = Counter[str](one.decision for one in made)
    left = [f"{counted(words[word], 'finding')} {said}" for word, said in LEFT.items() if words[word]]
    return f"{', '.join([*done, *left]) or 'nothing to change'}."


def _actions(counts: Mapping[str, int], to_be: str = "") -> list[str]:
    return [f"{counted(counts[word], 'sample')} {to_be}{said}" for word, said in ACTIONS.items() if counts[word]]


def _shares(title: str, shares: Mapping[str, WrongShare], more: Iterable[Line] = ()) -> Measured:
    """Of all labels, with those of each split as details."""
    of_splits: list[Line] = [(f"In {split}: {_share(share)}",) for split, share in shares.items() if split]
    return Measured((f"{title}: {_share(shares[''])}",), (*of_splits, *more))


def _share(share: WrongShare) -> str:
    estimate = "not yet known" if share.estimate is None else f"{share.estimate:.1%}"
    unsure = f", {share.unsure:,} of them unsure" if share.unsure else ""
    return (
        f"{estimate} of {share.labels:,} ({LEVEL:.0%} CI {share.low:.1%} to {share.high:.1%}; "
        f"{share.reviewed:,} reviewed{unsure})."
    )
