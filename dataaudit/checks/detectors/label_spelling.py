"""Inconsistent labels: classes whose names are spellings of the same name, such as approved and Approved.

## What it finds
Names of classes that differ only in case, in blanks or in a dot at the end, within a split or between splits.

## Why it matters
They are classes of their own to every model and every measure: the model is to tell apart what is alike, and what is
spelt in another way in the test split counts as wrong.

## How it is checked
Names are compared without case, blanks and a dot at the end. The most frequent spelling is taken for the right one.
Single letters, such as a and A, are taken for two classes where both are frequent.

## What to do
Relabel the samples to the most frequent spelling.
"""

from collections import Counter, defaultdict

import numpy as np

from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..labels.label_spelling import plain_spelling

KINDS = {"label_spelling": "Inconsistent label spelling"}
TASKS = ("classification", "multilabel")
SHOWN = 20
"""Samples of a finding that it names; its remedy is about all."""
FREQUENT = 0.2
"""Of the most frequent one: single letters from this share on are classes of their own."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    by_split = dataset.counts().values()
    counts = Counter({name: sum(of_class[name] for of_class in by_split) for name in dataset.class_names})
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for name, _ in counts.most_common():
        spellings[plain_spelling(name)].append(name)
    findings, notes = [], []
    for names in spellings.values():
        if len(names) > 1 and _are_letters(names, counts):
            notes.append(f"{' and '.join(map(repr, names))} are taken for different classes: letters, both frequent")
        elif len(names) > 1:
            findings.append(_finding(dataset, names, counts))
    return Detection(tuple(findings), len(dataset), len(dataset), notes=tuple(notes))


def _are_letters(names: list[str], counts: Counter[str]) -> bool:
    return all(len(name) == 1 for name in names) and counts[names[-1]] >= FREQUENT * counts[names[0]]


def _finding(dataset: Dataset, names: list[str], counts: Counter[str]) -> Finding:
    usual, others = names[0], names[1:]
    index = [dataset.class_names.index(name) for name in others]
    if dataset.task == "multilabel":
        rows = np.flatnonzero(dataset.targets[:, index].any(1))
    else:
        rows = np.flatnonzero(np.isin(dataset.targets, index))
    ids = tuple(dataset.ids[row] for row in rows)
    # A remedy gives all its samples the same label, which sets of labels don't share.
    remedies = (Remedy("relabel", ids, (usual,)),) if dataset.task == "classification" else ()
    listed = ", ".join(f"{name!r} ({counts[name]:,})" for name in others)
    return Finding(
        kind="label_spelling",
        severity=Severity.MEDIUM,
        sample_ids=ids[:SHOWN],
        score=float(len(ids)),
        message=f"the class {usual!r} ({counts[usual]:,} samples) is also spelt {listed}",
        fingerprint=fingerprint("label_spelling", [dataset.contents[row] for row in rows], "\0".join(sorted(names))),
        evidence={
            "class": usual,
            "spellings": {name: counts[name] for name in names},
            "counts": {split: {name: of_class[name] for name in names} for split, of_class in dataset.counts().items()},
        },
        remedies=remedies,
    )
