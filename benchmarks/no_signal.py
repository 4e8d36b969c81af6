"""Whether an audit claims anything of single samples where there is nothing to learn: it should not.

    python benchmarks/no_signal.py [--draws 20]

Tables of 300 rows with two classes: constant columns, eight columns of noise, one column of noise, and columns that
tell the label, which is then shuffled. Each draw is audited with 8 runs and retraining tests. A line for each sort: how
many draws claimed label errors, harmful samples or brittle predictions, and how many claims there were.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import dataaudit

ROWS = 300
CLAIMS = ("mislabeled", "doubtful_label", "harmful", "brittle")


def _told(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(ROWS, 8)) + 2 * (np.arange(ROWS) % 2)[:, None]


INPUTS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "constant": lambda rng: np.ones((ROWS, 3)),
    "noise": lambda rng: rng.normal(size=(ROWS, 8)),
    "one feature": lambda rng: rng.normal(size=(ROWS, 1)),
    "shuffled labels": _told,
}


def claims(sort: str, seed: int) -> Counter[str]:
    rng = np.random.default_rng([seed, len(sort)])
    inputs = INPUTS[sort](rng)
    frame = pd.DataFrame(inputs, columns=[f"x{i}" for i in range(inputs.shape[1])])
    frame["label"] = rng.permutation(np.array(["no", "yes"])[np.arange(ROWS) % 2])
    with tempfile.TemporaryDirectory() as folder:
        audit = dataaudit.audit(frame, label="label", runs=8, seed=seed, output=Path(folder) / "audit")
    return Counter(kind for kind in audit.findings["kind"] if kind in CLAIMS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    for sort in INPUTS:
        every = [claims(sort, seed) for seed in range(arguments.draws)]
        total = sum(every, Counter[str]())
        print(f"{sort}: {sum(map(bool, every))} of {len(every)} draws claim something: {dict(total)}", flush=True)
