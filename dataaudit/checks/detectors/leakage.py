"""Train-test leakage: test or validation samples that also occur, exactly or nearly, in another split.

## What it finds
Test samples that are exact or near-duplicates of training samples, and validation samples that are duplicates of
either. All copies of one sample are one finding.

Near-duplicates of images are cropped, shifted, zoomed, mirrored, brightened, recoloured, blurred, re-encoded or partly
covered. Those of texts differ in case or punctuation, have words moved, removed, added or replaced, are cut, or are
part of a longer text. Those of rows and arrays are rounded, slightly noisy, or have some cells changed or missing.

## Why it matters
A model is rewarded for memorising such samples, so the measured performance does not carry over to new data.

## How it is checked
A fast search finds candidates. Each candidate is then aligned with the sample, and what the two share is scored.

Images: candidates are found by oriented gradients and whitened pixels under many warps. One image is registered with
the other, and the difference that remains counts.

Texts: candidates are found by weighted words, word pairs and characters. The score counts the words that both texts
have in the same order; rare words count most, phrases that many texts share next to nothing. Where the shared words are
too few to rule out chance, the pair is not a near-duplicate; texts of equal content are reported however short.

Rows and arrays: candidates are neighbours in random sets of columns. Each column then counts the more, the rarer it is
that two rows agree on it as closely. Rows that are equal in every value are reported only if chance doesn't explain it,
judged by the columns' frequencies and by how much random rows agree.

How high unrelated pairs score is learnt for each class (for numeric targets: each decile) from training samples matched
with each other. A pair is reported at a false-discovery rate (Benjamini-Hochberg) of at most 5 %. Altered copies of
your own samples are planted into a copy of the data in memory: they set the minimum similarity of a pair, and show how
many such copies are found. Each pair comes with the influence of the training sample on the test prediction, by
attribution: how much the model used the copy.

Retraining test (classification only): models are trained without the copies, and without as many random samples, to
measure what the copies did to the predictions of the samples they duplicate. The result is about that effect, not about
whether the pair is a copy: "confirmed" if the copies raised the prediction, otherwise "inconclusive".

## What to do
Remove the copy from one of the splits. If the two labels differ, one of them is wrong.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...dataset import SPLITS, Dataset
from ...findings import Finding, Pair, Remedy, Severity, Verification, fingerprint
from ...training.pool import Pool, log_odds
from ...training.retraining import Retraining
from ..detection import Calibration, CheckContext, Detection
from ..matching.choice import matcher
from ..matching.copies import MIN_SIMILARITY, Null, Pairs, connected, labels_agree, level
from ..matching.matcher import Matcher, search
from ..proof import effect_over_seeds, judged, random_like

KINDS = {"leakage": "Train-test leakage"}
LEAST_SIMILARITY = 0.6
"""What planted copies may lower the similarity to that a pair must have."""
LOST = 0.05
"""Share of the planted copies that the bar set from them may cost."""
PLANTED = 60
NULL_QUERIES = 1000
SHOWN = 5
INFLUENCERS = 3
SET_NAMES = {"train": "training", "val": "validation", "test": "test"}


class Searched(NamedTuple):
    """What was searched, all candidate pairs, and how high pairs score that are none."""

    matcher: Matcher[Any]
    pairs: Pairs
    null: Null


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    compare, pairs, _ = context.once(search_copies)
    accepted, q_values = pairs.judged(_similarity_bar(context))
    influence = _influence(context, pairs, accepted)
    kinds = np.where(pairs.exact, "exact", np.where(accepted, "near-duplicate", "candidate"))
    shown = (dataset.splits[pairs.query] == dataset.target_split) & (accepted | (pairs.rank <= SHOWN))
    findings = tuple(
        _finding(dataset, compare, pairs, np.flatnonzero(accepted)[group], q_values, influence)
        for group in connected(pairs.query[accepted], pairs.base[accepted])
    )
    examined = len(np.unique(pairs.query))
    return Detection(
        findings,
        examined,
        examined,
        pairs=tuple(
            Pair(dataset.ids[pairs.query[i]], dataset.ids[pairs.base[i]], float(pairs.similarity[i]),
                 float(influence.own[i]), float(pairs.score[i]), str(kinds[i]), int(pairs.rank[i]))
            for i in np.flatnonzero(shown)
        ),
        notes=_notes(context, compare, pairs, accepted),
    )  # fmt: skip


def calibrate(context: CheckContext, retrained: Callable[[NDArray[np.int64]], Pool]) -> Calibration | None:
    """Put altered copies of some target samples in place of random training samples, and look for each alone.

    Each planted copy is judged as the only one added to the data as it is: among many others Benjamini-Hochberg would
    ask less of it. As many samples without a planted copy are looked for too. None where the data has no room for any.
    """
    dataset, rng = context.dataset, np.random.default_rng([context.seed, PLANTED])
    as_is = context.once(search_copies)
    known = as_is.pairs.where(as_is.pairs.judged(MIN_SIMILARITY)[0])
    free = rng.permutation(np.setdiff1d(dataset.rows(dataset.target_split), known.query))
    places = rng.permutation(np.setdiff1d(dataset.rows("train"), known.base))
    count = min(PLANTED, len(free) // 2, len(places) // 4)
    if not count:
        return None
    asked, places = free[: 2 * count], places[:count]
    with_copies, sorts = as_is.matcher.with_copies(asked[:count], places, rng)
    matches = search(with_copies, asked, dataset.rows("train"), context.track, "leakage calibration")
    pairs = Pairs.of(asked, matches, as_is.null.p_values(matches.score, dataset.strata[asked]))

    copy_of = dict(zip(asked[:count], places, strict=True))
    planted = np.array([copy_of.get(q) == b for q, b in zip(pairs.query, pairs.base, strict=True)], bool)
    queries, p_values = as_is.pairs.tested(LEAST_SIMILARITY)
    best = pairs.where(pairs.rank == 1)
    alone = {
        query: level(np.append(p_values[queries != query], own))
        for query, own in zip(best.query, best.p_value, strict=True)
    }
    sure = pairs.p_value <= np.array([alone[query] for query in pairs.query])
    alike = pairs.similarity[sure & planted]
    bar = min(MIN_SIMILARITY, max(LEAST_SIMILARITY, float(np.quantile(alike, LOST)))) if len(alike) else MIN_SIMILARITY
    before = set(zip(known.query, known.base, strict=True))
    new = np.array([(q, b) not in before for q, b in zip(pairs.query, pairs.base, strict=True)], bool)
    reported = sure & (pairs.similarity >= bar)
    seen = set(pairs.query[reported & planted])
    found = Counter(sort for sort, query in zip(sorts, asked, strict=False) if query in seen)
    return Calibration(
        planted=dict(Counter(sorts)),
        found={sort: found[sort] for sort in sorts},
        reported=int((reported & new).sum()),
        right=int((reported & planted).sum()),
        procedure=f"altered copies of {count} {dataset.target_split} samples in place of random training samples, "
        "each judged as if it were the only one",
        threshold=bar,
    )


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """Train without the training samples that have a copy in another split, and without as many random ones.

    Of classes only: what else a model predicts has no margin.
    """
    dataset = context.dataset
    if dataset.task != "classification":
        note = "the effect of the copies was not tested by retraining: that is done for classification only"
        return replace(detection, notes=(*detection.notes, note)) if detection.findings else detection
    row = {id: i for i, id in enumerate(dataset.ids)}
    copied = [
        np.unique([row[copy["test_id"]] for copy in finding.evidence["copies"] if copy["splits"][1] == "train"])
        for finding in detection.findings
    ]
    removed = np.unique(
        [
            row[copy["train_id"]]
            for finding in detection.findings
            for copy in finding.evidence["copies"]
            if copy["splits"][1] == "train"
        ]
    )
    if not len(removed):
        return detection
    removed = removed.astype(np.int64)
    random = random_like(dataset.strata, dataset.rows("train"), removed, context.seed)
    rows = np.union1d(dataset.rows(dataset.target_split), np.concatenate(copied)).astype(np.int64)
    nothing = np.zeros(0, np.int64)
    outputs = retraining.outputs([nothing, removed, random], range(retraining.times), rows)
    margins = np.stack([log_odds(of_set, dataset.targets[rows]) for of_set in outputs])
    drop, random_drop = margins[0] - margins[1], margins[0] - margins[2]
    right = outputs.argmax(-1) == dataset.targets[rows]

    def verification(samples: NDArray[np.int64]) -> Verification:
        if not len(samples):
            return Verification()
        own = np.searchsorted(rows, samples)
        effect = effect_over_seeds(drop[:, own].mean(1))
        measure = "drop in the given label's margin when the copies are removed"
        return judged(measure, effect, float(random_drop[:, own].mean()), retraining.times)

    findings = tuple(
        replace(finding, verification=verification(samples))
        for finding, samples in zip(detection.findings, copied, strict=True)
    )
    target = dataset.splits[rows] == dataset.target_split
    affected = np.isin(rows, np.concatenate(copied)) & target
    notes = [
        f"mean accuracy of {retraining.times} retrained models on {what}: {everything:.1%} with the copies, "
        f"{without:.1%} without them, {at_random:.1%} without {len(random)} random samples of the same classes"
        for what, chosen in (("the samples with a copy", affected), (f"all {target.sum()} samples", target))
        if chosen.any()
        for everything, without, at_random in [right[:, :, chosen].mean((1, 2))]
    ]
    return replace(detection, findings=findings, notes=(*detection.notes, *notes))


def search_copies(context: CheckContext) -> Searched:
    """Every target sample's best training samples, and every validation sample's best of both splits beside it."""
    dataset = context.dataset
    compare, train = matcher(dataset), dataset.rows("train")
    sample = np.sort(np.random.default_rng(context.seed).permutation(train)[:NULL_QUERIES])
    unrelated = search(compare, sample, train, context.track, "leakage null")
    null = Null.of(unrelated, dataset.strata[sample], compare.alike)
    target, val = dataset.rows(dataset.target_split), dataset.rows("val")
    pairs = _matched(context, compare, target, train, null)
    if dataset.target_split == "test" and len(val):
        pairs = pairs.joined(_matched(context, compare, val, np.union1d(train, target), null))
    return Searched(compare, pairs, null)


def _matched(
    context: CheckContext, compare: Matcher[Any], queries: NDArray[np.int64], base: NDArray[np.int64], null: Null
) -> Pairs:
    dataset = context.dataset
    matches = search(compare, queries, base, context.track, f"leakage of {dataset.splits[queries[0]]}")
    p_values = null.p_values(matches.score, dataset.strata[queries])
    return Pairs.of(queries, matches, p_values).with_exact(dataset.contents, base, compare.coincidence)


def _similarity_bar(context: CheckContext) -> float:
    calibrated = None if context.calibration is None else context.calibration.threshold
    return MIN_SIMILARITY if calibrated is None else calibrated


@dataclass(frozen=True)
class _Influence:
    """What training samples did to the target samples that they may be copies of; NaN and 0 for pairs of other splits.

    own          (m,) score of each pair's training sample
    deviations   (m,) how far it stands out of the target sample's own scores, in robust deviations; copies only
    place        (m,) 1 for the target sample's largest score; copies only
    largest      the largest scores of each target sample that has a copy
    """

    own: NDArray[np.float64]
    deviations: NDArray[np.float64]
    place: NDArray[np.int64]
    largest: Mapping[int, list[dict[str, Any]]]

    def of_copy(self, i: int) -> dict[str, Any]:
        """A finding's evidence on one pair."""
        if not self.place[i]:
            return {}
        return {
            "influence": float(self.own[i]),
            "influence_deviations": float(self.deviations[i]),
            "influence_place": int(self.place[i]),
        }


def _influence(context: CheckContext, pairs: Pairs, accepted: NDArray[np.bool_]) -> _Influence:
    dataset = context.dataset
    train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
    own, deviations = np.full((2, len(accepted)), np.nan)
    place = np.zeros(len(accepted), np.int64)
    largest: dict[int, list[dict[str, Any]]] = {}
    known = np.isin(pairs.query, target) & np.isin(pairs.base, train)
    column, line = np.searchsorted(target, pairs.query), np.searchsorted(train, pairs.base)
    for start, block in context.attribution.blocks():
        here = np.flatnonzero(known & (column >= start) & (column < start + block.shape[1]))
        own[here] = block[line[here], column[here] - start]
        copies = here[accepted[here]]
        for at in np.unique(column[copies]):
            scores = block[:, at - start]
            middle = np.median(scores)
            outlying = (scores - middle) / max(1.4826 * float(np.median(np.abs(scores - middle))), 1e-12)
            mine = copies[column[copies] == at]
            deviations[mine] = outlying[line[mine]]
            place[mine] = [1 + (scores > value).sum() for value in scores[line[mine]]]
            largest[int(target[at])] = [
                {"id": dataset.ids[train[i]], "influence": float(scores[i]), "influence_deviations": float(outlying[i])}
                for i in np.argsort(-scores)[:INFLUENCERS]
            ]
    return _Influence(own, deviations, place, largest)


def _finding(
    dataset: Dataset,
    compare: Matcher[Any],
    pairs: Pairs,
    group: NDArray[np.int64],
    q_values: NDArray[np.float64],
    influence: _Influence,
) -> Finding:
    group = group[np.lexsort((group, -pairs.score[group]))]
    copies = [
        {
            "test_id": dataset.ids[query],
            "train_id": dataset.ids[base],
            "splits": [str(dataset.splits[query]), str(dataset.splits[base])],
            "test_label": dataset.label(query),
            "train_label": dataset.label(base),
            "labels_agree": labels_agree(dataset, [query, base]),
            "exact": bool(pairs.exact[i]),
            "similarity": float(pairs.similarity[i]),
            "mirrored": bool(pairs.mirrored[i]),
            "score": float(pairs.score[i]),
            "q_value": float(q_values[i]),
            "differences": compare.differences(int(query), int(base)),
            **influence.of_copy(int(i)),
        }
        for i in group
        for query, base in [(pairs.query[i], pairs.base[i])]
    ]
    rows = list(dict.fromkeys(row for i in group for row in (pairs.query[i], pairs.base[i])))
    agree, labels = labels_agree(dataset, rows), sorted({dataset.label(row) for row in rows})
    best = copies[0]
    how = "an exact duplicate" if best["exact"] else "a near-duplicate"
    message = f"{best['test_id']} has {how} in the {SET_NAMES[best['splits'][1]]} set, {best['train_id']}"
    if len(rows) > 2:
        message += f"; {len(rows) - 2} more copies of the same sample"
    if not agree:
        message += f"; their labels conflict: {', '.join(map(repr, labels))}"
    return Finding(
        kind="leakage",
        severity=Severity.HIGH,
        sample_ids=tuple(dataset.ids[row] for row in rows),
        score=float(best["score"]),
        message=message,
        fingerprint=fingerprint("leakage", [dataset.contents[row] for row in rows]),
        evidence={
            "copies": copies,
            "labels_agree": agree,
            "largest_influencers": influence.largest.get(int(rows[0]), []),
        },
        remedies=_remedies(dataset, pairs.query[group], pairs.base[group]),
    )


def _remedies(dataset: Dataset, queries: NDArray[np.int64], bases: NDArray[np.int64]) -> tuple[Remedy, ...]:
    """Without the copies under test, without those that models learn from, or with all of them on that side."""
    tested, known = (tuple(dataset.ids[row] for row in dict.fromkeys(rows.tolist())) for rows in (queries, bases))
    remedies = [Remedy("remove", tested), Remedy("remove", known)]
    splits = set(dataset.splits[bases].tolist())
    if len(splits) == 1 and not dataset.layout.splits_drawn:
        remedies.append(Remedy("move", tested, (str(splits.pop()),)))
    return tuple(remedies)


def _notes(context: CheckContext, compare: Matcher[Any], pairs: Pairs, accepted: NDArray[np.bool_]) -> tuple[str, ...]:
    dataset, notes = context.dataset, []
    for split in SPLITS[:0:-1]:
        rows = np.intersect1d(dataset.rows(split), pairs.query)
        copied = np.isin(rows, pairs.query[accepted])
        others = "the training set" if split == dataset.target_split else "the training or the test set"
        if copied.any():
            notes.append(f"{copied.sum()} of {len(rows)} {split} samples ({copied.mean():.1%}) have a copy in {others}")
        if copied.any() and not copied.all() and context.pool and dataset.task == "classification":
            every, without = context.pool.accuracies(rows).mean(), context.pool.accuracies(rows[~copied]).mean()
            notes.append(
                f"mean accuracy of the pool's models: {every:.1%} on all of them, {without:.1%} without those copied"
            )
        coincident = np.setdiff1d(pairs.query[pairs.exact], pairs.query[accepted & pairs.exact])
        count = np.isin(rows, coincident).sum()
        if count:
            searched_in = dataset.splits == "train"
            if split != dataset.target_split:
                searched_in |= dataset.splits == dataset.target_split
            by_chance = -np.expm1(-compare.coincidence[rows] * searched_in.sum()).sum()
            notes.append(
                f"{count} of {len(rows)} {split} samples equal one in {others} and are not reported: with so few "
                f"distinct values, about {by_chance:.0f} are expected by chance"
            )
    return tuple(notes)
