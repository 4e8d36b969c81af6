"""Data integrity: unreadable samples, missing or empty classes, and files that were left out.

## What it finds
Unreadable files and rows, empty texts, class folders without a readable sample, classes missing from a split; files,
columns and splits that were left out, because they are in no class folder or not of the kind that is read.

## Why it matters
What is not read is not audited: a model trained on the rest differs from the one you think you train.

## How it is checked
Every file is decoded in full and every row is read; classes are counted in each split. More than five samples of a
split that are unreadable for the same reason are one finding. What was left out is counted by reason; files of other
kinds, such as a README, are no finding if they are less than 1 % of all. Of a
set that is too large a sample is audited, which is a finding too; equal samples are looked for among all of them, by
hash, which reads them all (of image files only those of equal size).

## What to do
Repair or remove the files and rows; move stray files into a class folder; complete or drop the class.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from ...data.reading.pictures import NOT_LISTED
from ...dataset import (
    BESIDE_SPLITS,
    EMPTY_CLASS,
    EMPTY_SPLIT,
    HIDDEN,
    NESTED,
    NO_FILE,
    NO_IMAGE,
    NOT_A_SPLIT,
    OTHER_ARRAY,
    SAMPLED,
    STRAY,
    UNREAD,
    UNUSED_COLUMNS,
    Dataset,
    UnreadableSample,
)
from ...findings import Finding, Remedy, Severity, fingerprint
from ..detection import CheckContext, Detection

KINDS = {
    "unreadable": "Unreadable samples",
    "missing_class": "Missing classes",
    "empty_class": "Empty class folders",
    "empty_split": "Empty split folders",
    "empty_text": "Empty texts",
    "stray_files": "Files outside class folders",
    "dead_links": "Broken links",
    "unlisted_images": "Images missing from the metadata",
    "other_files": "Files that are no images",
    "hidden_files": "Hidden files",
    "unread_files": "Files beside the data that may hold more",
    "unread_columns": "Columns that can't be read",
    "unread_splits": "Splits that are not read",
    "unread_arrays": "Arrays that are not read",
    "left_out": "Files left out",
    "not_audited": "Samples or columns that are not audited",
    "unsampled_copies": "Copies among samples that are not audited",
}
LEFT_OUT = (
    ("stray_files", Severity.LOW, STRAY, "files outside class folders, left out"),
    ("stray_files", Severity.MEDIUM, BESIDE_SPLITS, "images in folders beside the split folders, left out"),
    ("empty_class", Severity.MEDIUM, EMPTY_CLASS, "class folders without a sample"),
    ("empty_split", Severity.MEDIUM, EMPTY_SPLIT, "split folders without a sample"),
    ("dead_links", Severity.MEDIUM, NO_FILE, "images that are broken links or no regular files"),
    ("unlisted_images", Severity.LOW, NOT_LISTED, "images that no metadata file lists, left out"),
    ("other_files", Severity.INFO, NO_IMAGE, "files that are no images, left out"),
    ("unread_files", Severity.MEDIUM, UNREAD, "files or folders that may hold data, not read"),
    ("unread_columns", Severity.MEDIUM, NESTED, "columns of lists or records, left out"),
    ("unread_splits", Severity.MEDIUM, NOT_A_SPLIT, "splits with a name that is none of a split, not read"),
    ("unread_arrays", Severity.LOW, OTHER_ARRAY, "arrays that are named like no inputs or targets, not read"),
    ("hidden_files", Severity.INFO, HIDDEN, "hidden files or folders, left out"),
)
"""(kind, severity, reason that a format gave for ignoring a path, description) of findings that list several paths."""
NOT_AUDITED = ((SAMPLED, Severity.LOW), (UNUSED_COLUMNS, Severity.INFO))

MANY = 5
"""Samples of one split, unreadable for one reason, that are separate findings; more are one finding."""
MOST_LEFT_OUT = 0.01
"""Most files left out, as a share of all, that are of low severity, or no finding where their reasons have no kind."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    findings = [*_unreadable(dataset), *_empty_texts(dataset)]
    counts = dataset.counts()
    for split, class_counts in counts.items():
        missing = [name for name, count in class_counts.items() if count == 0]
        for name in missing:
            in_train = split == "train"
            where = ", ".join(other_split for other_split, other_counts in counts.items() if other_counts[name])
            nowhere = " or any other" + (": none of its files can be read" if dataset.modality == "image" else "")
            findings.append(
                Finding(
                    kind="missing_class",
                    severity=Severity.HIGH if in_train and where else Severity.MEDIUM,
                    sample_ids=(),
                    score=float(sum(other_counts[name] for other_counts in counts.values())),
                    message=f"class {name!r} has no sample in the {split} split"
                    + (f", only in {where}" if where else nowhere),
                    fingerprint=fingerprint("missing_class", [], f"{split}\0{name}"),
                    evidence={
                        "class": name,
                        "split": split,
                        "counts": {s: other_counts[name] for s, other_counts in counts.items()},
                    },
                )
            )
    findings.extend(_left_out(dataset))
    findings.extend(
        Finding("not_audited", severity, (), 1.0, note, fingerprint("not_audited", [], note))
        for beginning, severity in NOT_AUDITED
        for note in dataset.layout.notes
        if note.startswith(beginning)
    )
    findings.extend(_unsampled_copies(dataset))
    total = len(dataset) + len(dataset.rejected)
    return Detection(tuple(findings), total, total)


def _unsampled_copies(dataset: Dataset) -> Iterator[Finding]:
    """Equal samples that the audited sample does not show: leaks are one finding, those within splits another."""
    if dataset.unsampled is None:
        return
    unsampled = dataset.unsampled
    for count, named, severity, words in (
        (unsampled.leaked, unsampled.leaks, Severity.HIGH, "test or validation samples equal one of another split"),
        (unsampled.repeated, unsampled.repeats, Severity.LOW, "samples equal an earlier one of their split"),
    ):
        if count:
            yield Finding(
                kind="unsampled_copies",
                severity=severity,
                sample_ids=(),
                score=float(count),
                message=f"{count:,} {words}, and the audited sample lacks one of the two: such as {named[0][0]} and "
                f"{named[0][1]}. A larger --rows or --budget audits them",
                fingerprint=fingerprint("unsampled_copies", [], words),
                evidence={"count": count, "examples": [list(pair) for pair in named]},
            )


def _left_out(dataset: Dataset) -> Iterator[Finding]:
    paths_by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for item in dataset.layout.ignored:
        paths_by_reason[_known_reason(item.reason)].append(item.path)
    total = len(dataset) + len(dataset.rejected) + len(dataset.layout.ignored)
    for kind, severity, reason, description in LEFT_OUT:
        if paths := paths_by_reason.pop(reason, []):
            is_much = severity == Severity.LOW and len(paths) > MOST_LEFT_OUT * total
            yield _left_out_finding(kind, Severity.MEDIUM if is_much else severity, description, paths)
    if sum(map(len, paths_by_reason.values())) > MOST_LEFT_OUT * total:
        for reason, paths in paths_by_reason.items():
            severity = Severity.MEDIUM if len(paths) > max(MANY, MOST_LEFT_OUT * total) else Severity.INFO
            yield _left_out_finding("left_out", severity, f"files are left out, {reason}", paths)


def _known_reason(reason: str) -> str:
    """The reason of `LEFT_OUT` that this one begins with, before a colon and details; else what stands before these."""
    return next((known for _, _, known, _ in LEFT_OUT if f"{reason}:".startswith(f"{known}:")), reason.split(":")[0])


def _left_out_finding(kind: str, severity: Severity, description: str, paths: list[str]) -> Finding:
    return Finding(
        kind=kind,
        severity=severity,
        sample_ids=(),
        score=float(len(paths)),
        message=f"{len(paths)} {description}, such as {paths[0]}",
        fingerprint=fingerprint(kind, [], "\0".join(paths)),
        evidence={"count": len(paths), "examples": paths[:20]},
    )


def _unreadable(dataset: Dataset) -> Iterator[Finding]:
    by_reason: defaultdict[tuple[str, str], list[UnreadableSample]] = defaultdict(list)
    for sample in dataset.rejected:
        by_reason[sample.split, sample.reason].append(sample)
    for (split, reason), samples in by_reason.items():
        if len(samples) > MANY:
            yield Finding(
                kind="unreadable",
                severity=Severity.MEDIUM,
                sample_ids=tuple(sample.id for sample in samples[:MANY]),
                score=float(len(samples)),
                message=f"{len(samples):,} samples of {split} are left out, {reason}: such as {samples[0].id}",
                fingerprint=fingerprint(
                    "unreadable", [_content(dataset, sample) for sample in samples], f"{split}\0{reason}"
                ),
                evidence={"split": split, "reason": reason, "count": len(samples), "shown": MANY},
                remedies=(Remedy("remove", tuple(sample.id for sample in samples)),),
            )
            continue
        for sample in samples:
            label = f", {sample.label!r}" if sample.label else ""
            yield Finding(
                kind="unreadable",
                severity=Severity.MEDIUM,
                sample_ids=(sample.id,),
                score=1.0,
                message=f"{sample.id} ({split}{label}) is left out: {reason}",
                fingerprint=fingerprint("unreadable", [_content(dataset, sample)]),
                evidence={"split": split, "label": sample.label, "reason": reason},
                remedies=(Remedy("remove", (sample.id,)),),
            )


def _empty_texts(dataset: Dataset) -> Iterator[Finding]:
    """One finding for all texts without a character that is no blank."""
    rows = [row for row, text in enumerate(dataset.inputs) if not text.strip()] if dataset.modality == "text" else []
    if rows:
        ids = tuple(dataset.ids[row] for row in rows)
        by_split = Counter(str(dataset.splits[row]) for row in rows)
        where = ", ".join(f"{count:,} in {split}" for split, count in by_split.items())
        yield Finding(
            kind="empty_text",
            severity=Severity.MEDIUM,
            sample_ids=ids,
            score=float(len(rows)),
            message=f"{len(rows):,} texts are empty, {where}: such as {ids[0]}",
            fingerprint=fingerprint("empty_text", [dataset.contents[row] for row in rows], "\0".join(ids)),
            evidence={"count": len(rows), "counts": dict(by_split)},
            remedies=(Remedy("remove", ids),),
        )


def _content(dataset: Dataset, sample: UnreadableSample) -> str:
    """A digest of the sample's content; its id, if it has none."""
    if sample.content:
        return sample.content
    try:
        return hashlib.sha256((dataset.root / sample.id).read_bytes()).hexdigest()
    except OSError:
        return sample.id
