"""What changed from one audit to another, or from one version of a dataset to another."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..dataset import Dataset

SHOWN = 20
"""Findings, or samples, of one sort that are listed before the rest is counted."""


@dataclass(frozen=True)
class SampleChange:
    """A sample of two versions of a dataset, matched by its content.

    old, new   (id, split, label) in either version; None where it is not in it; the split is empty where it was drawn
    """

    old: tuple[str, str, str] | None
    new: tuple[str, str, str] | None

    @property
    def how(self) -> str:
        """ "added", "removed", "relabelled", "moved" (another split) or "renamed"; the first that holds."""
        if self.old is None:
            return "added"
        if self.new is None:
            return "removed"
        (id, split, label), (new_id, new_split, new_label) = self.old, self.new
        if label != new_label:
            return "relabelled"
        return "moved" if split != new_split else "renamed" if id != new_id else "same"


def compare_datasets(old: Dataset, new: Dataset) -> list[SampleChange]:
    """Every sample that is not the same in both, in the order of the new version, then what was removed.

    Samples are the same if their content is; of equal ones those with the same id, then the same split and label, go
    together. Splits that were drawn here, not given by the data, are no difference, nor are ids that are positions.
    """
    given = not (old.layout.splits_drawn or new.layout.splits_drawn)
    named = bool(old.sources or new.sources)
    left: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for content, told in _told(old, given):
        left[content].append(told)
    pending, pairs = [], []
    for content, told in _told(new, given):
        if told in left[content]:
            left[content].remove(told)
        else:
            pending.append((content, told))
    for content, told in pending:
        mates = left[content]
        if mates:
            mate = max(mates, key=lambda one: (one[0] == told[0], one[1:] == told[1:], one[2] == told[2]))
            mates.remove(mate)
            if named or mate[1:] != told[1:]:
                pairs.append(SampleChange(mate, told))
        else:
            pairs.append(SampleChange(None, told))
    return pairs + [SampleChange(told, None) for mates in left.values() for told in mates]


def _told(dataset: Dataset, given: bool) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for row, (id, content) in enumerate(zip(dataset.ids, dataset.contents, strict=True)):
        yield content, (id, str(dataset.splits[row]) if given else "", dataset.label(row))
    for one in dataset.rejected:
        yield one.content or one.id, (one.id, one.split if given else "", f"unreadable: {one.reason}")


@dataclass(frozen=True)
class AuditChange:
    """Two audits, as documents of audit.json.

    figures      name -> (old, new), of those that differ
    new, gone    findings that only one of them has, by content
    kept         number of findings that both have
    """

    figures: Mapping[str, tuple[Any, Any]]
    new: tuple[Mapping[str, Any], ...]
    gone: tuple[Mapping[str, Any], ...]
    kept: int


def compare_audits(old: Mapping[str, Any], new: Mapping[str, Any]) -> AuditChange:
    """What the new audit says that the old one doesn't, and the other way round."""
    before, after = ({one["fingerprint"]: one for one in audit["findings"]} for audit in (old, new))
    figures = [dict(_figures(audit)) for audit in (old, new)]
    names = dict.fromkeys([*figures[0], *figures[1]])
    differing = {
        name: (figures[0].get(name), figures[1].get(name))
        for name in names
        if figures[0].get(name) != figures[1].get(name)
    }
    return AuditChange(
        differing,
        tuple(one for mark, one in after.items() if mark not in before),
        tuple(one for mark, one in before.items() if mark not in after),
        len(before.keys() & after.keys()),
    )


def _figures(audit: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "verdict", audit["verdict"]["status"]
    yield "dataset", audit["dataset"]["fingerprint"][:16]
    for split, size in audit["dataset"]["sizes"].items():
        yield f"{split} samples", size
    yield "learner", audit["learner"]["recipe"]
    yield "models", audit["learner"]["models"]
    if audit["learner"]["performance"]:
        measured = audit["learner"]["performance"]
        yield f"{measured['measure']} ({measured['split']})", round(measured["mean"], 4)
    if audit["trust"]:
        yield "trust (LDS)", round(audit["trust"]["lds"], 2)
    for check in audit["checks"]:
        if check["status"] != "ran":
            yield f"check {check['name']}", check["status"]
    for kind, count in Counter(one["kind"] for one in audit["findings"]).items():
        yield f"{kind} findings", count
    for name, version in audit["reproduce"]["versions"].items():
        yield f"version of {name}", version


def of_audits(change: AuditChange) -> Iterator[str]:
    """The change in words, a line each."""
    for name, (old, new) in change.figures.items():
        yield f"{name}: {_word(old)} -> {_word(new)}"
    yield f"findings: {len(change.new)} new, {len(change.gone)} gone, {change.kept} in both"
    for sign, findings in (("+", change.new), ("-", change.gone)):
        yield from (f"{sign} {one['severity']:<8} {one['id']}  {one['message']}" for one in findings[:SHOWN])
        if len(findings) > SHOWN:
            yield f"{sign} ... and {len(findings) - SHOWN} more"


def _word(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={own}" for key, own in value.items())
    return "none" if value is None else str(value)


def of_datasets(changes: list[SampleChange]) -> Iterator[str]:
    """The changes in words, a line each."""
    counts = Counter(change.how for change in changes)
    yield "samples: " + (", ".join(f"{count:,} {how}" for how, count in counts.most_common()) or "no difference")
    for how in counts:
        of_sort = [change for change in changes if change.how == how]
        yield from (f"{how}: {_sample(change)}" for change in of_sort[:SHOWN])
        if len(of_sort) > SHOWN:
            yield f"{how}: ... and {len(of_sort) - SHOWN:,} more"


def _sample(change: SampleChange) -> str:
    sides = (change.old, change.new)
    old, new = ("" if one is None else f"{one[0]} ({', '.join(filter(None, one[1:]))})" for one in sides)
    return f"{old} -> {new}" if old and new else old or new


def document(change: AuditChange | list[SampleChange]) -> dict[str, Any]:
    """The same as plain data."""
    if isinstance(change, AuditChange):
        return asdict(change)
    return {"samples": [{"how": one.how, "old": one.old, "new": one.new} for one in change]}
