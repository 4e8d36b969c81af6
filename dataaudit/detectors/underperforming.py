"""Groups of samples that models get wrong far more often than the rest.

## What it finds
Classes, and clusters of look-alikes, on which models that never saw the samples are right far less often.

## Why it matters
An overall accuracy hides that a model fails for some kind of input; that kind is where more or better data pays.

## How it is checked
Samples are clustered by oriented gradients, which know neither labels nor predictions, so the test needs no samples
held back. The pool's models predict every sample out of sample. A class is compared with all other samples (Fisher's
exact test), a cluster with what its samples' classes lead one to expect (binomial test), so a hard class is not
reported again as a cluster. A group is reported if it has 20 samples, falls short by ten points, and its
false-discovery rate (Benjamini-Hochberg) is at most 5 %.

## What to do
Look at what the samples shown have in common. Collect more of their kind, mend their labels, or state the weakness.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, hypergeom
from sklearn.cluster import KMeans

from ..dataset import Dataset
from ..detection import Case, Detection, accepted_by_fdr
from ..findings import Finding, Severity, fingerprint
from ..label_views import descriptors

KINDS = {"underperforming_group": "Groups that models get wrong"}
FALSE_DISCOVERY_RATE = 0.05
LEAST_SHORTFALL = 0.1
MIN_SIZE = 20
MAX_CLUSTERS = 50
SHOWN = 50


def detect(case: Case) -> Detection:
    """See the module."""
    dataset, targets = case.dataset, case.dataset.targets
    right = case.pool.probabilities.argmax(1) == targets
    features = descriptors(dataset)
    # About three times the square root of the number of samples in each cluster.
    wanted = int(np.clip(np.sqrt(len(dataset)) / 3, 1, MAX_CLUSTERS))
    clusters = KMeans(wanted, n_init=1, random_state=case.seed).fit_predict(features)
    groups: list[tuple[str, NDArray[np.int64], float, float]] = []  # name, rows, expected accuracy, p-value
    for number, name in enumerate(dataset.class_names):
        inside = targets == number
        if MIN_SIZE <= inside.sum() < len(dataset):
            p = hypergeom.cdf(right[inside].sum(), len(dataset), right.sum(), inside.sum())
            groups.append((f"class {name!r}", np.flatnonzero(inside), float(right[~inside].mean()), float(p)))
    for number in range(wanted):
        inside = clusters == number
        if MIN_SIZE <= inside.sum() < len(dataset):
            expected = min(_expected(right, targets, inside), float(right[~inside].mean()))
            p = binom.cdf(right[inside].sum(), inside.sum(), expected)
            groups.append((f"cluster {number}", np.flatnonzero(inside), expected, float(p)))

    accepted, q_values = accepted_by_fdr(np.array([p for *_, p in groups]), FALSE_DISCOVERY_RATE)
    findings = [
        _finding(dataset, features, right, name, rows, expected, float(q))
        for (name, rows, expected, _), worse, q in zip(groups, accepted, q_values, strict=True)
        if worse and right[rows].mean() <= expected - LEAST_SHORTFALL
    ]
    findings.sort(key=lambda finding: -finding.score)
    return Detection(tuple(findings), len(dataset), len(dataset), {"cluster": clusters})


def _expected(right: NDArray[np.bool_], targets: NDArray[np.int64], inside: NDArray[np.bool_]) -> float:
    """Accuracy of samples of a group's classes, in its proportions: of those outside, of all where these are few."""
    total = 0.0
    for number in np.unique(targets[inside]):
        mine = targets == number
        outside = mine & ~inside
        total += (mine & inside).sum() * right[outside if outside.sum() >= MIN_SIZE else mine].mean()
    return float(total / inside.sum())


def _finding(
    dataset: Dataset, features: NDArray[np.float32], right: NDArray[np.bool_],
    name: str, rows: NDArray[np.int64], expected: float, q: float,
) -> Finding:  # fmt: skip
    accuracy = float(right[rows].mean())
    wrong = rows[~right[rows]]
    typical = np.linalg.norm(features[wrong] - features[rows].mean(0), axis=1)
    shown = wrong[np.argsort(typical, kind="stable")][:SHOWN]
    classes, counts = np.unique(dataset.targets[rows], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    of_class = {dataset.class_names[classes[i]]: int(counts[i]) for i in order}
    is_class = name.startswith("class")
    what = name if is_class else f"a cluster of {len(rows)} look-alikes, most of class {next(iter(of_class))!r},"
    beside = "of all other samples" if is_class else "expected of samples of their classes"
    contents = [] if is_class else [dataset.contents[row] for row in shown]
    return Finding(
        kind="underperforming_group",
        severity=Severity.LOW,
        sample_ids=tuple(dataset.ids[row] for row in shown),
        score=expected - accuracy,
        message=f"models are right on {accuracy:.0%} of {what} against {expected:.0%} {beside}",
        fingerprint=fingerprint("underperforming_group", contents, name if is_class else "cluster"),
        evidence={
            "group": name,
            "samples": len(rows),
            "wrong": len(wrong),
            "shown": len(shown),
            "accuracy": accuracy,
            "expected_accuracy": expected,
            "q_value": q,
            "classes": of_class,
        },
    )
