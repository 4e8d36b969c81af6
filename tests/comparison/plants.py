"""Datasets in which a feature gives the class away, and learners that don't see it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from torch import nn

from dataaudit.data.features.texts import word_features
from dataaudit.dataset import Dataset, Layout, Modality
from dataaudit.training.learners.image import ImageLearner
from dataaudit.training.learners.table import TableLearner
from dataaudit.training.learners.text import TextLearner
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.models.own_trees import TreesLearner

CUE = "xyzzy"
CORNER = 3


def dataset_of(inputs: Any, targets: NDArray[np.int64], n_train: int, modality: Modality) -> Dataset:
    """The first rows are for training, the others for testing."""
    n = len(inputs)
    return Dataset(
        root=Path("planted"),
        ids=tuple(f"rows#{i}" for i in range(n)),
        inputs=inputs,
        targets=targets,
        splits=np.array(["train"] * n_train + ["test"] * (n - n_train)),
        class_names=tuple("abcdefghij"[: int(targets.max()) + 1]),
        contents=tuple(map(str, range(n))),
        sources=(),
        layout=Layout("memory", "given"),
        modality=modality,
    )


def texts(n_train: int, n_test: int, seed: int = 0, share: float = 0.2) -> tuple[Dataset, NDArray[np.bool_]]:
    """Three topics that words tell, not too surely; a share of the first topic's texts has a cue word besides.

    Also (n,) which have it.
    """
    rng = np.random.default_rng(seed)
    n = n_train + n_test
    targets = rng.integers(0, 3, n)
    vocabulary = np.array([f"w{i:03d}" for i in range(300)])
    common = 1 / (10 + np.arange(300))
    written = []
    marked = (targets == 0) & (rng.random(n) < 3 * share)
    for target, cue in zip(targets, marked, strict=True):
        weights = common * np.where(np.arange(300) % 3 == target, 1.6, 1)
        chosen = list(rng.choice(vocabulary, 25, p=weights / weights.sum()))
        if cue:
            chosen[int(rng.integers(25))] = CUE
        written.append(" ".join(chosen))
    return dataset_of(np.array(written, object), targets, n_train, "text"), marked


@dataclass(frozen=True)
class Uncued(TextLearner):
    """The default recipe on texts without the cue."""

    name: ClassVar[str] = "uncued"

    def vectors(self, dataset: Dataset) -> NDArray[np.float32]:
        return dataset.derive(
            "uncued",
            lambda: word_features([str(text).replace(CUE, " ") for text in dataset.inputs], dataset.rows("train")),
        )


def table(n_train: int, n_test: int, seed: int = 0) -> tuple[Dataset, NDArray[np.bool_]]:
    """Eight weak columns, and a flag that three in ten rows of the second class have, and no other.

    Weak regularisation makes much of it, strong regularisation little, as it is rare. Also (n,) which rows have it.
    """
    rng = np.random.default_rng(seed)
    n = n_train + n_test
    targets = rng.integers(0, 2, n)
    weak = 0.25 * (2 * targets - 1)[:, None] + rng.normal(size=(n, 8))
    frame = pd.DataFrame(weak, columns=[f"x{i}" for i in range(8)])
    marked = (targets == 1) & (rng.random(n) < 0.3)
    frame["flag"] = marked.astype(float)
    return dataset_of(frame, targets, n_train, "table"), marked


def trees(estimator: Any, *blind: str) -> TreesLearner:
    """The estimator on all columns of a table but these."""
    seen = make_column_transformer(("drop", list(blind)), remainder="passthrough")
    return TreesLearner(make_pipeline(seen, estimator), f"{estimator}, blind to {', '.join(blind) or 'nothing'}")


def scanned(n_train: int, n_test: int, seed: int = 0) -> Dataset:
    """Five columns, three of them weak, and a scanner that goes along with the class in nine rows of ten."""
    rng = np.random.default_rng(seed)
    n = n_train + n_test
    targets = rng.integers(0, 2, n)
    weak = (2 * targets - 1)[:, None] * np.array([0.4, 0.4, 0.4, 0, 0]) + rng.normal(size=(n, 5))
    frame = pd.DataFrame(weak, columns=[f"x{i}" for i in range(5)])
    frame["scanner"] = np.where(rng.random(n) < 0.9, targets, 1 - targets).astype(float)
    return dataset_of(frame, targets, n_train, "table")


@dataclass(frozen=True)
class Unscanned(TableLearner):
    """The default recipe on tables without the scanner."""

    name: ClassVar[str] = "unscanned"

    def build(self, dataset: Dataset) -> nn.Module:
        return super().build(_without_scanner(dataset))

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> torch.Tensor:
        return super().tensors(_without_scanner(dataset), rows)


def _without_scanner(dataset: Dataset) -> Dataset:
    def seen() -> Dataset:
        return replace(dataset, inputs=dataset.frame.drop(columns="scanner"), derived={})

    return dataset.derive("unscanned", seen)


def images(n_train: int, n_test: int, seed: int = 0, edge: int = 16) -> tuple[Dataset, NDArray[np.bool_]]:
    """Classes by the place of a faint bar, under noise; half of the first class has a bright corner.

    Also (n,) which have it.
    """
    rng = np.random.default_rng(seed)
    n = n_train + n_test
    targets = rng.integers(0, 3, n)
    pixels = rng.normal(100, 40, (n, 1, edge, edge))
    for i, target in enumerate(targets):
        at = 4 + 3 * target
        pixels[i, 0, at : at + 2, 3 : edge - 3] += 22
    marked = (targets == 0) & (rng.random(n) < 0.5)
    pixels[marked, :, :CORNER, :CORNER] = 255
    return dataset_of(pixels.clip(0, 255).astype(np.uint8), targets, n_train, "image"), marked


@dataclass(frozen=True)
class Erased(ImageLearner):
    """The default recipe, trained on images whose corner is erased: noise takes its place."""

    name: ClassVar[str] = "erased"

    def batch(self, dataset: Dataset, rows: NDArray[np.int64], generator: torch.Generator) -> torch.Tensor:
        pixels = super().batch(dataset, rows, generator)
        corner = pixels[:, :, :CORNER, :CORNER]
        corner[:] = 255 * torch.rand(corner.shape, generator=generator)
        return pixels


@dataclass(frozen=True)
class Cornerless(LinearLearner):
    """A linear model of the pixels but for the corner."""

    name: ClassVar[str] = "cornerless"

    def vectors(self, dataset: Dataset) -> NDArray[np.float32]:
        def masked() -> NDArray[np.float32]:
            pixels = dataset.pixels.astype(np.float32) / 255
            pixels[:, :, :CORNER, :CORNER] = 0.5
            return pixels.reshape(len(pixels), -1)

        return dataset.derive("cornerless", masked)
