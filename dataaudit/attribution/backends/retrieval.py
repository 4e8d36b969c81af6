"""Retrieval: what is like a target, by a rule that knows nothing of the trained model; a baseline for attribution.

score(i, z) = likeness of i and z, times 1 where the labels are equal and -1/(c - 1) where they are not, with c the
number of classes. Only an ordering: its values are not changes of an output. The likeness is

    texts            BM25, the target being the query
    images           the cosine of standardised features by a pretrained net, where the extra `vision` is installed
    anything else    the cosine of `features`, and of the inputs of modules, less the training samples' mean
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...data.features.bm25 import Bm25
from ...data.features.efficientnet_lite import weights_file
from ...data.features.image_features import image_features
from ...data.features.vectors import features
from ...data.features.vision_models import LITE0
from ...dataset import Track
from ...errors import NumericsError
from ..attribution import Attribution, identity
from ..embeddings import require_classes
from ..ensemble import score_ensemble
from ..problem import DatasetInputs, Problem

WORDS, PRETRAINED, COSINE = "BM25", f"cosine of {LITE0} features", "cosine"


@dataclass(frozen=True)
class Retrieval:
    """No settings."""

    needs = ("inputs",)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("retrieval", {"likeness": _kind(problem)}, problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises InputError if labels aren't class numbers, or where there are only runs."""
        require_classes("retrieval", problem)
        return score_ensemble(
            replace(problem, models=(nn.Identity,), run_of=np.zeros(0, np.int64)),
            lambda numbers: (_Likenesses(problem) for _ in numbers),
            None,
            self.identity(problem),
            path,
            track,
        )


class _Likenesses:
    left: Tensor | None = None

    def __init__(self, problem: Problem) -> None:
        kind = _kind(problem)
        self.notes: Mapping[str, Any] = {"likeness": kind}
        self._likeness = _answering(problem) if kind == WORDS else _cosines(problem, kind)
        self._train, self._target = (torch.from_numpy(part.labels) for part in (problem.train, problem.target))
        self._unlike = -1 / max(1, len(np.union1d(problem.train.labels, problem.target.labels)) - 1)

    def targets(self, start: int, stop: int) -> Tensor:
        same = self._target[start:stop, None] == self._train[None]
        return self._likeness(start, stop) * torch.where(same, 1.0, self._unlike)

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return targets

    def self_influence(self, strength: float) -> None:
        return None


def _kind(problem: Problem) -> str:
    if not isinstance(problem.train.inputs, DatasetInputs) or problem.train.inputs.dataset.features is not None:
        return COSINE
    modality = problem.train.inputs.dataset.modality
    if modality == "image" and weights_file() is not None:
        return PRETRAINED
    return WORDS if modality == "text" else COSINE


def _answering(problem: Problem) -> Callable[[int, int], Tensor]:
    train, target = problem.train.inputs, problem.target.inputs
    assert isinstance(train, DatasetInputs)
    assert isinstance(target, DatasetInputs)
    texts, queries = ([str(part.dataset.inputs[row]) for row in part.rows] for part in (train, target))
    likeness = Bm25(texts)
    return lambda start, stop: torch.from_numpy(likeness(queries[start:stop]))


def _cosines(problem: Problem, kind: str) -> Callable[[int, int], Tensor]:
    vectors = _vectors(problem, kind)
    mean, deviation = vectors[0].mean(0), torch.ones(())
    if kind == PRETRAINED:
        deviation = vectors[0].std(0, correction=0).clamp(min=1e-6)
    train, target = (functional.normalize((rows - mean) / deviation, dim=1) for rows in vectors)
    return lambda start, stop: target[start:stop] @ train.T


def _vectors(problem: Problem, kind: str) -> list[Tensor]:
    """Of the training samples (n, d) and of the targets. Raises NumericsError for one that is not finite, naming it."""
    parts = problem.train, problem.target
    inputs = [part.inputs for part in parts]
    if all(isinstance(one, DatasetInputs) for one in inputs):
        vectors = [
            torch.from_numpy(image_features(one.dataset, LITE0) if kind == PRETRAINED else features(one.dataset))[
                torch.from_numpy(one.rows)
            ].float()
            for one in inputs
            if isinstance(one, DatasetInputs)
        ]
    else:
        vectors = [part.inputs(np.arange(len(part))).flatten(1).float() for part in parts]
    for part, rows in zip(parts, vectors, strict=True):
        broken = torch.nonzero(~torch.isfinite(rows).all(1)).flatten()
        if len(broken):
            raise NumericsError(f"the input of {part.ids[int(broken[0])]!r} is not finite")
    return vectors


BACKEND = Retrieval
