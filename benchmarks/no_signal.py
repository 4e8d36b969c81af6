"""Whether an audit claims anything of labels or models where there is nothing to learn: it should not.

    python benchmarks/no_signal.py [--draws 20]

Tables of 300 rows: constant columns, eight columns of noise, one column of noise, each with two classes at random; and
rows drawn from scikit-learn's breast cancer and digits, whose labels are shuffled. Each draw is audited with 8 runs and
retraining tests. A line for each sort: how many draws claim something that needs a relation of inputs and labels, and
how many claims there are; then the draws' other findings, which are about inputs or splits alone.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits

import dataaudit

ROWS = 300
CLAIMS = {"mislabeled", "doubtful_label", "harmful", "brittle", "underperforming_group", "label_leak", "telling_gaps"}

Inputs = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Gives (ROWS, columns) inputs, and labels (ROWS,) that have nothing to do with them."""


def _beside_random_labels(inputs: Callable[[np.random.Generator], np.ndarray]) -> Inputs:
    return lambda rng: (inputs(rng), rng.permutation(np.arange(ROWS) % 2))


def _shuffled(load: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Inputs:
    def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        inputs, labels = load(return_X_y=True)
        rows = rng.permutation(len(inputs))[:ROWS]
        return inputs[rows], rng.permutation(labels[rows])

    return drawn


SORTS: dict[str, Inputs] = {
    "constant": _beside_random_labels(lambda rng: np.ones((ROWS, 3))),
    "noise": _beside_random_labels(lambda rng: rng.normal(size=(ROWS, 8))),
    "one feature": _beside_random_labels(lambda rng: rng.normal(size=(ROWS, 1))),
    "shuffled breast cancer": _shuffled(load_breast_cancer),
    "shuffled digits": _shuffled(load_digits),
}


def kinds(sort: str, seed: int) -> Counter[str]:
    """How many findings of each kind one draw has."""
    inputs, labels = SORTS[sort](np.random.default_rng([seed, len(sort)]))
    frame = pd.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])])
    frame["label"] = np.char.add("class ", labels.astype(str))
    with tempfile.TemporaryDirectory() as folder:
        audit = dataaudit.audit(frame, label="label", runs=8, seed=seed, output=Path(folder) / "audit")
    return Counter(audit.findings["kind"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    for sort in SORTS:
        draws = [kinds(sort, seed) for seed in range(arguments.draws)]
        total = sum(draws, Counter[str]())
        claims = {kind: count for kind, count in total.items() if kind in CLAIMS}
        others = {kind: count for kind, count in total.items() if kind not in CLAIMS}
        claiming = sum(not CLAIMS.isdisjoint(draw) for draw in draws)
        print(f"{sort}: {claiming} of {len(draws)} draws claim something: {claims}; besides: {others}", flush=True)
