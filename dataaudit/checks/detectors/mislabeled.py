"""Label errors: samples whose given label is probably wrong.

## What it finds
Samples of any split whose given label is contradicted by models that never saw them. In multilabel data: single labels
that are present but should not be, or that should be present but are not.

## Why it matters
Label errors in training cost accuracy; label errors in the test set make every measured figure wrong.

## How it is checked
Three different models judge every label out of sample: the pool's models that were not trained on the sample, a linear
model on descriptors that use no labels (oriented gradients, n-grams, encoded columns, values), and the sample's nearest
neighbours by these descriptors. Multilabel data is judged label by label, as present or absent. A noise model is fitted
to the dataset's own labels: how far each of the three can be believed, and how often labels are wrong, at random or
between classes that look alike. It gives every label a probability of being wrong.

The probabilities are calibrated on planted errors (not in multilabel data): labels are flipped in a copy of the
training data, half to any other class and half to the one most easily confused, a small pool is trained on the copy,
and the probabilities are corrected by what is found. Labels with a probability above one half are reported, most
certain first, as long as at most a fifth of them are expected to be right after all; q is that expected share down to
the finding. Beside each finding are the training samples that support either label most.

Retraining test: models are trained without any of the reported training samples. A finding is confirmed if they, too,
prefer the suggested label.

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
from ..proof import effect_over_seeds_and_samples, preferred, random_like

with warnings.catch_warnings():  # cleanlab silences the importing program's warnings
    from cleanlab.multilabel_classification.rank import get_label_quality_scores as multilabel_quality_scores
    from cleanlab.rank import get_label_quality_scores

KINDS = {"mislabeled": "Label errors"}
TASKS = ("classification", "multilabel")
NEEDS_POOL = True
FEWEST = 5
"""Training samples that must carry a label before another sample's can be called wrong."""
ADVOCATES = 3
ADVOCATED = 60
"""Findings whose advocates are told by influence, which takes a gradient of each; the others' are their neighbours."""
MEASURE = "margin of the suggested label over the given one, in logits, for models trained without the suspects"


@dataclass(frozen=True)
class _Opinion:
    """What the views say of a dataset's labels, by view and together.

    able   (n,) labels that enough training samples carry; of others the views know nothing
    """

    features: NDArray[np.float32]
    views: dict[str, NDArray[np.float64]]
    noise: LabelNoise
    verdicts: Verdicts
    able: NDArray[np.bool_]

    def wrong(self, shift: float = 0.0) -> NDArray[np.float64]:
        """(n,) probability that the label is wrong, zero where nothing can be said."""
        return np.where(self.able, self.verdicts.wrong(shift), 0.0)


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, labels = context.dataset, context.dataset.targets
    if dataset.task == "multilabel":
        return _detect_in_sets(context)
    opinion = context.once(_given_labels)
    rival = opinion.verdicts.rival
    wrong = opinion.wrong(_shift(context.calibration))
    rows, q = surest(wrong)
    columns = {
        "label_quality": np.where(opinion.able, 1 - wrong, np.nan),
        "suggested_label": np.array(dataset.class_names)[np.where(wrong > 0.5, rival, labels)],
        "self_confidence": get_label_quality_scores(labels, context.pool.probabilities, method="self_confidence"),
        **_influence(context),
    }
    sides = _advocates(context, opinion, rows)
    findings = tuple(
        _finding(dataset, int(row), opinion, columns, float(q_value), for_label, for_suggested)
        for row, q_value, (for_label, for_suggested) in zip(rows, q, sides, strict=True)
    )
    weights = ", ".join(
        f"{name} {weight:.2f}" for name, weight in zip(opinion.views, opinion.noise.weights, strict=True)
    )
    note = f"estimated share of label errors in training: {opinion.noise.share:.1%}; weights of the models: {weights}"
    examined = int(opinion.able.sum())
    skipped = "" if examined else f"no class has {FEWEST} training samples"
    return Detection(findings, examined, len(dataset), columns, notes=(note,), skipped=skipped)


def calibrate(context: CheckContext, retrained: Callable[[NDArray[np.int64]], Pool]) -> Calibration | None:
    """See `detection.Calibrating`. The threshold is the fitted probability that is an even chance once corrected."""
    if context.dataset.task != "classification":
        return None
    train = context.dataset.rows("train")
    before = context.once(_given_labels)
    trusted = before.able.copy()
    trusted[surest(before.wrong())[0]] = False
    planted = plant(context.dataset, context.pool.probabilities, trusted, context.seed)
    if planted is None:
        return None
    procedure = (
        f"{len(planted.every)} training labels, none of them suspected, were flipped, half to any other class and half "
        "to the one that the pool finds likeliest after the given one, and a small pool was trained on the result. "
        "The probabilities were then corrected to add up to the label errors there are, with a margin for "
        "chance. At the same false-discovery rate, fewer errors are found where fewer labels are wrong."
    )
    after = _of_pool(retrained(planted.labels), context.seed)
    known = before.wrong()
    known[planted.every] = 1.0
    judged = train[before.able[train] & after.able[train]]
    shift = cautious_shift(after.verdicts.log_odds[judged], known[judged])
    reported = np.setdiff1d(surest(after.wrong(shift))[0], surest(before.wrong(shift))[0])
    return Calibration.of(planted.rows, reported, procedure, float(expit(-shift)))


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See `detection.Verifying`.

    The claim is about a level, which label models prefer that saw none of the suspects, and not about a change: a
    finding is confirmed if the interval over seeds lies above zero and refuted if it lies below. What a random removal
    gives is shown beside it.
    """
    dataset, times = context.dataset, range(retraining.times)
    if not detection.findings:
        return detection
    at = {id: row for row, id in enumerate(dataset.ids)}
    reported = np.array([at[finding.sample_ids[0]] for finding in detection.findings])
    train = dataset.rows("train")
    suspects = np.sort(reported[dataset.splits[reported] == "train"])
    random = random_like(dataset.strata, train, suspects, context.seed)
    judged = np.setdiff1d(dataset.rows(dataset.target_split), reported)
    outputs = retraining.outputs(
        [np.zeros(0, np.int64), suspects, random], times, np.concatenate([reported, judged])
    ).astype(np.float64)
    margins = _margins(dataset, detection.findings, outputs, reported)
    findings = tuple(
        replace(finding, verification=preferred(MEASURE, margins[1, :, one], float(margins[2, :, one].mean())))
        for one, finding in enumerate(detection.findings)
    )
    notes = detection.notes
    if len(suspects) and len(judged) and dataset.task == "classification":
        notes += tuple(_benefit(dataset, outputs[:, :, len(reported) :], judged, len(suspects)))
    return replace(detection, findings=findings, notes=notes)


def _given_labels(context: CheckContext) -> _Opinion:
    """The opinion of the labels as they are given."""
    return _of_pool(context.pool, context.seed)


def _of_pool(pool: Pool, seed: int) -> _Opinion:
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
    return _Opinion(features, views, noise, verdicts, counts[dataset.targets] >= FEWEST)


def _detect_in_sets(context: CheckContext) -> Detection:
    """The same for every label of a set by itself, as two classes: with the label and without it.

    How far views are to be believed, and how often labels are wrong, is taken to be the same for all labels.
    """
    dataset, train, features = context.dataset, context.dataset.rows("train"), descriptors(context.dataset)
    neighbours = nearest_training(dataset, features)
    alone = [_with_or_without(dataset, place) for place in range(len(dataset.class_names))]
    views = [
        _views(one, np.stack([1 - own, own], 1), features, neighbours, context.seed)
        for one, own in zip(alone, context.pool.probabilities.T, strict=True)
    ]
    logs = np.concatenate([log_views(list(own.values()))[:, train] for own in views], 1)
    noise = fit_noise(logs, dataset.targets[train].T.ravel().astype(np.int64))
    opinions = [_opinion(one, features, own, noise) for one, own in zip(alone, views, strict=True)]
    wrong = np.stack([opinion.wrong() for opinion in opinions], 1)
    able = np.stack([opinion.able for opinion in opinions], 1)
    surely, q = surest(wrong.ravel())
    suggested = dataset.targets ^ (wrong > 0.5)
    columns = {
        "label_quality": np.where(able.any(1), 1 - wrong.max(1), np.nan),
        "suggested_label": np.array([dataset.in_words(one) for one in suggested]),
        "self_confidence": multilabel_quality_scores(
            [np.flatnonzero(one).tolist() for one in dataset.targets], context.pool.probabilities
        ),
    }
    findings, influence = [], _influence(context)
    reported = np.zeros(dataset.targets.shape, bool)
    reported.ravel()[surely] = True
    for at, q_value in zip(surely, q, strict=True):
        row, place = divmod(int(at), len(dataset.class_names))
        own = {**columns, **influence, "label_quality": 1 - wrong[:, place]}
        finding = _finding(alone[place], row, opinions[place], own, float(q_value), [], [])
        findings.append(
            replace(
                finding,
                evidence={**finding.evidence, "label_of_set": dataset.class_names[place]},
                remedies=tuple(_of_set(dataset, row, place, reported[row])),
            )
        )
    note = f"estimated share of label errors in training, each label of a set counted: {noise.share:.1%}"
    skipped = "" if able.any() else f"no label has {FEWEST} training samples with it and as many without"
    return Detection(tuple(findings), int(able.any(1).sum()), len(dataset), columns, notes=(note,), skipped=skipped)


def _with_or_without(dataset: Dataset, place: int) -> Dataset:
    name = dataset.class_names[place]
    return replace(
        dataset,
        targets=dataset.targets[:, place].astype(np.int64),
        class_names=(f"without {name}", f"with {name}"),
        task="classification",
    )


def _shift(calibration: Calibration | None) -> float:
    """By how much log-odds are moved, from the probability that is to become an even chance."""
    if calibration is None or calibration.threshold is None:
        return 0.0
    return -float(logit(calibration.threshold))


def _influence(context: CheckContext) -> dict[str, NDArray[np.float64]]:
    """Figures of training samples, nan for others."""
    train = context.dataset.rows("train")
    own, mean = np.full(len(context.dataset), np.nan), np.full(len(context.dataset), np.nan)
    if context.attribution.self_influence is not None:
        own[train] = context.attribution.self_influence
    mean[train] = context.attribution.sums_over_targets() / context.attribution.shape[1]
    return {"self_influence": own, "mean_influence": mean}


def _advocates(
    context: CheckContext, opinion: _Opinion, rows: NDArray[np.int64]
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """For each row the training samples that speak most for its given and for its suggested label."""
    given, suggested = context.dataset.targets, opinion.verdicts.rival
    train, first = context.dataset.rows("train"), rows[:ADVOCATED]
    if context.influences is not None and len(first):
        scores = context.influences(np.tile(first, 2), np.concatenate([given[first], suggested[first]]))
        for one, row in enumerate(first):
            yield (
                _best(context.dataset, row, given[row], "influence", scores[:, one]),
                _best(context.dataset, row, suggested[row], "influence", scores[:, len(first) + one]),
            )
        rows = rows[ADVOCATED:]
    for row in rows:
        likeness = cosine_similarity(opinion.features[train], opinion.features[[row]])[:, 0]
        yield (
            _best(context.dataset, row, given[row], "similarity", likeness),
            _best(context.dataset, row, suggested[row], "similarity", likeness),
        )


def _best(
    dataset: Dataset, row: np.int64, label: np.int64, measure: str, scores: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """The other training samples of this label with the largest scores (n_train,), best first."""
    train = dataset.rows("train")
    able = np.flatnonzero((dataset.targets[train] == label) & (train != row))
    order = able[np.argsort(-scores[able], kind="stable")][:ADVOCATES]
    name = dataset.class_names[label]
    return [{"id": dataset.ids[train[at]], "label": name, measure: float(scores[at])} for at in order]


def _finding(
    dataset: Dataset, row: int, opinion: _Opinion, columns: dict[str, NDArray[Any]], q: float,
    for_label: list[dict[str, Any]], for_suggested: list[dict[str, Any]],
) -> Finding:  # fmt: skip
    label, rival = int(dataset.targets[row]), int(opinion.verdicts.rival[row])
    given, other = dataset.class_names[label], dataset.class_names[rival]
    split, wrong = str(dataset.splits[row]), 1 - float(columns["label_quality"][row])
    evidence = {
        "split": split,
        "label": given,
        "suggested_label": other,
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
        own = columns["self_influence"]
        evidence["self_influence"] = float(own[row])
        evidence["self_influence_percentile"] = float((own[dataset.rows("train")] <= own[row]).mean() * 100)
        evidence["mean_influence"] = float(columns["mean_influence"][row])
    return Finding(
        kind="mislabeled",
        severity=Severity.MEDIUM if split == "train" else Severity.HIGH,
        sample_ids=(dataset.ids[row],),
        score=wrong,
        message=f"{dataset.ids[row]} is labelled {given!r} but looks like {other!r}",
        fingerprint=fingerprint("mislabeled", [dataset.contents[row]], f"{given}\0{other}"),
        evidence=evidence,
        remedies=_remedies(dataset.ids[row], (other,)),
    )


def _of_set(dataset: Dataset, row: int, place: int, reported: NDArray[np.bool_]) -> Iterator[Remedy]:
    """The set with all labels mended that are reported of this sample, so that findings agree, or with this one."""
    alone = np.arange(len(reported)) == place
    for wrong in [alone] if reported.sum() == 1 else [reported, alone]:
        mended = dataset.targets[row] ^ wrong
        words = tuple(name for name, holds in zip(dataset.class_names, mended, strict=True) if holds)
        yield Remedy("relabel", (dataset.ids[row],), words)
    yield Remedy("remove", (dataset.ids[row],))


def _remedies(id: str, label: tuple[str, ...]) -> tuple[Remedy, ...]:
    return Remedy("relabel", (id,), label), Remedy("remove", (id,))


def _margins(
    dataset: Dataset, findings: tuple[Finding, ...], outputs: NDArray[np.float64], reported: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(removals, seeds, findings) margin of the suggested label over the given one, from logits with one axis more."""
    count = np.arange(len(reported))
    if dataset.task == "multilabel":
        places = np.array([dataset.class_names.index(one.evidence["label_of_set"]) for one in findings])
        missing = ~dataset.targets[reported, places]
        return np.where(missing, 1, -1) * outputs[:, :, count, places]
    suggested = np.array([dataset.class_names.index(one.evidence["suggested_label"]) for one in findings])
    return np.asarray(outputs[:, :, count, suggested] - outputs[:, :, count, dataset.targets[reported]])


def _benefit(dataset: Dataset, outputs: NDArray[np.float64], rows: NDArray[np.int64], removed: int) -> Iterator[str]:
    """What removing the suspects does for other predictions.

    outputs   logits (3, seeds, rows, c) after training on everything, without the suspects, without random samples
    """
    labels, others = dataset.targets[rows], f"the {len(rows):,} other {dataset.target_split} samples"
    right = (outputs.argmax(3) == labels) * 100.0
    loss = -log_softmax(outputs, axis=3)[:, :, np.arange(len(rows)), labels]
    for name, values, unit in (("accuracy", right, " points"), ("mean log-loss", loss, "")):
        effect = effect_over_seeds_and_samples(values[1] - values[0])
        at_random = float((values[2] - values[0]).mean())
        yield (
            f"removing the {removed} training samples reported changes {name} on {others} by {effect.mean:+.3f}{unit} "
            f"(95 % {effect.low:+.3f} to {effect.high:+.3f}); removing as many random ones of the same classes changes "
            f"it by {at_random:+.3f}{unit}"
        )
