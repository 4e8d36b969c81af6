"""Label errors: samples whose given label is probably wrong.

## What it finds
Samples of any split whose given label is contradicted by models that never saw them. In multilabel data: single labels
that are present but should not be, or that should be present but are not.

## Why it matters
Label errors in training cost accuracy; label errors in the test set make every measured figure wrong.

## How it is checked
Different models judge every label out of sample: the pool's models that were not trained on the sample, a linear model
on descriptors that use no labels (oriented gradients, n-grams, encoded columns, values; the dataset's features, where
it has any), and the sample's nearest neighbours by these descriptors. Others are asked, too, as they err elsewhere:
where these are features of images, a linear model on oriented gradients; of texts, where the extra `text` is installed
and its net knows most of what is written, a linear model on sentence embeddings and the nearest neighbours by these.
Multilabel data is judged label by label, as present or absent. A noise model is fitted to the dataset's own labels: how
far each of these can be believed, and how often labels are wrong, at random or between classes that look alike. It
gives every label a probability of being wrong.

The probabilities are calibrated on planted errors (not in multilabel data): labels are flipped in a copy of the
training data, half to any other class and half to the one most easily confused, a small pool is trained on the copy,
and the probabilities are corrected by what is found. Labels with a probability above one half are reported, most
certain first, as long as at most a fifth of them are expected to be right after all; q is that expected share down to
the finding. Where no model predicts labels better than their frequencies (ranks of probabilities against permuted
labels, 2 %), nothing is reported.

How many of the next 50, 100 and 200 labels in the ranking are wrong is said as an interval: a wide one, as noise that
depends on the sample can't be told from hard samples by labels alone. A reviewer's answers to the review sample narrow
it and redraw the list.

Labels that are more likely wrong than right, but too few or too unsure for that list, are worth a look where a gap in
the log-odds parts them from all others (F test of the gap against those below it, 5 %). Retraining does not test them.
Multilabel data is not searched for them.

Beside each finding are the training samples that support either label most.

Retraining test: models are trained without any of the reported training samples. A finding is consistent if they, too,
prefer the suggested label, and refuted if they prefer the given one. Most are consistent, right or wrong, as these
models are of the same kind as those that raised the suspicion.

## What to do
Look at the sample. Relabel it, remove it, or keep it if it is merely hard.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, logit

from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ...training.pool import Pool
from ...training.retraining import Retraining
from ...verdict.recalibration import Share, recalibration, worth_a_look
from ..detection import Calibration, CheckContext, Detection
from ..labels.label_gap import count_apart
from ..labels.label_noise import cautious_shift, log_odds_shift, surest
from ..labels.label_opinion import MIN_LABEL_COUNT, LabelOpinion, label_opinion, opinions_by_label
from ..labels.label_spelling import same_spelling
from ..labels.review_sample import review_sample
from ..labels.supporting_samples import supporting_samples
from ..planting.labels import plant
from ..proof import effect_over_seeds_and_samples, preference_verification, random_like
from ..proof_set import scope_note
from ..signal import Signal, signal

with warnings.catch_warnings():  # cleanlab silences the importing program's warnings, and tqdm warns in notebooks
    warnings.simplefilter("ignore")
    from cleanlab.multilabel_classification.rank import get_label_quality_scores as multilabel_quality_scores
    from cleanlab.rank import get_label_quality_scores

KINDS = {"mislabeled": "Label errors", "doubtful_label": "Labels worth a look"}
TASKS = ("classification", "multilabel")
NEEDS = "predictions"
MEASURE = "margin of the suggested label over the given one, in logits, for models trained without the suspects"


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, labels = context.dataset, context.dataset.targets
    if reason := context.once(_signal).reason:
        unknown = np.full(len(dataset), np.nan)
        columns = {"label_quality": unknown, **_influence(context)}
        if dataset.task == "classification":
            columns["other_label"] = np.array(dataset.class_names)[labels]
        drawn = _for_review(context, unknown, labels)
        return Detection((), 0, len(dataset), columns, figures=drawn, skipped=reason)
    if dataset.task == "multilabel":
        return _detect_multilabel(context)
    opinion = context.once(_opinion_of_given_labels)
    rival = opinion.verdicts.rival
    wrong = opinion.wrong(log_odds_shift(context.calibration))
    wrong = np.where(same_spelling(dataset.class_names, labels, rival), 0.0, wrong)  # see the check label_spelling
    rows, q = surest(wrong)
    columns = {
        "label_quality": np.where(opinion.assessable, 1 - wrong, np.nan),
        "suggested_label": np.array(dataset.class_names)[np.where(wrong > 0.5, rival, labels)],
        "other_label": np.array(dataset.class_names)[rival],
        "self_confidence": get_label_quality_scores(labels, context.pool.probabilities, method="self_confidence"),
        **_influence(context),
    }
    apart = _apart(wrong, rows)
    named = np.concatenate([rows, apart])
    supporting = supporting_samples(context, opinion.features, rival, named)
    findings = tuple(
        _finding(dataset, int(row), opinion, columns, float(q_value), for_label, for_suggested)
        for row, q_value, (for_label, for_suggested) in zip(named, [*q, *np.ones(len(apart))], supporting, strict=True)
    )
    findings = (*findings[: len(rows)], *map(_worth_a_look, findings[len(rows) :]))
    weights = ", ".join(
        f"{name} {weight:.2f}" for name, weight in zip(opinion.views, opinion.noise.weights, strict=True)
    )
    note = f"estimated share of label errors in training: {opinion.noise.share:.1%}; weights of the models: {weights}"
    rest = np.setdiff1d(np.flatnonzero(opinion.assessable), rows)
    next_ones = worth_a_look(recalibration(np.zeros(0), np.zeros(0, bool)), np.sort(_log_odds(wrong[rest]))[::-1])
    examined = int(opinion.assessable.sum())
    skipped = "" if examined else f"no class has {MIN_LABEL_COUNT} training samples"
    figures = {
        **_for_review(context, columns["label_quality"], rival),
        "worth_a_look": [vars(one) for one in next_ones],
    }
    notes = (note, *_next_in_words(next_ones))
    return Detection(findings, examined, len(dataset), columns, notes=notes, figures=figures, skipped=skipped)


def _log_odds(wrong: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(logit(wrong))


def _next_in_words(next_ones: tuple[Share, ...]) -> Iterator[str]:
    """How many of the labels that follow those reported may be wrong; nobody has judged any yet."""
    if next_ones:
        shares = ", ".join(f"{one.labels} {one.low:.0%} to {one.high:.0%}" for one in next_ones)
        yield (
            f"worth a look, down the ranking from those reported: of the next {shares} are wrong (95 %); wide, as it "
            "is not calibrated on this dataset's own noise: answers to the review sample do that"
        )


def _for_review(context: CheckContext, quality: NDArray[np.float64], rival: NDArray[np.int64]) -> dict[str, Any]:
    """The review sample as plain data, see `verdict.review`; of classes alone."""
    dataset = context.dataset
    if not context.review or dataset.task != "classification":
        return {}
    return {
        "review": [
            {
                "split": stratum.split,
                "size": stratum.size,
                "drawn": [dataset.ids[row] for row in stratum.rows],
                "suggested": [dataset.class_names[rival[row]] for row in stratum.rows],
            }
            for stratum in review_sample(1 - quality, dataset.splits, context.review, context.seed)
        ]
    }


def calibrate(context: CheckContext, retrained: Callable[[NDArray[np.int64]], Pool]) -> Calibration | None:
    """See `detection.Calibrating`. The threshold is the fitted probability that is an even chance once corrected."""
    if context.dataset.task != "classification" or context.once(_signal).reason:
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
        f"{len(planted_rows)} training labels, none of them suspected, were flipped, half to any other class and "
        "half to the one that the pool finds likeliest after the given one, and a small pool was trained on the "
        "result. The probabilities were then corrected to add up to the label errors there are, with a margin for "
        "chance. At the same false-discovery rate, fewer errors are found where fewer labels are wrong."
    )
    after = label_opinion(retrained(planted.labels), context.seed)
    probability_wrong = before.wrong()
    probability_wrong[planted_rows] = 1.0
    assessed = train[before.assessable[train] & after.assessable[train]]
    shift = cautious_shift(after.verdicts.log_odds[assessed], probability_wrong[assessed])
    reported = np.setdiff1d(surest(after.wrong(shift))[0], surest(before.wrong(shift))[0])
    return Calibration.of(planted.rows, reported, procedure, float(expit(-shift)))


def verify(context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
    """See `detection.Verifying`.

    The claim is about a level, which label is preferred by models trained without the suspects, not about a change: a
    finding is consistent if the interval over seeds lies above zero and refuted if it lies below. The margin after a
    random removal is reported for comparison.
    """
    claims = tuple(finding for finding in detection.findings if finding.kind == "mislabeled")
    others = detection.findings[len(claims) :]
    if not claims:
        return detection
    dataset, times = context.dataset, range(retraining.times)
    row_of = {id: row for row, id in enumerate(dataset.ids)}
    reported = np.array([row_of[finding.sample_ids[0]] for finding in claims])
    suspects = np.intersect1d(reported, retraining.rows)
    random = random_like(dataset.strata, retraining.rows, suspects, context.seed)
    unreported = np.setdiff1d(dataset.rows(dataset.target_split), reported)
    outputs = retraining.outputs(
        [np.zeros(0, np.int64), suspects, random], times, np.concatenate([reported, unreported])
    ).astype(np.float64)
    margins = _suggestion_margins(dataset, claims, outputs, reported)
    findings = tuple(
        replace(
            finding, verification=preference_verification(MEASURE, margins[1, :, i], float(margins[2, :, i].mean()))
        )
        for i, finding in enumerate(claims)
    )
    notes = (*detection.notes, *scope_note(retraining))
    if len(suspects) and len(unreported) and dataset.task == "classification":
        total = len(np.unique(reported[dataset.splits[reported] == "train"]))
        removed = f"the {total}" if len(suspects) == total else f"{len(suspects)} of the {total}"
        removed += f" training sample{'s' * (total > 1)} reported"
        notes += tuple(_benefit_notes(dataset, outputs[:, :, len(reported) :], unreported, removed))
    return replace(detection, findings=(*findings, *others), notes=notes)


def _apart(wrong: NDArray[np.float64], reported: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows that stand apart from all others by how likely their label is wrong, and are not reported as wrong."""
    rest = np.setdiff1d(np.flatnonzero(wrong > 0), reported)
    log_odds = logit(wrong[rest])
    return rest[np.argsort(-log_odds, kind="stable")[: count_apart(log_odds)]]


def _worth_a_look(finding: Finding) -> Finding:
    """The same of a label that is not sure enough to be reported as wrong."""
    contradicted = f"{finding.message}, though not surely: it stands apart from all other labels"
    claim = f"{finding.evidence['label']}\0{finding.evidence['suggested_label']}"
    evidence = {name: value for name, value in finding.evidence.items() if name != "q_value"}
    return replace(
        finding,
        kind="doubtful_label",
        severity=Severity.LOW,
        message=contradicted,
        fingerprint=fingerprint("doubtful_label", [finding.fingerprint], claim),
        evidence=evidence,
    )


def _opinion_of_given_labels(context: CheckContext) -> LabelOpinion:
    """The opinion of the labels as they are given."""
    return label_opinion(context.pool, context.seed)


def _opinions_of_given_sets(context: CheckContext) -> list[LabelOpinion]:
    """The opinions of the labels of sets as they are given."""
    return opinions_by_label(context.dataset, context.pool.probabilities, context.seed)


def _signal(context: CheckContext) -> Signal:
    """The signal in any of the views: where the pool's models have learnt nothing, the others may have."""
    if context.dataset.task == "multilabel":
        opinions = context.once(_opinions_of_given_sets)
        views = [np.stack([opinion.views[name][:, 1] for opinion in opinions], 1) for name in opinions[0].views]
    else:
        views = list(context.once(_opinion_of_given_labels).views.values())
    return signal(context, views[1:])


def _detect_multilabel(context: CheckContext) -> Detection:
    """`detect` for sets of labels: every label is judged by itself."""
    dataset, opinions = context.dataset, context.once(_opinions_of_given_sets)
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
        finding = _finding(opinions[label].dataset, row, opinions[label], label_columns, float(q_value), [], [])
        findings.append(
            replace(
                finding,
                evidence={**finding.evidence, "label_of_set": dataset.class_names[label]},
                remedies=tuple(_set_remedies(dataset, row, label, reported[row])),
            )
        )
    share = opinions[0].noise.share
    note = f"estimated share of label errors in training, each label of a set counted: {share:.1%}"
    skipped = "" if assessable.any() else f"no label has {MIN_LABEL_COUNT} training samples with it and as many without"
    return Detection(
        tuple(findings), int(assessable.any(1).sum()), len(dataset), columns, notes=(note,), skipped=skipped
    )


def _influence(context: CheckContext) -> dict[str, NDArray[np.float64]]:
    """Self-influence and mean influence of training samples, nan for others."""
    if context.scores is None:
        return {}
    train = context.dataset.rows("train")
    self_influence, mean_influence = np.full(len(context.dataset), np.nan), np.full(len(context.dataset), np.nan)
    if context.attribution.self_influence is not None:
        self_influence[train] = context.attribution.self_influence
    mean_influence[train] = context.attribution.sums_over_targets() / context.attribution.shape[1]
    return {"self_influence": self_influence, "mean_influence": mean_influence}


def _finding(
    dataset: Dataset, row: int, opinion: LabelOpinion, columns: dict[str, NDArray[Any]], q: float,
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
    dataset: Dataset, outputs: NDArray[np.float64], rows: NDArray[np.int64], removed: str
) -> Iterator[str]:
    """How removing the suspects changes other predictions.

    outputs   logits (3, seeds, rows, c) after training on everything, without the suspects, without random samples
    """
    others = "other " * (len(rows) < len(dataset.rows(dataset.target_split)))
    labels, scope = dataset.targets[rows], f"the {len(rows):,} {others}{dataset.target_split} samples"
    correct = (outputs.argmax(3) == labels) * 100.0
    loss = -log_softmax(outputs, axis=3)[:, :, np.arange(len(rows)), labels]
    for name, values, unit in (("accuracy", correct, " points"), ("mean log-loss", loss, "")):
        effect = effect_over_seeds_and_samples(values[1] - values[0])
        at_random = float((values[2] - values[0]).mean())
        yield (
            f"removing {removed} changes {name} on {scope} by "
            f"{effect.mean:+.3f}{unit} (95 % {effect.low:+.3f} to {effect.high:+.3f}); removing as many random ones "
            f"of the same classes changes it by {at_random:+.3f}{unit}"
        )
