"""The scores of an audit: which models they are of, kept from an earlier run where nothing has changed."""

import hashlib
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import plugins
from ..config import AuditConfig
from ..dataset import Track
from ..errors import InputError
from ..training.learning import is_differentiable
from ..training.models.learner_spec import learner_of
from ..training.models.rehearsal import checkpointed
from ..training.pool import Pool, train_pool
from .attribution import Attribution
from .problem import Problem

BACKEND = "trak"
"""What an audit attributes with."""
FEW_MODELS = 6
"""Models that influences on single samples, wanted beside the audit's own scores, are averaged over."""


def problem_factory(config: AuditConfig, pool: Pool, track: Track) -> Callable[..., Problem]:
    """`(labels, rows, most)` -> what a backend is given for these targets, all by default.

    The models whose gradients are taken are the user's checkpoints, the pool's, or, where a learner has no gradients,
    those of the modality's own learner on the same subsets: what scores say is measured on the learner's own runs.
    """
    dataset, learner = pool.dataset, pool.learner
    if config.checkpoints:
        models = checkpointed(dataset, learner, config.learner, config.checkpoints, config.any_code)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in config.checkpoints]
        return partial(Problem.of_trained, models, pool, {"checkpoints": digests})
    if is_differentiable(learner):
        return partial(Problem.of, pool)
    stand_in = learner_of(None, dataset.modality)
    folder = config.directory / "surrogate"
    surrogate = train_pool(dataset, stand_in, folder, config.runs, config.seed, track)
    return partial(Problem.of, pool, surrogate=surrogate)


def kept_or_new_scores(problem: Problem, path: Path, track: Track) -> Attribution:
    """Scores on all targets: those at `path` if they are of this very problem and backend, else new ones."""
    backend = plugins.get("backends", BACKEND).BACKEND()
    if path.exists():
        try:
            kept = Attribution.load(path)
        except InputError:
            kept = None
        if kept is not None and kept.provenance["identity"] == backend.identity(problem):
            return kept
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        scored: Attribution = backend.attribute(problem, path, track)
    # One line for what is said of many models alike.
    said = Counter(re.sub(r"^model \d+: ", "", str(one.message)) for one in caught)
    for message, count in said.items():
        warnings.warn(f"{message} ({count} times)" if count > 1 else message, stacklevel=2)
    return scored


def influences(
    problem: Callable[..., Problem],
    attribution: Attribution,
    track: Track,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Scores (n_train, len(rows)) on the margins of these labels, from a few models, at the ridge of `attribution`."""
    ridge = attribution.provenance["ridge"]
    backend = replace(plugins.get("backends", BACKEND).BACKEND(), ridge=ridge, ridges=(ridge,))
    with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
        asked = problem(labels=labels, rows=rows, most=FEW_MODELS)
        scored: Attribution = backend.attribute(asked, Path(folder) / "scores.h5", track)
        return scored.scores()
