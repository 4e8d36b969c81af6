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
are reported, most certain first, as long as at most a fifth of them are expected to be right after all. cleanlab's
label quality (OUTRE, Zhou et al. 2023) is shown for comparison.

Retraining test: models are trained without any of the reported training samples. A finding is confirmed if their
predictions, too, are closer to the suggested number.

## What to do
Look up the number at its source. Correct it, remove the sample, or keep it if it is merely rare.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold

from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ...training.pool import Pool
from ...training.retraining import Retraining
from ..detection import Calibration, CheckContext, Detection
from ..labels.label_noise import cautious_shift, surest
from ..labels.label_views import descriptors
from ..labels.target_noise import TargetVerdicts, judge_targets
from ..planting.labels import plant_in_numbers
from ..proof import preferred, random_like

with warnings.catch_warnings():  # cleanlab silences the importing program's warnings
    from cleanlab.regression.rank import get_label_quality_scores

KINDS = {"target_error": "Label errors (numeric targets)"}
TASKS = ("regression",)
NEEDS_POOL = True
FAR_OFF = 10
"""Deviations beyond which numbers are counted even where none is called wrong."""
FEWEST = 50
"""Training samples below which a scatter can't be told from errors."""
FOLDS = 5
TREE_ROWS = 8_000
"""Training rows, drawn at random, that trees are fitted on at most."""
FENCE = 3.0
"""Trees are fitted first on numbers drawn in to this many times the distance of the quartiles from these."""
FAR = 6.0
"""And again without those that then lie this many deviations off."""
DECADE = 10.0
"""Numbers whose middle eight tenths span this factor are judged by their logarithms."""
BLOCK = 1000
"""Rows that cleanlab compares with each other at a time: it holds the distances of half of all pairs."""
COMMON, TIMES_THE_OTHER = 0.05, 5
"""A number that this share of samples has, so many times as many as any other, is a state of its own, such as zero."""
MEASURE = (
    "how much closer predictions are to the suggested than to the given number, for models trained without the suspects"
)


@dataclass(frozen=True)
class _Opinion:
    """What the views say of a dataset's numbers, by view and together.

    spread   (n,) that the given numbers have about the predicted ones
    able     (n,) numbers that are no state of their own
    """

    views: dict[str, NDArray[np.float64]]
    predicted: NDArray[np.float64]
    spread: NDArray[np.float64]
    verdicts: TargetVerdicts
    able: NDArray[np.bool_]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the number is wrong, zero where nothing can be said."""
        return np.where(self.able, self.verdicts.wrong(shift), 0.0)

    def reported(self, shift: float = 0.0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows, surest first, and their q values."""
        if not self.verdicts.noise.told:
            return np.zeros(0, np.int64), np.zeros(0)
        return surest(self.wrong(shift))


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, targets = context.dataset, context.dataset.targets
    if skipped := _skipped(dataset):
        return Detection((), 0, len(dataset), skipped=skipped)
    opinion = context.once(_given_targets)
    shift = 0.0
    if context.calibration is not None and context.calibration.threshold is not None:
        shift = -float(logit(context.calibration.threshold))
    wrong = opinion.wrong(shift)
    rows, q = opinion.reported(shift)
    columns = {
        "target_quality": np.where(opinion.able, 1 - wrong, np.nan),
        "suggested_target": opinion.predicted,
        "target_deviations": opinion.verdicts.deviations,
        "outre_quality": _outre(targets, opinion.predicted, context.seed),
    }
    findings = tuple(
        _finding(dataset, int(row), opinion, columns, float(q_value)) for row, q_value in zip(rows, q, strict=True)
    )
    noise = opinion.verdicts.noise
    told = f"estimated share of wrong numbers in training: {noise.chance:.1%}"
    if not noise.told:
        told = "no number is reported: heavy-tailed noise explains the residuals as well as wrong numbers do"
    notes: tuple[str, ...] = (
        f"{told} (twice the log-likelihood ratio {noise.ratio:.1f}; degrees of freedom of the tails "
        f"{noise.freedoms[0]:.1f} below, {noise.freedoms[1]:.1f} above)",
    )
    far = np.flatnonzero(np.abs(opinion.verdicts.deviations) > FAR_OFF)
    if not noise.told and len(far):
        worst = far[np.abs(opinion.verdicts.deviations[far]).argmax()]
        notes += (
            f"{len(far):,} numbers still lie more than {FAR_OFF} deviations from their prediction, such as "
            f"{dataset.ids[worst]}: see target_deviations in samples.csv",
        )
    if not opinion.able.all():
        value = targets[~opinion.able][0]
        notes += (f"{(~opinion.able).sum():,} samples have the number {value:g}: it is too common to be judged",)
    return Detection(findings, int(opinion.able.sum()), len(dataset), columns, notes=notes)


def calibrate(context: CheckContext, retrained: Callable[[NDArray[Any]], Pool]) -> Calibration | None:
    """See `detection.Calibrating`. The threshold is the fitted probability that is an even chance once corrected."""
    if _skipped(context.dataset):
        return None
    train = context.dataset.rows("train")
    before = context.once(_given_targets)
    trusted = before.able & (before.wrong() < 0.5)
    planted = plant_in_numbers(context.dataset, trusted, context.seed)
    if planted is None:
        return None
    procedure = (
        f"{len(planted.every)} training samples' numbers, none of them suspected, were corrupted, a third each by "
        "swapping them, by moving the decimal point and by changing the sign, and a small pool was trained on the "
        "result. Many such errors are too small to be seen. The probabilities were then corrected to add up "
        "to the wrong numbers there are, with a margin for chance. At the same false-discovery rate, fewer errors are "
        "found where fewer numbers are wrong."
    )
    after = _opinion(retrained(planted.labels), context.seed)
    known = before.wrong() if before.verdicts.noise.told else np.zeros(len(context.dataset))
    known[planted.every] = 1.0
    judged = train[before.able[train] & after.able[train]]
    shift = cautious_shift(after.verdicts.log_odds[judged], known[judged])
    reported = np.setdiff1d(after.reported(shift)[0], before.reported(shift)[0])
    return Calibration.of(planted.rows, reported, procedure, float(expit(-shift)))


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See `detection.Verifying`: which number models prefer that saw none of the suspects."""
    dataset, times = context.dataset, range(retraining.times)
    if not detection.findings:
        return detection
    at = {id: row for row, id in enumerate(dataset.ids)}
    reported = np.array([at[finding.sample_ids[0]] for finding in detection.findings])
    suggested = np.array([finding.evidence["suggested"] for finding in detection.findings])
    suspects = np.sort(reported[dataset.splits[reported] == "train"])
    random = random_like(dataset.strata, dataset.rows("train"), suspects, context.seed)
    outputs = retraining.outputs([suspects, random], times, reported)[..., 0].astype(np.float64)
    nearer = np.abs(outputs - dataset.targets[reported]) - np.abs(outputs - suggested)
    findings = tuple(
        replace(finding, verification=preferred(MEASURE, nearer[0, :, one], float(nearer[1, :, one].mean())))
        for one, finding in enumerate(detection.findings)
    )
    return replace(detection, findings=findings)


def _skipped(dataset: Dataset) -> str:
    train = dataset.rows("train")
    if len(train) < FEWEST:
        return f"{len(train)} training samples are too few to tell errors from noise: {FEWEST} are needed"
    return "all training targets are equal" if not np.ptp(dataset.targets[train]) else ""


def _given_targets(context: CheckContext) -> _Opinion:
    """The opinion of the targets as they are given."""
    return _opinion(context.pool, context.seed)


def _opinion(pool: Pool, seed: int) -> _Opinion:
    dataset, train = pool.dataset, pool.dataset.rows("train")
    scale = _scale(dataset.targets[train])
    targets = scale.forward(dataset.targets)
    views = {
        "pool": scale.forward(np.asarray(pool.predictions, np.float64)),
        "trees": _tree_predictions(dataset, targets, descriptors(dataset), seed),
    }
    # The nearer a view comes on the whole, the more it counts: the weights of independent normal errors.
    errors = [float(np.median(np.abs(targets - view)[train])) for view in views.values()]
    weights = 1 / np.square(np.maximum(errors, 1e-6 * max(errors) + 1e-300))
    predicted = np.average(np.stack(list(views.values())), axis=0, weights=weights / weights.max())
    verdicts = judge_targets(targets, predicted, train)
    return _Opinion(
        {name: scale.back(view) for name, view in views.items()},
        scale.back(predicted),
        (scale.back(predicted + verdicts.spreads) - scale.back(predicted - verdicts.spreads)) / 2,
        verdicts,
        ~_states(dataset),
    )


@dataclass(frozen=True)
class _Scale:
    """Numbers as they are, or, with a unit, a logarithm of those that are larger: their inverse hyperbolic sine."""

    unit: float

    def forward(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.arcsinh(numbers / self.unit) if self.unit else numbers

    def back(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sinh(numbers) * self.unit if self.unit else numbers


def _scale(given: NDArray[np.float64]) -> _Scale:
    low, high = np.quantile(np.abs(given), [0.1, 0.9])
    one_sign = max((given > 0).mean(), (given < 0).mean()) >= 0.9
    return _Scale(float(low) if one_sign and high >= DECADE * low > 0 else 0.0)


def _tree_predictions(
    dataset: Dataset, targets: NDArray[np.float64], features: NDArray[np.float32], seed: int
) -> NDArray[np.float64]:
    """(n,) from boosted trees: cross-validated on training rows, fitted on them all for the others."""
    train = dataset.rows("train")
    low, high = np.quantile(targets[train], [0.25, 0.75])
    reach = FENCE * (high - low)
    fenced = np.clip(targets, low - reach, high + reach) if reach > 0 else targets
    trusted = np.ones(len(dataset), bool)
    for _ in range(2):
        predicted = _cross_fitted(fenced, features, train, trusted, seed)
        residuals = np.abs(targets - predicted)
        trusted = residuals <= FAR * max(float(np.median(residuals[train])) / 0.6745, 1e-300)
    return predicted


def _cross_fitted(
    targets: NDArray[np.float64], features: NDArray[np.float32], train: NDArray[np.int64], trusted: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.float64]:  # fmt: skip
    predicted, rng = np.zeros(len(targets)), np.random.default_rng(seed)
    folds = KFold(FOLDS, shuffle=True, random_state=seed).split(train)
    tasks = [(train[inside], train[outside]) for inside, outside in folds]
    tasks.append((train, np.setdiff1d(np.arange(len(targets)), train)))
    for fitted, asked in tasks:
        if len(asked):
            drawn = rng.permutation(fitted[trusted[fitted]])[:TREE_ROWS]
            model = HistGradientBoostingRegressor(min_samples_leaf=10, early_stopping=False, random_state=seed)
            predicted[asked] = model.fit(features[drawn], targets[drawn]).predict(features[asked])
    return predicted


def _states(dataset: Dataset) -> NDArray[np.bool_]:
    """(n,) rows whose number is the commonest, by far, and is said of many."""
    values, counts = np.unique(dataset.targets[dataset.rows("train")], return_counts=True)
    next_most, most = np.sort(counts)[-2:]
    if most < COMMON * counts.sum() or most < TIMES_THE_OTHER * next_most:
        return np.zeros(len(dataset), bool)
    return np.asarray(dataset.targets == values[counts.argmax()])


def _outre(targets: NDArray[np.float64], predicted: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
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
        (abs(one - predicted), name, one) for name, several in undone.items() for one in several
    )
    return (name, number) if distance < min(3 * spread, abs(given - predicted) / 4) else ("", given)


def _finding(dataset: Dataset, row: int, opinion: _Opinion, columns: dict[str, NDArray[Any]], q: float) -> Finding:
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
    """A slip can be undone; else the number is lost, and the models' own guess is no measurement: the last choice."""
    removed, guessed = Remedy("remove", (id,)), Remedy("relabel", (id,), (f"{predicted:.4g}",))
    return (removed, guessed) if undone is None else (Remedy("relabel", (id,), (f"{undone:.10g}",)), removed)
