"""Underperforming groups: classes or clusters on which models are right far less often than on the rest.

## What it finds
Classes, and clusters of similar samples, on which models that never saw the samples are right far less often.

## Why it matters
Overall accuracy hides that a model fails on some kind of input; that kind is where more or better data pays off.

## How it is checked
Samples are clustered by descriptors (oriented gradients of images, n-grams of texts, encoded columns, values) that use
neither labels nor predictions, so the test needs no samples held back. The pool's models predict every sample out of
sample. A class is compared with all other samples (Fisher's exact test). A cluster is compared with the accuracy
expected for its samples' classes (binomial test), so a hard class is not reported again as a cluster. In multilabel
data a label is right if it is predicted where it is given, and a sample of a cluster if all its labels are right.
Numeric targets are right if their error is no larger than that of three quarters of all samples, and have clusters
only. A group is reported if it has 20 samples, falls short by ten points, and its false-discovery rate
(Benjamini-Hochberg) is at most 5 %. Nothing is reported of models that do not beat the class frequencies, or the mean:
they name the most frequent class whatever they see, and so are wrong on all others.

## What to do
Look at what the samples shown have in common. Collect more of their kind, fix their labels, or state the weakness.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom
from sklearn.cluster import KMeans

from ...dataset import Dataset
from ...findings import Finding, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..labels.label_views import descriptors
from ..proof import accepted_by_fdr
from ..signal import signal

KINDS = {"underperforming_group": "Underperforming groups"}
NEEDS = "predictions"
FALSE_DISCOVERY_RATE = 0.05
MIN_SHORTFALL = 0.1
MIN_SIZE = 20
MAX_CLUSTERS = 50
SHOWN = 50
NEAR = 0.75
"""Share of all numbers that count as predicted right."""


@dataclass(frozen=True)
class _Group:
    """A class or a cluster.

    right      (rows,) which of its samples are predicted right
    expected   share of them that is expected to be
    """

    name: str
    is_class: bool
    rows: NDArray[np.int64]
    right: NDArray[np.bool_]
    expected: float
    p_value: float


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    features = descriptors(dataset)
    # About three times the square root of the number of samples in each cluster.
    n_clusters = int(np.clip(np.sqrt(len(dataset)) / 3, 1, MAX_CLUSTERS)) if features.any() else 1
    clusters = KMeans(n_clusters, n_init=1, random_state=context.seed).fit_predict(features)
    if reason := context.once(signal).reason:
        return Detection((), 0, len(dataset), {"cluster": clusters}, skipped=reason)
    groups = [*_classes(dataset, context.pool.predictions), *_clusters(dataset, context.pool.predictions, clusters)]
    accepted, q_values = accepted_by_fdr(np.array([group.p_value for group in groups]), FALSE_DISCOVERY_RATE)
    findings = [
        _finding(dataset, features, group, float(q))
        for group, worse, q in zip(groups, accepted, q_values, strict=True)
        if worse and group.right.mean() <= group.expected - MIN_SHORTFALL
    ]
    findings.sort(key=lambda finding: -finding.score)
    return Detection(tuple(findings), len(dataset), len(dataset), {"cluster": clusters})


def _classes(dataset: Dataset, predicted: NDArray[Any]) -> Iterator[_Group]:
    """Classes against all others; labels of sets where they are given, against all others where these are given."""
    if dataset.task == "regression":
        return
    numbers = np.arange(len(dataset.class_names))
    labels = dataset.targets if dataset.task == "multilabel" else dataset.targets[:, None] == numbers
    right = labels & (predicted if dataset.task == "multilabel" else predicted[:, None] == numbers)
    sizes, hits = labels.sum(0), right.sum(0)
    for number, name in enumerate(dataset.class_names):
        if MIN_SIZE <= sizes[number] < sizes.sum():
            rows = np.flatnonzero(labels[:, number])
            recall_of_others = (hits.sum() - hits[number]) / (sizes.sum() - sizes[number])
            p = hypergeom.cdf(hits[number], sizes.sum(), hits.sum(), sizes[number])
            yield _Group(f"class {name!r}", True, rows, right[rows, number], float(recall_of_others), float(p))


def _clusters(dataset: Dataset, predicted: NDArray[Any], clusters: NDArray[np.int64]) -> Iterator[_Group]:
    right = _right(dataset, predicted)
    for number in range(clusters.max() + 1):
        inside = clusters == number
        if MIN_SIZE <= inside.sum() < len(dataset):
            expected = min(_expected(right, dataset.strata, inside), float(right[~inside].mean()))
            p = binom.cdf(right[inside].sum(), inside.sum(), expected)
            yield _Group(f"cluster {number}", False, np.flatnonzero(inside), right[inside], expected, float(p))


def _right(dataset: Dataset, predicted: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) samples that are predicted right."""
    if dataset.task == "regression":
        errors = np.abs(predicted - dataset.targets)
        return np.asarray(errors <= np.quantile(errors, NEAR))
    same = predicted == dataset.targets
    return np.asarray(same.all(1) if same.ndim == 2 else same)


def _expected(right: NDArray[np.bool_], strata: NDArray[np.int64], inside: NDArray[np.bool_]) -> float:
    """Accuracy on the group's classes in its proportions, outside the group, or overall where few are outside."""
    total = 0.0
    for number in np.unique(strata[inside]):
        in_class = strata == number
        outside = in_class & ~inside
        total += (in_class & inside).sum() * right[outside if outside.sum() >= MIN_SIZE else in_class].mean()
    return float(total / inside.sum())


def _finding(dataset: Dataset, features: NDArray[np.float32], group: _Group, q: float) -> Finding:
    accuracy, wrong = float(group.right.mean()), group.rows[~group.right]
    typical = np.linalg.norm(features[wrong] - features[group.rows].mean(0), axis=1)
    shown = wrong[np.argsort(typical, kind="stable")][:SHOWN]
    targets = _target_counts(dataset, group.rows)
    commonest = next(iter(targets), "") if dataset.task == "classification" else ""
    cluster_words = f"a cluster of {len(group.rows)} similar samples" + (
        f", most of class {commonest!r}" if commonest else ""
    )
    group_words = group.name if group.is_class else cluster_words
    comparison = "on all other samples" if group.is_class else "expected for samples of their classes"
    if dataset.task == "regression":
        comparison = "expected for samples with similar targets"
    contents = [] if group.is_class else [dataset.contents[row] for row in shown]
    return Finding(
        kind="underperforming_group",
        severity=Severity.LOW,
        sample_ids=tuple(dataset.ids[row] for row in shown),
        score=group.expected - accuracy,
        message=f"models are right on {accuracy:.0%} of {group_words}, against {group.expected:.0%} {comparison}",
        fingerprint=fingerprint("underperforming_group", contents, group.name if group.is_class else "cluster"),
        evidence={
            "group": group.name,
            "samples": len(group.rows),
            "wrong": len(wrong),
            "shown": len(shown),
            "accuracy": accuracy,
            "expected_accuracy": group.expected,
            "q_value": q,
            **({"classes": targets} if targets else {"median_target": float(np.median(dataset.targets[group.rows]))}),
        },
    )


def _target_counts(dataset: Dataset, rows: NDArray[np.int64]) -> dict[str, int]:
    """Samples of each class or label among the rows, the commonest first; none where the targets are numbers."""
    if dataset.task == "regression":
        return {}
    targets = dataset.targets[rows]
    counts = (
        targets.sum(0) if dataset.task == "multilabel" else np.bincount(targets, minlength=len(dataset.class_names))
    )
    order = np.argsort(-counts, kind="stable")
    return {dataset.class_names[number]: int(counts[number]) for number in order if counts[number]}
