"""Predicted against actual fall of a prediction's lead without its most influential training samples.

    python benchmarks/falls.py DATASET [--learner linear] [--predictions 30]

The audit's own scores, of a pool of 16 models, for right predictions drawn at random; models are trained without the
first 0.25, 0.5, 1, 2 and 4 % of the training samples in the order of their scores, nets four times. A line for each
size, then Pearson's r over all of them.
"""

import argparse
import tempfile
from pathlib import Path

import joblib
import numpy as np

from dataaudit.attribution.problem import Problem
from dataaudit.attribution.scoring import kept_or_new_scores
from dataaudit.checks.fragility import predicted_fall
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.training.learning import is_seedless
from dataaudit.training.models.learner_spec import learner_for
from dataaudit.training.pool import lead_over_best_other, train_pool
from dataaudit.training.retraining import Retraining

SHARES = (0.0025, 0.005, 0.01, 0.02, 0.04)
TIMES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--learner")
    parser.add_argument("--predictions", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, joblib.parallel_config(n_jobs=joblib.cpu_count()):
        work = Path(folder)
        dataset = load(AuditConfig(arguments.dataset, output=work / "audit"), silent)
        learner = learner_for(arguments.learner, dataset)
        pool = train_pool(dataset, learner, work / "pool", 16, 0, silent)
        train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
        predicted = pool.probabilities[target].argmax(1)
        attribution = kept_or_new_scores(Problem.from_pool(pool), work / "scores.h5", silent)
        retraining = Retraining(dataset, learner, work / "retrained", 0, 1, silent)
        times = range(1 if is_seedless(learner) else TIMES)
        whole = lead_over_best_other(retraining.runs([(train[:0], time) for time in times], target), predicted).mean(0)
        right = np.flatnonzero((predicted == dataset.targets[target]) & (whole > 0))
        chosen = np.sort(np.random.default_rng(0).permutation(right)[: arguments.predictions])
        sizes = [max(1, round(share * len(train))) for share in SHARES]
        runs, falls = [], []
        for _, scores in attribution.of_targets(chosen):
            order = np.argsort(-scores, kind="stable")[: sizes[-1]]
            falls.append(predicted_fall(scores[order], float(scores.clip(min=0).sum()))[np.array(sizes) - 1])
            runs.extend((train[order[:size]], time) for size in sizes for time in times)
        leads = lead_over_best_other(retraining.runs(runs, target), predicted)
    expected = np.array(falls)
    of_each = leads.reshape(*expected.shape, len(times), -1).mean(2)
    actual = whole[chosen, None] - of_each[np.arange(len(chosen)), :, chosen]
    for size, of_expected, of_actual in zip(sizes, expected.T, actual.T, strict=True):
        r, ratio = np.corrcoef(of_expected, of_actual)[0, 1], np.median(of_actual / of_expected)
        print(f"{size:5d} removed: r {r:.2f}, actual over predicted {ratio:.2f}, mean fall {of_actual.mean():.2f}")
    r = np.corrcoef(expected.ravel(), actual.ravel())[0, 1]
    print(f"{len(chosen)} predictions, {actual.size} removals: r {r:.3f}")


if __name__ == "__main__":
    main()
