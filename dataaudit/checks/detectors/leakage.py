"""Train-test leakage: test or validation samples that also occur, exactly or nearly, in another split.

## What it finds
Test samples that are exact or near-duplicates of training samples, and validation samples that are duplicates of
either. All copies of one sample are one finding.

Near-duplicates of images are cropped, shifted, zoomed, turned a little, mirrored, brightened, recoloured, blurred,
re-encoded or partly covered. Those of texts differ in case or punctuation, have words moved, removed, added or
replaced, are cut, or are part of a longer text. Those of rows and arrays are rounded, slightly noisy, or have some
cells changed or missing.

## Why it matters
A model is rewarded for memorising such samples, so the measured performance does not carry over to new data.

## How it is checked
A fast search finds candidates. Each candidate is then aligned with the sample, and what the two share is scored.

Images: candidates are found by oriented gradients and whitened pixels under many warps; where the extra `vision` is
installed, half of them by the early feature maps of its pretrained net, which find more of those that are covered in
part. One image is registered with the other, and the difference that remains counts.

Texts: candidates are found by weighted words, word pairs and characters. The score counts the words that both texts
have in the same order; rare words count most, phrases that many texts share next to nothing. Where the shared words are
too few to rule out chance, the pair is not a near-duplicate; texts that are equal but for case, punctuation, spaces
(also within words: "top-ups", "topups") and how characters are encoded are reported however short. Signs that mean
something stay: "5 %" is not "5 $", "C#" not "C", "-5" not "5".

Rows and arrays: equal ones are all found, by hash. Candidates for near-duplicates are neighbours in all columns and in
up to 16 blocks of them, by trees that are searched approximately; a copy that differs a little in every block may be
missed. Each column then counts the more, the rarer it is that two rows agree on it as closely. Rows that are equal in
all columns but ids and constant ones, words by their spelling, are reported only if chance doesn't explain it: values
of half of the columns are permuted among similar rows, which shows how many are equal by chance (reported if at most
1 % probable, and if chance gives at most half of those there are).

Texts beside other columns are compared both ways. A text that other columns tell apart from its copy is reported if its
words are too rare to be equal by chance. Samples without text or without any value are copies of none.

How high unrelated pairs score is learnt for each class (for numeric targets: each decile) from training samples matched
with each other. A pair is reported at a false-discovery rate (Benjamini-Hochberg) of at most 5 %. Altered copies of
your own samples are planted into a copy of the data in memory: they set the minimum similarity of a pair, and show how
many such copies are found. Each pair comes with the influence of the training sample on the test prediction, by
attribution: how much the model used the copy.

Retraining test (classification only): models are trained without the copies, and without as many random samples, to
measure what the copies did to the predictions of the samples they duplicate. The result is about that effect, not about
whether the pair is a copy: "confirmed" if the copies raised the prediction, otherwise "inconclusive".

Each finding says how its closest two samples agree: equal, equal without ids, equal after cleaning, equal text (beside
other columns), equal text after cleaning, or near. A policy can set a severity for each, as in
`leakage.severity.near = "medium"`.

Where the split was drawn here and not given, a copy in the other split is an accident of the draw: it is reported as a
duplicate, and this check says how many there are.

## What to do
Remove the copy from one of the splits. If the two labels differ, one of them is wrong.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ...data.features.chance import Repeats
from ...dataset import SPLITS, Dataset
from ...findings import AGREEMENTS, Agreement, Finding, Pair, Remedy, Severity, Verification, fingerprint
from ...training.pool import Pool, log_odds
from ...training.retraining import Retraining
from ..detection import Calibration, CheckContext, Detection
from ..matching.copies import MIN_SIMILARITY, Pairs, bh_threshold, connected, labels_agree
from ..matching.copy_influence import CopyInfluence, influence_of_copies
from ..matching.matcher import Matcher, agreement, closest_of_rows, differences, search
from ..matching.split_copies import CopySearch, judged_copies, search_copies
from ..proof import effect_over_seeds, effect_verification, random_like
from ..proof_set import scope_note

GAINS = True
KINDS = {"leakage": "Train-test leakage"}
LOWEST_BAR = 0.6
"""Lowest similarity that planted copies may set as the bar for a pair."""
LOST_SHARE = 0.05
"""Share of the planted copies that the bar set from them may cost."""
PLANTED = 60
SHOWN = 5
DESCRIPTIONS: Mapping[Agreement, str] = {
    "equal": "an exact duplicate",
    "equal without ids": "a duplicate, equal in all but ids and constant columns,",
    "equal after cleaning": "a duplicate, equal after cleaning (but for case, punctuation and spaces),",
    "equal text": "a duplicate of its text",
    "equal text after cleaning": "a duplicate of its text after cleaning (but for case, punctuation and spaces)",
    "near": "a near-duplicate",
}
SET_NAMES = {"train": "training", "val": "validation", "test": "test"}


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    searches = context.once(search_copies)
    pairs, accepted, q_values = judged_copies(searches, _similarity_bar(context))
    influence = influence_of_copies(context, pairs, accepted)
    shown = (dataset.splits[pairs.query] == dataset.target_split) & (accepted | (pairs.rank <= SHOWN))
    matchers = [searched.matcher for searched in searches]
    agreements = {
        i: agreement(dataset, matchers, int(pairs.query[i]), int(pairs.base[i]))
        for i in np.flatnonzero(accepted | (pairs.exact & shown)).tolist()
    }
    reported = np.flatnonzero(accepted & (not dataset.layout.splits_drawn))
    findings = tuple(
        _finding(dataset, matchers, pairs, {int(i): agreements[i] for i in reported[group]}, q_values, influence)
        for group in connected(pairs.query[reported], pairs.base[reported])
    )
    matches = closest_of_rows(
        len(dataset), pairs.query[reported], pairs.base[reported], [agreements[i] for i in reported.tolist()]
    )
    examined = len(np.unique(pairs.query))
    return Detection(
        findings,
        examined,
        examined,
        {"leakage_match": matches},
        pairs=tuple(
            Pair(dataset.ids[pairs.query[i]], dataset.ids[pairs.base[i]], float(pairs.similarity[i]),
                 float(influence.score[i]), float(pairs.score[i]), agreements.get(i, "candidate"), int(pairs.rank[i]))
            for i in np.flatnonzero(shown).tolist()
        ),
        notes=_notes(context, searches, pairs, accepted),
    )  # fmt: skip


def calibrate(context: CheckContext, retrained: Callable[[NDArray[np.int64]], Pool]) -> Calibration | None:
    """Put altered copies of some target samples in place of random training samples, and look for each alone.

    Each planted copy is judged as the only one added to the data as it is: among many others Benjamini-Hochberg would
    be more lenient. As many samples without a planted copy are searched too. In tables with texts a copy is altered in
    its texts and in its other columns, and found if either tells. None where the data has no room for any.
    """
    dataset, rng = context.dataset, np.random.default_rng([context.seed, PLANTED])
    searches = context.once(search_copies)
    pairs, accepted, _ = judged_copies(searches)
    copies_as_is = pairs.where(accepted)
    unmatched = rng.permutation(np.setdiff1d(dataset.rows(dataset.target_split), copies_as_is.query))
    places = rng.permutation(np.setdiff1d(dataset.rows("train"), copies_as_is.base))
    count = min(PLANTED, len(unmatched) // 2, len(places) // 4)
    if not count:
        return None
    trials = [_planted(context, searched, unmatched[: 2 * count], places[:count], rng) for searched in searches]
    bar, first = MIN_SIMILARITY, trials[0]
    if len(similarity := first.pairs.similarity[first.significant & first.planted]):
        bar = min(MIN_SIMILARITY, max(LOWEST_BAR, float(np.quantile(similarity, LOST_SHARE))))
    known, reported, right = _places(copies_as_is), set[tuple[int, int]](), set[tuple[int, int]]()
    for trial in trials:
        found = trial.significant & (trial.pairs.similarity >= bar)
        reported |= _places(trial.pairs.where(found)) - known
        right |= _places(trial.pairs.where(found & trial.planted))
    queries_found = {query for query, _ in right}
    found_by_sort = Counter(sort for sort, query in zip(first.sorts, unmatched, strict=False) if query in queries_found)
    sides = ", in their texts and in their other columns," if len(trials) > 1 else ""
    return Calibration(
        planted=dict(Counter(first.sorts)),
        found={sort: found_by_sort[sort] for sort in first.sorts},
        reported=len(reported),
        right=len(right),
        procedure=f"altered copies{sides} of {count} {dataset.target_split} samples in place of random training "
        "samples, each judged as if it were the only one",
        threshold=bar,
    )


@dataclass(frozen=True)
class _Trial:
    """Copies planted by one matcher: the pairs found, which of them are significant, and which are planted."""

    sorts: Sequence[str]
    pairs: Pairs
    significant: NDArray[np.bool_]
    planted: NDArray[np.bool_]


def _places(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.query.tolist(), pairs.base.tolist(), strict=True))


def _planted(
    context: CheckContext, as_is: CopySearch, queries: NDArray[np.int64], places: NDArray[np.int64],
    rng: np.random.Generator,
) -> _Trial:  # fmt: skip
    """With copies of the first queries in these places."""
    dataset = context.dataset
    with_copies, sorts = as_is.matcher.with_copies(queries[: len(places)], places, rng)
    matches = search(with_copies, queries, dataset.rows("train"), context.track, "leakage calibration")
    pairs = Pairs.of(queries, matches, as_is.null.p_values(matches.score, dataset.strata[queries]))
    copy_of = dict(zip(queries, places, strict=False))
    planted = np.array([copy_of.get(q) == b for q, b in zip(pairs.query, pairs.base, strict=True)], bool)
    tested, p_values = as_is.pairs.tested(LOWEST_BAR)
    best = pairs.where(pairs.rank == 1)
    threshold_without = {
        query: bh_threshold(np.append(p_values[tested != query], p_value))
        for query, p_value in zip(best.query, best.p_value, strict=True)
    }
    significant = pairs.p_value <= np.array([threshold_without[query] for query in pairs.query])
    return _Trial(sorts, pairs, significant, planted)


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """Train without the training samples that have a copy in another split, and without as many random ones.

    For classes only: other targets have no margin.
    """
    dataset = context.dataset
    if dataset.task != "classification":
        note = "the effect of the copies was not tested by retraining: that is done for classification only"
        return replace(detection, notes=(*detection.notes, note)) if detection.findings else detection
    row_of = {id: i for i, id in enumerate(dataset.ids)}
    copied = [
        np.unique([row_of[copy["test_id"]] for copy in finding.evidence["copies"] if copy["splits"][1] == "train"])
        for finding in detection.findings
    ]
    removed = np.unique(
        [
            row_of[copy["train_id"]]
            for finding in detection.findings
            for copy in finding.evidence["copies"]
            if copy["splits"][1] == "train"
        ]
    )
    if not len(removed):
        return detection
    removed = removed.astype(np.int64)
    retraining = retraining.including(removed)
    random = random_like(dataset.strata, retraining.rows, removed, context.seed)
    rows = np.union1d(dataset.rows(dataset.target_split), np.concatenate(copied)).astype(np.int64)
    nothing = np.zeros(0, np.int64)
    outputs = retraining.outputs([nothing, removed, random], range(retraining.times), rows)
    margins = np.stack([log_odds(set_outputs, dataset.targets[rows]) for set_outputs in outputs])
    drop, random_drop = margins[0] - margins[1], margins[0] - margins[2]
    correct = outputs.argmax(-1) == dataset.targets[rows]

    def verification(samples: NDArray[np.int64]) -> Verification:
        if not len(samples):
            return Verification()
        columns = np.searchsorted(rows, samples)
        effect = effect_over_seeds(drop[:, columns].mean(1))
        measure = "drop in the given label's margin when the copies are removed"
        verified = effect_verification(measure, effect, float(random_drop[:, columns].mean()), retraining.times)
        everything, without, at_random = expit(margins[:, :, columns].astype(np.float64)).mean((1, 2)).tolist()
        return replace(verified, confidence=(everything, without, at_random))

    findings = tuple(
        replace(finding, verification=verification(samples))
        for finding, samples in zip(detection.findings, copied, strict=True)
    )
    target = dataset.splits[rows] == dataset.target_split
    affected = np.isin(rows, np.concatenate(copied)) & target
    models = f"{retraining.times} retrained models" if retraining.times > 1 else "the retrained model"
    notes = [
        f"mean accuracy of {models} on {description}: {everything:.1%} with the copies, "
        f"{without:.1%} without them, {at_random:.1%} without {len(random)} random samples of the same classes"
        for description, chosen in (("the samples with a copy", affected), (f"all {target.sum()} samples", target))
        if chosen.any()
        for everything, without, at_random in [correct[:, :, chosen].mean((1, 2))]
    ]
    return replace(
        detection, findings=findings, notes=(*detection.notes, *notes, *scope_note(retraining, " but for the copies"))
    )


def _similarity_bar(context: CheckContext) -> float:
    """Of a drawn split the default, which the check for duplicates uses as well."""
    calibrated = None if context.calibration is None else context.calibration.threshold
    return MIN_SIMILARITY if calibrated is None or context.dataset.layout.splits_drawn else calibrated


def _finding(
    dataset: Dataset,
    matchers: Sequence[Matcher[Any]],
    pairs: Pairs,
    group: Mapping[int, Agreement],
    q_values: NDArray[np.float64],
    influence: CopyInfluence,
) -> Finding:
    order = sorted(group, key=lambda i: (AGREEMENTS.index(group[i]), -pairs.score[i], i))
    copies = [
        {
            "test_id": dataset.ids[query],
            "train_id": dataset.ids[base],
            "splits": [str(dataset.splits[query]), str(dataset.splits[base])],
            "test_label": dataset.label(query),
            "train_label": dataset.label(base),
            "labels_agree": labels_agree(dataset, [query, base]),
            "exact": bool(pairs.exact[i]),
            "agreement": group[i],
            "similarity": float(pairs.similarity[i]),
            "mirrored": bool(pairs.mirrored[i]),
            "score": float(pairs.score[i]),
            "q_value": float(q_values[i]),
            "differences": differences(matchers, int(query), int(base)),
            **influence.of_copy(i),
        }
        for i in order
        for query, base in [(pairs.query[i], pairs.base[i])]
    ]
    rows = list(dict.fromkeys(row for i in order for row in (pairs.query[i], pairs.base[i])))
    agree, labels = labels_agree(dataset, rows), sorted({dataset.label(row) for row in rows})
    best = copies[0]
    description, searched = DESCRIPTIONS[best["agreement"]], SET_NAMES[best["splits"][1]]
    message = f"{best['test_id']} has {description} in the {searched} set, {best['train_id']}"
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
            "agreement": best["agreement"],
            "labels_agree": agree,
            "largest_influencers": influence.largest.get(int(rows[0]), []),
        },
        remedies=_remedies(dataset, pairs.query[order], pairs.base[order]),
    )


def _remedies(dataset: Dataset, queries: NDArray[np.int64], bases: NDArray[np.int64]) -> tuple[Remedy, ...]:
    """Remove the tested copies, remove those trained on, or move all of them to one split."""
    tested, learnt = (tuple(dataset.ids[row] for row in dict.fromkeys(rows.tolist())) for rows in (queries, bases))
    remedies = [Remedy("remove", tested), Remedy("remove", learnt)]
    splits = set(dataset.splits[bases].tolist())
    if len(splits) == 1 and not dataset.layout.splits_drawn:
        remedies.append(Remedy("move", tested, (str(splits.pop()),)))
    return tuple(remedies)


def _notes(
    context: CheckContext, searches: Sequence[CopySearch], pairs: Pairs, accepted: NDArray[np.bool_]
) -> tuple[str, ...]:
    dataset, notes = context.dataset, []
    for split in SPLITS[:0:-1]:
        rows = np.intersect1d(dataset.rows(split), pairs.query)
        copied = np.isin(rows, pairs.query[accepted])
        searched = "the training set" if split == dataset.target_split else "the training or the test set"
        if copied.any():
            drawn = "the split was drawn here: " if dataset.layout.splits_drawn else ""
            reported = "; reported as duplicates" if dataset.layout.splits_drawn else ""
            notes.append(
                f"{drawn}{copied.sum()} of {len(rows)} {split} samples ({copied.mean():.1%}) have a copy in {searched}"
                f"{reported}"
            )
        if copied.any() and not copied.all() and context.pool and dataset.task == "classification":
            overall, clean = context.pool.accuracies(rows).mean(), context.pool.accuracies(rows[~copied]).mean()
            notes.append(
                f"mean accuracy of the pool's models: {overall:.1%} on all of them, {clean:.1%} without those copied"
            )
        for by_matcher in searches:
            repeats = by_matcher.repeats.get(split, Repeats(0))
            if repeats.count and by_matcher.matcher.codes.shape[1]:
                notes.append(
                    f"{repeats.count} of {len(rows)} {split} samples equal one in {searched}{repeats.explanation}"
                )
    return tuple(notes)
