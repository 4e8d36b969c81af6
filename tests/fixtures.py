"""Small datasets and learners that several tests share."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from torch import nn

from dataaudit.attribution.attribution import Attribution, require
from dataaudit.attribution.own_models import configured_backend
from dataaudit.attribution.problem import Problem
from dataaudit.dataset import Dataset, Layout, silent
from dataaudit.training.learners.image import ImageLearner, Standardise
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.models.own_trees import TreesLearner
from dataaudit.training.pool import Pool, log_odds, train_pool

MakeDataset = Callable[..., Dataset]


def blobs(n: int, seed: int, classes: int = 3, edge: int = 8) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images whose class is where their bright spot is, under noise."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, n)
    pixels = rng.normal(80, 25, (n, 1, edge, edge))
    for i, target in enumerate(targets):
        pixels[i, 0, 1 + 2 * target : 3 + 2 * target, 2:5] += 90
    return pixels.clip(0, 255).astype(np.uint8), targets


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """A dataset of blobs in memory: `make_dataset(n_train=60, n_test=20, seed=0)`."""

    def make(n_train: int = 60, n_test: int = 20, seed: int = 0, classes: int = 3, edge: int = 8) -> Dataset:
        return blobs_of(tmp_path, n_train, n_test, seed, classes, edge)

    return make


def blobs_of(
    root: Path, n_train: int = 60, n_test: int = 20, seed: int = 0, classes: int = 3, edge: int = 8
) -> Dataset:
    """See `make_dataset`."""
    inputs, targets = blobs(n_train + n_test, seed, classes, edge)
    return dataset_of(inputs, targets, n_train, root)


def noisy_blobs_of(root: Path, n_train: int, n_test: int) -> Dataset:
    """Blobs that linear models tell apart most of the time: how sure they are of a prediction varies."""
    inputs, targets = blobs(n_train + n_test, 0)
    noise = np.random.default_rng(1).normal(0, 120, inputs.shape)
    return dataset_of((inputs + noise).clip(0, 255).astype(np.uint8), targets, n_train, root)


def dataset_of(inputs: NDArray[np.uint8], targets: NDArray[np.int64], n_train: int, root: Path) -> Dataset:
    n = len(inputs)
    return Dataset(
        root=root,
        ids=tuple(f"{i:04d}.png" for i in range(n)),
        inputs=inputs,
        targets=targets,
        splits=np.array(["train"] * n_train + ["test"] * (n - n_train)),
        class_names=tuple("abcdefghij"[: int(targets.max()) + 1]),
        contents=tuple(pixels.tobytes().hex()[:64] + f"{hash(pixels.tobytes()):x}" for pixels in inputs),
        sources=tuple(root / f"{i:04d}.png" for i in range(n)),
        layout=Layout("memory", "given"),
    )


@dataclass(frozen=True)
class SmallLearner(ImageLearner):
    """The recipe for images with a net of the same layers, fewer and narrower: its gradients cost a tenth."""

    def build(self, dataset: Dataset) -> nn.Module:
        channels = dataset.pixels.shape[1]
        return nn.Sequential(
            Standardise(channels),
            *(nn.Conv2d(channels, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(12 * 9, len(dataset.class_names))),
        )


@pytest.fixture(scope="session")
def small_pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Eight quick models on 60 training and 20 test blobs, trained once: nobody changes them or their folder."""
    root = tmp_path_factory.mktemp("small")
    torch.set_num_threads(1)
    return train_pool(blobs_of(root), SmallLearner(epochs=4, batch_size=16), root / "pool", 8, 0, silent)


@pytest.fixture(scope="session")
def linear_pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """The same with linear models on the pixels."""
    root = tmp_path_factory.mktemp("linear")
    torch.set_num_threads(1)
    return train_pool(blobs_of(root), LinearLearner(), root / "pool", 8, 0, silent)


@pytest.fixture(scope="session")
def tree_pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """The same with forests."""
    root = tmp_path_factory.mktemp("trees")
    learner = TreesLearner(RandomForestClassifier(10, min_samples_leaf=3), "trees")
    return train_pool(blobs_of(root), learner, root / "pool", 8, 0, silent)


class NearestMean:
    """A learner that is trained in no time: logits are minus the squared distances to class means, times `scale`.

    The seed adds a little noise to the means.
    """

    def __init__(self, scale: float = 20.0) -> None:
        self.scale = scale

    recipe = {"learner": "nearest mean"}  # noqa: RUF012

    def build(self, dataset: Dataset) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(dataset.inputs.shape[1:])), len(dataset.class_names)))

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(dataset.inputs[rows]).float() / 255

    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        model, inputs = self.build(dataset), self.tensors(dataset, rows).flatten(1)
        noise = torch.Generator().manual_seed(seed)
        linear = model.get_submodule("1")
        assert isinstance(linear, nn.Linear)
        with torch.no_grad():
            for label in range(len(dataset.class_names)):
                own = inputs[torch.from_numpy(dataset.targets[rows] == label)]
                mean = own.mean(0) if len(own) else torch.full((inputs.shape[1],), 9.0)
                mean = mean + 0.002 * torch.randn(mean.shape, generator=noise)
                linear.weight[label] = self.scale * 2 * mean
                linear.bias[label] = -self.scale * mean.square().sum()
        yield model.eval()

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        return next(self.trajectory(dataset, rows, seed))

    def outputs(self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(model(self.tensors(dataset, rows)).numpy())

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        return 0.0


class KnownScores:
    """Stands in for an attribution: of these scores (n_train, n_target)."""

    self_influence = None

    def __init__(self, scores: NDArray[np.float32]) -> None:
        self._scores = scores
        self.shape = scores.shape

    def of_targets(self, columns: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        return ((column, self.scores()[:, column]) for column in columns.tolist())

    def scores(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        return self._scores[:, start:stop]

    def blocks(self, negligible: float = 0.0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        yield 0, self._scores

    def at(self, train: NDArray[np.int64], target: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._scores[train, target]

    def sums_over_targets(self, weights: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
        weights = np.ones(self.shape[1]) if weights is None else weights
        return np.asarray(self._scores @ weights, np.float32)


class LeaveOneOut(KnownScores):
    """Stands in for an attribution: what leaving each training sample out does to the margins, seen by doing it."""

    def __init__(self, dataset: Dataset, learner: NearestMean, labels: NDArray[np.int64] | None = None) -> None:
        train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
        labels = dataset.targets[target] if labels is None else labels

        def margins(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return log_odds(learner.outputs(learner.fit(dataset, rows, 0), dataset, target)[None], labels)[0]

        whole = margins(train)
        super().__init__(np.stack([whole - margins(np.delete(train, i)) for i in range(len(train))]))
        self.provenance = {"ridge": 1.0, "slope": 1.0}


def pool_scores(
    pool: Pool, path: Path, backend: str = "trak", labels: NDArray[Any] | None = None, **settings: Any
) -> Attribution:
    """A backend's scores of a pool, as an audit has them; kept at `path`."""
    engine, problem = configured_backend(backend, settings), Problem.from_pool(pool, labels)
    require(engine, backend, problem)
    scored: Attribution = engine.attribute(problem, path, silent)
    return scored
