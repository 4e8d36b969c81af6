"""What removing the training samples that matter most does to predictions, against other ways of choosing them.

python benchmarks/brittle.py peer perceptron WORK     (where dattri is installed; the other methods run without)
python benchmarks/brittle.py all perceptron WORK
python benchmarks/brittle.py table perceptron WORK

A Fashion-MNIST subset of 2,000 training images; predictions that are the same under nine in ten trainings, half of them
drawn at random, half with the smallest estimated supports: 40 of a perceptron with one hidden layer, which trains in
half a second, or 30 of the default learner ("image"). "all" lets the detector search, confirm and claim; trains every
claim ten more times under new seeds; and removes the top 10, 20, 40 and 80 by each method, two trainings each.
Trainings are kept in WORK: a run that was cut off goes on where it stopped.
"""

import argparse
import gzip
import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import normalize
from torch import nn

from dataaudit.attribution.attribution import Attribution
from dataaudit.attribution.backends.trak import Trak
from dataaudit.attribution.problem import Problem
from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import brittle
from dataaudit.dataset import Dataset, Layout, silent
from dataaudit.training.learners.image import ImageLearner, Standardise
from dataaudit.training.pool import Pool, lead_over_best_other, train_pool
from dataaudit.training.retraining import Retraining

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
N_TRAIN, N_TEST, SEED, DRAW = 2000, 400, 0, 7
SIZES = (80, 40, 20, 10)
LADDER_TIMES = (5000, 5001)
NEW_TIMES = range(6000, 6010)
PEER_TIMES = range(7000, 7005)
RIDGE = 0.03
"""What benchmarks/attribution chose for dattri's TRAK on Fashion-MNIST."""
NOTHING = np.zeros(0, np.int64)


def fashion(draw: int, n_train: int = N_TRAIN, n_test: int = N_TEST) -> Dataset:
    """A random subset."""
    rng, inputs, targets = np.random.default_rng(draw), [], []
    for part, count in (("train", n_train), ("t10k", n_test)):
        pixels = _read(f"{part}-images-idx3-ubyte").reshape(-1, 1, 28, 28)
        rows = rng.permutation(len(pixels))[:count]
        inputs.append(pixels[rows])
        targets.append(_read(f"{part}-labels-idx1-ubyte")[rows].astype(np.int64))
    n = n_train + n_test
    return Dataset(
        root=FASHION_MNIST, ids=tuple(f"{i:05d}" for i in range(n)), inputs=np.concatenate(inputs),
        targets=np.concatenate(targets), splits=np.array(["train"] * n_train + ["test"] * n_test),
        class_names=tuple("abcdefghij"), contents=tuple(map(str, range(n))), sources=(FASHION_MNIST,) * n,
        layout=Layout("memory", "given"),
    )  # fmt: skip


def _read(name: str) -> NDArray[np.uint8]:
    path = next(path for path in (FASHION_MNIST / name, FASHION_MNIST / f"{name}.gz") if path.exists())
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    dimensions = struct.unpack(">HBB", content[:4])[2]
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)


class Perceptron(ImageLearner):
    """The default learner's training with 784 - 128 - 10 units."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {**super().recipe, "learner": "perceptron"}

    def build(self, dataset: Dataset) -> nn.Module:
        return nn.Sequential(Standardise(1), nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


LEARNERS = {"perceptron": (Perceptron(epochs=10, learning_rate=0.003), 40), "image": (ImageLearner(epochs=8), 30)}
"""Learner, and how many predictions are examined."""


class Bench:
    """The case that all commands share."""

    def __init__(self, work: Path, learner: str) -> None:
        self.work = work / learner
        self.learner, self.predictions = LEARNERS[learner]
        self.dataset = fashion(DRAW)
        self.target = self.dataset.rows("test")
        self.pool: Pool = train_pool(self.dataset, self.learner, self.work / "pool", 24, SEED, silent)
        self.predicted = self.pool.probabilities[self.target].argmax(1)
        self.retraining = Retraining(self.dataset, self.learner, self.work / "retrained", SEED, 4, silent)

    def attribution(self) -> Attribution:
        """Of the predicted classes, so that wrong predictions need no scores of their own."""
        path = self.work / "scores.h5"
        if not path.exists():
            Trak().attribute(Problem.from_pool(self.pool, self.predicted), path, silent)
        return Attribution.load(path)

    def leads(self, runs: list[tuple[NDArray[np.int64], int]]) -> NDArray[np.float32]:
        return lead_over_best_other(self.retraining.runs(runs, self.target), self.predicted)

    def detection(self) -> Detection:
        targets = self.dataset.targets.copy()
        targets[self.target] = self.predicted  # the labels of test samples are not used in training
        dataset = replace(self.dataset, targets=targets)
        case = CheckContext(dataset, self.pool, self.attribution(), SEED, silent, predictions=self.predictions)
        return brittle.verify(case, brittle.detect(case), self.retraining)


def orders(bench: Bench, chosen: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """(chosen, N_TRAIN) training rows, the first to be removed first, by method."""
    labels, train = bench.dataset.targets, bench.dataset.rows("train")
    same = labels[train][:, None] == bench.predicted[chosen][None]
    rng = np.random.default_rng(SEED)
    hidden = np.mean([_hidden(bench, time) for time in range(2)], 0)
    cosine = normalize(hidden[train]) @ normalize(hidden[bench.target[chosen]]).T
    scores = {
        "dataaudit": bench.attribution().scores()[:, chosen],
        "neighbours of the class": np.where(same, cosine, -2.0),
        "random of the class": np.where(same, rng.random((len(train), 1)), -1.0),
    }
    if (bench.work / "peer.npy").exists():
        scores["dattri TRAK"] = np.load(bench.work / "peer.npy")[:, chosen]
    return {name: np.argsort(-own, axis=0, kind="stable").T for name, own in scores.items()}


def _hidden(bench: Bench, run: int) -> NDArray[np.float32]:
    model = bench.pool.model(run)
    with torch.inference_mode():
        return model[:-1](bench.learner.tensors(bench.dataset, np.arange(len(bench.dataset)))).numpy()


def ladder(bench: Bench, order: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.float32]:
    """(SIZES, chosen) mean lead after removing that many; a prediction that holds is not asked about fewer."""
    found = np.full((len(SIZES), len(chosen)), np.inf, np.float32)
    asked = np.arange(len(chosen))
    for at, size in enumerate(SIZES):
        runs = [(np.sort(order[i, :size]), time) for i in asked for time in LADDER_TIMES]
        seen = bench.leads(runs).reshape(len(asked), len(LADDER_TIMES), -1).mean(1)
        found[at, asked] = [seen[number, chosen[i]] for number, i in enumerate(asked)]
        asked = asked[found[at, asked] < 0]
        if not len(asked):
            break
    return found


def run_all(bench: Bench) -> None:
    detection = bench.detection()
    position = {id: i for i, id in enumerate(bench.dataset.ids)}
    results = {"notes": detection.notes, "figures": detection.figures, "again": []}
    for finding in detection.findings:
        test, *support = (position[id] for id in finding.sample_ids)
        leads = bench.leads([(np.sort(support), time) for time in NEW_TIMES])[:, test - N_TRAIN]
        results["again"].append({"size": len(support), "flips": int((leads < 0).sum())})
        _save(bench, results)
    chosen = np.array([position[one["id"]] - N_TRAIN for one in detection.figures["supports"]])
    results["flipped"] = {}
    for name, order in orders(bench, chosen).items():
        leads = ladder(bench, order, chosen)
        results["flipped"][name] = {str(size): float((own < 0).mean()) for size, own in zip(SIZES, leads, strict=True)}
        _save(bench, results)


def _save(bench: Bench, results: dict) -> None:
    (bench.work / "results.json").write_text(json.dumps(results, indent=1))


def table(work: Path) -> None:
    results = json.loads((work / "results.json").read_text())
    print(*results["notes"], sep="\n")
    counterfactual = results["figures"]["counterfactual"]
    print(f"predicted against actual fall of the lead: r {counterfactual['correlation']:.2f}, ", end="")
    print(f"{len(counterfactual['actual'])} removals")
    again = results["again"]
    held = sum(one["flips"] >= 5 for one in again)
    print(f"claims trained ten more times: {held} of {len(again)} flip in half or more")
    for name, shares in results.get("flipped", {}).items():
        print(f"{name:<26}" + "".join(f"{shares[str(size)]:>8.0%}" for size in reversed(SIZES)))


def peer(bench: Bench) -> None:
    import sys
    import tempfile

    sys.path.insert(0, str(Path(__file__).parent / "attribution"))
    from peers import dattri_trak

    train = bench.dataset.rows("train")
    models = [bench.learner.fit(bench.dataset, train, time) for time in PEER_TIMES]
    inputs = bench.learner.tensors(bench.dataset, np.arange(len(bench.dataset)))
    with tempfile.TemporaryDirectory() as folder:
        scores = dattri_trak(
            models,
            (inputs[train], torch.from_numpy(bench.dataset.targets[train])),
            (inputs[bench.target], torch.from_numpy(bench.predicted)),
            Path(folder),
            ridge=RIDGE,
        )
    np.save(bench.work / "peer.npy", scores)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["peer", "all", "table"])
    parser.add_argument("learner", choices=LEARNERS)
    parser.add_argument("work", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.command == "table":
        table(arguments.work / arguments.learner)
    else:
        torch.set_num_threads(arguments.jobs)
        with joblib.parallel_config(n_jobs=arguments.jobs):
            (peer if arguments.command == "peer" else run_all)(Bench(arguments.work, arguments.learner))
