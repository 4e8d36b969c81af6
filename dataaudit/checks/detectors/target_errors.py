"""Label errors in numeric targets: samples whose given number is probably wrong.

## What it finds
Samples of any split whose given number is contradicted by models that never saw them: swapped with another sample's, or
with a misplaced decimal point or a wrong sign.

## Why it matters
One number of the wrong magnitude pulls a model that is trained on squared errors more than hundreds of right ones; in a
test split it decides the measured error.

## How it is checked
Two different models predict every number out of sample: the pool's models that were not trained on the sample, and
boosted trees. A noise model is fitted to the residuals: how wide and how heavy-tailed they are on either side, and how
often a number has nothing to do with its sample. It gives every number a probability of being wrong. Nothing is
reported unless wrong numbers explain the data clearly better than heavier tails do (twice the log-likelihood ratio at
least 10).

The probabilities are calibrated on planted errors: numbers are corrupted in a copy of the training data, a small pool
is trained on the copy, and the probabilities are corrected by what is found. Numbers with a probability above one half
are reported, most certain first, as long as at most a fifth of them are expected to be right after all. Where no
model predicts numbers better than their mean (ranks against permuted numbers, 2 %), nothing is reported. cleanlab's
label quality (OUTRE, Zhou et al. 2023) is shown for comparison.

Retraining test: models are trained without any of the reported training samples. A finding is
consistent if their predictions, too, are closer to the suggested number, which most are, right or wrong.

## What to do
Look up the number at its source. Correct it, remove the sample, or keep it if it is merely rare.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ...training.pool import Pool
from ...training.retraining import Retraining
from ..detection import Calibration, CheckContext, Detection
from ..labels.label_noise import cautious_shift, log_odds_shift
from ..labels.target_opinion import TargetOpinion, target_opinion
from ..planting.labels import plant_in_numbers
from ..proof import preference_verification, random_like
from ..proof_set import scope_note
from ..signal import Signal, signal

with warnings.catch_warnings():  # cleanlab silences the importing program's warnings, and tqdm warns in notebooks
    warnings.simplefilter("ignore")
    from cleanlab.regression.rank import get_label_quality_scores

KINDS = {"target_error": "Label errors (numeric targets)"}
TASKS = ("regression",)
NEEDS = "predictions"
FAR_OFF = 10
"""Deviations beyond which numbers are counted in a note even where none is called wrong."""
MIN_TRAIN = 50
"""Training samples below which errors can't be told from noise."""
BLOCK = 1000
"""Rows that cleanlab compares with each other at a time: it holds half of all pairwise distances."""
MEASURE = (
    "how much closer predictions are to the suggested than to the given number, for models trained without the suspects"
)


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, targets = context.dataset, context.dataset.targets
    if skipped := _skipped(context):
        return Detection((), 0, len(dataset), skipped=skipped)
    opinion = context.once(_opinion_of_given_targets)
    shift = log_odds_shift(context.calibration)
    wrong = opinion.wrong(shift)
    rows, q = opinion.reported(shift)
    columns = {
        "target_quality": np.where(opinion.assessable, 1 - wrong, np.nan),
        "suggested_target": opinion.predicted,
        "target_deviations": opinion.verdicts.deviations,
        "outre_quality": _outre_quality(targets, opinion.predicted, context.seed),
    }
    findings = tuple(
        _finding(dataset, int(row), opinion, columns, float(q_value)) for row, q_value in zip(rows, q, strict=True)
    )
    noise = opinion.verdicts.noise
    summary = f"estimated share of wrong numbers in training: {noise.chance:.1%}"
    if not noise.has_errors:
        summary = "no number is reported: heavy-tailed noise explains the residuals as well as wrong numbers do"
    notes: tuple[str, ...] = (
        f"{summary} (twice the log-likelihood ratio {noise.ratio:.1f}; degrees of freedom of the tails "
        f"{noise.freedoms[0]:.1f} below, {noise.freedoms[1]:.1f} above)",
    )
    far = np.flatnonzero(np.abs(opinion.verdicts.deviations) > FAR_OFF)
    if not noise.has_errors and len(far):
        worst = far[np.abs(opinion.verdicts.deviations[far]).argmax()]
        notes += (
            f"{len(far):,} numbers still lie more than {FAR_OFF} deviations from their prediction, such as "
            f"{dataset.ids[worst]}: see target_deviations in samples.csv",
        )
    if not opinion.assessable.all():
        value = targets[~opinion.assessable][0]
        notes += (f"{(~opinion.assessable).sum():,} samples have the number {value:g}: it is too common to be judged",)
    return Detection(findings, int(opinion.assessable.sum()), len(dataset), columns, notes=notes)


def calibrate(context: CheckContext, retrained: Callable[[NDArray[Any]], Pool]) -> Calibration | None:
    """See `detection.Calibrating`. The threshold is the fitted probability that is an even chance once corrected."""
    if _skipped(context):
        return None
    train = context.dataset.rows("train")
    before = context.once(_opinion_of_given_targets)
    trusted = before.assessable & (before.wrong() < 0.5)
    planted = plant_in_numbers(context.dataset, trusted, context.seed)
    if planted is None:
        return None
    planted_rows = planted.all_rows
    procedure = (
        f"{len(planted_rows)} training samples' numbers, none of them suspected, were corrupted, a third each by "
        "swapping them, by moving the decimal point and by changing the sign, and a small pool was trained on the "
        "result. Many such errors are too small to be seen. The probabilities were then corrected to add up to the "
        "wrong numbers there are, with a margin for chance. At the same false-discovery rate, fewer errors are "
        "found where fewer numbers are wrong."
    )
    after = target_opinion(retrained(planted.labels), context.seed)
    probability_wrong = before.wrong() if before.verdicts.noise.has_errors else np.zeros(len(context.dataset))
    probability_wrong[planted_rows] = 1.0
    assessed = train[before.assessable[train] & after.assessable[train]]
    shift = cautious_shift(after.verdicts.log_odds[assessed], probability_wrong[assessed])
    reported = np.setdiff1d(after.reported(shift)[0], before.reported(shift)[0])
    return Calibration.of(planted.rows, reported, procedure, float(expit(-shift)))


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See `detection.Verifying`: which number models trained without the suspects predict more closely."""
    dataset, times = context.dataset, range(retraining.times)
    if not detection.findings:
        return detection
    row_of = {id: row for row, id in enumerate(dataset.ids)}
    reported = np.array([row_of[finding.sample_ids[0]] for finding in detection.findings])
    suggested = np.array([finding.evidence["suggested"] for finding in detection.findings])
    suspects = np.intersect1d(reported, retraining.rows)
    random = random_like(dataset.strata, retraining.rows, suspects, context.seed)
    outputs = retraining.outputs([suspects, random], times, reported)[..., 0].astype(np.float64)
    nearer = np.abs(outputs - dataset.targets[reported]) - np.abs(outputs - suggested)
    findings = tuple(
        replace(finding, verification=preference_verification(MEASURE, nearer[0, :, i], float(nearer[1, :, i].mean())))
        for i, finding in enumerate(detection.findings)
    )
    return replace(detection, findings=findings, notes=(*detection.notes, *scope_note(retraining)))


def _skipped(context: CheckContext) -> str:
    dataset, train = context.dataset, context.dataset.rows("train")
    if len(train) < MIN_TRAIN:
        return f"{len(train)} training samples are too few to tell errors from noise: {MIN_TRAIN} are needed"
    if not np.ptp(dataset.targets[train]):
        return "all training targets are equal"
    return context.once(_signal).reason


def _signal(context: CheckContext) -> Signal:
    """The signal in any of the views: where the pool's models have learnt nothing, trees may have."""
    return signal(context, list(context.once(_opinion_of_given_targets).views.values())[1:])


def _opinion_of_given_targets(context: CheckContext) -> TargetOpinion:
    """The opinion of the targets as they are given."""
    return target_opinion(context.pool, context.seed)


def _outre_quality(targets: NDArray[np.float64], predicted: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """(n,) cleanlab's label quality, 0 to 1, in random blocks of about equal size."""
    quality = np.zeros(len(targets))
    order = np.random.default_rng(seed).permutation(len(targets))
    for rows in np.array_split(order, -(-len(targets) // BLOCK)):
        quality[rows] = get_label_quality_scores(targets[rows], predicted[rows])
    return quality


def _slip(given: float, predicted: float, spread: float) -> tuple[str, float]:
    """What simple mistake would explain the number, and the number without it; no word and the number if none would."""
    undone = {"a misplaced decimal point": (given * 10, given / 10), "a wrong sign": (-given,)}
    distance, name, number = min(
        (abs(candidate - predicted), name, candidate) for name, candidates in undone.items() for candidate in candidates
    )
    return (name, number) if distance < min(3 * spread, abs(given - predicted) / 4) else ("", given)


def _finding(dataset: Dataset, row: int, opinion: TargetOpinion, columns: dict[str, NDArray[Any]], q: float) -> Finding:
    given, predicted = float(dataset.targets[row]), float(opinion.predicted[row])
    spread, split = float(opinion.spread[row]), str(dataset.splits[row])
    slip, undone = _slip(given, predicted, spread)
    wrong = 1 - float(columns["target_quality"][row])
    like = f", as if from {slip}" if slip else ""
    return Finding(
        kind="target_error",
        severity=Severity.MEDIUM if split == "train" else Severity.HIGH,
        sample_ids=(dataset.ids[row],),
        score=wrong,
        message=f"{dataset.ids[row]} has the target {given:.6g}, but models predict {predicted:.4g} "
        f"(± {spread:.2g}){like}",
        fingerprint=fingerprint("target_error", [dataset.contents[row]], f"{given!r}"),
        evidence={
            "split": split,
            "given": given,
            "suggested": predicted,
            "deviations": float(opinion.verdicts.deviations[row]),
            "probability_wrong": wrong,
            "q_value": q,
            "like": slip,
            "views": {name: float(view[row]) for name, view in opinion.views.items()},
            "outre_quality": float(columns["outre_quality"][row]),
        },
        remedies=_remedies(dataset.ids[row], undone if slip else None, predicted),
    )


def _remedies(id: str, undone: float | None, predicted: float) -> tuple[Remedy, ...]:
    """A slip can be undone; otherwise the prediction is no measurement, so relabelling by it comes last."""
    removed, guessed = Remedy("remove", (id,)), Remedy("relabel", (id,), (f"{predicted:.4g}",))
    return (removed, guessed) if undone is None else (Remedy("relabel", (id,), (f"{undone:.10g}",)), removed)
