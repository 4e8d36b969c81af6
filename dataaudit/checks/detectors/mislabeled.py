"""Samples whose label is more likely wrong than right.

## What it finds
Samples of every split whose given label is contradicted by models that never saw them; where samples have sets of
labels, single labels that are there but should not be, or should be there but are not.

## Why it matters
Wrong training labels cost accuracy; wrong test labels make every measured figure wrong.

## How it is checked
Three unlike views, each out of sample: the pool's models that were not trained on the sample, a linear model on
descriptors that know no labels (oriented gradients, n-grams, encoded columns, values), and the sample's nearest
neighbours by these. Labels of sets are judged one by one, as with or without. How much each is to be believed, and how
often labels are wrong, at random or between classes that look alike, is fitted to the dataset's own labels; that gives
every label a probability of being wrong. Then labels are exchanged on purpose in a copy of the training data, half for
any class and half for the one most easily mistaken, a small pool is trained on it, and the probabilities are corrected
by what is found (not for sets of labels). Labels more likely wrong than right are reported, surest first, as long as at
most a fifth of them are expected to be right after all; q is that share down to the finding. Beside each finding stand
the training samples that speak most for either label. Last, models are trained without any of the training samples
reported: a finding is confirmed if they, too, prefer the suggested label.

## What to do
Look at the sample. Relabel it, remove it, or keep it if it is merely hard.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit
from sklearn.metrics.pairwise import cosine_similarity

from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ...training.pool import Pool
from ...training.retraining import Retraining
from ..detection import Calibration, CheckContext, Detection
from ..labels.label_noise import LabelNoise, Verdicts, cautious_shift, fit_noise, judge, log_views, surest
from ..labels.label_views import descriptors, linear_probabilities, nearest_training, neighbour_probabilities
from ..planting.labels import plant
from ..proof import effect_over_seeds_and_samples, preference_verification, random_like

with warnings.catch_warnings():  # cleanlab silences the importing program's warnings
    from cleanlab.multilabel_classification.rank import get_label_quality_scores as multilabel_quality_scores
    from cleanlab.rank import get_label_quality_scores

KINDS = {"mislabeled": "Labels more likely wrong than right"}
TASKS = ("classification", "multilabel")
NEEDS_POOL = True
MIN_LABEL_COUNT = 5
"""Training samples with a label, below which no sample's label of that kind is judged."""
N_SUPPORTING = 3
MAX_BY_INFLUENCE = 60
"""Findings whose supporting samples are chosen by influence, at a gradient each; later ones' by similarity."""
MEASURE = "margin of the suggested label over the given one, in logits, of models trained without the suspects"


@dataclass(frozen=True)
class _Opinion:
    """A dataset's labels as judged by each view and by all together.

    assessable   (n,) labels that enough training samples carry for the views to judge
    """

    features: NDArray[np.float32]
    views: dict[str, NDArray[np.float64]]
    noise: LabelNoise
    verdicts: Verdicts
    assessable: NDArray[np.bool_]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the label is wrong, zero where it is not assessable."""
        return np.where(self.assessable, self.verdicts.wrong(shift), 0.0)


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, labels = context.dataset, context.dataset.targets
    if dataset.task == "multilabel":
        return _detect_multilabel(context)
    opinion = context.once(_opinion_of_given_labels)
    rival = opinion.verdicts.rival
    wrong = opinion.wrong(_log_odds_shift(context.calibration))
    rows, q = surest(wrong)
    columns = {
        "label_quality": np.where(opinion.assessable, 1 - wrong, np.nan),
        "suggested_label": np.array(dataset.class_names)[np.where(wrong > 0.5, rival, labels)],
        "self_confidence": get_label_quality_scores(labels, context.pool.probabilities, method="self_confidence"),
        **_influence(context),
    }
    supporting = _supporting_samples(context, opinion, rows)
    findings = tuple(
        _finding(dataset, int(row), opinion, columns, float(q_value), for_label, for_suggested)
        for row, q_value, (for_label, for_suggested) in zip(rows, q, supporting, strict=True)
    )
    weights = ", ".join(
        f"{name} {weight:.2f}" for name, weight in zip(opinion.views, opinion.noise.weights, strict=True)
    )
    note = f"estimated share of wrong training labels: {opinion.noise.share:.1%}; weights of the views: {weights}"
    examined = int(opinion.assessable.sum())
    skipped = "" if examined else f"no class has {MIN_LABEL_COUNT} training samples"
    return Detection(findings, examined, len(dataset), columns, notes=(note,), skipped=skipped)


def calibrate(context: CheckContext, retrained: Callable[[NDArray[np.int64]], Pool]) -> Calibration | None:
    """See `detection.Calibrating`. The threshold is the fitted probability that is an even chance once corrected."""
    if context.dataset.task != "classification":
        return None
    train = context.dataset.rows("train")
    before = context.once(_opinion_of_given_labels)
    trusted = before.assessable.copy()
    trusted[surest(before.wrong())[0]] = False
    planted = plant(context.dataset, context.pool.probabilities, trusted, context.seed)
    if planted is None:
        return None
    planted_rows = planted.all_rows
    procedure = (
        f"{len(planted_rows)} training labels, none of them suspected, were exchanged, half for any other class and "
        "half for the one that the pool finds likeliest beside the given one, and a small pool was trained on that. "
        "Probabilities were corrected so that they add up to the wrong labels there are, on the safe side of chance. "
        "At the same false-discovery rate, fewer are found where fewer are wrong."
    )
    after = _opinion_of_pool(retrained(planted.labels), context.seed)
    probability_wrong = before.wrong()
    probability_wrong[planted_rows] = 1.0
    assessed = train[before.assessable[train] & after.assessable[train]]
    shift = cautious_shift(after.verdicts.log_odds[assessed], probability_wrong[assessed])
    reported = np.setdiff1d(surest(after.wrong(shift))[0], surest(before.wrong(shift))[0])
    return Calibration.of(planted.rows, reported, procedure, float(expit(-shift)))


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See `detection.Verifying`.

    The claim is about a level, which label is preferred by models trained without the suspects, not about a change: a
    finding is confirmed if the interval over seeds lies above zero and refuted if it lies below. The margin after a
    random removal is reported for comparison.
    """
    dataset, times = context.dataset, range(retraining.times)
    if not detection.findings:
        return detection
    row_of = {id: row for row, id in enumerate(dataset.ids)}
    reported = np.array([row_of[finding.sample_ids[0]] for finding in detection.findings])
    train = dataset.rows("train")
    suspects = np.sort(reported[dataset.splits[reported] == "train"])
    random = random_like(dataset.strata, train, suspects, context.seed)
    unreported = np.setdiff1d(dataset.rows(dataset.target_split), reported)
    outputs = retraining.outputs(
        [np.zeros(0, np.int64), suspects, random], times, np.concatenate([reported, unreported])
    ).astype(np.float64)
    margins = _suggestion_margins(dataset, detection.findings, outputs, reported)
    findings = tuple(
        replace(
            finding, verification=preference_verification(MEASURE, margins[1, :, i], float(margins[2, :, i].mean()))
        )
        for i, finding in enumerate(detection.findings)
    )
    notes = detection.notes
    if len(suspects) and len(unreported) and dataset.task == "classification":
        notes += tuple(_benefit_notes(dataset, outputs[:, :, len(reported) :], unreported, len(suspects)))
    return replace(detection, findings=findings, notes=notes)


def _opinion_of_given_labels(context: CheckContext) -> _Opinion:
    """The opinion of the labels as they are given."""
    return _opinion_of_pool(context.pool, context.seed)


def _opinion_of_pool(pool: Pool, seed: int) -> _Opinion:
    dataset, train, features = pool.dataset, pool.dataset.rows("train"), descriptors(pool.dataset)
    views = _views(dataset, pool.probabilities, features, nearest_training(dataset, features), seed)
    noise = fit_noise(log_views(list(views.values()))[:, train], dataset.targets[train])
    return _opinion(dataset, features, views, noise)


def _views(
    dataset: Dataset, probabilities: NDArray[np.float64], features: NDArray[np.float32],
    neighbours: NDArray[np.int64], seed: int,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    return {
        "pool": probabilities,
        "linear": linear_probabilities(dataset, features, seed),
        "neighbours": neighbour_probabilities(dataset, neighbours),
    }


def _opinion(
    dataset: Dataset, features: NDArray[np.float32], views: dict[str, NDArray[np.float64]], noise: LabelNoise
) -> _Opinion:
    counts = np.bincount(dataset.targets[dataset.rows("train")], minlength=len(dataset.class_names))
    verdicts = judge(noise, log_views(list(views.values())), dataset.targets)
    return _Opinion(features, views, noise, verdicts, counts[dataset.targets] >= MIN_LABEL_COUNT)


def _detect_multilabel(context: CheckContext) -> Detection:
    """`detect` for sets of labels: every label is judged by itself, as two classes, with and without it.

    All labels share one noise model.
    """
    dataset, train, features = context.dataset, context.dataset.rows("train"), descriptors(context.dataset)
    neighbours = nearest_training(dataset, features)
    binaries = [_as_binary(dataset, label) for label in range(len(dataset.class_names))]
    views = [
        _views(binary, np.stack([1 - positive, positive], 1), features, neighbours, context.seed)
        for binary, positive in zip(binaries, context.pool.probabilities.T, strict=True)
    ]
    logs = np.concatenate([log_views(list(label_views.values()))[:, train] for label_views in views], 1)
    noise = fit_noise(logs, dataset.targets[train].T.ravel().astype(np.int64))
    opinions = [
        _opinion(binary, features, label_views, noise) for binary, label_views in zip(binaries, views, strict=True)
    ]
    wrong = np.stack([opinion.wrong() for opinion in opinions], 1)
    assessable = np.stack([opinion.assessable for opinion in opinions], 1)
    flagged, q = surest(wrong.ravel())
    suggested = dataset.targets ^ (wrong > 0.5)
    columns = {
        "label_quality": np.where(assessable.any(1), 1 - wrong.max(1), np.nan),
        "suggested_label": np.array([dataset.in_words(labels) for labels in suggested]),
        "self_confidence": multilabel_quality_scores(
            [np.flatnonzero(labels).tolist() for labels in dataset.targets], context.pool.probabilities
        ),
    }
    findings, influence = [], _influence(context)
    reported = np.zeros(dataset.targets.shape, bool)
    reported.ravel()[flagged] = True
    for position, q_value in zip(flagged, q, strict=True):
        row, label = divmod(int(position), len(dataset.class_names))
        label_columns = {**columns, **influence, "label_quality": 1 - wrong[:, label]}
        finding = _finding(binaries[label], row, opinions[label], label_columns, float(q_value), [], [])
        findings.append(
            replace(
                finding,
                evidence={**finding.evidence, "label_of_set": dataset.class_names[label]},
                remedies=tuple(_set_remedies(dataset, row, label, reported[row])),
            )
        )
    note = f"estimated share of wrong training labels, each label of a set counted: {noise.share:.1%}"
    skipped = "" if assessable.any() else f"no label has {MIN_LABEL_COUNT} training samples with it and as many without"
    return Detection(
        tuple(findings), int(assessable.any(1).sum()), len(dataset), columns, notes=(note,), skipped=skipped
    )


def _as_binary(dataset: Dataset, label: int) -> Dataset:
    name = dataset.class_names[label]
    return replace(
        dataset,
        targets=dataset.targets[:, label].astype(np.int64),
        class_names=(f"without {name}", f"with {name}"),
        task="classification",
    )


def _log_odds_shift(calibration: Calibration | None) -> float:
    """Shift of the log-odds that turns the calibrated threshold into an even chance."""
    if calibration is None or calibration.threshold is None:
        return 0.0
    return -float(logit(calibration.threshold))


def _influence(context: CheckContext) -> dict[str, NDArray[np.float64]]:
    """Self-influence and mean influence of training samples, nan for others."""
    train = context.dataset.rows("train")
    self_influence, mean_influence = np.full(len(context.dataset), np.nan), np.full(len(context.dataset), np.nan)
    if context.attribution.self_influence is not None:
        self_influence[train] = context.attribution.self_influence
    mean_influence[train] = context.attribution.sums_over_targets() / context.attribution.shape[1]
    return {"self_influence": self_influence, "mean_influence": mean_influence}


def _supporting_samples(
    context: CheckContext, opinion: _Opinion, rows: NDArray[np.int64]
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """For each row the training samples that most support its given and its suggested label."""
    given, suggested = context.dataset.targets, opinion.verdicts.rival
    train, first = context.dataset.rows("train"), rows[:MAX_BY_INFLUENCE]
    if context.influences is not None and len(first):
        scores = context.influences(np.tile(first, 2), np.concatenate([given[first], suggested[first]]))
        for i, row in enumerate(first):
            yield (
                _top_samples(context.dataset, row, given[row], "influence", scores[:, i]),
                _top_samples(context.dataset, row, suggested[row], "influence", scores[:, len(first) + i]),
            )
        rows = rows[MAX_BY_INFLUENCE:]
    for row in rows:
        similarity = cosine_similarity(opinion.features[train], opinion.features[[row]])[:, 0]
        yield (
            _top_samples(context.dataset, row, given[row], "similarity", similarity),
            _top_samples(context.dataset, row, suggested[row], "similarity", similarity),
        )


def _top_samples(
    dataset: Dataset, row: np.int64, label: np.int64, measure: str, scores: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """The other training samples of this label with the largest scores (n_train,), best first."""
    train = dataset.rows("train")
    candidates = np.flatnonzero((dataset.targets[train] == label) & (train != row))
    order = candidates[np.argsort(-scores[candidates], kind="stable")][:N_SUPPORTING]
    name = dataset.class_names[label]
    return [{"id": dataset.ids[train[i]], "label": name, measure: float(scores[i])} for i in order]


def _finding(
    dataset: Dataset, row: int, opinion: _Opinion, columns: dict[str, NDArray[Any]], q: float,
    for_label: list[dict[str, Any]], for_suggested: list[dict[str, Any]],
) -> Finding:  # fmt: skip
    label, rival = int(dataset.targets[row]), int(opinion.verdicts.rival[row])
    given, suggested = dataset.class_names[label], dataset.class_names[rival]
    split, wrong = str(dataset.splits[row]), 1 - float(columns["label_quality"][row])
    evidence = {
        "split": split,
        "label": given,
        "suggested_label": suggested,
        "probability_wrong": wrong,
        "q_value": q,
        "self_confidence": float(columns["self_confidence"][row]),
        "views": {
            name: {"label": float(view[row, label]), "suggested": float(view[row, rival])}
            for name, view in opinion.views.items()
        },
        "for_label": for_label,
        "for_suggested": for_suggested,
    }
    if split == "train" and "self_influence" in columns:
        self_influence = columns["self_influence"]
        evidence["self_influence"] = float(self_influence[row])
        evidence["self_influence_percentile"] = float(
            (self_influence[dataset.rows("train")] <= self_influence[row]).mean() * 100
        )
        evidence["mean_influence"] = float(columns["mean_influence"][row])
    return Finding(
        kind="mislabeled",
        severity=Severity.MEDIUM if split == "train" else Severity.HIGH,
        sample_ids=(dataset.ids[row],),
        score=wrong,
        message=f"{dataset.ids[row]} is labelled {given!r} but looks like {suggested!r}",
        fingerprint=fingerprint("mislabeled", [dataset.contents[row]], f"{given}\0{suggested}"),
        evidence=evidence,
        remedies=_remedies(dataset.ids[row], (suggested,)),
    )


def _set_remedies(dataset: Dataset, row: int, label: int, reported: NDArray[np.bool_]) -> Iterator[Remedy]:
    """The set with all of the sample's reported labels corrected, so that findings agree, or only this one."""
    only_this = np.arange(len(reported)) == label
    for wrong in [only_this] if reported.sum() == 1 else [reported, only_this]:
        corrected = dataset.targets[row] ^ wrong
        words = tuple(name for name, holds in zip(dataset.class_names, corrected, strict=True) if holds)
        yield Remedy("relabel", (dataset.ids[row],), words)
    yield Remedy("remove", (dataset.ids[row],))


def _remedies(id: str, label: tuple[str, ...]) -> tuple[Remedy, ...]:
    return Remedy("relabel", (id,), label), Remedy("remove", (id,))


def _suggestion_margins(
    dataset: Dataset, findings: tuple[Finding, ...], outputs: NDArray[np.float64], reported: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(removals, seeds, findings) margin of the suggested label over the given one, from logits with one axis more."""
    index = np.arange(len(reported))
    if dataset.task == "multilabel":
        labels = np.array([dataset.class_names.index(finding.evidence["label_of_set"]) for finding in findings])
        missing = ~dataset.targets[reported, labels]
        return np.where(missing, 1, -1) * outputs[:, :, index, labels]
    suggested = np.array([dataset.class_names.index(finding.evidence["suggested_label"]) for finding in findings])
    return np.asarray(outputs[:, :, index, suggested] - outputs[:, :, index, dataset.targets[reported]])


def _benefit_notes(
    dataset: Dataset, outputs: NDArray[np.float64], rows: NDArray[np.int64], removed: int
) -> Iterator[str]:
    """How removing the suspects changes other predictions.

    outputs   logits (3, seeds, rows, c) after training on everything, without the suspects, without random samples
    """
    labels, scope = dataset.targets[rows], f"the {len(rows):,} other {dataset.target_split} samples"
    correct = (outputs.argmax(3) == labels) * 100.0
    loss = -log_softmax(outputs, axis=3)[:, :, np.arange(len(rows)), labels]
    for name, values, unit in (("accuracy", correct, " points"), ("mean log-loss", loss, "")):
        effect = effect_over_seeds_and_samples(values[1] - values[0])
        at_random = float((values[2] - values[0]).mean())
        yield (
            f"without the {removed} training samples reported, {name} on {scope} changes by {effect.mean:+.3f}{unit} "
            f"(95 % {effect.low:+.3f} to {effect.high:+.3f}), without as many random ones of the same classes by "
            f"{at_random:+.3f}{unit}"
        )
