"""Planted label errors found again: the ranking against cleanlab's on the same probabilities, and what is reported.

python benchmarks/mislabeled.py PATH/TO/fashion-mnist WORK --seed 10

The errors are not made as the detector's own calibration makes them: confusable classes are those of a vote of nearest
neighbours under clean labels. Two minutes of one core for each set and condition at most; models are kept in WORK.
"""

import argparse
import gzip
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cleanlab.rank import get_label_quality_scores
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import mislabeled
from dataaudit.dataset import Dataset, Layout, silent
from dataaudit.training.learners.image import ImageLearner
from dataaudit.training.pool import Pool, train_pool

SETS = ("fashion", "digits")
LEARNER = ImageLearner(epochs=8)
RUNS = 8
CONDITIONS = [("none", 0.0)] + [(how, share) for how in ("random", "confusable") for share in (0.03, 0.1, 0.3)]


def read_idx(path: Path) -> np.ndarray:
    data = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def images(name: str, source: Path) -> tuple[np.ndarray, np.ndarray]:
    if name == "digits":
        digits = load_digits()
        return np.uint8(digits.images * 255 / 16), digits.target.astype(int)
    return (
        read_idx(source / "train-images-idx3-ubyte.gz"),
        read_idx(source / "train-labels-idx1-ubyte.gz").astype(int),
    )


def clean(name: str, source: Path, seed: int) -> Dataset:
    """2,000 training and 400 test images (digits: 1,397 and 400) in an order drawn by the seed."""
    pixels, labels = images(name, source)
    chosen = np.random.default_rng(seed).permutation(len(labels))[:2400]
    n, n_train = len(chosen), len(chosen) - 400
    inputs = np.ascontiguousarray(pixels[chosen][:, None])
    return Dataset(
        root=Path(name),
        ids=tuple(f"{row:05d}" for row in chosen),
        inputs=inputs,
        targets=labels[chosen].astype(np.int64),
        splits=np.array(["train"] * n_train + ["test"] * (n - n_train)),
        class_names=tuple(map(str, range(10))),
        contents=tuple(hashlib.sha256(one.tobytes()).hexdigest() for one in inputs),
        sources=tuple(Path(str(row)) for row in chosen),
        layout=Layout("memory", "given"),
    )


def flipped(dataset: Dataset, how: str, share: float, seed: int) -> Dataset:
    """Training labels of a share of the rows, any alike, exchanged.

    "random"      for any other class alike
    "confusable"  for a class drawn from the labels of the ten nearest neighbours, in pixels, of the class's rows
    """
    rng = np.random.default_rng([seed, 1])
    train, targets = dataset.rows("train"), dataset.targets.copy()
    rows = train[rng.permutation(len(train))[: round(share * len(train))]]
    flat = dataset.inputs[train].reshape(len(train), -1).astype(np.float32)
    nearest = NearestNeighbors(n_neighbors=11).fit(flat).kneighbors(flat, return_distance=False)[:, 1:]
    mixed_up = np.zeros((10, 10))
    np.add.at(mixed_up, (targets[train][:, None], targets[train][nearest]), 1.0)
    np.fill_diagonal(mixed_up, 0)
    for row in rows:
        was = targets[row]
        alike = how == "confusable" and mixed_up[was].any()
        chances = mixed_up[was] / mixed_up[was].sum() if alike else (np.arange(10) != was) / 9
        targets[row] = rng.choice(10, p=chances)
    return replace(dataset, targets=targets)


class NoAttribution:
    """Stands in for influences, which take no part in finding label errors."""

    self_influence = None

    def __init__(self, dataset: Dataset) -> None:
        self.shape = len(dataset.rows("train")), len(dataset.rows("test"))

    def sums_over_targets(self) -> np.ndarray:
        return np.zeros(self.shape[0], np.float32)


def measured(dataset: Dataset, wrong: np.ndarray, work: Path, seed: int) -> dict[str, Any]:
    """Average precision over training rows, and what is reported of all rows, before and after calibration."""

    def pool_on(labels: np.ndarray, name: str) -> Pool:
        changed = replace(dataset, targets=labels)
        return train_pool(changed, LEARNER, work / changed.fingerprint[:16] / name, RUNS, seed, silent)

    pool, train = pool_on(dataset.targets, "pool"), dataset.rows("train")
    case = CheckContext(dataset, pool, NoAttribution(dataset), seed, silent)
    calibration = mislabeled.calibrate(case, lambda labels: pool_on(labels, "calibration"))
    found = {"ours": 1 - mislabeled.detect(case).columns["label_quality"][train]}
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        labels = dataset.targets[train]
        found[method] = 1 - get_label_quality_scores(labels, pool.probabilities[train], method=method)
    ranking = {
        name: average_precision_score(wrong[train], scores) if wrong.any() else float("nan")
        for name, scores in found.items()
    }
    reports = {}
    for name, one in (("plain", case), ("calibrated", replace(case, calibration=calibration))):
        rows = [dataset.ids.index(finding.sample_ids[0]) for finding in mislabeled.detect(one).findings]
        reports[name] = {"reported": len(rows), "right": int(wrong[rows].sum())}
    return {**ranking, "wrong": int(wrong.sum()), **reports, "calibration": vars(calibration)}


def line(name: str, how: str, share: float, result: dict[str, Any]) -> str:
    """One row of the table."""
    reported, right = result["calibrated"].values()
    plain, plain_right = result["plain"].values()
    found, planted = result["calibration"]["found"], result["calibration"]["planted"]
    recalls = " / ".join(f"{found[sort] / planted[sort]:.2f}" for sort in planted)
    cells = [
        name,
        f"{how} {share:.0%}",
        *(f"{result[column]:.3f}" for column in ("ours", "self_confidence", "normalized_margin")),
        f"{reported} ({plain})",
        f"{right / max(reported, 1):.2f} ({plain_right / max(plain, 1):.2f})",
        f"{right / max(result['wrong'], 1):.2f} ({plain_right / max(result['wrong'], 1):.2f})",
        recalls,
        f"{result['calibration']['threshold']:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fashion_mnist", type=Path, help="folder with the .gz files of Fashion-MNIST")
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| set | flips | AP | self-confidence | normalized margin | reported (uncalibrated) | precision | recall | "
          "planted recall random / confusable | threshold |")  # fmt: skip
    print("| --- " * 10 + "|")
    for name in SETS:
        original = clean(name, arguments.fashion_mnist, arguments.seed)
        for how, share in CONDITIONS:
            dataset = flipped(original, how, share, arguments.seed)
            result = measured(dataset, dataset.targets != original.targets, arguments.work, arguments.seed)
            print(line(name, how, share, result), flush=True)
