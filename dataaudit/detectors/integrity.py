"""Samples that could not be read, and classes that are not what a split needs.

## What it finds
Unreadable files, class folders without a readable sample, classes that are missing from a split, files that were left
out because they are in no class folder.

## Why it matters
What is not read is not audited: a model trained on the rest differs from the one you think you train.

## How it is checked
Every file is decoded in full; classes are counted in each split.

## What to do
Repair or remove the files; move stray files into a class folder; complete or drop the class.
"""

import hashlib
from pathlib import Path

from ..dataset import EMPTY_CLASS, EMPTY_SPLIT, HIDDEN, NO_FILE, STRAY
from ..detection import Case, Detection
from ..findings import Finding, Severity, fingerprint

KINDS = {
    "unreadable": "Unreadable samples",
    "missing_class": "Classes missing from a split",
    "empty_class": "Empty class folders",
    "empty_split": "Empty split folders",
    "stray_files": "Images in no class folder",
    "dead_links": "Links to nothing",
    "hidden_files": "Hidden files",
}
LEFT_OUT = (
    ("stray_files", Severity.LOW, STRAY, "images in no class folder, left out"),
    ("empty_class", Severity.MEDIUM, EMPTY_CLASS, "class folders without an image"),
    ("empty_split", Severity.MEDIUM, EMPTY_SPLIT, "split folders without an image"),
    ("dead_links", Severity.MEDIUM, NO_FILE, "images that are links to nothing or no regular file"),
    ("hidden_files", Severity.INFO, HIDDEN, "hidden files or folders, left out"),
)
"""(kind, severity, reason that a format gave for ignoring a path, words) of what is reported once for all paths."""


def detect(case: Case) -> Detection:
    """See the module."""
    dataset = case.dataset
    findings = [
        Finding(
            kind="unreadable",
            severity=Severity.MEDIUM,
            sample_ids=(sample.id,),
            score=1.0,
            message=f"{sample.id} ({sample.split}, {sample.label!r}) could not be read: {sample.reason}",
            fingerprint=fingerprint("unreadable", [_bytes_digest(dataset.root / sample.id)], sample.id),
            evidence={"split": sample.split, "label": sample.label, "reason": sample.reason},
        )
        for sample in dataset.rejected
    ]
    counts = dataset.counts()
    for split, of_class in counts.items():
        missing = [name for name, count in of_class.items() if count == 0]
        for name in missing:
            unseen = split == "train"
            where = ", ".join(other for other, there in counts.items() if there[name])
            findings.append(
                Finding(
                    kind="missing_class",
                    severity=Severity.HIGH if unseen and where else Severity.MEDIUM,
                    sample_ids=(),
                    score=float(sum(there[name] for there in counts.values())),
                    message=f"class {name!r} has no sample in the {split} split"
                    + (f", only in {where}" if where else " or any other: none of its files can be read"),
                    fingerprint=fingerprint("missing_class", [], f"{split}\0{name}"),
                    evidence={"class": name, "split": split, "counts": {s: there[name] for s, there in counts.items()}},
                )
            )
    for kind, severity, reason, what in LEFT_OUT:
        paths = [item.path for item in dataset.layout.ignored if item.reason == reason]
        if paths:
            findings.append(
                Finding(
                    kind=kind,
                    severity=severity,
                    sample_ids=(),
                    score=float(len(paths)),
                    message=f"{len(paths)} {what}, such as {paths[0]}",
                    fingerprint=fingerprint(kind, [], "\0".join(paths)),
                    evidence={"count": len(paths), "examples": paths[:20]},
                )
            )
    total = len(dataset) + len(dataset.rejected)
    return Detection(tuple(findings), total, total)


def _bytes_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
