"""Duplicates: exact and near-duplicates within one split; those with conflicting labels are listed separately.

## What it finds
Exact and near-duplicates within one split. Each group of copies is one finding; groups with conflicting labels are
listed separately.

## Why it matters
Duplicates in training count double; duplicates in a test set make its figures look more certain than they are. Where
the labels of one sample conflict, at most one of them is right.

## How it is checked
Equal content is found directly. Near-duplicates are found as for leakage, by candidates that are then aligned and
scored, but with fewer candidates, and fewer warps of images: some cropped or shifted copies are missed. A pair is
reported at a false-discovery rate (Benjamini-Hochberg) of at most 5 %, given how high random samples score with others
of their class. In a large split only the samples most similar to another are aligned; the check's notes say so.

Equal rows of a table are reported only if chance doesn't explain them: a few columns with few values must repeat. The
notes say how many rows do.

## What to do
Keep one sample of each group. Where the labels conflict, look at the sample first.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dataset import SPLITS, Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..matching.choice import matcher_for
from ..matching.copies import MIN_SIMILARITY, Null, Pairs, bh_threshold, connected, labels_agree, q_among
from ..matching.matcher import N_CANDIDATES_QUICK, Matcher

KINDS = {
    "duplicate": "Duplicates",
    "conflicting_labels": "Conflicting labels",
}
NULL_QUERIES = 500
MAX_LABELS = 4
"""Labels that are offered as remedies for copies with conflicting labels."""
ALIGNED, ALIGNED_SHARE = 1000, 0.2
"""Samples aligned with their candidates: so many of a split, those most like another, and this share of the rest."""


class _Link(NamedTuple):
    """Two rows that hold the same sample."""

    first: int
    second: int
    exact: bool
    similarity: float
    mirrored: bool
    q_value: float


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    matcher = matcher_for(dataset)
    null: Null | None = None
    pairs, compared, links, notes = [], 0, [], []
    for split in SPLITS:
        distinct, copies, by_chance = _by_content(dataset, dataset.rows(split), matcher.coincidence)
        links += copies
        notes += [f"{split}: {by_chance}"] * bool(by_chance)
        if len(distinct) <= N_CANDIDATES_QUICK:
            continue
        label = f"duplicates in {split}"
        candidates = matcher.nominate(distinct, distinct, context.track, label, quick=True)
        limit = ALIGNED + int(ALIGNED_SHARE * max(0, len(distinct) - ALIGNED))
        chosen = np.argsort(-candidates.nearness[:, 0], kind="stable")[:limit]
        if null is None:
            sample = np.random.default_rng(context.seed).permutation(len(distinct))[:NULL_QUERIES]
            chosen = np.concatenate([sample, np.setdiff1d(chosen, sample)])
        rows = distinct[chosen]
        matches = matcher.align(candidates.take(chosen), context.track, label)
        if null is None:  # of the training set, and for every split
            unrelated = matches.take(np.arange(len(sample)))
            null = Null.of(unrelated, dataset.strata[rows[: len(sample)]], matcher.alike)
        pairs.append(Pairs.of(rows, matches, null.p_values(matches.score, dataset.strata[rows])))
        compared += len(distinct)
        if len(distinct) > limit:
            notes.append(f"{split}: the {limit} of {len(distinct)} samples most similar to another one were aligned")
    links += _near_duplicates(pairs, compared)
    first, second = np.array([link[:2] for link in links], np.int64).reshape(-1, 2).T
    findings = tuple(_finding(dataset, matcher, [links[i] for i in group]) for group in connected(first, second))
    return Detection(findings, len(dataset), len(dataset), notes=tuple(notes))


def _by_content(
    dataset: Dataset, rows: NDArray[np.int64], coincidence: NDArray[np.float64]
) -> tuple[NDArray[np.int64], list[_Link], str]:
    """The first row of every content, the further rows linked to it, and how many equal rows chance explains."""
    rows_by_content: dict[str, list[int]] = {}
    for row in rows:
        rows_by_content.setdefault(dataset.contents[row], []).append(int(row))
    distinct = np.array([group[0] for group in rows_by_content.values()], np.int64)
    repeated = np.array([len(group) > 1 for group in rows_by_content.values()], bool)
    p_values = np.where(repeated, (coincidence[distinct] * len(rows)).clip(max=1), 1.0)
    surprising = repeated & (p_values <= bh_threshold(p_values))
    q_values = q_among(p_values, p_values)
    links = [
        _Link(group[0], row, True, 1.0, False, float(q))
        for group, q, reported in zip(rows_by_content.values(), q_values, surprising, strict=True)
        for row in group[1:]
        if reported
    ]
    explained = sum(
        len(group) - 1 for group, reported in zip(rows_by_content.values(), surprising, strict=True) if not reported
    )
    if not explained:
        return distinct, links, ""
    by_chance = -np.expm1(-coincidence[rows] * np.arange(len(rows))).sum()
    note = f"{explained} of {len(rows)} samples repeat an earlier one and are not reported: with so few distinct "
    return distinct, links, f"{note}values, about {by_chance:.0f} are expected by chance"


def _near_duplicates(parts: list[Pairs], compared: int) -> list[_Link]:
    """Near-duplicates of all splits, judged together; a pair that both of its samples accept is linked once."""
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
        links[a, b] = max(link, links.get((a, b), link), key=lambda candidate: candidate.similarity)
    return list(links.values())


def _finding(dataset: Dataset, matcher: Matcher[Any], links: list[_Link]) -> Finding:
    rows = sorted({row for link in links for row in link[:2]})
    split, labels = str(dataset.splits[rows[0]]), [dataset.label(row) for row in rows]
    conflicting, exact = not labels_agree(dataset, rows), all(link.exact for link in links)
    kind = "conflicting_labels" if conflicting else "duplicate"
    contents = [dataset.contents[row] for row in rows]
    message = f"{split} contains {len(rows)} {'exact ' if exact else 'near-'}duplicates of one sample, such as "
    message += f"{dataset.ids[rows[0]]} and {dataset.ids[rows[1]]}"
    if conflicting:
        message += f"; their labels conflict: {', '.join(map(repr, sorted(set(labels))))}"
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
                    "differences": [] if link.exact else matcher.differences(link.first, link.second),
                }
                for link in sorted(links)
            ],
        },
        remedies=_remedies(dataset, rows, conflicting),
    )


def _remedies(dataset: Dataset, rows: list[int], conflicting: bool) -> tuple[Remedy, ...]:
    """With equal labels one copy is enough; with conflicting ones all are in doubt, unless most agree."""
    ids = tuple(dataset.ids[row] for row in rows)
    if not conflicting:
        return (Remedy("remove", ids[1:]),)
    removed, labels = Remedy("remove", ids), [dataset.label(row) for row in rows]
    if dataset.task != "classification":
        return (removed,)
    counts = Counter(labels).most_common(MAX_LABELS)
    agreed = [
        Remedy("relabel", tuple(id for id, assigned in zip(ids, labels, strict=True) if assigned != label), (label,))
        for label, _ in counts
    ]
    return (agreed[0], removed, *agreed[1:]) if counts[0][1] > len(rows) / 2 else (removed, *agreed)
