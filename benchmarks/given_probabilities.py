"""Label errors by probabilities and features that the user brings, against cleanlab's rankings on the same inputs.

    python benchmarks/given_probabilities.py PATH/TO/fashion-mnist
    python benchmarks/given_probabilities.py --large

Eight in a hundred labels are flipped, half to any class and half to the one that a model confuses most; probabilities
are a logistic regression's in five folds on the flipped labels. --large times an audit of 50,000 rows by 512 features
and 10 classes with content and label checks.
"""

import argparse
import gzip
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import dataaudit

SAMPLES = Path(__file__).parents[1] / "sample_data"
SHARE = 0.08
CHECKS = "mislabeled,duplicates,leakage,outliers,drift,underperforming,imbalance"


def datasets(fashion: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]:
    found = {}
    for name, sklearn_set in (("digits", load_digits()), ("breast cancer", load_breast_cancer())):
        found[name] = (StandardScaler().fit_transform(sklearn_set.data), sklearn_set.target)
    glosses = pd.concat([pd.read_csv(file) for file in sorted((SAMPLES / "glosses").glob("*.csv"))])
    words = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(glosses["text"])
    found["glosses"] = (TruncatedSVD(200, random_state=0).fit_transform(words), glosses["label"].factorize()[0])
    flights = pd.concat([pd.read_csv(file) for file in sorted((SAMPLES / "flights").glob("*.csv"))])
    columns = pd.get_dummies(flights.drop(columns=["record", "date", "label", "remarks"]), dummy_na=True).astype(float)
    columns = columns.fillna(columns.median())
    found["flights"] = (StandardScaler().fit_transform(columns), flights["label"].factorize()[0])
    images = np.frombuffer(gzip.decompress((fashion / "t10k-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((fashion / "t10k-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    pixels = images.reshape(-1, 784)[:5000] / np.float32(255)
    found["fashion"] = (TruncatedSVD(100, random_state=0).fit_transform(pixels), labels[:5000].astype(np.int64))
    return {name: (np.asarray(x, np.float32), np.asarray(y, np.int64)) for name, (x, y) in found.items()}


def flipped(x: NDArray[np.float32], y: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    rng, classes = np.random.default_rng(seed), int(y.max()) + 1
    rivals = probabilities(x, y)
    rivals[np.arange(len(y)), y] = -1
    labels = y.copy()
    rows = rng.choice(len(y), round(SHARE * len(y)), replace=False)
    labels[rows] = (y[rows] + rng.integers(1, classes, len(rows))) % classes
    half = rows[: len(rows) // 2]
    labels[half] = rivals[half].argmax(1)
    return labels


def probabilities(x: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.float64]:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    return cross_val_predict(model, x, y, cv=5, method="predict_proba")


def compare(name: str, x: NDArray[np.float32], y: NDArray[np.int64], seeds: int) -> None:
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        labels = flipped(x, y, seed)
        wrong, given = labels != y, probabilities(x, labels)
        for method in ("self_confidence", "normalized_margin"):
            scores = -get_label_quality_scores(labels, given, method=method)
            found.setdefault(f"cleanlab {method}", []).append(average_precision_score(wrong, scores))
        with tempfile.TemporaryDirectory() as folder:
            audit = dataaudit.audit(
                (x, labels), pred_probs=given, features=x, checks="mislabeled", output=Path(folder) / "audit"
            )
        quality = audit.samples["label_quality"].loc[[f"rows#{row}" for row in range(len(y))]]
        found.setdefault("dataaudit", []).append(average_precision_score(wrong, -quality))
        ids = [ids[0] for kind, ids in zip(audit.findings["kind"], audit.findings["sample_ids"], strict=True)
               if kind == "mislabeled"]  # fmt: skip
        right = wrong[[int(id.partition("#")[2]) for id in ids]]
        found.setdefault("reported", []).append(len(right))
        found.setdefault("of them wrong", []).append(int(right.sum()))
        found.setdefault("flips", []).append(int(wrong.sum()))
    print(f"{name:<14}", "  ".join(f"{key} {np.mean(values):.3f}" for key, values in found.items()), flush=True)


def large() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=50_000)
    x = (rng.normal(size=(50_000, 512)) + 0.12 * rng.normal(size=(10, 512))[labels]).astype(np.float32)
    labels[:2000] = rng.integers(10, size=2000)
    logits = x[:, :64] @ rng.normal(size=(64, 10)) * 0.01 + 3 * np.eye(10)[labels] * (rng.random((50_000, 1)) < 0.9)
    given = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        audit = dataaudit.audit((x, labels), pred_probs=given, features=x, checks=CHECKS, output=Path(folder) / "a")
    print(f"{time.perf_counter() - start:.1f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
    print(audit)
    for check in audit.audit.checks:
        print(check.name, check.status)
    print(audit.audit.cost)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fashion_mnist", type=Path, nargs="?")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.large:
        large()
    else:
        for name, (x, y) in datasets(arguments.fashion_mnist).items():
            compare(name, x, y, arguments.seeds)
