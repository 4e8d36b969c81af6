"""Brittle predictions: predictions that flip when a small support set of training samples is removed.

## What it finds
How many training samples every prediction hangs on, estimated; for some of them, predictions that do flip when a small
set of training samples is removed, and this support set.

## Why it matters
A prediction that a handful of samples decide changes when one of them is relabelled, withdrawn or poisoned.

## How it is checked
Examined are predictions that are the same in at least nine of ten trainings, and all of a learner without seeds, whose
training on all samples gives one model. Where the given label is predicted, the least number of training samples whose
removal flips the prediction is estimated from their influence on it, scaled by what retraining showed:
`support_estimate` in samples.csv, blank above 4 % of the training samples.

Retraining test: half of the predictions examined are those with the smallest estimates, half are drawn at random from
all stable ones: these give the share of predictions that at most 0.5 %, 1 % and 2 % of the training samples decide,
with its 95 % interval (Wilson). Training samples are removed in the order of their influence. How many have to go is
found by bisection, retraining at each step, and confirmed under fresh seeds. At least three in four trainings without
them must flip, significantly more than after random removals of at least as many samples of every class (Fisher's exact
test, Benjamini-Hochberg over the predictions examined at 5 %). A set that is not confirmed is tried once more, half as
large again, under other fresh seeds. A learner without seeds, as the linear ones are, is trained once: its margin must
lie below those after random removals (Student's prediction interval). The size is an upper bound: a smaller set may
exist, so more predictions may hang on that few samples. "Not found" up to the largest size tried (4 % of the training
samples that models are of) is no proof of robustness. Predictions of models that do not beat the class frequencies are
not examined.

## What to do
Look at the support set. Fix duplicates, outliers and label errors in it; otherwise collect more data of this kind.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...findings import Finding, Severity, Verification, fingerprint
from ...training.learning import is_seedless
from ...training.pool import lead_over_best_other
from ...training.retraining import SEARCH_TIMES, Retraining
from ..detection import CheckContext, Detection
from ..fragility import Falls, estimates_in_words, predicted_fall, predicted_falls, shares, shares_in_words
from ..proof import accepted_by_fdr, below_random, effect_over_seeds, more_often
from ..proof_set import of_models, scope_note
from ..signal import signal
from ..support import FIRST_SHARE, SAFETY, TYPICAL_ROUNDS, Question, search, typical_share

KINDS = {"brittle": "Brittle predictions (support sets)"}
TASKS = ("classification",)
NEEDS = "models"
FALSE_DISCOVERY_RATE = 0.05
STABLE = 0.9
"""Share of trainings that must agree on a prediction for it to be examined."""
FLIPPING = 0.75
"""Share of fresh trainings that must flip: more than half, so that a claim holds when it is checked again."""
ATTEMPTS, LARGER = 2, 1.5
"""A set that fresh seeds don't confirm is made larger by this factor and tried once more, under other fresh seeds."""
MAX_REMOVED_SHARE = 0.04
"""Largest share of the training samples that is removed."""
RANDOM_TIMES = 2000
"""The first of the random removals' seeds: none of them is used to search or to confirm."""
FRAGILE = 0.005
"""Supports of at most this share of the training samples are of medium severity."""
LEAST_RANDOM = 8
"""Random removals of each size."""
CONTROL_SHARE = 0.1
"""Predictions share a random removal as long as it stays below this share of the training samples."""


_Leads = Callable[[Sequence[tuple[NDArray[np.int64], int]]], NDArray[np.float32]]
"""(rows removed, time) pairs -> leads (len(pairs), targets) of the predicted classes after training."""


@dataclass(frozen=True)
class _Target:
    """A prediction: its dataset row, the class predicted, and training rows by falling influence, with their scores.

    support   sum of all positive scores on it
    """

    row: int
    predicted: int
    order: NDArray[np.int64]
    scores: NDArray[np.float32]
    support: float


def detect(context: CheckContext) -> Detection:
    """Estimates alone, from the pool's runs: what they are worth, `verify` shows."""
    total = len(context.target_rows)
    if reason := context.once(signal).reason:
        return Detection((), 0, total, skipped=reason)
    stable = context.once(_predictions)[2]
    needed = _estimates(context, _leads_in_pool(context), FIRST_SHARE)
    notes = (*_estimate_notes(context, needed), "no support set was searched by retraining")
    return Detection((), int(stable.sum()), total, columns=_columns(context, needed), notes=notes)


def trainings(times: int, searching: int, predictions: int) -> int:
    """See `detection.trainings`: the search, a confirmation where seeds differ, and random removals."""
    confirming = 0 if times == 1 else times
    random = max(LEAST_RANDOM, 2 * times) if predictions else 0
    return predictions * (TYPICAL_ROUNDS * searching + confirming) + random


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See the module."""
    if not context.predictions or detection.skipped:
        return detection
    nothing, target_rows = np.zeros(0, np.int64), context.target_rows
    predicted = context.once(_predictions)[1]
    outputs = retraining.runs([(nothing, time) for time in (*range(retraining.times), *SEARCH_TIMES)], target_rows)
    full = lead_over_best_other(outputs, predicted)
    stable = context.once(_predictions)[2] & ((full > 0).mean(0) >= STABLE)
    leads_of_all = full.mean(0) if retraining.among is None else _leads_in_pool(context)
    drawn, fragile = _choose(context, stable, _estimates(context, leads_of_all, FIRST_SHARE))
    targets = _targets(context, np.sort(np.concatenate([drawn, fragile])), retraining.rows)
    if not targets:
        return replace(detection, examined=0, notes=(f"none of {detection.total} predictions is stable",))
    rows = np.array([target.row for target in targets])
    of_targets = np.searchsorted(target_rows, rows)

    def leads(runs: Sequence[tuple[NDArray[np.int64], int]]) -> NDArray[np.float32]:
        return lead_over_best_other(retraining.runs(runs, rows), predicted[of_targets])

    safety = 0.0 if retraining.times == 1 else SAFETY
    weight = np.float32(context.attribution.shape[0] / len(retraining.rows))  # the fewer they are, the more one weighs
    questions = [
        Question(float(lead), weight * predicted_fall(target.scores, target.support), safety)
        for target, lead in zip(targets, full.mean(0)[of_targets], strict=True)
    ]

    def outcomes(trials: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        runs = [(targets[i].order[:k], time) for i, k in trials for time in SEARCH_TIMES]
        results = leads(runs).reshape(len(trials), len(SEARCH_TIMES), len(targets))
        return np.stack([results[number, :, i] for number, (i, _) in enumerate(trials)])

    search(questions, outcomes)
    pending = {i: question.flipping for i, question in enumerate(questions) if question.flipping is not None}
    sets: dict[int, NDArray[np.int64]] = {}
    before: dict[int, NDArray[np.float32]] = {}
    without: dict[int, NDArray[np.float32]] = {}
    for attempt in range(ATTEMPTS):
        fresh = range(attempt * retraining.times, (attempt + 1) * retraining.times)
        if not pending:
            break
        everything = leads([(nothing, time) for time in fresh])
        results = leads([(targets[i].order[:k], time) for i, k in pending.items() for time in fresh])
        for (i, k), target_leads in zip(pending.items(), results.reshape(len(pending), len(fresh), -1), strict=True):
            sets[i], before[i], without[i] = targets[i].order[:k], everything[:, i], target_leads[:, i]
        pending = {
            i: min(math.ceil(LARGER * k), len(targets[i].order))
            for i, k in pending.items()
            if (without[i] < 0).mean() < FLIPPING and k < len(targets[i].order)
        }
    random = _random_removals(context, retraining.rows, sets, leads, max(LEAST_RANDOM, 2 * retraining.times))
    p_values = np.array([_p_value(without[i], random[i][1]) if i in sets else 1.0 for i in range(len(targets))])
    accepted, q_values = accepted_by_fdr(p_values, FALSE_DISCOVERY_RATE)
    findings, status = [], dict.fromkeys(range(len(targets)), "not found")
    for i in sets:
        status[i] = "confirmed" if accepted[i] and (without[i] < 0).mean() >= FLIPPING else "not confirmed"
        if status[i] == "confirmed":
            findings.append(
                _finding(context, retraining, targets[i], questions[i], sets[i], before[i], without[i], random[i],
                         float(q_values[i]))
            )  # fmt: skip
    typical = typical_share([question for question, i in zip(questions, of_targets, strict=True) if i in drawn])
    needed = _estimates(context, leads_of_all, typical)
    found = np.full(len(target_rows), np.inf)
    found[of_targets] = [len(sets[i]) if state == "confirmed" else np.inf for i, state in status.items()]
    deciding = shares(found[drawn], len(retraining.rows))
    changes = [change for question in questions for change in question.changes]
    figures = {
        "counterfactual": {"predicted": [typical * p for p, _ in changes], "actual": [a for _, a in changes],
                           "correlation": _correlation(changes)},
        "supports": [
            {"id": context.dataset.ids[targets[i].row], "size": len(sets[i]) if i in sets else None, "status": state}
            for i, state in status.items()
        ],
        "most": _max_removed(len(retraining.rows)),
        "shares": [vars(share) for share in deciding],
    }  # fmt: skip
    notes = (
        *_notes(context, len(retraining.rows), int(stable.sum()), list(status.values()), len(drawn)),
        *shares_in_words(deciding),
        *_estimate_notes(context, needed),
        *scope_note(retraining),
    )
    return Detection(
        tuple(findings), len(targets), detection.total, _columns(context, needed), notes=notes, figures=figures
    )


def _predictions(context: CheckContext) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Dataset rows with scores, the classes predicted, and which predictions are stable and can be examined.

    Attribution covers the margins of the given labels; those of other predicted labels are computed on demand.
    """
    dataset, pool = context.dataset, context.pool
    rows = context.target_rows
    predicted = pool.probabilities[rows].argmax(1)
    has_scores = (predicted == dataset.targets[rows]) | (context.influences is not None)
    agreed = (pool.outputs[:, rows].argmax(2) == predicted).mean(0) >= STABLE
    return rows, predicted, has_scores & (agreed | is_seedless(pool.learner))


def _leads_in_pool(context: CheckContext) -> NDArray[np.float32]:
    """(n_target,) mean leads of the predicted classes."""
    rows, predicted, _ = context.once(_predictions)
    return np.asarray(lead_over_best_other(context.pool.outputs[:, rows], predicted).mean(0))


def _falls(context: CheckContext) -> Falls:
    return predicted_falls(context.attribution, _max_removed(context.attribution.shape[0]))


def _estimates(context: CheckContext, leads: NDArray[np.floating], scale: float) -> NDArray[np.float64]:
    """(n_target,) training samples whose removal flips each stable, right prediction; nan for others, and beyond the
    largest size."""
    rows, predicted, stable = context.once(_predictions)
    covered = stable & (predicted == context.dataset.targets[rows])
    return context.once(_falls).needed(np.where(covered, leads, np.nan), scale)


def _choose(
    context: CheckContext, stable: NDArray[np.bool_], needed: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Targets to examine: drawn at random from the stable ones, and those of the others with the smallest estimates."""
    order = np.random.default_rng(context.seed).permutation(np.flatnonzero(stable))
    drawn, others = np.split(order, [context.predictions // 2])
    ranked = others[np.argsort(needed[others], kind="stable")]  # nan last
    return drawn, ranked[: context.predictions - len(drawn)]


def _targets(context: CheckContext, chosen: NDArray[np.int64], among: NDArray[np.int64]) -> list[_Target]:
    """With the scores of the training rows that models are trained on; without those that none of them supports."""
    dataset, train = context.dataset, context.dataset.rows("train")
    rows, predicted, _ = context.once(_predictions)
    places = np.searchsorted(train, among)
    known = dict(context.attribution.of_targets(np.sort(chosen)))
    scores = {i: known[i] for i in chosen.tolist()}
    wrong = [int(i) for i in chosen if predicted[i] != dataset.targets[rows[i]]]
    if wrong and context.influences is not None:
        predicted_scores = context.influences(rows[wrong], predicted[wrong])
        scores.update({i: predicted_scores[:, column] for column, i in enumerate(wrong)})
    targets = []
    for i, of_all in scores.items():
        influence = of_all[places]
        order = np.argsort(-influence, kind="stable")[: _max_removed(len(among))]
        order = order[influence[order] > 0]
        if len(order):
            support = float(influence[influence > 0].sum(dtype=np.float64))
            targets.append(_Target(int(rows[i]), int(predicted[i]), among[order], influence[order], support))
    return targets


def _p_value(without: NDArray[np.float32], random: NDArray[np.float32]) -> float:
    if len(without) == 1:
        return below_random(float(without[0]), random)
    return more_often(int((without < 0).sum()), len(without), int((random < 0).sum()), len(random))


def _random_removals(
    context: CheckContext, train: NDArray[np.int64], sets: dict[int, NDArray[np.int64]], leads: _Leads, times: int
) -> dict[int, tuple[int, NDArray[np.float32]]]:
    """How many were removed, and leads (times,), after removing at least as many random samples of every class as
    each set has, by set.

    Sets share removals that are large enough for all of them, which can only make a claim harder.
    """
    labels = context.dataset.targets
    counts = {i: np.bincount(labels[rows], minlength=len(context.dataset.class_names)) for i, rows in sets.items()}
    groups: list[tuple[NDArray[np.int64], list[int]]] = []
    for i in sorted(sets, key=lambda i: len(sets[i])):
        for number, (size, members) in enumerate(groups):
            joint = np.maximum(size, counts[i])
            if joint.sum() <= max(CONTROL_SHARE * len(train), len(sets[i])):
                groups[number] = joint, [*members, i]
                break
        else:
            groups.append((counts[i], [i]))
    rng = np.random.default_rng([context.seed, 1])
    runs = [
        (
            np.concatenate([rng.permutation(train[labels[train] == c])[:k] for c, k in enumerate(size)]),
            RANDOM_TIMES + time,
        )
        for size, _ in groups
        for time in range(times)
    ]
    if not groups:
        return {}
    results = leads(runs).reshape(len(groups), times, -1)
    sizes = [len(removed) for removed, _ in runs[::times]]
    return {
        i: (removed, group_leads[:, i])
        for (_, members), removed, group_leads in zip(groups, sizes, results, strict=True)
        for i in members
    }


def _finding(
    context: CheckContext, retraining: Retraining, target: _Target, searched: Question, support: NDArray[np.int64],
    before: NDArray[np.float32], without: NDArray[np.float32], control: tuple[int, NDArray[np.float32]], q: float,
) -> Finding:  # fmt: skip
    dataset, (removed_at_random, random) = context.dataset, control
    name, id = dataset.class_names[target.predicted], dataset.ids[target.row]
    effect = effect_over_seeds(before - without)
    flips = int((without < 0).sum())
    fragile = len(support) <= max(1, FRAGILE * len(retraining.rows))
    evidence = {
        "test_id": id,
        "label": dataset.class_names[dataset.targets[target.row]],
        "predicted": name,
        "support_size": len(support),
        "flips": flips,
        "trainings": len(without),
        "flips_after_random_removal": int((random < 0).sum()),
        "random_trainings": len(random),
        "q_value": q,
        "lead": float(before.mean()),
        "lead_without": float(without.mean()),
        "margins": {
            **_margins(searched),
            "fresh": {"removed": [0, len(support)], "lead": [float(before.mean()), float(without.mean())]},
            "random": {"removed": [0, removed_at_random], "lead": [float(before.mean()), float(random.mean())]},
        },
        "support": [
            {
                "train_id": dataset.ids[row],
                "label": dataset.class_names[dataset.targets[row]],
                "influence": float(score),
            }
            for row, score in zip(support, target.scores, strict=False)
        ],
    }
    return Finding(
        kind="brittle",
        severity=Severity.MEDIUM if fragile else Severity.LOW,
        sample_ids=(id, *(dataset.ids[row] for row in support)),
        score=1 / len(support),
        message=f"{id} is predicted as {name!r}; removing {len(support)} training samples flips the prediction"
        + (f" in {flips} of {len(without)} trainings" if len(without) > 1 else "")
        + of_models(retraining),
        fingerprint=fingerprint("brittle", [dataset.contents[row] for row in (target.row, *support)], name),
        evidence=evidence,
        verification=Verification("confirmed", "drop in the predicted class's margin over the runner-up, in logits",
                                  effect.mean, (effect.low, effect.high), float(before.mean() - random.mean()),
                                  len(without)),
    )  # fmt: skip


def _margins(searched: Question) -> dict[str, list[float]]:
    """Mean lead by number removed, under the seeds of the search.

    The evidence adds the same with the support removed under fresh seeds, and after random removals.
    """
    leads = {0: searched.lead} | {k: float(tried_leads.mean()) for k, tried_leads in sorted(searched.tried.items())}
    return {"removed": list(leads), "lead": list(leads.values())}


def _max_removed(trained_on: int) -> int:
    """Largest number of training samples removed."""
    return max(1, round(MAX_REMOVED_SHARE * trained_on))


def _correlation(changes: list[tuple[float, float]]) -> float | None:
    if len(changes) < 3:
        return None
    predicted, actual = np.array(changes).T
    return float(np.corrcoef(predicted, actual)[0, 1]) if predicted.std() * actual.std() > 0 else None


def _columns(context: CheckContext, needed: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    column = np.full(len(context.dataset), np.nan)
    column[context.target_rows] = needed
    return {"support_estimate": column}


def _estimate_notes(context: CheckContext, needed: NDArray[np.float64]) -> tuple[str, ...]:
    rows, predicted, stable = context.once(_predictions)
    covered = np.flatnonzero(stable & (predicted == context.dataset.targets[rows]))
    ids = [context.dataset.ids[row] for row in rows[covered]]
    return estimates_in_words(ids, needed[covered], context.attribution.shape[0])


def _notes(context: CheckContext, trained_on: int, stable: int, states: list[str], drawn: int) -> tuple[str, ...]:
    total = len(context.target_rows)
    differ, unconfirmed = "the same in nine of ten trainings", "were not confirmed under fresh seeds"
    if is_seedless(context.pool.learner):
        differ, unconfirmed = (
            "the same from halves of the data as from all that models are of",
            "not clearly more than by random removals",
        )
    words = {
        "confirmed": "flip without their support set",
        "not confirmed": f"flipped in the search, but {unconfirmed}",
        "not found": f"did not flip without the {_max_removed(trained_on)} most influential training samples",
    }
    return (
        f"{len(states)} of {stable} stable predictions examined, {drawn} drawn at random, the others with the smallest "
        f"estimated support; the other {total - stable} of {total} predictions are not {differ} and were not examined",
        "; ".join(f"{states.count(state)} {text}" for state, text in words.items() if state in states),
    )
