"""Splits that are not drawn alike.

## What it finds
Validation and test splits whose class shares, or whose samples within the classes, differ from those of training.

## Why it matters
What is measured on such a split is not what the model will do on data like its training data, and the other way round.

## How it is checked
Training is compared with each other split. Class shares: a permutation test of chi-square, and at least five points
of total variation. Samples: a classifier two-sample test (Lopez-Paz & Oquab 2017). From one half of the samples a
logistic regression on oriented gradients, brightness, contrast and roughness learns to tell the splits apart, and it
must do so on the other half (Mann-Whitney test), with at least 0.6 area under the curve. Both splits give equally many
samples of each class, at most 5,000 in all, so that differing class shares do not count again. The false-discovery
rate (Benjamini-Hochberg) is at most 1 %.

## What to do
Look at the samples told apart most surely. Split again at random, or say on which data the test split is meant to
measure.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..dataset import Dataset, Split
from ..detection import Case, Detection, accepted_by_fdr
from ..findings import Finding, Severity, fingerprint
from ..label_views import descriptors
from ..near_duplicates import matching_pixels

KINDS = {"drift": "Splits that differ"}
FALSE_DISCOVERY_RATE = 0.01
LEAST_VARIATION = 0.05
LEAST_AUC = 0.6
PERMUTATIONS = 9999
BUDGET = 5000
MIN_ROWS = 30
SHOWN = 10
"""Samples of each split."""
STATISTICS = ("brightness", "contrast", "roughness")


def detect(case: Case) -> Detection:
    """See the module."""
    dataset, rng = case.dataset, np.random.default_rng(case.seed)
    others: list[Split] = [split for split in ("val", "test") if len(dataset.rows(split))]
    if not others or not len(dataset.rows("train")):
        return Detection((), 0, len(dataset), skipped="there is no second split to compare training with")
    statistics = _statistics(dataset)
    features = np.concatenate([descriptors(dataset), statistics], 1)
    candidates: list[tuple[float, bool, Finding]] = []  # p-value, whether the effect is large enough, claim
    notes, examined = [], np.zeros(len(dataset), bool)
    for split in others:
        candidates.append(_class_shares(dataset, split, rng))
        train, rows = _alike(dataset, split, rng)
        if len(rows) < MIN_ROWS:
            notes.append(f"{split}: too few samples of classes shared with training to compare their content")
            continue
        examined[train] = examined[rows] = True
        notes.append(
            f"content compared on {len(rows)} of {len(dataset.rows(split))} {split} samples and as many of the "
            f"{len(dataset.rows('train'))} training samples"
        )
        candidates.append(_content(dataset, split, train, rows, features, statistics))
    accepted, _ = accepted_by_fdr(np.array([p for p, *_ in candidates]), FALSE_DISCOVERY_RATE)
    findings = tuple(
        finding for (_, large, finding), differs in zip(candidates, accepted, strict=True) if differs and large
    )
    return Detection(findings, int(examined.sum()), len(dataset), notes=tuple(notes))


def _class_shares(dataset: Dataset, split: Split, rng: np.random.Generator) -> tuple[float, bool, Finding]:
    counts = np.stack(
        [np.bincount(dataset.targets[dataset.rows(s)], minlength=len(dataset.class_names)) for s in ("train", split)]
    )
    both, sizes = counts.sum(0), counts.sum(1)
    drawn = rng.multivariate_hypergeometric(both, sizes[1], PERMUTATIONS, method="marginals")
    expected = np.maximum(both * sizes[1] / sizes.sum(), 1e-12)
    by_chance = np.square(drawn - expected) / expected
    # The chi-square of both splits is this one times a constant, as each class's total is given.
    observed = float((np.square(counts[1] - expected) / expected).sum())
    p = float((1 + (by_chance.sum(1) >= observed * (1 - 1e-9)).sum()) / (1 + PERMUTATIONS))
    shares = counts / sizes[:, None]
    variation = float(np.abs(shares[0] - shares[1]).sum() / 2)
    most = int(np.abs(shares[0] - shares[1]).argmax())
    name = dataset.class_names[most]
    message = (
        f"class shares differ between train and {split} by {variation:.0%} in total variation, most for {name!r}: "
        f"{shares[0, most]:.1%} of train, {shares[1, most]:.1%} of {split}"
    )
    evidence = {
        "splits": ["train", split],
        "what": "class shares",
        "total_variation": variation,
        "p_value": p,
        "counts": {
            name: {"train": int(train), split: int(other)}
            for name, train, other in zip(dataset.class_names, *counts, strict=True)
        },
    }
    claim = fingerprint("drift", [], f"class shares\0{split}")
    finding = Finding("drift", Severity.MEDIUM, (), variation, message, claim, evidence)
    return p, variation >= LEAST_VARIATION, finding


def _alike(dataset: Dataset, split: Split, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random rows of training and of the split, place by place of the same class."""
    chosen: list[list[NDArray[np.int64]]] = [[], []]
    for target in range(len(dataset.class_names)):
        of_class = [rng.permutation(r[dataset.targets[r] == target]) for r in map(dataset.rows, ("train", split))]
        shared = min(map(len, of_class))
        for side, rows in zip(chosen, of_class, strict=True):
            side.append(rows[:shared])
    kept = rng.permutation(sum(map(len, chosen[0])))[:BUDGET]
    return np.concatenate(chosen[0])[kept], np.concatenate(chosen[1])[kept]


def _content(
    dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64],
    features: NDArray[np.float32], statistics: NDArray[np.float32],
) -> tuple[float, bool, Finding]:  # fmt: skip
    # Fitted on one half of the places and asked about the other: cross-validated scores are too alike for the test.
    half = len(rows) // 2
    known, asked = np.concatenate([train[:half], rows[:half]]), np.concatenate([train[half:], rows[half:]])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
    model.fit(features[known], dataset.splits[known] == split)
    scores = model.decision_function(features[asked])
    count = len(rows) - half
    test = mannwhitneyu(scores[count:], scores[:count], alternative="greater")
    auc, p = float(test.statistic) / count**2, float(test.pvalue)
    order = np.argsort(scores, kind="stable")
    surest = [row for row in asked[order[::-1]] if dataset.splits[row] == split][:SHOWN]
    surest += [row for row in asked[order] if dataset.splits[row] == "train"][:SHOWN]
    message = (
        f"a classifier tells {split} samples from training samples of the same class: area under the curve {auc:.2f}"
    )
    means = {
        name: {"train": float(statistics[train, i].mean()), split: float(statistics[rows, i].mean())}
        for i, name in enumerate(STATISTICS[: statistics.shape[1]])
    }
    evidence = {
        "splits": ["train", split],
        "what": "content",
        "auc": auc,
        "p_value": p,
        "samples_compared": 2 * count,
        "means": means,
    }
    claim = fingerprint("drift", [], f"content\0{split}")
    ids = tuple(dataset.ids[row] for row in surest)
    return p, auc >= LEAST_AUC, Finding("drift", Severity.MEDIUM, ids, 2 * auc - 1, message, claim, evidence)


def _statistics(dataset: Dataset) -> NDArray[np.float32]:
    """(n, 3) brightness, contrast and roughness, which oriented gradients do not see; (n, 0) for other modalities."""
    if dataset.modality != "image":
        return np.zeros((len(dataset), 0), np.float32)
    pixels = matching_pixels(dataset.pixels).numpy()
    steps = np.abs(np.diff(pixels, axis=2)).mean((1, 2, 3)) + np.abs(np.diff(pixels, axis=3)).mean((1, 2, 3))
    return np.stack([pixels.mean((1, 2, 3)), pixels.std((1, 2, 3)), steps], 1).astype(np.float32)
