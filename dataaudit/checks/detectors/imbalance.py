"""Class imbalance: classes that are far rarer in training than the others.

## What it finds
Classes whose share of the training samples is below a tenth of an equal share. In multilabel data: labels given to less
than a tenth as many training samples as labels are on average.

## Why it matters
A model sees too little of such a class to learn it, and overall accuracy hides that.

## How it is checked
Shares are counted (the rule of cleanlab's Datalab). The class's recall, out of sample by the pool's models, is shown
beside that of all other samples; where it is significantly lower (Fisher's exact test, false-discovery rate at most
5 %), the finding is more severe.

## What to do
Collect more samples of the class, weight it up in training, or report its recall separately.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from ...dataset import Dataset
from ...findings import Finding, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..proof import accepted_by_fdr

GAINS = True
KINDS = {"class_imbalance": "Class imbalance"}
TASKS = ("classification", "multilabel")
FALSE_DISCOVERY_RATE = 0.05
MIN_SHARE = 0.1
"""Of an equal share, that of all labels divided by the number of classes."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, train = context.dataset, context.dataset.rows("train")
    labels = _label_matrix(dataset, dataset.targets)
    counts = labels[train].sum(0)
    min_count = MIN_SHARE * counts.sum() / len(counts)
    rare = np.flatnonzero((counts > 0) & (counts < min_count))
    rare = rare[np.argsort(counts[rare], kind="stable")]
    recalls = _recalls(context, labels, rare) if context.has_predictions else [{}] * len(rare)
    findings = tuple(
        _finding(dataset, int(target), counts, float(min_count), recall)
        for target, recall in zip(rare, recalls, strict=True)
    )
    return Detection(findings, len(dataset), len(dataset))


def _label_matrix(dataset: Dataset, targets: NDArray[Any]) -> NDArray[np.bool_]:
    """(n, c) indicator matrix of targets."""
    if dataset.task == "multilabel":
        return targets.astype(bool)
    return np.asarray(targets[:, None] == np.arange(len(dataset.class_names)))


def _recalls(context: CheckContext, labels: NDArray[np.bool_], rare: NDArray[np.int64]) -> list[dict[str, float]]:
    """Recall of each rare class, in figures for the report."""
    correct = labels & _label_matrix(context.dataset, context.pool.predictions)
    sizes, hits = labels.sum(0)[rare], correct.sum(0)[rare]
    p_values = np.asarray(hypergeom.cdf(hits, labels.sum(), correct.sum(), sizes), np.float64)
    _, q_values = accepted_by_fdr(p_values, FALSE_DISCOVERY_RATE)
    return [
        {
            "samples": int(size),
            "recall": float(n_hits / size),
            "recall_of_others": float((correct.sum() - n_hits) / max(1, labels.sum() - size)),
            "recall_q_value": float(q),
        }
        for size, n_hits, q in zip(sizes, hits, q_values, strict=True)
    ]


def _finding(
    dataset: Dataset, target: int, counts: NDArray[np.int64], min_count: float, recall: dict[str, float]
) -> Finding:
    name, count, total = dataset.class_names[target], int(counts[target]), len(dataset.rows("train"))
    learnt = not recall or recall["recall_q_value"] > FALSE_DISCOVERY_RATE
    recall_words = ""
    if recall:
        recall_words = (
            f"; out-of-sample recall {recall['recall']:.0%}, against {recall['recall_of_others']:.0%} on all others"
        )
    return Finding(
        kind="class_imbalance",
        severity=Severity.LOW if learnt else Severity.MEDIUM,
        sample_ids=(),
        score=float(1 - count / min_count),
        message=f"class {name!r} has {count} of {total} training samples ({count / total:.2%}){recall_words}",
        fingerprint=fingerprint("class_imbalance", [], name),
        evidence={
            "class": name,
            "train_samples": count,
            "train_share": count / total,
            "least_share": min_count / total,
            **recall,
        },
    )
