"""Classes that are far rarer in training than the others.

## What it finds
Classes whose share of the training samples is below a tenth of an equal share.

## Why it matters
A model sees too little of such a class to learn it, and an overall accuracy hides that.

## How it is checked
Shares are counted (the rule of cleanlab's Datalab). The recall of the class, out of sample by the pool's models, is
shown beside that of all other samples; where it is significantly lower (Fisher's exact test, false-discovery rate at
most 5 %) the finding weighs more.

## What to do
Collect more samples of the class, weight it up in training, or report its recall on its own.
"""

import numpy as np
from scipy.stats import hypergeom

from ..detection import Case, Detection, accepted_by_fdr
from ..findings import Finding, Severity, fingerprint

KINDS = {"class_imbalance": "Classes that are rare in training"}
FALSE_DISCOVERY_RATE = 0.05
LEAST_SHARE = 0.1
"""Of an equal share, one divided by the number of classes."""


def detect(case: Case) -> Detection:
    """See the module."""
    dataset, train = case.dataset, case.dataset.rows("train")
    counts = np.bincount(dataset.targets[train], minlength=len(dataset.class_names))
    bar = LEAST_SHARE / len(dataset.class_names)
    rare = np.flatnonzero((counts > 0) & (counts < bar * len(train)))
    right = case.pool.probabilities.argmax(1) == dataset.targets
    sizes = np.array([(dataset.targets == target).sum() for target in rare])
    hits = np.array([right[dataset.targets == target].sum() for target in rare])
    lower, q_values = accepted_by_fdr(
        np.asarray(hypergeom.cdf(hits, len(dataset), right.sum(), sizes), np.float64), FALSE_DISCOVERY_RATE
    )
    findings = []
    for place in np.argsort(counts[rare], kind="stable"):
        target, share = rare[place], counts[rare[place]] / len(train)
        name, recall = dataset.class_names[target], hits[place] / sizes[place]
        others = right[dataset.targets != target].mean()
        findings.append(
            Finding(
                kind="class_imbalance",
                severity=Severity.MEDIUM if lower[place] else Severity.LOW,
                sample_ids=(),
                score=float(1 - share / bar),
                message=f"class {name!r} has {counts[target]} of {len(train)} training samples ({share:.2%}); "
                f"recall out of sample {recall:.0%}, of all others {others:.0%}",
                fingerprint=fingerprint("class_imbalance", [], name),
                evidence={
                    "class": name,
                    "train_samples": int(counts[target]),
                    "train_share": float(share),
                    "least_share": bar,
                    "samples": int(sizes[place]),
                    "recall": float(recall),
                    "recall_of_others": float(others),
                    "recall_q_value": float(q_values[place]),
                },
            )
        )
    return Detection(tuple(findings), len(dataset), len(dataset))
