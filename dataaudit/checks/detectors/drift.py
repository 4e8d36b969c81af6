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
from ..matching.near_duplicates import matching_pixels
from ..proof import accepted_by_fdr

KINDS = {"drift": "Distribution shift"}
FALSE_DISCOVERY_RATE = 0.01
LEAST_VARIATION = 0.05
LEAST_DIFFERENCE = 0.1
"""Between two distributions of numbers or words, or two shares of a label."""
LEAST_AUC = 0.6
PERMUTATIONS = 9999
BUDGET = 5000
MIN_ROWS = 30
SHOWN = 10
"""Samples of each split."""
WORDS = 8
"""Words of texts that are named at most."""
MIN_COUNT = 10
"""Samples of both splits that a word must be in."""
STATISTICS = ("brightness", "contrast", "roughness")
Candidate = tuple[float, bool, Finding]
"""p-value, whether the effect is large enough, claim."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, rng = context.dataset, np.random.default_rng(context.seed)
    others: list[Split] = [split for split in ("val", "test") if len(dataset.rows(split))]
    if not others or not len(dataset.rows("train")):
        return Detection((), 0, len(dataset), skipped="there is no other split to compare with training")
    statistics = _statistics(dataset)
    candidates: list[Candidate] = []
    notes, examined = [], np.zeros(len(dataset), bool)
    for split in others:
        candidates += _of_targets(dataset, split, rng)
        train, rows = _alike(dataset, split, rng)
        if len(rows) < MIN_ROWS:
            notes.append(f"{split}: too few samples of classes shared with training to compare their content")
            continue
        examined[train] = examined[rows] = True
        notes.append(
            f"content compared on {len(rows)} of {len(dataset.rows(split))} {split} samples and as many of the "
            f"{len(dataset.rows('train'))} training samples"
        )
        candidates.append(_content(dataset, split, train, rows, statistics))
        if dataset.modality == "table":
            candidates += _columns(dataset, split, train, rows)
    accepted, _ = accepted_by_fdr(np.array([p for p, *_ in candidates]), FALSE_DISCOVERY_RATE)
    findings = tuple(
        finding for (_, large, finding), differs in zip(candidates, accepted, strict=True) if differs and large
    )
    return Detection(findings, int(examined.sum()), len(dataset), notes=tuple(notes))


def _of_targets(dataset: Dataset, split: Split, rng: np.random.Generator) -> Iterator[Candidate]:
    if dataset.task == "classification":
        yield _class_shares(dataset, split, rng)
    elif dataset.task == "regression":
        yield _numbers(dataset, split)
    else:
        for place, name in enumerate(dataset.class_names):
            yield _label_share(dataset, split, place, name)


def _numbers(dataset: Dataset, split: Split) -> Candidate:
    train, other = (dataset.targets[dataset.rows(part)] for part in ("train", split))
    test = ks_2samp(train, other, method="asymp")
    medians = {"train": float(np.median(train)), split: float(np.median(other))}
    message = (
        f"the numeric targets are distributed differently in train and {split}, distance {test.statistic:.0%}: "
        f"median {medians['train']:.4g} in train, {medians[split]:.4g} in {split}"
    )
    evidence = {"what": "targets", "medians": medians}
    return _candidate(split, "targets", float(test.pvalue), float(test.statistic), LEAST_DIFFERENCE, message, evidence)


def _label_share(dataset: Dataset, split: Split, place: int, name: str) -> Candidate:
    given = [dataset.targets[dataset.rows(part), place] for part in ("train", split)]
    counts = [int(part.sum()) for part in given]
    table = [[count, len(part) - count] for count, part in zip(counts, given, strict=True)]
    shares = [float(part.mean()) for part in given]
    message = f"label {name!r} is given to {shares[0]:.1%} of train and {shares[1]:.1%} of {split}"
    evidence = {"what": "label share", "label": name, "shares": {"train": shares[0], split: shares[1]}}
    p, difference = float(fisher_exact(table).pvalue), abs(shares[0] - shares[1])
    return _candidate(split, f"label {name}", p, difference, LEAST_DIFFERENCE, message, evidence)


def _candidate(
    split: Split, claim: str, p: float, effect: float, least: float, message: str, evidence: Mapping[str, object]
) -> Candidate:
    told = {"splits": ["train", split], "difference": effect, "p_value": p, **evidence}
    mark = fingerprint("drift", [], f"{claim}\0{split}")
    return p, effect >= least, Finding("drift", Severity.MEDIUM, (), effect, message, mark, told)


def _columns(dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64]) -> Iterator[Candidate]:
    """Each column by itself, on rows of both splits that are alike in their targets."""
    for place, column in enumerate(describe(dataset.frame, dataset.rows("train"))):
        if column.kind in (*UNUSED, "text"):
            continue
        values = read(dataset.frame.iloc[:, place])
        sides = [values.numbers[part][~np.isnan(values.numbers[part])] for part in (train, rows)]
        if all(len(side) >= MIN_ROWS for side in sides):
            p, difference, how = _of_numbers(sides[0], sides[1], split, values.dates)
        else:
            p, difference, how = _of_words(values, train, rows, split)
        message = (
            f"column {column.name!r} is distributed differently in {_alike_words(dataset)} of train and {split}, "
            f"distance {difference:.0%}: {how}"
        )
        told: dict[str, object] = {"what": "column", "column": column.name}
        yield _candidate(split, f"column {column.name}", p, difference, LEAST_DIFFERENCE, message, told)


def _alike_words(dataset: Dataset) -> str:
    same = {
        "classification": "of the same class",
        "regression": "with similar targets",
        "multilabel": "with equal labels",
    }
    return f"samples {same[dataset.task]}"


def _of_numbers(
    train: NDArray[np.float64], other: NDArray[np.float64], split: Split, dates: bool
) -> tuple[float, float, str]:
    """p-value, difference, the difference in words."""
    test = ks_2samp(train, other, method="asymp")
    medians = [float(np.median(part)) for part in (train, other)]
    words = [str(np.datetime64(int(one), "s"))[:10] if dates else f"{one:.4g}" for one in medians]
    how = f"median {words[0]} in train, {words[1]} in {split}"
    return float(test.pvalue), float(test.statistic), how


def _of_words(
    values: Values, train: NDArray[np.int64], rows: NDArray[np.int64], split: Split
) -> tuple[float, float, str]:
    """The same; words that both splits hardly have count as one, a missing one as a word."""
    names = ["missing", *(repr(word[:40]) for word in values.words), "rare words"]
    counts = np.stack([np.bincount(values.codes[part] + 1, minlength=len(names)) for part in (train, rows)])
    rare = np.flatnonzero(counts.sum(0) < MIN_COUNT)
    together = counts[:, rare].sum(1)
    counts[:, rare] = 0
    counts[:, -1] = together
    kept = np.flatnonzero(counts.sum(0))
    counts = counts[:, kept]
    if len(kept) < 2:
        return 1.0, 0.0, ""
    shares = counts / counts.sum(1, keepdims=True)
    most = int(np.abs(shares[0] - shares[1]).argmax())
    how = f"{names[kept[most]]} in {shares[0, most]:.1%} of train and {shares[1, most]:.1%} of {split}"
    return float(chi2_contingency(counts).pvalue), float(np.abs(shares[0] - shares[1]).sum() / 2), how


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
        f"class shares differ between train and {split} by {variation:.0%} (total variation), most for {name!r}: "
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
    """Random rows of training and of the split, place by place of the same class, or alike in their targets."""
    chosen: list[list[NDArray[np.int64]]] = [[], []]
    for stratum in range(int(dataset.strata.max()) + 1):
        of_class = [rng.permutation(r[dataset.strata[r] == stratum]) for r in map(dataset.rows, ("train", split))]
        shared = min(map(len, of_class))
        for side, rows in zip(chosen, of_class, strict=True):
            side.append(rows[:shared])
    kept = rng.permutation(sum(map(len, chosen[0])))[:BUDGET]
    return np.concatenate(chosen[0])[kept], np.concatenate(chosen[1])[kept]


def _content(
    dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64],
    statistics: NDArray[np.float32],
) -> tuple[float, bool, Finding]:  # fmt: skip
    # Fitted on one half of the places and asked about the other: cross-validated scores are too alike for the test.
    half = len(rows) // 2
    known, asked = np.concatenate([train[:half], rows[:half]]), np.concatenate([train[half:], rows[half:]])
    features = _features(dataset, np.concatenate([train, rows]), statistics)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=300))
    model.fit(features[known], dataset.splits[known] == split)
    scores = model.decision_function(features[asked])
    count = len(rows) - half
    test = mannwhitneyu(scores[count:], scores[:count], alternative="greater")
    auc, p = float(test.statistic) / count**2, float(test.pvalue)
    order = np.argsort(scores, kind="stable")
    surest = [row for row in asked[order[::-1]] if dataset.splits[row] == split][:SHOWN]
    surest += [row for row in asked[order] if dataset.splits[row] == "train"][:SHOWN]
    words = _telling_words(dataset, split, train, rows) if dataset.modality == "text" else {}
    message = f"a classifier tells {_alike_words(dataset)} of {split} from those of training with an AUC of {auc:.2f}"
    if words:
        told = ", ".join(
            f"{word!r} ({one['train']:.0%} of train, {one[split]:.0%} of {split})" for word, one in words.items()
        )
        message += f"; words that differ most: {told}"
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
    return p, auc >= LEAST_AUC, Finding("drift", Severity.MEDIUM, ids, 2 * auc - 1, message, claim, evidence)


def _features(dataset: Dataset, compared: NDArray[np.int64], statistics: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) descriptors; of texts, those of the rows compared, with words that only one of the splits has."""
    if dataset.modality != "text":
        return np.concatenate([descriptors(dataset), statistics], 1)
    found = character_features(np.asarray(dataset.inputs)[compared], np.arange(len(compared)))
    features = np.zeros((len(dataset), found.shape[1]), np.float32)
    features[compared] = found
    return features


def _telling_words(
    dataset: Dataset, split: Split, train: NDArray[np.int64], rows: NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """Words whose share of texts differs most surely, with the shares."""
    texts = [str(dataset.inputs[row]) for row in np.concatenate([train, rows])]
    counter = CountVectorizer(binary=True, token_pattern=r"(?u)\b\w+\b")
    try:
        found = counter.fit_transform(texts)
    except ValueError:  # no text has a word
        return {}
    shares = [np.asarray(part.mean(0)).ravel() for part in (found[: len(train)], found[len(train) :])]
    middle = (shares[0] + shares[1]) / 2
    surely = np.abs(shares[0] - shares[1]) / np.sqrt(np.maximum(middle * (1 - middle), 1 / len(texts)))
    names = counter.get_feature_names_out()
    return {
        str(names[place]): {"train": float(shares[0][place]), split: float(shares[1][place])}
        for place in np.argsort(-surely, kind="stable")[:WORDS]
    }


def _statistics(dataset: Dataset) -> NDArray[np.float32]:
    """(n, 3) brightness, contrast and roughness, which oriented gradients do not see; (n, 0) for other modalities."""
    if dataset.modality != "image":
        return np.zeros((len(dataset), 0), np.float32)
    pixels = matching_pixels(dataset.pixels).numpy()
    steps = np.abs(np.diff(pixels, axis=2)).mean((1, 2, 3)) + np.abs(np.diff(pixels, axis=3)).mean((1, 2, 3))
    return np.stack([pixels.mean((1, 2, 3)), pixels.std((1, 2, 3)), steps], 1).astype(np.float32)
