"""What changed from one audit to another, or from one version of a dataset to another."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..dataset import Dataset

SHOWN = 20
"""Most findings, or samples, of one sort that are listed; further ones are counted."""


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

    Samples are matched by content; among equal ones by id, then by split and label. Splits that were drawn here, not
    given by the data, are no difference, nor are ids that are positions.
    """
    has_splits = not (old.layout.splits_drawn or new.layout.splits_drawn)
    has_files = bool(old.sources or new.sources)
    unmatched: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for content, sample in _samples(old, has_splits):
        unmatched[content].append(sample)
    pending, pairs = [], []
    for content, sample in _samples(new, has_splits):
        if sample in unmatched[content]:
            unmatched[content].remove(sample)
        else:
            pending.append((content, sample))
    for content, sample in pending:
        candidates = unmatched[content]
        if candidates:
            match = max(candidates, key=lambda old: (old[0] == sample[0], old[1:] == sample[1:], old[2] == sample[2]))
            candidates.remove(match)
            if has_files or match[1:] != sample[1:]:
                pairs.append(SampleChange(match, sample))
        else:
            pairs.append(SampleChange(None, sample))
    return pairs + [SampleChange(sample, None) for candidates in unmatched.values() for sample in candidates]


def _samples(dataset: Dataset, has_splits: bool) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for row, (id, content) in enumerate(zip(dataset.ids, dataset.contents, strict=True)):
        yield content, (id, str(dataset.splits[row]) if has_splits else "", dataset.label(row))
    for sample in dataset.rejected:
        split = sample.split if has_splits else ""
        yield sample.content or sample.id, (sample.id, split, f"unreadable: {sample.reason}")


@dataclass(frozen=True)
class AuditChange:
    """Two audits, as documents of audit.json.

    figures      name -> (old, new), of those that differ
    new, gone    findings that only one of them has, by content
    kept         number of findings that both have
    unsought     findings of the old one that the new one did not look for: their check did not run
    """

    figures: Mapping[str, tuple[Any, Any]]
    new: tuple[Mapping[str, Any], ...]
    gone: tuple[Mapping[str, Any], ...]
    kept: int
    unsought: tuple[Mapping[str, Any], ...] = ()


def compare_audits(old: Mapping[str, Any], new: Mapping[str, Any]) -> AuditChange:
    """The differences between two audits."""
    before, after = ({finding["fingerprint"]: finding for finding in audit["findings"]} for audit in (old, new))
    found = dict.fromkeys(finding["kind"] for audit in (old, new) for finding in audit["findings"])
    figures = [dict(_figures(audit, found)) for audit in (old, new)]
    names = dict.fromkeys([*figures[0], *figures[1]])
    differing = {
        name: (figures[0].get(name), figures[1].get(name))
        for name in names
        if figures[0].get(name) != figures[1].get(name)
    }
    ran = {check["name"] for check in new["checks"] if check["status"] == "ran"}
    missing = [finding for fingerprint, finding in before.items() if fingerprint not in after]
    is_gone = [new["kinds"].get(finding["kind"]) in ran for finding in missing]
    return AuditChange(
        differing,
        tuple(finding for fingerprint, finding in after.items() if fingerprint not in before),
        tuple(finding for finding, gone in zip(missing, is_gone, strict=True) if gone),
        len(before.keys() & after.keys()),
        tuple(finding for finding, gone in zip(missing, is_gone, strict=True) if not gone),
    )


def _figures(audit: Mapping[str, Any], found: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Figures by name; of each kind that was found by either, how many, or what became of the check for it."""
    yield "verdict", audit["verdict"]["status"]
    yield "dataset", audit["dataset"]["fingerprint"][:16]
    for split, size in audit["dataset"]["sizes"].items():
        yield f"{split} samples", size
    yield "learner", audit["learner"]["recipe"]
    yield "models", audit["learner"]["models"]
    if audit["learner"]["performance"]:
        performance = audit["learner"]["performance"]
        yield f"{performance['measure']} ({performance['split']})", round(performance["mean"], 4)
    if audit["trust"]:
        yield "trust (LDS)", round(audit["trust"]["lds"], 2)
    status = {check["name"]: check["status"] for check in audit["checks"]}
    yield from ((f"check {name}", word) for name, word in status.items() if word != "ran")
    counts = Counter(finding["kind"] for finding in audit["findings"])
    for kind in found:
        word = status.get(audit["kinds"].get(kind))
        yield f"{kind} findings", (counts[kind] or None) if word == "ran" else word
    for name, version in audit["reproduce"]["versions"].items():
        yield f"version of {name}", version


def audit_lines(change: AuditChange) -> Iterator[str]:
    """The change in words, a line each."""
    for name, (old, new) in change.figures.items():
        yield f"{name}: {_text(old)} -> {_text(new)}"
    yield f"findings: {len(change.new)} new, {len(change.gone)} gone, {change.kept} in both"
    if change.unsought:
        yield f"not looked for again, as their checks did not run: {len(change.unsought)}"
    for sign, findings in (("+", change.new), ("-", change.gone)):
        for finding in findings[:SHOWN]:
            yield f"{sign} {finding['severity']:<8} {finding['id']}  {finding['message']}"
        if len(findings) > SHOWN:
            yield f"{sign} ... and {len(findings) - SHOWN} more"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return "none" if value is None else str(value)


def dataset_lines(changes: list[SampleChange]) -> Iterator[str]:
    """The changes in words, a line each."""
    counts = Counter(change.how for change in changes)
    yield "samples: " + (", ".join(f"{count:,} {how}" for how, count in counts.most_common()) or "no difference")
    for how in counts:
        matching = [change for change in changes if change.how == how]
        yield from (f"{how}: {_sample_line(change)}" for change in matching[:SHOWN])
        if len(matching) > SHOWN:
            yield f"{how}: ... and {len(matching) - SHOWN:,} more"


def _sample_line(change: SampleChange) -> str:
    sides = (change.old, change.new)
    old, new = ("" if side is None else f"{side[0]} ({', '.join(filter(None, side[1:]))})" for side in sides)
    return f"{old} -> {new}" if old and new else old or new


def document(change: AuditChange | list[SampleChange]) -> dict[str, Any]:
    """The same as plain data."""
    if isinstance(change, AuditChange):
        return asdict(change)
    return {"samples": [{"how": sample.how, "old": sample.old, "new": sample.new} for sample in change]}
