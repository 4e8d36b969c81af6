"""Label errors under four kinds of noise, before and after sixty answers of a reviewer, against cleanlab.

    python benchmarks/label_noise.py WORK [DATASET ...] [--draws 3] [--kinds clean,random,confusable,instance]

By default on the three sets of sample_data, their planted flips undone. A draw leaves out a random fifth of the samples
and gives eight in a hundred of the others, of any split, a wrong label:

random       any other class
confusable   a class drawn from what a weak annotator takes the class for
instance     what the weak annotator takes the sample for: errors live where samples are hard

The weak annotator is a small net trained on a few hundredths of the samples, on pixels, TF-IDF or encoded columns;
the right class is raised in its logits until eight in a hundred of the labels drawn from them are wrong. cleanlab is
given the probabilities of the same pool of eight models. Models are kept in WORK.
"""

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logit, softmax
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from dataaudit import pipeline
from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import mislabeled
from dataaudit.config import AuditConfig
from dataaudit.data.features.columns import encode
from dataaudit.dataset import Dataset, silent
from dataaudit.training.models.learner_spec import learner_for
from dataaudit.training.pool import train_pool
from dataaudit.verdict.recalibration import recalibration

SAMPLES = Path(__file__).parents[1] / "sample_data"
KINDS = ("clean", "random", "confusable", "instance")
SHARE, RUNS, REVIEWED, TAUGHT = 0.08, 8, 60, 12
"""TAUGHT: samples a class that the weak annotator is trained on."""
RANKINGS = ("AP", "AP of self-confidence")


@dataclass(frozen=True)
class Case:
    """One draw: truth and what is said of its labels, (n,) or (n, c), and what is drawn for review."""

    wrong: NDArray[np.bool_]
    log_odds: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    reported: NDArray[np.int64]
    drawn: NDArray[np.int64]


def without_faults(dataset: Dataset) -> Dataset:
    """With the labels that the file of faults beside a sample set gives as the true ones."""
    path = dataset.root.with_name(f"{dataset.root.name}_faults.csv")
    if not path.exists():
        return dataset
    faults = pd.read_csv(path).query("fault != 'column'")
    row_of, targets = {id: row for row, id in enumerate(dataset.ids)}, dataset.targets.copy()
    for id, label in zip(faults["train_id"], faults["true_label"].astype(str), strict=True):
        targets[row_of[id]] = dataset.class_names.index(label)
    return replace(dataset, targets=targets)


def annotator(dataset: Dataset, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, c) class probabilities of the weak annotator, who takes SHARE of the samples for another class."""
    everything = np.arange(len(dataset))
    if dataset.modality == "text":
        words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(dataset.inputs)
        features = TruncatedSVD(200, random_state=0).fit_transform(words)
    elif dataset.modality == "table":
        features = encode(dataset.frame, everything)
    else:
        features = np.asarray(dataset.inputs).reshape(len(dataset), -1)
    features = StandardScaler().fit_transform(features)
    taught = np.concatenate([rng.permutation(np.flatnonzero(dataset.targets == c))[:TAUGHT]
                             for c in range(len(dataset.class_names))])  # fmt: skip
    net = MLPClassifier((32,), alpha=1.0, max_iter=300, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logits = np.log(net.fit(features[taught], dataset.targets[taught]).predict_proba(features) + 1e-9)
    right = np.eye(len(dataset.class_names))[dataset.targets]
    raised = brentq(lambda by: (softmax(logits + by * right, 1) * (1 - right)).sum(1).mean() - SHARE, -20, 40)
    return np.asarray(softmax(logits + raised * right, 1))


def noisy(dataset: Dataset, kind: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) labels."""
    truth, classes = dataset.targets, len(dataset.class_names)
    if kind == "clean":
        return truth
    if kind == "random":
        chances = np.full((classes, classes), SHARE / (classes - 1))
        np.fill_diagonal(chances, 1 - SHARE)
        by_sample = chances[truth]
    else:
        by_sample = annotator(dataset, rng)
    if kind == "confusable":
        taken_for = np.stack([by_sample[truth == c].mean(0) for c in range(classes)])
        np.fill_diagonal(taken_for, 0)
        by_sample = SHARE * (taken_for / taken_for.sum(1, keepdims=True))[truth]
        by_sample[np.arange(len(truth)), truth] = 1 - SHARE
    return (rng.random((len(truth), 1)) > by_sample.cumsum(1)[:, :-1]).sum(1)


def case(config: AuditConfig, dataset: Dataset, kind: str, draw: int) -> Case:
    """What a small audit says of one draw."""
    rng = np.random.default_rng([draw, KINDS.index(kind)])
    kept = np.sort(rng.permutation(len(dataset))[: round(0.8 * len(dataset))])
    clean = dataset.part(kept)
    given = replace(clean, targets=noisy(clean, kind, rng))
    learner = learner_for(config.learner, given)

    def pool_on(labels: NDArray[np.int64]):
        changed = replace(given, targets=labels)
        return train_pool(changed, learner, config.directory / changed.fingerprint[:16], RUNS, draw, silent)

    context = CheckContext(given, pool_on(given.targets), None, draw, silent, review=REVIEWED)
    context = replace(context, calibration=mislabeled.calibrate(context, pool_on))
    found = mislabeled.detect(context)
    row_of = {id: row for row, id in enumerate(given.ids)}
    quality = found.columns["label_quality"]
    return Case(
        given.targets != clean.targets,
        np.asarray(logit(np.clip(1 - quality, 1e-15, 1 - 1e-15))),
        context.pool.probabilities,
        given.targets,
        np.array([row_of[finding.sample_ids[0]] for finding in found.findings if finding.kind == "mislabeled"], int),
        np.array([row_of[id] for stratum in found.figures["review"] for id in stratum["drawn"]], int),
    )


def after_review(case: Case) -> tuple[NDArray[np.int64], float]:
    """Rows reported once those drawn are judged, and how many of them are expected to be wrong."""
    known = recalibration(case.log_odds[case.drawn], case.wrong[case.drawn])
    open_ = np.setdiff1d(np.arange(len(case.labels)), case.drawn)
    count = known.count(case.log_odds[open_])
    listed = open_[np.argsort(-case.log_odds[open_], kind="stable")[:count]]
    sure = case.drawn[case.wrong[case.drawn]]
    return np.concatenate([sure, listed]), len(sure) + float(known.wrong(case.log_odds[listed]).sum())


def measured(case: Case) -> dict[str, float]:
    """Average precisions; how many labels are in each list, and how many of them are wrong."""
    confidence = -get_label_quality_scores(case.labels, case.probabilities, method="self_confidence")
    figures = {"wrong": float(case.wrong.sum())}
    if case.wrong.any():
        figures["AP"] = average_precision_score(case.wrong, case.log_odds)
        figures["AP of self-confidence"] = average_precision_score(case.wrong, confidence)
    lists = {"before": case.reported}
    lists["after"], figures["expected after"] = after_review(case)
    for method in ("prune_by_noise_rate", "low_self_confidence"):
        lists[method] = np.flatnonzero(find_label_issues(case.labels, case.probabilities, filter_by=method, n_jobs=1))
    for name, rows in lists.items():
        figures |= {f"{name}, listed": len(rows), f"{name}, right": int(case.wrong[rows].sum())}
    return figures


def line(name: str, kind: str, figures: Mapping[str, float]) -> str:
    """A row of the table, of figures summed over draws, average precisions of means."""
    cells = [name, kind, *(f"{figures[column]:.3f}" if column in figures else "" for column in RANKINGS)]
    for lists in ("before", "after", "prune_by_noise_rate", "low_self_confidence"):
        listed, right = figures[f"{lists}, listed"], figures[f"{lists}, right"]
        precision = f"{right / listed:.2f}" if listed else "-"
        expected = f" ({figures['expected after'] / listed:.2f})" if lists == "after" and listed else ""
        cells.append(f"{listed:.0f}: {precision}{expected}, {right / max(figures['wrong'], 1):.2f}")
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("datasets", type=Path, nargs="*")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| set | noise | AP | self-confidence | reported: precision, recall | after 60 answers (expected) | "
          "cleanlab's default filter | low_self_confidence |")  # fmt: skip
    print("| --- " * 8 + "|")
    for path in arguments.datasets or [SAMPLES / name for name in ("fashion", "glosses", "flights")]:
        config = AuditConfig(path, arguments.work / path.name, runs=RUNS, checks=("mislabeled",))
        budget, dataset = pipeline.prepare(config, silent)
        config = budget.config
        dataset = without_faults(dataset)
        for kind in arguments.kinds.split(","):
            draws = pd.DataFrame([measured(case(config, dataset, kind, draw)) for draw in range(arguments.draws)])
            means = draws.filter(like="AP").mean()
            print(line(path.name, kind, {**draws.sum(), **means}), flush=True)
