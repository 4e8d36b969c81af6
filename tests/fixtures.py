"""Small datasets and learners that several tests share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dataaudit.dataset import Dataset, Layout, silent
from dataaudit.learners.image import ImageLearner
from dataaudit.pool import Pool, train_pool

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
        inputs, targets = blobs(n_train + n_test, seed, classes, edge)
        return dataset_of(inputs, targets, n_train, tmp_path)

    return make


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


@pytest.fixture
def small_pool(make_dataset: MakeDataset, tmp_path: Path) -> Pool:
    """Eight quick models on 60 training and 20 test blobs."""
    torch.set_num_threads(1)
    return train_pool(make_dataset(), ImageLearner(epochs=4, batch_size=16), tmp_path / "pool", 8, 0, silent)
