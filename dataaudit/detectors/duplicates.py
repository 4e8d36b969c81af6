"""Pictures that a split holds more than once.

## What it finds
Exact and near copies within one split, a group of copies being one finding; groups whose labels contradict each other
are listed apart.

## Why it matters
Copies in training count double; copies in a test set make its figures look surer than they are. Where the labels of one
picture differ, at most one of them is right.

## How it is checked
Equal decoded content, and, as for leakage, candidates by descriptors that are then aligned and scored, but with fewer
warps: some copies that were cropped or moved are missed. A pair is reported if its false-discovery rate
(Benjamini-Hochberg) is at most 5 %, given how high random pictures score with others of their class. In a large split
only the pictures most like another are aligned; the check says so.

## What to do
Keep one of each group. Where the labels differ, look at the picture first.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..copies import MIN_SIMILARITY, Null, Pairs, connected
from ..dataset import SPLITS, Dataset
from ..detection import Case, Detection
from ..findings import Finding, Severity, fingerprint
from ..near_duplicates import FEW_WARPS, align, matching_pixels, nominate

KINDS = {
    "duplicate": "Pictures that a split holds more than once",
    "conflicting_labels": "Copies of one picture with different labels",
}
NULL_QUERIES = 500
ALIGNED, ALIGNED_SHARE = 1000, 0.2
"""Pictures aligned with their candidates: so many of a split, those most like another, and this share of the rest."""
COUNT = 4


class _Link(NamedTuple):
    """Two rows that show the same picture."""

    first: int
    second: int
    exact: bool
    similarity: float
    mirrored: bool
    q_value: float


def detect(case: Case) -> Detection:
    """See the module."""
    dataset = case.dataset
    if dataset.modality != "image":
        return Detection((), 0, len(dataset), skipped="copies are searched for among images only")
    pixels = matching_pixels(dataset.pixels)
    null: Null | None = None
    pairs, compared, links, notes = [], 0, [], []
    for split in SPLITS:
        distinct, copies = _by_content(dataset, dataset.rows(split))
        links += copies
        if len(distinct) <= COUNT:
            continue
        label = f"duplicates in {split}"
        candidates = nominate(pixels, distinct, distinct, case.track, label, FEW_WARPS, COUNT)
        limit = ALIGNED + int(ALIGNED_SHARE * max(0, len(distinct) - ALIGNED))
        chosen = np.argsort(-candidates.nearness[:, 0], kind="stable")[:limit]
        if null is None:
            sample = np.random.default_rng(case.seed).permutation(len(distinct))[:NULL_QUERIES]
            chosen = np.concatenate([sample, np.setdiff1d(chosen, sample)])
        rows = distinct[chosen]
        matches = align(pixels, candidates.of(chosen), case.track, label)
        if null is None:  # of the training set, and for every split
            null = Null(matches.score[: len(sample), 0], dataset.targets[rows[: len(sample)]])
        pairs.append(Pairs.of(rows, matches, null.p_values(matches.score, dataset.targets[rows])))
        compared += len(distinct)
        if len(distinct) > limit:
            notes.append(f"{split}: of {len(distinct)} pictures the {limit} most like another one were aligned")
    links += _near(pairs, compared)
    first, second = np.array([link[:2] for link in links], np.int64).reshape(-1, 2).T
    findings = tuple(_finding(dataset, [links[i] for i in group]) for group in connected(first, second))
    return Detection(findings, len(dataset), len(dataset), notes=tuple(notes))


def _by_content(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[_Link]]:
    """The first row of every content, and the further rows linked to it."""
    first: dict[str, int] = {}
    links = [
        _Link(first[dataset.contents[row]], int(row), True, 1.0, False, 0.0)
        for row in rows
        if first.setdefault(dataset.contents[row], int(row)) != row
    ]
    return np.array(list(first.values()), np.int64), links


def _near(parts: list[Pairs], compared: int) -> list[_Link]:
    """Near-duplicates of all splits, judged together; a pair that both of its pictures accept is linked once."""
    if not parts:
        return []
    pairs = parts[0]
    for part in parts[1:]:
        pairs = pairs.joined(part)
    accepted, q_values = pairs.judged(MIN_SIMILARITY, compared - len(np.unique(pairs.query)))
    links: dict[tuple[int, int], _Link] = {}
    for i in np.flatnonzero(accepted):
        a, b = sorted((int(pairs.query[i]), int(pairs.base[i])))
        link = _Link(a, b, False, float(pairs.similarity[i]), bool(pairs.mirrored[i]), float(q_values[i]))
        links[a, b] = max(link, links.get((a, b), link), key=lambda one: one.similarity)
    return list(links.values())


def _finding(dataset: Dataset, links: list[_Link]) -> Finding:
    rows = sorted({row for link in links for row in link[:2]})
    split, labels = str(dataset.splits[rows[0]]), [dataset.class_names[dataset.targets[row]] for row in rows]
    conflicting, exact = len(set(labels)) > 1, all(link.exact for link in links)
    kind = "conflicting_labels" if conflicting else "duplicate"
    contents = [dataset.contents[row] for row in rows]
    message = f"{split} holds {len(rows)} {'exact' if exact else 'near'} copies of one picture, such as "
    message += f"{dataset.ids[rows[0]]} and {dataset.ids[rows[1]]}"
    if conflicting:
        message += f"; their labels differ: {', '.join(map(repr, sorted(set(labels))))}"
    return Finding(
        kind=kind,
        severity=Severity.MEDIUM if conflicting else Severity.LOW,
        sample_ids=tuple(dataset.ids[row] for row in rows),
        score=float(len(rows)),
        message=message,
        fingerprint=fingerprint(kind, contents, split + "\0" + "\0".join(sorted(labels)) * conflicting),
        evidence={
            "split": split,
            "samples": [{"id": dataset.ids[row], "label": label} for row, label in zip(rows, labels, strict=True)],
            "labels": dict(Counter(labels)),
            "exact": exact,
            "pairs": [
                {
                    "ids": [dataset.ids[link.first], dataset.ids[link.second]],
                    "exact": link.exact,
                    "similarity": link.similarity,
                    "mirrored": link.mirrored,
                    "q_value": link.q_value,
                }
                for link in sorted(links)
            ],
        },
    )
