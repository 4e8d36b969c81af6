"""Test samples that were, in another form, in the training set.

## What it finds
Test (or validation) images that are exact or near copies of training images: cropped, shifted, zoomed, mirrored,
brightened, blurred or re-encoded.

## Why it matters
A model is rewarded for remembering such images, so the measured accuracy is not that on new data.

## How it is checked
Candidates by oriented gradients and whitened pixels under many warps; each is then aligned with the test image, and
what is left between the two is scored. How high pairs score that are *not* copies is learnt, class by class, from
training images matched with each other; a pair is reported if its false-discovery rate (Benjamini-Hochberg) is at
most 5 %. The influence of the training image on the test prediction, by attribution, is shown beside it: how much the
copy was used.

## What to do
Remove the copy from one of the splits. If the two labels differ, one of them is wrong.
"""

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset
from ..detection import Case, Detection, accepted_by_fdr
from ..findings import Finding, Pair, Severity, fingerprint
from ..near_duplicates import Matches, by_class, matching_pixels, search, tail_probability

FALSE_DISCOVERY_RATE = 0.05
MIN_SIMILARITY = 0.8
NULL_QUERIES = 1000
SHOWN = 5


def detect(case: Case) -> Detection:
    """See the module."""
    dataset = case.dataset
    train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
    pixels = matching_pixels(dataset)
    matches = _with_exact(dataset, search(pixels, target, train, case.track, "leakage"), target, train)
    rng = np.random.default_rng(case.seed)
    sample = np.sort(rng.permutation(train)[:NULL_QUERIES])
    null = search(pixels, sample, train, case.track, "leakage null").score[:, 0]

    exact = np.array(
        [dataset.contents[b] == dataset.contents[t] for b, t in zip(matches.base[:, 0], target, strict=True)]
    )
    standard_null, standard = by_class(null, dataset.targets[sample], matches.score[:, 0], dataset.targets[target])
    p_values = np.where(exact, 0.0, tail_probability(standard_null, standard))
    accepted, q_values = accepted_by_fdr(p_values, FALSE_DISCOVERY_RATE)
    flagged = exact | (accepted & (matches.similarity[:, 0] >= MIN_SIMILARITY))
    # A further copy of a flagged picture scores as high as an accepted best match does.
    bar = matches.score[flagged & ~exact, 0].min(initial=np.inf)
    influence, standing = _influence(case, matches, train)

    pairs, copies = [], []
    for i, t in enumerate(target):
        mine = []
        for rank in range(matches.base.shape[1]):
            b = int(matches.base[i, rank])
            same = dataset.contents[b] == dataset.contents[t]
            near = flagged[i] and (
                rank == 0 or (matches.score[i, rank] >= bar and matches.similarity[i, rank] >= MIN_SIMILARITY)
            )
            kind = "exact" if same else "near-duplicate" if near else "candidate"
            if kind != "candidate":
                mine.append(rank)
            if rank < SHOWN or kind != "candidate":
                pairs.append(
                    Pair(dataset.ids[t], dataset.ids[b], float(matches.similarity[i, rank]), float(influence[i, rank]),
                         float(matches.score[i, rank]), kind, rank + 1)
                )  # fmt: skip
        copies.append(mine)
    findings = tuple(
        _finding(dataset, int(target[i]), int(i), copies[i], matches, influence, standing, float(q_values[i]))
        for i in np.flatnonzero(flagged)
    )
    return Detection(findings, len(target), len(target), pairs=tuple(pairs), notes=_notes(case, target, flagged))


def _with_exact(dataset: Dataset, matches: Matches, target: NDArray[np.int64], train: NDArray[np.int64]) -> Matches:
    """Put training rows of equal content first, whatever the descriptors made of them (a blank picture has none)."""
    by_content: dict[str, list[int]] = {}
    for b in train:
        by_content.setdefault(dataset.contents[b], []).append(int(b))
    base, similarity, score = matches.base.copy(), matches.similarity.copy(), matches.score.copy()
    mirrored = matches.mirrored.copy()
    for i, t in enumerate(target):
        same = by_content.get(dataset.contents[t], [])[: base.shape[1]]
        if same:
            rest = [rank for rank in range(base.shape[1]) if base[i, rank] not in same][: base.shape[1] - len(same)]
            top = float(score[i, 0])
            base[i] = [*same, *base[i, rest]]
            similarity[i] = [*[1.0] * len(same), *similarity[i, rest]]
            score[i] = [*[max(top, 25.0)] * len(same), *score[i, rest]]
            mirrored[i] = [*[False] * len(same), *mirrored[i, rest]]
    return Matches(base, similarity, score, mirrored)


def _influence(
    case: Case, matches: Matches, train: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(q, k) scores of the matched training rows, and how many of the target's robust deviations each stands out by."""
    position = np.searchsorted(train, matches.base)
    influence = np.empty(matches.base.shape, np.float32)
    standing = np.empty_like(influence)
    for start, block in case.attribution.blocks():
        here = slice(start, start + block.shape[1])
        own = np.take_along_axis(block, position[here].T, 0).T
        middle = np.median(block, axis=0)
        spread = 1.4826 * np.median(np.abs(block - middle), axis=0)
        influence[here] = own
        standing[here] = (own - middle[:, None]) / np.maximum(spread, 1e-12)[:, None]
    return influence, standing


def _finding(
    dataset: Dataset, t: int, i: int, ranks: list[int], matches: Matches,
    influence: NDArray[np.float32], standing: NDArray[np.float32], q: float,
) -> Finding:  # fmt: skip
    label = dataset.class_names[dataset.targets[t]]
    copies = [
        {
            "train_id": dataset.ids[b],
            "label": dataset.class_names[dataset.targets[b]],
            "exact": dataset.contents[b] == dataset.contents[t],
            "similarity": float(matches.similarity[i, rank]),
            "mirrored": bool(matches.mirrored[i, rank]),
            "score": float(matches.score[i, rank]),
            "influence": float(influence[i, rank]),
            "influence_deviations": float(standing[i, rank]),
        }
        for rank in ranks
        for b in [int(matches.base[i, rank])]
    ]
    best = copies[0]
    how = "an exact copy" if best["exact"] else "a near-duplicate"
    differs = sorted({str(copy["label"]) for copy in copies} - {label})
    message = f"{dataset.ids[t]} has {how} in the training set, {best['train_id']}"
    if len(copies) > 1:
        message += f", and {len(copies) - 1} more"
    if differs:
        message += f"; its label is {label!r}, the copy's {', '.join(map(repr, differs))}"
    base = [int(matches.base[i, rank]) for rank in ranks]
    return Finding(
        kind="leakage",
        severity=Severity.HIGH,
        sample_ids=(dataset.ids[t], *(dataset.ids[b] for b in base)),
        score=float(best["score"]),
        message=message,
        fingerprint=fingerprint("leakage", [dataset.contents[row] for row in (t, *base)]),
        evidence={
            "test_id": dataset.ids[t],
            "test_label": label,
            "labels_agree": not differs,
            "q_value": q,
            "copies": copies,
        },
    )


def _notes(case: Case, target: NDArray[np.int64], flagged: NDArray[np.bool_]) -> tuple[str, ...]:
    if not flagged.any():
        return ()
    clean = target[~flagged]
    notes = [
        f"{flagged.sum()} of {len(target)} {case.dataset.target_split} samples ({flagged.mean():.1%}) "
        "have a copy in the training set"
    ]
    if len(clean):
        every, without = case.pool.accuracies(target).mean(), case.pool.accuracies(clean).mean()
        notes.append(f"mean accuracy of the pool's models: {every:.1%} on all of them, {without:.1%} without those")
    return tuple(notes)
