"""Duplicates: exact and near-duplicates within one split; those with conflicting labels are listed separately.

## What it finds
Exact and near-duplicates within one split. Each group of copies is one finding; groups with conflicting labels are
listed separately. Where the split was drawn here and not given, copies that the draw set apart are listed as well.

## Why it matters
Duplicates in training count double; duplicates in a test set make its figures look more certain than they are. Where
the labels of one sample conflict, at most one of them is right.

## How it is checked
Equal content is found directly. Near-duplicates are found as for leakage, by candidates that are then aligned and
scored, but with fewer candidates, and fewer warps of images: some cropped or shifted copies are missed. A pair is
reported at a false-discovery rate (Benjamini-Hochberg) of at most 5 %, given how high random samples score with others
of their class. In a large split only the samples most similar to another are aligned; the check's notes say so.

Texts are equal if they differ only in case, punctuation, spaces, also within words, and in how characters are encoded;
beside other columns, which may differ, they count only if their words are too rare to be equal by chance. Rows of a
table are equal if all columns are, but ids and constant ones, words by their spelling. They are reported only if chance
doesn't explain them: a few columns with few values must repeat. Values
of half of the columns are permuted among similar rows, which shows how many repeat by chance (reported if at most 1 %
probable, and if chance gives at most half of those there are); the notes say how many do. Splits that were drawn here
and not given count as one: of few samples one repeat alone may be chance.

Each finding says how its closest two samples agree: equal, equal without ids, equal after cleaning, equal text (beside
other columns), equal text after cleaning, or near. A policy can set a severity for each, as in
`duplicates.severity.equal_text = "info"`; where labels conflict it stays medium.

## What to do
Keep one sample of each group. Where the labels conflict, look at the sample first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data.features.chance import repeats_within
from ...dataset import SPLITS, Dataset
from ...findings import AGREEMENTS, Agreement, Finding, Remedy, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..matching.choice import matchers_for
from ..matching.copies import MIN_SIMILARITY, Null, Pairs, connected, labels_agree
from ..matching.matcher import N_CANDIDATES_QUICK, Matcher, agreement, closest, closest_of_rows, differences
from ..matching.split_copies import judged_copies, search_copies

KINDS = {
    "duplicate": "Duplicates",
    "conflicting_labels": "Conflicting labels",
}
NULL_QUERIES = 500
MAX_LABELS = 4
"""Labels that are offered as remedies for copies with conflicting labels."""
ALIGNED, ALIGNED_SHARE = 1000, 0.2
"""Samples aligned with their candidates: so many of a split, those most like another, and this share of the rest."""
DESCRIPTIONS: Mapping[Agreement, str] = {
    "equal": "exact duplicates of one sample",
    "equal without ids": "duplicates of one sample, equal but for ids and constant columns",
    "equal after cleaning": "duplicates of one sample, equal after cleaning: but for case, punctuation and spaces",
    "equal text": "duplicates of one text",
    "equal text after cleaning": "duplicates of one text, equal after cleaning: but for case, punctuation and spaces",
    "near": "near-duplicates of one sample",
}


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
    matchers = matchers_for(dataset)
    links, notes = list[_Link](), list[str]()
    for matcher in matchers:
        within, said = _within_splits(context, matcher)
        links += within
        notes += said
    if dataset.layout.splits_drawn:
        links += _across_the_draw(context)
    best: dict[tuple[int, int], _Link] = {}
    for link in links:
        ends = link.first, link.second
        best[ends] = max(link, best.get(ends, link), key=lambda known: (known.exact, known.similarity))
    links = list(best.values())
    first, second = np.array([link[:2] for link in links], np.int64).reshape(-1, 2).T
    agreements = [agreement(dataset, matchers, *link[:2]) for link in links]
    findings = []
    sets = np.full(len(dataset), np.nan)
    for number, group in enumerate(connected(first, second)):
        findings.append(_finding(dataset, matchers, {links[i]: agreements[i] for i in group}))
        sets[np.unique(np.concatenate([first[group], second[group]]))] = number
    columns = {"duplicate_set": sets, "duplicate_match": closest_of_rows(len(dataset), first, second, agreements)}
    return Detection(tuple(findings), len(dataset), len(dataset), columns, notes=tuple(dict.fromkeys(notes)))


def _within_splits(context: CheckContext, matcher: Matcher[Any]) -> tuple[list[_Link], list[str]]:
    """What one matcher links within each split, and notes."""
    dataset = context.dataset
    null: Null | None = None
    links, notes = _equal_samples(dataset, matcher)
    pairs, compared = [], 0
    for split in SPLITS:
        distinct = _distinct(matcher.contents, dataset.rows(split))
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
    return links + _near_duplicates(pairs, compared), notes


def _equal_samples(dataset: Dataset, matcher: Matcher[Any]) -> tuple[list[_Link], list[str]]:
    """Equal samples of a split that chance doesn't explain, and notes; splits that were drawn here are taken as one.

    Of few samples, one that repeats another may be chance; what the draw set aside must not hide it.
    """
    links, notes = list[_Link](), list[str]()
    drawn, parts = {"all splits": np.arange(len(dataset))}, {split: dataset.rows(split) for split in SPLITS}
    for name, rows in (drawn if dataset.layout.splits_drawn else parts).items():
        repeats = repeats_within(matcher.contents[rows], matcher.codes[rows], dataset.strata[rows])
        if not repeats.are_chance:
            links += [_Link(a, b, True, 1.0, False, repeats.chance_share) for a, b in _copies(matcher.contents, rows)]
        if repeats.count and matcher.codes.shape[1]:
            notes.append(f"{name}: {repeats.count} of {len(rows)} samples repeat an earlier one{repeats.explanation}")
    return links, notes


def _distinct(contents: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of every content, and those that equal none."""
    return np.setdiff1d(rows, [row for _, row in _copies(contents, rows)])


def _copies(contents: NDArray[np.int64], rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(first row of a content, further row of it) for all further ones."""
    rows = rows[contents[rows] >= 0]
    _, first, content = np.unique(contents[rows], return_index=True, return_inverse=True)
    firsts = rows[first][content]
    is_copy = firsts != rows
    return list(zip(firsts[is_copy].tolist(), rows[is_copy].tolist(), strict=True))


def _near_duplicates(parts: list[Pairs], compared: int) -> list[_Link]:
    """Near-duplicates of all splits, judged together."""
    if not parts:
        return []
    pairs = parts[0]
    for part in parts[1:]:
        pairs = pairs.joined(part)
    accepted, q_values = pairs.judged(MIN_SIMILARITY, compared - len(np.unique(pairs.query)))
    return _links(pairs, accepted, q_values)


def _across_the_draw(context: CheckContext) -> list[_Link]:
    """Copies between splits that were drawn here, as the check for leakage finds them."""
    return _links(*judged_copies(context.once(search_copies)))


def _links(pairs: Pairs, accepted: NDArray[np.bool_], q_values: NDArray[np.float64]) -> list[_Link]:
    links = []
    for i in np.flatnonzero(accepted):
        first, second = sorted((int(pairs.query[i]), int(pairs.base[i])))
        similarity, mirrored = float(pairs.similarity[i]), bool(pairs.mirrored[i])
        links.append(_Link(first, second, bool(pairs.exact[i]), similarity, mirrored, float(q_values[i])))
    return links


def _finding(dataset: Dataset, matchers: Sequence[Matcher[Any]], links: Mapping[_Link, Agreement]) -> Finding:
    rows = sorted({row for link in links for row in link[:2]})
    splits = [split for split in SPLITS if split in dataset.splits[rows]]
    labels = [dataset.label(row) for row in rows]
    conflicting = not labels_agree(dataset, rows)
    kind = "conflicting_labels" if conflicting else "duplicate"
    contents = [dataset.contents[row] for row in rows]
    strongest, weakest = closest(links.values()), max(links.values(), key=AGREEMENTS.index)
    message = f"{' and '.join(splits)} {'contains' if len(splits) == 1 else 'contain'} {len(rows)} "
    message += f"{DESCRIPTIONS[weakest]}{f', some of them {strongest}' * (strongest != weakest)}, such as "
    message += f"{dataset.ids[rows[0]]} and {dataset.ids[rows[1]]}"
    if conflicting:
        message += f"; their labels conflict: {', '.join(map(repr, sorted(set(labels))))}"
    where = "" if dataset.layout.splits_drawn else splits[0]
    return Finding(
        kind=kind,
        severity=Severity.MEDIUM if conflicting else Severity.LOW,
        sample_ids=tuple(dataset.ids[row] for row in rows),
        score=float(len(rows)),
        message=message,
        fingerprint=fingerprint(kind, contents, where + "\0" + "\0".join(sorted(labels)) * conflicting),
        evidence={
            "split": ", ".join(splits),
            "samples": [{"id": dataset.ids[row], "label": label} for row, label in zip(rows, labels, strict=True)],
            "labels": dict(Counter(labels)),
            "exact": all(link.exact for link in links),
            "agreement": strongest,
            "pairs": [
                {
                    "ids": [dataset.ids[link.first], dataset.ids[link.second]],
                    "exact": link.exact,
                    "agreement": links[link],
                    "similarity": link.similarity,
                    "mirrored": link.mirrored,
                    "q_value": link.q_value,
                    "differences": [] if link.exact else differences(matchers, link.first, link.second),
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
