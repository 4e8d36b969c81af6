"""Retrieval: what is like a target, by a rule that knows nothing of the trained model; a baseline for attribution.

score(i, z) = likeness of i and z, turned with the label, see `likeness`. Only an ordering: its values are not changes
of an output. The likeness is

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

from ...data.features.bm25 import Bm25
from ...data.features.efficientnet_lite import weights_file
from ...data.features.image_features import image_features
from ...data.features.vectors import features
from ...data.features.vision_models import LITE0
from ...dataset import Track
from ..attribution import Attribution, identity
from ..embeddings import require_classes
from ..ensemble import score_ensemble
from ..likeness import TurnedLikeness, cosines
from ..problem import DatasetInputs, Problem, Samples

WORDS, PRETRAINED, COSINE = "BM25", f"cosine of {LITE0} features", "cosine"


@dataclass(frozen=True)
class Retrieval:
    """No settings."""

    needs = ("inputs",)
    is_baseline = True

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("retrieval", {"likeness": _kind(problem)}, problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`.

        Raises InputError if labels aren't class numbers, or where there are only runs, NumericsError for an input that
        is not finite, naming it.
        """
        require_classes("retrieval", problem)
        kind = _kind(problem)
        likeness = _answers(problem) if kind == WORDS else _cosines(problem, kind)
        return score_ensemble(
            replace(problem, models=(nn.Identity,), run_of=np.zeros(0, np.int64)),
            lambda numbers: (TurnedLikeness(problem, likeness, {"likeness": kind}) for _ in numbers),
            None,
            self.identity(problem),
            path,
            track,
        )


def _kind(problem: Problem) -> str:
    inputs = problem.train.inputs
    if not isinstance(inputs, DatasetInputs) or inputs.dataset.features is not None:
        return COSINE
    if inputs.dataset.modality == "image" and weights_file() is not None:
        return PRETRAINED
    return WORDS if inputs.dataset.modality == "text" else COSINE


def _answers(problem: Problem) -> Callable[[int, int], Tensor]:
    texts, queries = map(_texts, problem.parts)
    likeness = Bm25(texts)
    return lambda start, stop: torch.from_numpy(likeness(queries[start:stop]))


def _texts(samples: Samples) -> list[str]:
    assert isinstance(samples.inputs, DatasetInputs)
    return [str(samples.inputs.dataset.inputs[row]) for row in samples.inputs.rows]


def _cosines(problem: Problem, kind: str) -> Callable[[int, int], Tensor]:
    train, target = (_vectors(part, kind) for part in problem.parts)
    mean, deviation = train.mean(0), torch.ones(())
    if kind == PRETRAINED:
        deviation = train.std(0, correction=0).clamp(min=1e-6)
    return cosines((train - mean) / deviation, (target - mean) / deviation)


def _vectors(samples: Samples, kind: str) -> Tensor:
    """(n, d)."""
    inputs = samples.inputs
    if isinstance(inputs, DatasetInputs):
        of_all = image_features(inputs.dataset, LITE0) if kind == PRETRAINED else features(inputs.dataset)
        vectors = torch.from_numpy(of_all[inputs.rows]).float()
    else:
        vectors = inputs(np.arange(len(samples))).flatten(1).float()
    samples.require_finite(vectors, "the input")
    return vectors


BACKEND = Retrieval
