"""dataaudit behind the peers' interface."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

import dataaudit
from dataaudit.attribution.backends.retrieval import Retrieval
from dataaudit.attribution.problem import Problem
from dataaudit.attribution.scoring import kept_or_new_scores
from dataaudit.dataset import silent
from dataaudit.training.pool import Pool

Labelled = tuple[Tensor, Tensor]


def attribute(
    models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path, **settings: float
) -> NDArray[np.float32]:
    """The default backend on trained models, ridge and all at their defaults."""
    return dataaudit.attribute(models, train, target, **settings).scores()


def audit(pool: Pool) -> NDArray[np.float32]:
    """The same on an audit's own pool, whose runs choose the ridge and fit the scale."""
    with tempfile.TemporaryDirectory() as folder:
        return kept_or_new_scores(Problem.from_pool(pool), Path(folder) / "scores.h5", silent).scores()


def neighbours_of_inputs(
    models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path
) -> NDArray[np.float32]:
    """A baseline that asks no model."""
    return dataaudit.attribute(models, train, target, backend="retrieval").scores()


def retrieval(pool: Pool) -> NDArray[np.float32]:
    """The same by pretrained features of images (computed here, too), and BM25 of texts."""
    with tempfile.TemporaryDirectory() as folder:
        return Retrieval().attribute(Problem.from_pool(pool), Path(folder) / "scores.h5", silent).scores()
