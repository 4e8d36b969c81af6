"""The scores of an audit: which models they use, and reuse of an earlier run's scores where nothing changed."""

import hashlib
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import plugins
from ..config import AuditConfig
from ..dataset import Track
from ..errors import InputError
from ..findings import Pair
from ..training.learning import has_trees, is_differentiable, is_linear
from ..training.models.learner_spec import learner_of
from ..training.models.rehearsal import checkpointed
from ..training.pool import Pool, train_pool
from .attribution import Attribution
from .backends.linear import SELF_WORK, WORK
from .backends.trak import FEATURE_BYTES, MANY_ROWS, Trak
from .curvature.linear_curvature import PARAMETERS
from .gradients.passes import fitting
from .problem import Problem

CG_STEPS = 12
"""Steps of conjugate gradients that exact scores usually take; their self-influence takes half as many."""
STATES = 2
"""Snapshots of each of the pool's nets. Beyond MANY_ROWS the final one alone does as well, in half of the time: LDS
.651 with one and with both on a table of 8,000 training rows, .488 against .495 on 5,000 images."""
USUAL_DIMENSIONS, MANY_DIMENSIONS = 2500, 1024
"""Coordinates of a net's gradients that carry most of the energy: 1,100 to 1,700 on tables and up to 4,096 on images of
2,000 rows; where there are many rows."""
MOST_SCORES, MOST_PRODUCTS = 1 << 27, 1 << 30
"""Scores that an audit computes, as a matrix on disk, and of a linear learner, which keeps factors."""
FEW_MODELS = 6
"""Models that influences on single samples, beside the audit's own scores, are averaged over."""


def states_used(config: AuditConfig, pool: Pool) -> int | None:
    """How many states of the pool's nets are attributed, final ones first; None for all, as of the user's own."""
    many = len(pool.dataset.rows("train")) > MANY_ROWS
    return len(pool) if many and not config.checkpoints else None


def scored_targets(
    pool: Pool, seed: int, pairs: Iterable[Pair] = (), all_of_them: bool = False
) -> NDArray[np.int64] | None:
    """Dataset rows of the audited split, ascending, that scores are to be on; None for all, as long as they are few.

    A random sample, half of it at most in favour of those that may be copies: what is shown of these is their scores.
    """
    dataset = pool.dataset
    targets = dataset.rows(dataset.target_split)
    count = affordable(len(dataset.rows("train")), len(targets), is_linear(pool.learner))
    if all_of_them or count == len(targets):
        return None
    order = np.random.default_rng([seed, len(targets)]).permutation(targets)
    suspects = {pair.test_id for pair in pairs}
    suspected = np.array([row for row in order if dataset.ids[row] in suspects], np.int64)[: count // 2]
    others = order[~np.isin(order, suspected)][: count - len(suspected)]
    return np.sort(np.concatenate([suspected, others]))


def affordable(n_train: int, n_target: int, linear: bool) -> int:
    """How many of the targets have scores."""
    return min(n_target, max(1, (MOST_PRODUCTS if linear else MOST_SCORES) // n_train))


def sampled_in_words(scored: NDArray[np.int64] | None, pool: Pool) -> tuple[str, ...]:
    """A sentence, if not all targets have scores."""
    if scored is None:
        return ()
    total = len(pool.dataset.rows(pool.dataset.target_split))
    return (
        f"Influence is on {len(scored):,} of the {total:,} audited samples, those that may be copies and a random "
        "sample of the others: harm, support sizes and the LDS are measured on them. --scores all takes all of them.",
    )


def operations(n_train: int, n_target: int, parameters: int | None) -> float:
    """About how many floating-point operations scores take, beside passes through models: those of every run of the
    pool, or exact ones in all where there is one model of so many parameters."""
    if parameters is None:
        states = STATES if n_train <= MANY_ROWS else 1
        most = USUAL_DIMENSIONS if n_train <= MANY_ROWS else MANY_DIMENSIONS
        dimensions = min(most, FEATURE_BYTES // (4 * n_train))
        return states * 2 * n_train * dimensions * (min(n_train, dimensions) + n_target)
    if parameters <= PARAMETERS:
        return parameters**2 * (n_train + parameters + 2 * (n_train + n_target))
    step = 4.0 * n_train * parameters  # of conjugate gradients
    once = step / 4 * n_target  # all scores are read once, for supports, less what does not count
    steps, of_self = min(CG_STEPS, WORK // (step * n_target)), min(CG_STEPS / 2, SELF_WORK // (step * n_train))
    return step * (steps * n_target + of_self * n_train) + once


def passes_at_a_time(n_train: int, n_target: int, at_once: int) -> int:
    """Nets whose gradients are computed at a time, where there is room for so many."""
    dimensions = min(Trak().dimensions, max(1, FEATURE_BYTES // (4 * n_train)))
    return max(1, min(at_once, fitting(n_train, n_target, dimensions)))


def problem_factory(config: AuditConfig, pool: Pool, track: Track) -> Callable[..., Problem]:
    """`(labels, rows, max_models)` -> what a backend is given for these targets, all by default.

    The models whose gradients are taken are the user's checkpoints, the pool's, or, where a learner has neither
    gradients nor trees, those of the modality's own learner on the same subsets: what scores say is measured on the
    learner's own runs.
    """
    dataset, learner = pool.dataset, pool.learner
    if config.checkpoints:
        models = checkpointed(dataset, learner, config.learner, config.checkpoints, config.unsafe_checkpoints)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in config.checkpoints]
        return partial(Problem.from_trained, models, pool, {"checkpoints": digests})
    if is_differentiable(learner) or has_trees(learner):
        return partial(Problem.from_pool, pool)
    stand_in = learner_of(None, dataset.modality)
    folder = config.directory / "surrogate"
    surrogate = train_pool(dataset, stand_in, folder, len(pool), config.seed, track, learner)
    return partial(Problem.from_pool, pool, surrogate=surrogate)


def kept_or_new_scores(problem: Problem, path: Path, track: Track) -> Attribution:
    """Scores on the problem's targets: those at `path` if they are of this very problem and backend, else new ones."""
    name = "linear" if problem.linear is not None else "leaves" if problem.trees else "trak"
    backend = plugins.get("backends", name).BACKEND()
    if path.exists():
        try:
            stored = Attribution.load(path)
        except InputError:
            stored = None
        if stored is not None and stored.provenance["identity"] == backend.identity(problem):
            return stored
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        scored: Attribution = backend.attribute(problem, path, track)
    # One line for a warning that many models share.
    messages = Counter(re.sub(r"^model \d+: ", "", str(warning.message)) for warning in caught)
    for message, count in messages.items():
        warnings.warn(f"{message} ({count} times)" if count > 1 else message, stacklevel=2)
    return scored


def influences(
    problem: Callable[..., Problem],
    attribution: Attribution,
    track: Track,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Scores (n_train, len(rows)) on the margins of these labels, as `attribution` has them but from fewer models."""
    provenance = attribution.provenance
    name = provenance["identity"]["backend"]
    fixed = {name: provenance[name] for name in ("weight", "ridge") if name in provenance}
    if "ridge" in fixed:
        fixed["ridges"] = (fixed["ridge"],)
    backend = replace(plugins.get("backends", name).BACKEND(), **fixed)
    with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
        row_problem = replace(problem(labels=labels, rows=rows, max_models=FEW_MODELS), self_influence=False)
        scored: Attribution = backend.attribute(row_problem, Path(folder) / "scores.h5", track)
        return scored.scores()
