"""What a transformation of the inputs does to predictions under each algorithm, against random ones of its size.

Targets are of no training set, so every model predicts them out of sample. What is measured is the change of the
probability of one class: the one whose probability the transformation moves most under both algorithms together, so
that choosing it favours neither. Each random transformation gets its class in the same way. Intervals
resample models and targets, both (Owen 2007).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, softmax

from ..dataset import Dataset, Track
from ..errors import InputError
from ..training.pool import Pool
from .comparison import PREDICTION, Counterfactual, Effect
from .pools import Pools
from .random_changes import random_like
from .transforms import Transform

TARGETS, MODELS = 200, 8
"""At most this many targets and models, evenly spaced: half of the models from each pool."""
RANDOM = 39
RESAMPLED = 2000


@dataclass(frozen=True)
class Test:
    """A transformation to be tested, and whether the user or the comparison named it."""

    transform: Transform
    suggested: bool


def run_tests(
    dataset: Dataset, pools: Sequence[Pools], tests: Sequence[Test], alpha: float, seed: int, track: Track
) -> tuple[Counterfactual, ...]:
    """Every transformation's effects under A and B, pools in this order; intervals hold for all of them together."""
    level = 1 - alpha / max(1, len(tests))
    results = [
        _counterfactual(dataset, pools, test, level, np.random.default_rng([seed, number]))
        for number, test in enumerate(track(tests, "testing transformations", len(tests)))
    ]
    return tuple(result for result in results if result is not None)


def rehearse(dataset: Dataset, transforms: Sequence[Transform]) -> None:
    """Try them on the targets. Raises InputError if one fails or changes none."""
    before = dataset.take(dataset.rows(dataset.target_split))
    for transform in transforms:
        if not _changed(before, transform.apply(before)).any():
            raise InputError(f"--transform {transform.spec}: it changes none of the {len(before)} targets")


def _counterfactual(
    dataset: Dataset, pools: Sequence[Pools], test: Test, level: float, rng: np.random.Generator
) -> Counterfactual | None:
    target = dataset.rows(dataset.target_split)
    before = dataset.take(target)
    after = test.transform.apply(before)
    changed = _changed(before, after)
    if not changed.any():
        return None
    places = np.flatnonzero(changed)
    places = places[np.linspace(0, len(places) - 1, min(TARGETS, len(places))).astype(np.int64)]
    originals = dataset.take(target[places])
    transformed = after.iloc[places] if isinstance(after, pd.DataFrame) else after[places]
    versions = [originals, transformed, *(random_like(dataset, originals, transformed, rng) for _ in range(RANDOM))]
    longer, rows = _with_versions(dataset, versions)
    changes = [_changes(pair, longer, rows, len(versions)) for pair in pools]
    mean_change = np.mean([change.mean((0, 2)) for change in changes], 0)  # (1 + RANDOM, c)
    towards = np.abs(mean_change).argmax(1)
    moves = [change[:, 0, :, towards[0]] for change in changes]
    centres = [float(change.mean()) for change in moves]
    draws = _resampled(moves, rng)
    ends = [(1 - level) / 2, (1 + level) / 2]
    effects = []
    for change, centre, drawn in zip(changes, centres, draws, strict=True):
        random = np.array([change[:, 1 + j, :, towards[1 + j]].mean() for j in range(RANDOM)])
        low, high = np.quantile(drawn, ends)
        beyond = int((np.abs(random) >= abs(centre)).sum())
        effects.append(Effect(centre, (float(low), float(high)), tuple(random.tolist()), (1 + beyond) / (1 + RANDOM)))
    low, high = np.quantile(draws[0] - draws[1], ends)
    name = dataset.class_names[towards[0]] if dataset.class_names else PREDICTION
    return Counterfactual(test.transform.spec, name, len(places), level, effects[0], effects[1],
                          centres[0] - centres[1], (float(low), float(high)), test.suggested)  # fmt: skip


def _changed(before: Any, after: Any) -> NDArray[np.bool_]:
    """(n,) which inputs differ."""
    if isinstance(before, pd.DataFrame) and isinstance(after, pd.DataFrame):
        same = (before.to_numpy(object) == after.to_numpy(object)) | (before.isna() & after.isna()).to_numpy()
        return np.asarray(~same.all(1))
    old, new = np.asarray(before), np.asarray(after)
    return np.asarray((old != new).reshape(len(old), -1).any(1))


def _with_versions(dataset: Dataset, versions: Sequence[Any]) -> tuple[Dataset, NDArray[np.int64]]:
    """A dataset that ends in the versions' inputs, after the training rows that features are fitted on."""
    train = dataset.rows("train") if dataset.modality != "image" else np.zeros(0, np.int64)
    parts = [dataset.take(train), *versions]
    inputs: Any
    if isinstance(dataset.inputs, pd.DataFrame):
        inputs = pd.concat(parts, ignore_index=True)
    else:
        inputs = np.concatenate([np.asarray(part) for part in parts])
    count = sum(len(version) for version in versions)
    longer = replace(
        dataset,
        ids=tuple(map(str, range(len(train) + count))),
        inputs=inputs,
        targets=np.concatenate([dataset.targets[train], np.repeat(dataset.targets[:1], count, 0)]),
        splits=np.array(["train"] * len(train) + ["test"] * count),
        contents=("",) * (len(train) + count),
        sources=(),
        derived={},
    )
    return longer, np.arange(len(train), len(train) + count)


def _changes(pools: Pools, longer: Dataset, rows: NDArray[np.int64], versions: int) -> NDArray[np.float64]:
    """(models, versions - 1, targets, c) each version's predictions less those of the first."""
    predictions = []
    for pool in (pools.first, pools.again):
        for run in range(min(MODELS // 2, len(pool))):
            outputs = pool.learner.outputs(pool.fitted(run), longer, rows)
            predictions.append(_predictions(pool, outputs).reshape(versions, -1, outputs.shape[1]))
    predicted = np.stack(predictions)
    return np.asarray(predicted[:, 1:] - predicted[:, :1])


def _predictions(pool: Pool, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities, or numbers in standard deviations of the training targets."""
    dataset, values = pool.dataset, outputs.astype(np.float64)
    if dataset.task == "regression":
        return values / max(float(dataset.targets[dataset.rows("train")].std()), 1e-300)
    return np.asarray(softmax(values, 1) if dataset.task == "classification" else expit(values))


def _resampled(moves: Sequence[NDArray[np.float64]], rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """(RESAMPLED,) means under each algorithm, with the same resampled targets and its own resampled models."""
    targets = moves[0].shape[1]
    target_weights = rng.multinomial(targets, np.full(targets, 1 / targets), RESAMPLED) / targets
    means = []
    for changes in moves:
        model_weights = rng.multinomial(len(changes), np.full(len(changes), 1 / len(changes)), RESAMPLED) / len(changes)
        means.append(np.asarray(np.einsum("rm,mt,rt->r", model_weights, changes, target_weights, optimize=True)))
    return means
