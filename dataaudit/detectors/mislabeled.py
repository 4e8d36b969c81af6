"""Samples whose label is more likely wrong than right.

## What it finds
Samples of every split whose given label is contradicted by models that never saw them.

## Why it matters
Wrong training labels cost accuracy; wrong test labels make every measured figure wrong.

## How it is checked
Three unlike views, each out of sample: the pool's models that were not trained on the sample, a linear model on
oriented gradients, and the sample's nearest neighbours. Their log-probabilities are added; how far the sum is to be
believed, and how many labels are wrong at all, are fitted to the dataset's own labels. Samples are reported, surest
first, as long as at most a fifth of them are expected to be right after all. The label quality of training samples
also counts the models that were trained on them, since a wrong label is learnt with more resistance. cleanlab's
self-confidence on the pool's probabilities and the sample's influence are shown beside it.

## What to do
Look at the sample. Relabel it, remove it, or keep it if it is merely hard.
"""

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from ..dataset import Dataset
from ..detection import Case, Detection
from ..findings import Finding, Severity, fingerprint
from ..label_views import descriptors, linear_probabilities, neighbour_probabilities

with warnings.catch_warnings():  # cleanlab silences the importing program's warnings
    from cleanlab.rank import get_label_quality_scores

EXPECTED_FALSE = 0.2
FLOOR = 1e-4


def detect(case: Case) -> Detection:
    """See the module."""
    dataset, labels = case.dataset, case.dataset.targets
    train = dataset.rows("train")
    features = descriptors(dataset)
    views = {
        "pool": case.pool.probabilities,
        "linear": linear_probabilities(dataset, features, case.seed),
        "neighbours": neighbour_probabilities(dataset, features),
    }
    evidence = np.sum([_log(view) for view in views.values()], axis=0)
    trust, noise = _fit_noise(evidence[train], labels[train])
    unseen, _ = _contest(evidence, labels)
    wrong = _probability_wrong(expit(trust * unseen), noise / max(1, len(dataset.class_names) - 1))
    evidence[train] += _log(case.pool.fitted_probabilities[train])
    margin, rival = _contest(evidence, labels)
    quality = expit(trust * margin)
    suggested = np.where(quality < 0.5, rival, labels)
    confidence = get_label_quality_scores(labels, case.pool.probabilities, method="self_confidence")

    self_influence, mean_influence = np.full(len(dataset), np.nan), np.full(len(dataset), np.nan)
    self_influence[train] = case.attribution.self_influence
    mean_influence[train] = case.attribution.sums_over_targets() / case.attribution.shape[1]
    names = np.array(dataset.class_names)
    columns = {
        "label_quality": quality,
        "suggested_label": names[suggested],
        "probability_wrong": wrong,
        "self_confidence": confidence,
        "self_influence": self_influence,
        "mean_influence": mean_influence,
    }
    findings = tuple(
        _finding(dataset, int(row), int(rival[row]), views, columns, train) for row in _expected_true(wrong)
    )
    share = f"estimated share of wrong training labels: {noise:.1%}; trust in the views' sum: {trust:.2f}"
    return Detection(findings, len(dataset), len(dataset), columns, notes=(share,))


def _log(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.clip(probabilities, FLOOR, 1.0))


def _contest(evidence: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """By how much each label beats its best rival (negative if it loses), and that rival."""
    rows = np.arange(len(labels))
    others = evidence.copy()
    others[rows, labels] = -np.inf
    rival = others.argmax(1)
    return evidence[rows, labels] - others[rows, rival], rival


def _fit_noise(evidence: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Maximum-likelihood (trust, noise) of: true class ~ softmax(trust * evidence), label wrong with chance noise.

    A wrong label is any other class alike (symmetric noise, e.g. Natarajan et al. 2013). Trust is at most 1, that of
    independent views; labels that the evidence separates perfectly would have none.
    """
    rows, others = np.arange(len(labels)), max(1, evidence.shape[1] - 1)

    def loss(point: NDArray[np.float64]) -> float:
        right = np.exp(log_softmax(min(np.exp(point[0]), 1.0) * evidence, axis=1)[rows, labels])
        noise = expit(point[1])
        return float(-np.log((1 - noise) * right + noise * (1 - right) / others + 1e-300).mean())

    found = minimize(loss, np.array([-1.0, -3.0]), method="Nelder-Mead").x
    return min(float(np.exp(found[0])), 1.0), float(expit(found[1]))


def _probability_wrong(quality: NDArray[np.float64], noise: float) -> NDArray[np.float64]:
    """Posterior that the best rival and not the given label is true, given their odds and the chance of a mix-up."""
    return np.asarray(noise * (1 - quality) / np.maximum(noise * (1 - quality) + (1 - noise) * quality, 1e-300))


def _expected_true(wrong: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows, surest first, as many as keep the expected share of right labels at EXPECTED_FALSE (Bayesian FDR)."""
    order = np.argsort(-wrong, kind="stable")
    false = np.cumsum(1 - wrong[order]) / np.arange(1, len(wrong) + 1)
    return order[: int((false <= EXPECTED_FALSE).sum())]


def _finding(
    dataset: Dataset, row: int, rival: int, views: dict[str, NDArray[np.float64]],
    columns: dict[str, NDArray[np.float64]], train: NDArray[np.int64],
) -> Finding:  # fmt: skip
    given, other = dataset.class_names[dataset.targets[row]], dataset.class_names[rival]
    split = str(dataset.splits[row])
    evidence = {
        "split": split,
        "label": given,
        "suggested_label": other,
        "probability_wrong": float(columns["probability_wrong"][row]),
        "label_quality": float(columns["label_quality"][row]),
        "self_confidence": float(columns["self_confidence"][row]),
        "views": {
            name: {"label": float(view[row, dataset.targets[row]]), "suggested": float(view[row, rival])}
            for name, view in views.items()
        },
    }
    if split == "train":
        own = columns["self_influence"]
        evidence["self_influence"] = float(own[row])
        evidence["self_influence_percentile"] = float((own[train] <= own[row]).mean() * 100)
        evidence["mean_influence"] = float(columns["mean_influence"][row])
    return Finding(
        kind="mislabeled",
        severity=Severity.MEDIUM if split == "train" else Severity.HIGH,
        sample_ids=(dataset.ids[row],),
        score=float(columns["probability_wrong"][row]),
        message=f"{dataset.ids[row]} is labelled {given!r} but looks like {other!r}",
        fingerprint=fingerprint("mislabeled", [dataset.contents[row]], f"{given}\0{other}"),
        evidence=evidence,
    )
