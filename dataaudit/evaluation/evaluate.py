"""What `dataaudit evaluate` does: measure every attribution backend on a dataset, by retraining."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from .. import plugins
from ..attribution.attribution import Attribution, Backend, require
from ..attribution.problem import Problem
from ..attribution.trust import Trust, trust
from ..checks.planting.labels import planted_flips
from ..config import AuditConfig
from ..dataset import Dataset, Track, as_text
from ..errors import DataAuditError, InputError
from ..training.learning import LearningAlgorithm
from ..training.models.learner_spec import learner_of
from ..training.pool import BLOCK, Pool, train_pool
from ..training.retraining import Retraining
from ..versions import VERSION
from .alignment import LeaveOneOut, Removal, detection_auc, leave_one_out, random_removals, top_removals

SHARES = (0.005, 0.02)
"""Shares of the training samples that are removed from the top of a ranking."""
FLIPPED = 0.05
"""Share of the training labels that are flipped to be found again."""


@dataclass(frozen=True)
class Effort:
    """How much is retrained.

    targets     predictions whose most supportive training samples are removed
    left_out    training samples left out one by one
    times       trainings of every removal, under the same seeds for all
    """

    targets: int = 6
    left_out: int = 10
    times: int = 2

    def __post_init__(self) -> None:
        if self.targets < 0 or self.left_out < 0:
            raise InputError(
                f"expected --targets and --leave-out of zero or more, found {self.targets}, {self.left_out}"
            )
        if self.times < 2:
            raise InputError(f"--times {self.times}: expected at least 2, so that the seeds' noise is seen")


@dataclass(frozen=True)
class Measured:
    """One backend's figures; `error` says why there are none.

    baseline  whether it says what is like what and knows nothing of influence: what attribution has to beat
    seconds   of scoring, training not counted
    auc       area under the ROC curve of self-influence for the planted label errors, None without self-influence
    """

    backend: str
    baseline: bool = False
    seconds: float = 0.0
    trust: Trust | None = None
    left_out: LeaveOneOut | None = None
    removal: Removal | None = None
    auc: float | None = None
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """All backends on one dataset.

    self_confidence_auc   AUC of one minus the out-of-sample probability of the label on the planted errors
    """

    name: str
    facts: dict[str, Any]
    measured: tuple[Measured, ...]
    self_confidence_auc: float
    effort: Effort
    sizes: tuple[int, ...]


def evaluate(
    config: AuditConfig, dataset: Dataset, backends: Sequence[str], effort: Effort, track: Track
) -> Evaluation:
    """Train a pool, score with every backend, then retrain without their top-ranked samples.

    Models are kept in the audit's own directory, so `run` and `evaluate` train the pool once. A backend that can't
    run is part of the result, with the reason; where none are named, it is all that serve this learner. Raises
    InputError for an unknown backend, and for other targets than classes.
    """
    if dataset.task != "classification":
        raise InputError(
            f"{dataset.root}: methods are measured on classes so far, found {dataset.task}; `dataaudit run` audits it, "
            "and measures its own scores"
        )
    engines = {name: plugins.get("backends", name).BACKEND() for name in backends or plugins.names("backends")}
    learner = learner_of(config.learner, dataset.modality)
    directory = config.directory
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        pool = train_pool(dataset, learner, directory / "pool", config.runs, config.seed, track)
        if not backends:
            problem = Problem.from_pool(pool)
            engines = {name: engine for name, engine in engines.items() if _serves(engine, name, problem)}
        scored = {name: _score(name, engine, pool, directory / "evaluation", track) for name, engine in engines.items()}
        usable = {name: attribution for name, (_, attribution) in scored.items() if attribution is not None}
        sizes = tuple(dict.fromkeys(max(1, round(share * len(dataset.rows("train")))) for share in SHARES))
        removals = _measure_removals(config, dataset, learner, pool, usable, sizes, effort, track)
        left_out = _measure_left_out(config, dataset, learner, usable, effort, track)
        aucs, confidence = _measure_planted(config, dataset, learner, engines, usable, track)
    return Evaluation(
        as_text(dataset.root.resolve().name),
        {
            "fingerprint": dataset.fingerprint,
            "training_samples": len(dataset.rows("train")),
            "targets": len(dataset.rows(dataset.target_split)),
            "target_split": dataset.target_split,
            "models": len(pool),
            "seed": config.seed,
            "dataaudit": VERSION,
            "torch": torch.__version__,
        },
        tuple(
            replace(measured, left_out=left_out.get(name), removal=removals.get(name), auc=aucs.get(name))
            for name, (measured, _) in scored.items()
        ),
        confidence,
        effort,
        sizes,
    )


def _serves(engine: Backend, name: str, problem: Problem) -> bool:
    try:
        require(engine, name, problem)
    except InputError:
        return False
    return True


def _score(name: str, engine: Any, pool: Pool, directory: Path, track: Track) -> tuple[Measured, Attribution | None]:
    directory.mkdir(parents=True, exist_ok=True)
    problem, baseline = Problem.from_pool(pool), getattr(engine, "is_baseline", False)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            require(engine, name, problem)
            attribution = engine.attribute(problem, directory / f"{name}.h5", track)
        except DataAuditError as error:
            return Measured(name, baseline, error=str(error)), None
    seconds = time.perf_counter() - start
    measured = None if problem.runs is None else trust(problem.runs, attribution.held_out)
    messages = tuple(dict.fromkeys(str(warning.message) for warning in caught if warning.category is UserWarning))
    return Measured(name, baseline, seconds, measured, warnings=messages), attribution


def _measure_removals(
    config: AuditConfig,
    dataset: Dataset,
    learner: LearningAlgorithm,
    pool: Pool,
    scored: dict[str, Attribution],
    sizes: tuple[int, ...],
    effort: Effort,
    track: Track,
) -> dict[str, Removal]:
    """Remove the top of every backend's ranking for a few predictions, and retrain."""
    train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
    correct = np.flatnonzero(pool.probabilities[target].argmax(1) == dataset.targets[target])
    chosen = np.sort(np.random.default_rng(config.seed).permutation(correct)[: effort.targets])
    if not len(chosen) or not scored:
        return {}
    tops = {name: top_removals(attribution, chosen, sizes) for name, attribution in scored.items()}
    labels = dataset.targets[target[chosen]]
    groups = [removed for removed, _ in tops.values()]
    groups.append(random_removals(dataset.targets[train], labels, sizes, config.seed))
    sets = [np.zeros(0, np.int64)] + [
        train[positions] for group in groups for by_size in group for positions in by_size
    ]
    retraining = Retraining(dataset, learner, config.directory / "retrained", config.seed, effort.times, track)
    margins = retraining.margins(sets, range(effort.times), target[chosen]).mean(1)
    shape = len(groups), len(chosen), len(sizes), len(chosen)
    drops = np.einsum("gtkt->gtk", (margins[0] - margins[1:]).reshape(shape))
    return {
        name: Removal(sizes, predicted, drops[index], drops[-1])
        for index, (name, (_, predicted)) in enumerate(tops.items())
    }


def _measure_left_out(
    config: AuditConfig,
    dataset: Dataset,
    learner: LearningAlgorithm,
    scored: dict[str, Attribution],
    effort: Effort,
    track: Track,
) -> dict[str, LeaveOneOut]:
    """Leave single training samples out: half ranked influential by the backends, half at random."""
    if not scored or not effort.left_out:
        return {}
    train, target = dataset.rows("train"), dataset.rows(dataset.target_split)
    ranks = np.mean([_largest(attribution).argsort().argsort() for attribution in scored.values()], 0)
    influential = np.argsort(-ranks, kind="stable")[: (effort.left_out + 1) // 2]
    random_others = np.setdiff1d(
        np.random.default_rng(config.seed).permutation(len(train)), influential, assume_unique=True
    )
    chosen = np.concatenate([influential, random_others[: effort.left_out - len(influential)]])
    sets = [np.zeros(0, np.int64), *(train[[position]] for position in chosen)]
    retraining = Retraining(dataset, learner, config.directory / "retrained", config.seed, effort.times, track)
    margins = retraining.margins(sets, range(effort.times), target)
    weights = np.zeros((len(chosen), len(train)), np.float32)
    weights[np.arange(len(chosen)), chosen] = 1
    return {
        name: leave_one_out(attribution.sums(weights), margins[0], margins[1:]) for name, attribution in scored.items()
    }


def _largest(attribution: Attribution) -> NDArray[np.float32]:
    """(n_train,) each training sample's largest score in size, over the targets."""
    largest = np.zeros(attribution.shape[0], np.float32)
    for _, block in attribution.blocks():
        np.maximum(largest, np.abs(block).max(1), out=largest)
    return largest


def _measure_planted(
    config: AuditConfig,
    dataset: Dataset,
    learner: LearningAlgorithm,
    engines: dict[str, Any],
    scored: dict[str, Attribution],
    track: Track,
) -> tuple[dict[str, float], float]:
    """Flip some training labels, train a small pool on that, and detect them by self-influence."""
    targets, flipped = planted_flips(dataset, FLIPPED, config.seed)
    faulty = replace(dataset, targets=targets)
    pool = train_pool(faulty, learner, config.directory / "planted", BLOCK, config.seed, track)
    train = faulty.rows("train")
    aucs = {}
    for name, clean_attribution in scored.items():
        if clean_attribution.self_influence is not None:
            path = config.directory / "evaluation" / f"{name}-planted.h5"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # the backend's own warnings were reported before
                attribution = engines[name].attribute(Problem.from_pool(pool), path, track)
            if attribution.self_influence is not None:
                aucs[name] = detection_auc(attribution.self_influence, flipped)
    return aucs, detection_auc(1 - pool.probabilities[train, targets[train]], flipped)
