"""Harmful training samples: groups whose removal from training improves held-out predictions.

## What it finds
Groups of training samples whose removal improves predictions on held-out data.

## Why it matters
Label errors, corrupt samples and outliers pull the model away from what it should learn: less data would be better.

## How it is checked
Half of the audited split selects a group, the other half confirms it. Training samples are ranked by two scores: their
attribution (TRAK) to the selecting half's expected error, and how much models that never saw a sample doubt its label.
The top 1, 3 and 10 % of those that models are trained on are left out, and the size that lowers the selecting half's
Brier score most is taken (the squared error of the class probabilities, Brier 1950: proper and bounded, so that a few
hopeless samples do not decide; for numeric targets the squared error over the variance).

Retraining test: harm is claimed only if, under fresh seeds, removing the group improves the confirming half's Brier
score or accuracy, both over removing nothing and over removing as many random samples of the same classes (paired by
seed, over seeds and samples, at 2.5 % for both measures together). Nothing is claimed of models that do not beat the
class frequencies, or the mean. The claim is about the group: no single sample in it is claimed to be harmful.

## What to do
Look at the group, most harmful first. Fix wrong labels; remove what does not belong; keep what is rare but right.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import rankdata

from ...dataset import Dataset, stratified_split
from ...findings import Finding, Remedy, Severity, Verification, fingerprint
from ...training.retraining import SEARCH_TIMES, Retraining
from ..detection import CheckContext, Detection
from ..proof import LEVEL, Effect, effect_over_seeds_and_samples, random_like
from ..proof_set import of_models, scope_note
from ..signal import signal

KINDS = {"harmful": "Harmful training samples"}
TASKS = ("classification", "regression")
NEEDS = "models"
SHARES = (0.01, 0.03, 0.1)
MIN_CONFIRMING = 20
"""Held-out samples needed to confirm a claim."""


@dataclass(frozen=True)
class _Measure:
    """A measure of held-out performance, more is better: (removals, seeds, samples), of nothing, the group, random."""

    name: str
    values: NDArray[np.float64]

    @cached_property
    def gain(self) -> Effect:
        return effect_over_seeds_and_samples(self.values[1] - self.values[0])

    @cached_property
    def than_random(self) -> Effect:
        return effect_over_seeds_and_samples(self.values[1] - self.values[2])

    @property
    def p_value(self) -> float:
        """Of the removal being no better than nothing, or no better than a random removal."""
        return max(self.gain.p_value, self.than_random.p_value)


def detect(context: CheckContext) -> Detection:
    """Rank the training samples; groups are claimed by `verify`."""
    train = context.dataset.rows("train")
    harm = np.full(len(context.dataset), np.nan)
    harm[train] = _harm(context)
    reason = context.once(signal).reason or "harm is tested by retraining, which was not done"
    return Detection((), 0, len(train), {"harm": harm}, skipped=reason)


def trainings(times: int, searching: int, predictions: int) -> int:
    """See `detection.trainings`: without each group, then without the best and without random samples."""
    return len(SHARES) * searching + 2 * times


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See the module."""
    dataset = context.dataset
    train, target, rows = dataset.rows("train"), dataset.rows(dataset.target_split), retraining.rows
    if context.once(signal).reason:
        return detection
    selecting = _selecting(context)
    if (~selecting).sum() < MIN_CONFIRMING:
        reason = f"{(~selecting).sum()} held-out samples are too few to confirm harm on: {MIN_CONFIRMING} are needed"
        return Detection((), 0, len(train), detection.columns, skipped=reason)
    harm, doubt = detection.columns["harm"], _doubt(context)[np.searchsorted(train, rows)]
    order = np.argsort(-(rankdata(harm[rows]) + rankdata(doubt)), kind="stable")
    groups = [rows[order[:size]] for size in dict.fromkeys(max(1, round(share * len(rows))) for share in SHARES)]
    nothing = np.zeros(0, np.int64)
    scores = _errors(dataset, retraining.outputs([nothing, *groups], SEARCH_TIMES, target), target)
    gains = (scores[0] - scores[1:])[:, :, selecting].mean((1, 2))
    group = groups[int(gains.argmax())]
    searched = ", ".join(f"{gain:+.4f} for {len(candidate)}" for candidate, gain in zip(groups, gains, strict=True))
    notes = (
        f"drop in the selecting half's mean {_error_name(dataset)} by group size: {searched}",
        *scope_note(retraining),
    )
    if gains.max() <= 0:
        nothing_gained = "no group's removal helped, so none was tested under fresh seeds"
        return Detection((), len(rows), len(train), detection.columns, notes=(*notes, nothing_gained))
    random = random_like(dataset.strata, rows, group, context.seed)
    outputs = retraining.outputs([nothing, group, random], range(retraining.times), target[~selecting])
    scores = _errors(dataset, outputs, target[~selecting])
    measures = [_Measure(f"{_error_name(dataset)}, turned to positive for better", -scores)]
    if dataset.task == "classification":
        correct = outputs.argmax(3) == dataset.targets[target[~selecting]]
        measures.append(_Measure("accuracy", correct.astype(np.float64)))
    proof = f"removing {len(group)} samples, under fresh seeds, on the confirming half: " + "; ".join(
        f"{measure.name} {_formatted(measure.gain)}, {_formatted(measure.than_random)} more than a random removal"
        for measure in measures
    )
    proven = min(measures, key=lambda measure: measure.p_value)
    if proven.p_value > (1 - LEVEL) / 2 / len(measures):
        proof += "; harm is not claimed"
        return Detection((), len(rows), len(train), detection.columns, notes=(*notes, proof))
    finding = _finding(context, group, harm, measures, proven, retraining)
    return Detection((finding,), len(rows), len(train), detection.columns, notes=(*notes, proof))


def _formatted(effect: Effect) -> str:
    return f"{effect.mean:+.4f} ({effect.low:+.4f} to {effect.high:+.4f})"


def _selecting(context: CheckContext) -> NDArray[np.bool_]:
    """(n_target,) the half of the audited split that selects."""
    target = context.dataset.rows(context.dataset.target_split)
    return stratified_split(context.dataset.strata[target], 0.5, context.seed)


def _doubt(context: CheckContext) -> NDArray[np.float64]:
    """(n_train,) out-of-sample doubt of each sample's target: 1 - p, or the absolute error."""
    dataset, train = context.dataset, context.dataset.rows("train")
    if dataset.task == "regression":
        return np.asarray(np.abs(context.pool.predictions[train] - dataset.targets[train]))
    return np.asarray(1 - context.pool.probabilities[train, dataset.targets[train]])


def _harm(context: CheckContext) -> NDArray[np.float64]:
    """(n_train,) predicted fall of the selecting half's expected error, as far as it has scores, without the sample.

    For classes the mean of 1 - p: a margin's fall counts p (1 - p) times, so hopeless held-out samples, often wrong
    themselves, have no say, which they would have in the log-loss. For numbers the mean squared error.
    """
    dataset, target = context.dataset, context.target_rows
    selecting = _selecting(context)[np.isin(dataset.rows(dataset.target_split), target)]
    if dataset.task == "regression":
        gains = 2 * (dataset.targets[target] - context.pool.predictions[target])
    else:
        p_given = context.pool.probabilities[target, dataset.targets[target]]
        gains = p_given * (1 - p_given)
    weights = np.where(selecting, gains, 0.0) / max(1, selecting.sum())
    return -context.attribution.sums_over_targets(weights).astype(np.float64)


def _errors(dataset: Dataset, outputs: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(removals, seeds, samples) from outputs with one axis more.

    Squared error of the class probabilities, 0 to 2, or of the number, over the variance of the training targets.
    """
    if dataset.task == "regression":
        variance = max(float(dataset.targets[dataset.rows("train")].var()), 1e-300)
        return np.asarray(np.square(outputs[..., 0].astype(np.float64) - dataset.targets[rows]) / variance)
    probabilities = softmax(outputs.astype(np.float64), axis=3)
    return np.asarray(np.square(probabilities - np.eye(outputs.shape[3])[dataset.targets[rows]]).sum(3))


def _error_name(dataset: Dataset) -> str:
    return "squared error" if dataset.task == "regression" else "Brier score"


def _finding(
    context: CheckContext,
    group: NDArray[np.int64],
    harm: NDArray[np.float64],
    measures: list[_Measure],
    proven: _Measure,
    retraining: Retraining,
) -> Finding:
    dataset = context.dataset
    classes = Counter(dataset.label(row) for row in group) if dataset.class_names else Counter[str]()
    evidence = {
        "size": len(group),
        "classes": {name: classes[name] for name in dataset.class_names if classes[name]},
        "measures": {
            measure.name: {
                "with": float(measure.values[0].mean()),
                "without": float(measure.values[1].mean()),
                "after_random_removal": float(measure.values[2].mean()),
                "gain": [measure.gain.mean, measure.gain.low, measure.gain.high],
                "more_than_random": [measure.than_random.mean, measure.than_random.low, measure.than_random.high],
            }
            for measure in measures
        },
        "members": [
            {"train_id": dataset.ids[row], "label": dataset.label(row), "harm": float(value)}
            for row, value in zip(group, harm[group], strict=True)
        ],
    }
    gain, random = proven.gain, float((proven.values[2] - proven.values[0]).mean())
    return Finding(
        kind="harmful",
        severity=Severity.MEDIUM,
        sample_ids=tuple(dataset.ids[row] for row in group),
        score=gain.mean,
        message=f"removing {len(group)} training samples improves held-out {proven.name.partition(',')[0]} by "
        f"{gain.mean:.4f}; removing as many random ones, by {random:+.4f}{of_models(retraining)}",
        fingerprint=fingerprint("harmful", [dataset.contents[row] for row in group]),
        evidence=evidence,
        verification=Verification("confirmed", f"improvement of {proven.name.partition(',')[0]}, on held-out samples "
                                  "that did not select the group", gain.mean, (gain.low, gain.high), random,
                                  retraining.times),
        remedies=(Remedy("remove", tuple(dataset.ids[row] for row in group)),),
    )  # fmt: skip
