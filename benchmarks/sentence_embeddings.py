"""Label errors in texts with and without sentence embeddings, and linear models on words against those on embeddings.

    pip install 'dataaudit[text]'
    python benchmarks/sentence_embeddings.py FOLDER [--faults FOLDER_faults.csv]

Without --faults 5 % of the training labels are flipped to any other class. A learner's eight models on halves of the
training rows stand for the pool; loss is that on the rows that each was not trained on.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from dataaudit.checks.labels.label_noise import fit_noise, judge, log_views, surest
from dataaudit.checks.labels.label_opinion import label_opinion
from dataaudit.data.features.sentence_embeddings import sentence_embeddings, shares_read
from dataaudit.data.features.sentence_models import MINILM
from dataaudit.data.loading import read_dataset
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.pool import BLOCK, Pool, train_pool

SHARE, WORDS_SEE = 0.05, 3
"""The pool, the linear model and the neighbours that see words come first among the views."""


def flipped(dataset: Dataset, seed: int) -> tuple[Dataset, NDArray[np.bool_]]:
    train, rng = dataset.rows("train"), np.random.default_rng(seed)
    targets, classes = dataset.targets.copy(), len(dataset.class_names)
    rows = rng.choice(train, round(SHARE * len(train)), replace=False)
    targets[rows] = (targets[rows] + rng.integers(1, classes, len(rows))) % classes
    return replace(dataset, targets=targets), (targets != dataset.targets)[train]


def listed(dataset: Dataset, path: Path) -> NDArray[np.bool_]:
    """Training rows with a wrong label by a list of faults: flips, and leaks that carry another label."""
    faults = pd.read_csv(path)
    true = dict(zip(faults.train_id, faults.true_label, strict=True))
    labels = {id: dataset.label(row) for row, id in enumerate(dataset.ids)}
    wrong = {id for id in true if id in labels and labels[id] != true[id]}
    return np.isin(np.array(dataset.ids)[dataset.rows("train")], list(wrong))


def judged(pool: Pool, is_wrong: NDArray[np.bool_]) -> None:
    dataset, train = pool.dataset, pool.dataset.rows("train")
    opinion = label_opinion(pool, 0)
    for count in (WORDS_SEE, len(opinion.views)):
        logs = log_views(list(opinion.views.values())[:count])
        wrong = judge(fit_noise(logs[:, train], dataset.targets[train]), logs, dataset.targets).wrong()[train]
        reported = surest(wrong)[0]
        print(
            f"    {', '.join(list(opinion.views)[:count])}: average precision "
            f"{average_precision_score(is_wrong, wrong):.3f}, {is_wrong[reported].sum()} of {len(reported)} reported "
            "are wrong"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faults", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = read_dataset(arguments.folder, ReadOptions(), silent)
    dataset, is_wrong = (dataset, listed(dataset, arguments.faults)) if arguments.faults else flipped(dataset, 0)
    unknown, cut = shares_read(dataset)
    begun = time.process_time()
    sentence_embeddings(dataset, MINILM)
    took = (time.process_time() - begun) / len(dataset) * 1e3
    print(f"{took:.1f} ms a text; {unknown:.1%} of the pieces unknown, {cut:.1%} of the texts cut")
    train, test = dataset.rows("train"), dataset.rows("test")
    for spec in ("text", f"text:embedding={MINILM}", f"text:embedding={MINILM},C=1"):
        with tempfile.TemporaryDirectory() as folder:
            pool = train_pool(dataset, learner_of(spec, "text"), Path(folder), BLOCK, 0, silent)
        loss = -np.log(pool.probabilities[train, dataset.targets[train]]).mean()
        print(f"{spec}: log-loss {loss:.3f}, test accuracy {pool.accuracies(test).mean():.3f}")
        judged(pool, is_wrong)
