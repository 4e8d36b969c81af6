"""Distribution shift: splits whose labels or samples are distributed differently from training.

## What it finds
Validation and test splits whose class shares or numeric targets differ from training (label shift), or whose samples
within the classes do; in tables, the columns that differ.

## Why it matters
Performance measured on such a split is not the performance on data like the training data, and the other way round.

## How it is checked
Training is compared with each other split. Class shares: a permutation test of chi-square, and a total variation of at
least five points. Multilabel data: each label's share, by Fisher's exact test, and at least ten points. Numeric
targets: the Kolmogorov-Smirnov test, and a distance of at least a tenth between the distributions.

Samples: a classifier two-sample test (Lopez-Paz & Oquab 2017). On half of the samples a logistic regression on
descriptors (oriented gradients, brightness, contrast and roughness of images, n-grams of texts, encoded columns,
values) learns to tell the splits apart; on the other half it must succeed (Mann-Whitney test) with an area under the
ROC curve (AUC) of at least 0.6. Both splits give equally many samples of each class, or of each decile of the numeric
target, at most 5,000 in all, so that label shift does not count again. The same samples show which columns differ: by
Kolmogorov-Smirnov and chi-square tests, and a distance of at least a tenth between the distributions.

The false-discovery rate (Benjamini-Hochberg) is at most 1 %.

## What to do
Look at the samples that are told apart most clearly. Split again at random, or state which data the test split is meant
to represent.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp, mannwhitneyu
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...data.features.columns import UNUSED, Values, describe, read
from ...data.features.texts import character_features
from ...dataset import Dataset, Split
from ...findings import Finding, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..labels.label_views import descriptors
from ..matching.pixels import Pixels
from ..proof import accepted_by_fdr

KINDS = {"drift": "Distribution shift"}
FALSE_DISCOVERY_RATE = 0.01
MIN_VARIATION = 0.05
MIN_DIFFERENCE = 0.1
"""Between two distributions of numbers or words, or two shares of a label."""
MIN_AUC = 0.6
PERMUTATIONS = 9999
BUDGET = 5000
MIN_ROWS = 30
SHOWN = 10
"""Samples of each split."""
MAX_WORDS = 8
"""Words of texts that a finding quotes at most."""
MIN_COUNT = 10
"""Samples of both splits that a word must be in."""
STATISTICS = ("brightness", "contrast", "roughness")
Candidate = tuple[float, bool, Finding]
"""p-value, whether the effect is large enough, claim."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, rng = context.dataset, np.random.default_rng(context.seed)
    other_splits: list[Split] = [split for split in ("val", "test") if len(dataset.rows(split))]
    if not other_splits or not len(dataset.rows("train")):
        return Detection((), 0, len(dataset), skipped="there is no other split to compare with training")
    statistics = _statistics(dataset)
    candidates: list[Candidate] = []
    notes, examined = [], np.zeros(len(dataset), bool)
    for split in other_splits:
        candidates += _target_candidates(dataset, split, rng)
        train, rows = _matched_rows(dataset, split, rng)
        if len(rows) < MIN_ROWS:
            notes.append(f"{split}: too few samples of classes shared with training to compare their content")
            continue
        examined[train] = examined[rows] = True
        notes.append(
            f"content compared on {len(rows)} of {len(dataset.rows(split))} {split} samples and as many of the "
            f"{len(dataset.rows('train'))} training samples"
        )
        candidates.append(_content_candidate(dataset, split, train, rows, statistics))
        if dataset.modality == "table":
            candidates += _column_candidates(dataset, split, train, rows)
    accepted, _ = accepted_by_fdr(np.array([p for p, *_ in candidates]), FALSE_DISCOVERY_RATE)
    findings = tuple(
        finding for (_, large, finding), differs in zip(candidates, accepted, strict=True) if differs and large
    )
    return Detection(findings, int(examined.sum()), len(dataset), notes=tuple(notes))


def _target_candidates(dataset: Dataset, split: Split, rng: np.random.Generator) -> Iterator[Candidate]:
    if dataset.task == "classification":
        yield _class_shares(dataset, split, rng)
    elif dataset.task == "regression":
        yield _target_distribution(dataset, split)
    else:
        for place, name in enumerate(dataset.class_names):
            yield _label_share(dataset, split, place, name)


def _target_distribution(dataset: Dataset, split: Split) -> Candidate:
    train, other = (dataset.targets[dataset.rows(part)] for part in ("train", split))
    test = ks_2samp(train, other, method="asymp")
    medians = {"train": float(np.median(train)), split: float(np.median(other))}
    message = (
        f"the numeric targets are distributed differently in train and {split}, distance {test.statistic:.0%}: "
        f"median {medians['train']:.4g} in train, {medians[split]:.4g} in {split}"
    )
    evidence = {"what": "targets", "medians": medians}
    return _candidate(split, "targets", float(test.pvalue), float(test.statistic), MIN_DIFFERENCE, message, evidence)


def _label_share(dataset: Dataset, split: Split, place: int, name: str) -> Candidate:
    indicators = [dataset.targets[dataset.rows(part), place] for part in ("train", split)]
    counts = [int(part.sum()) for part in indicators]
    table = [[count, len(part) - count] for count, part in zip(counts, indicators, strict=True)]
    shares = [float(part.mean()) for part in indicators]
    message = f"label {name!r} is given to {shares[0]:.1%} of train and {shares[1]:.1%} of {split}"
    evidence = {"what": "label share", "label": name, "shares": {"train": shares[0], split: shares[1]}}
    p, difference = float(fisher_exact(table).pvalue), abs(shares[0] - shares[1])
    return _candidate(split, f"label {name}", p, difference, MIN_DIFFERENCE, message, evidence)


def _candidate(
    split: Split, claim: str, p: float, effect: float, minimum: float, message: str, evidence: Mapping[str, object]
) -> Candidate:
    full_evidence = {"splits": ["train", split], "difference": effect, "p_value": p, **evidence}
    claim_fingerprint = fingerprint("drift", [], f"{claim}\0{split}")
    return (
        p,
        effect >= minimum,
        Finding("drift", Severity.MEDIUM, (), effect, message, claim_fingerprint, full_evidence),
    )


def _column_candidates(
    dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64]
) -> Iterator[Candidate]:
    """Each column by itself, on rows of both splits that are matched by target."""
    for place, column in enumerate(describe(dataset.frame, dataset.rows("train"))):
        if column.kind in (*UNUSED, "text"):
            continue
        values = read(dataset.frame.iloc[:, place])
        sides = [values.numbers[part][~np.isnan(values.numbers[part])] for part in (train, rows)]
        if all(len(side) >= MIN_ROWS for side in sides):
            p, difference, description = _compare_numbers(sides[0], sides[1], split, values.dates)
        else:
            p, difference, description = _compare_words(values, train, rows, split)
        message = (
            f"column {column.name!r} is distributed differently in {_matched(dataset)} of train and {split}, "
            f"distance {difference:.0%}: {description}"
        )
        evidence: dict[str, object] = {"what": "column", "column": column.name}
        yield _candidate(split, f"column {column.name}", p, difference, MIN_DIFFERENCE, message, evidence)


def _matched(dataset: Dataset) -> str:
    same = {
        "classification": "of the same class",
        "regression": "with similar targets",
        "multilabel": "with equal labels",
    }
    return f"samples {same[dataset.task]}"


def _compare_numbers(
    train: NDArray[np.float64], other: NDArray[np.float64], split: Split, dates: bool
) -> tuple[float, float, str]:
    """p-value, difference, the difference in words."""
    test = ks_2samp(train, other, method="asymp")
    medians = [float(np.median(part)) for part in (train, other)]
    words = [str(np.datetime64(int(median), "s"))[:10] if dates else f"{median:.4g}" for median in medians]
    description = f"median {words[0]} in train, {words[1]} in {split}"
    return float(test.pvalue), float(test.statistic), description


def _compare_words(
    values: Values, train: NDArray[np.int64], rows: NDArray[np.int64], split: Split
) -> tuple[float, float, str]:
    """The same for words; rare words are pooled, a missing value counts as a word."""
    names = ["missing", *(repr(word[:40]) for word in values.words), "rare words"]
    counts = np.stack([np.bincount(values.codes[part] + 1, minlength=len(names)) for part in (train, rows)])
    rare = np.flatnonzero(counts.sum(0) < MIN_COUNT)
    pooled = counts[:, rare].sum(1)
    counts[:, rare] = 0
    counts[:, -1] = pooled
    used = np.flatnonzero(counts.sum(0))
    counts = counts[:, used]
    if len(used) < 2:
        return 1.0, 0.0, ""
    shares = counts / counts.sum(1, keepdims=True)
    largest = int(np.abs(shares[0] - shares[1]).argmax())
    description = f"{names[used[largest]]} in {shares[0, largest]:.1%} of train and {shares[1, largest]:.1%} of {split}"
    return float(chi2_contingency(counts).pvalue), float(np.abs(shares[0] - shares[1]).sum() / 2), description


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
    largest = int(np.abs(shares[0] - shares[1]).argmax())
    name = dataset.class_names[largest]
    message = (
        f"class shares differ between train and {split} by {variation:.0%} (total variation), most for {name!r}: "
        f"{shares[0, largest]:.1%} of train, {shares[1, largest]:.1%} of {split}"
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
    return p, variation >= MIN_VARIATION, finding


def _matched_rows(
    dataset: Dataset, split: Split, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random rows of training and of the split, matched one to one by class, or by tenth of the target."""
    chosen: list[list[NDArray[np.int64]]] = [[], []]
    for stratum in range(int(dataset.strata.max()) + 1):
        of_class = [
            rng.permutation(rows_of_split[dataset.strata[rows_of_split] == stratum])
            for rows_of_split in map(dataset.rows, ("train", split))
        ]
        shared = min(map(len, of_class))
        for side, rows in zip(chosen, of_class, strict=True):
            side.append(rows[:shared])
    drawn = rng.permutation(sum(map(len, chosen[0])))[:BUDGET]
    return np.concatenate(chosen[0])[drawn], np.concatenate(chosen[1])[drawn]


def _content_candidate(
    dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64],
    statistics: NDArray[np.float32],
) -> tuple[float, bool, Finding]:  # fmt: skip
    # Fitted on one half and tested on the other: cross-validated scores are too dependent for the test.
    half = len(rows) // 2
    fit_rows, test_rows = np.concatenate([train[:half], rows[:half]]), np.concatenate([train[half:], rows[half:]])
    features = _features(dataset, np.concatenate([train, rows]), statistics)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
    model.fit(features[fit_rows], dataset.splits[fit_rows] == split)
    scores = model.decision_function(features[test_rows])
    count = len(rows) - half
    test = mannwhitneyu(scores[count:], scores[:count], alternative="greater")
    auc, p = float(test.statistic) / count**2, float(test.pvalue)
    order = np.argsort(scores, kind="stable")
    surest = [row for row in test_rows[order[::-1]] if dataset.splits[row] == split][:SHOWN]
    surest += [row for row in test_rows[order] if dataset.splits[row] == "train"][:SHOWN]
    words = _telling_words(dataset, split, train, rows) if dataset.modality == "text" else {}
    message = f"a classifier tells {_matched(dataset)} of {split} from those of training with an AUC of {auc:.2f}"
    if words:
        quoted = ", ".join(
            f"{word!r} ({shares['train']:.0%} of train, {shares[split]:.0%} of {split})"
            for word, shares in words.items()
        )
        message += f"; words that differ most: {quoted}"
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
        **({"words": words} if words else {}),
    }
    claim = fingerprint("drift", [], f"content\0{split}")
    ids = tuple(dataset.ids[row] for row in surest)
    return p, auc >= MIN_AUC, Finding("drift", Severity.MEDIUM, ids, 2 * auc - 1, message, claim, evidence)


def _features(dataset: Dataset, compared: NDArray[np.int64], statistics: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) descriptors; for texts fitted on the rows compared, so that words of either split count."""
    if dataset.modality != "text":
        return np.concatenate([descriptors(dataset), statistics], 1)
    ngrams = character_features(np.asarray(dataset.inputs)[compared], np.arange(len(compared)))
    features = np.zeros((len(dataset), ngrams.shape[1]), np.float32)
    features[compared] = ngrams
    return features


def _telling_words(
    dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """Words whose share of texts differs most surely, with the shares."""
    texts = [str(dataset.inputs[row]) for row in np.concatenate([train, rows])]
    counter = CountVectorizer(binary=True, token_pattern=r"(?u)\b\w+\b")
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # no text has a word
        return {}
    shares = [np.asarray(part.mean(0)).ravel() for part in (counts[: len(train)], counts[len(train) :])]
    mean_share = (shares[0] + shares[1]) / 2
    z_scores = np.abs(shares[0] - shares[1]) / np.sqrt(np.maximum(mean_share * (1 - mean_share), 1 / len(texts)))
    names = counter.get_feature_names_out()
    return {
        str(names[place]): {"train": float(shares[0][place]), split: float(shares[1][place])}
        for place in np.argsort(-z_scores, kind="stable")[:MAX_WORDS]
    }


def _statistics(dataset: Dataset) -> NDArray[np.float32]:
    """(n, 3) brightness, contrast and roughness, which oriented gradients do not see; (n, 0) for other modalities."""
    if dataset.modality != "image":
        return np.zeros((len(dataset), 0), np.float32)
    statistics = np.empty((len(dataset), 3), np.float32)
    for rows, part in Pixels(dataset.pixels).blocks():
        pixels = part.numpy()
        steps = np.abs(np.diff(pixels, axis=2)).mean((1, 2, 3)) + np.abs(np.diff(pixels, axis=3)).mean((1, 2, 3))
        statistics[rows] = np.stack([pixels.mean((1, 2, 3)), pixels.std((1, 2, 3)), steps], 1)
    return statistics
