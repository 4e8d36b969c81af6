"""What `dataaudit compare` does: two algorithms' pools, their attributions, what differs, and how sure that is."""

from collections.abc import Sequence
from dataclasses import replace

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from ..config import AuditConfig
from ..dataset import Dataset, Track, as_text
from ..errors import InputError
from ..progress import timed
from ..training.pool import QUALITY
from .comparison import Algorithm, Comparison, Component, Difference, End, Placed, Side
from .counterfactual import Test, rehearse, tested
from .differences import set_apart
from .null import largest_by_chance, significance
from .pools import PLACES, Contender, Pools, groups, train
from .residuals import Lengths, Rows, cosines, explained, noise_free_lengths, principal, reliable, residuals, squares
from .scores import scores_of_groups
from .transforms import Transform, transform_of

MOST_TARGETS = 1000
"""Predictions that are compared, evenly spaced."""
FEWEST_TARGETS = 10
EXTREME = 50
"""Targets and training samples at the end of a component that are looked at, at most a tenth of them."""
SUGGESTED = 3
"""Transformations that a comparison proposes itself."""


def compare(
    config: AuditConfig,
    dataset: Dataset,
    contenders: Sequence[Contender],
    transforms: Sequence[Transform],
    alpha: float,
    count: int,
    track: Track,
) -> Comparison:
    """Compare A and B, which are the contenders in this order, by `count` components each way.

    Pools are kept in the output directory, so work that was cut off goes on where it stopped. Raises InputError if
    there is too little to compare.
    """
    rehearse(dataset, transforms)
    finished = [one for one in contenders if one.run]
    runs = min(config.runs, *(one.runs for one in finished)) if finished else config.runs
    seconds: dict[str, float] = {}
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        with timed(seconds, "training"):
            pools = train(dataset, contenders, config.directory, runs, config.seed, track)
        target = dataset.rows(dataset.target_split)
        target = target[np.linspace(0, len(target) - 1, min(MOST_TARGETS, len(target))).astype(np.int64)]
        with timed(seconds, "attributing"):
            scores = [_scores(both, target, name, track) for both, name in zip(pools, "AB", strict=True)]
        with timed(seconds, "comparing"):
            kept = np.logical_and.reduce([reliable(*_squares(one)) for one in scores])
            if kept.sum() < FEWEST_TARGETS:
                raise InputError(
                    f"{dataset.root}: the attributions of only {kept.sum()} of {len(kept)} targets stand out of the "
                    f"noise; expected {FEWEST_TARGETS} or more. More --runs make them clearer"
                )
            if not kept.all():
                scores = [[rows[kept] for rows in one] for one in scores]
                target = target[kept]
            rng = np.random.default_rng(config.seed)
            by_chance = np.maximum(*(largest_by_chance(one, rng) for one in scores))
            components = _components(dataset, target, scores, by_chance, alpha, count)
        agreed = [_halves(one) for one in scores]
        tests = _tests(dataset, transforms, components)
        with timed(seconds, "testing"):
            counterfactuals = tested(dataset, pools, tests, alpha, config.seed, track)
    notes = [
        f"{name}'s first pool is that of the finished run {as_text(one.given)}: {one.runs} models of its own seed, "
        f"{one.seed}. --seed and --runs are those of the pools trained beside it."
        for name, one in zip("AB", contenders, strict=True)
        if one.run
    ]
    if not kept.all():
        notes.append(f"{(~kept).sum()} of {len(kept)} predictions are left out: their attributions are mostly noise.")
    return Comparison(
        dataset={
            "name": as_text(dataset.root.resolve().name),
            "fingerprint": dataset.fingerprint,
            "modality": dataset.modality,
            "task": dataset.task,
            "target_split": dataset.target_split,
            "training_samples": len(dataset.rows("train")),
            "targets": len(target),
        },
        a=_described(contenders[0], pools[0]),
        b=_described(contenders[1], pools[1]),
        alpha=alpha,
        agreement=dict(
            zip((dataset.ids[row] for row in target), cosines(agreed[0][0], agreed[1][0]).tolist(), strict=True)
        ),
        own=(float(np.median(cosines(*agreed[0]))), float(np.median(cosines(*agreed[1])))),
        by_chance=tuple(by_chance.tolist()),
        components=components,
        counterfactuals=counterfactuals,
        notes=tuple(notes),
        reproduce=_reproduce(replace(config, runs=runs), contenders, transforms, alpha, count),
        seconds=seconds,
    )


def estimate(config: AuditConfig, dataset: Dataset, contenders: Sequence[Contender]) -> float:
    """About how many seconds `compare` will take."""
    rows, runs = len(dataset.rows("train")), 0
    seconds = 0.0
    for one in contenders:
        pools = 1 if one.run else 2
        seconds += pools * config.runs * one.learner.seconds_per_run(dataset, rows // 2) / config.workers * 1.15
        runs += 2 * config.runs
    return seconds + runs * len(dataset) * 1.4e-3 + 30


def _scores(both: Pools, target: NDArray[np.int64], name: str, track: Track) -> list[Rows]:
    """The groups of its first pool, then those of the other."""
    return [
        rows
        for number, pool in enumerate((both.first, both.again), 1)
        for rows in scores_of_groups(pool, groups(pool), target, f"attributing {name}, pool {number} of 2", track)
    ]


def _halves(scores: Sequence[Rows]) -> tuple[Rows, Rows]:
    """Mean attributions of both of an algorithm's pools."""
    middle = len(scores) // 2
    return np.mean(scores[:middle], 0), np.mean(scores[middle:], 0)


def _squares(scores: Sequence[Rows]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return squares([np.mean(scores, 0)])[0], squares(scores)


def _first(scores: Sequence[Rows]) -> tuple[Rows, Lengths]:
    """Mean attributions of an algorithm's first pool, and their lengths."""
    own = scores[: len(scores) // 2]
    return np.mean(own, 0), noise_free_lengths(*_squares(own))


def _components(
    dataset: Dataset,
    target: NDArray[np.int64],
    scores: Sequence[Sequence[Rows]],
    by_chance: NDArray[np.float64],
    alpha: float,
    count: int,
) -> tuple[Component, ...]:
    """Those of A beyond B and of B beyond A, surest first."""
    (a, of_a), (b, of_b) = map(_first, scores)
    ways: list[tuple[Side, Rows]] = [("A", residuals(a, b, of_a, of_b)), ("B", residuals(b, a, of_b, of_a))]
    found = []
    for side, rows in ways:
        parts = principal(rows, min(count, len(target) - 1))
        p = significance(parts.values, by_chance)
        shares = explained(a, of_a, parts.directions), explained(b, of_b, parts.directions)
        for k in range(len(parts.values)):
            real = bool(p[k] <= alpha)
            found.append(
                Component(
                    side,
                    k + 1,
                    float(parts.values[k]),
                    float(p[k]),
                    real,
                    (float(shares[0][k]), float(shares[1][k])),
                    (
                        _end(dataset, target, parts.targets[:, k], parts.directions[k], real),
                        _end(dataset, target, -parts.targets[:, k], -parts.directions[k], real),
                    ),
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.variance, one.side)))


def _end(
    dataset: Dataset,
    target: NDArray[np.int64],
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    real: bool,
) -> End:
    """What lies farthest up; only of real components what sets it apart."""
    train = dataset.rows("train")
    targets, carriers = _farthest(places), _farthest(weights)
    return End(
        _placed(dataset, target, places, targets),
        _placed(dataset, train, weights, carriers),
        _apart(dataset, target, targets) if real else (),
        _apart(dataset, train, carriers) if real else (),
    )


def _farthest(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(-weights, kind="stable")[: max(5, min(EXTREME, len(weights) // 10))]


def _placed(
    dataset: Dataset, rows: NDArray[np.int64], weights: NDArray[np.float64], chosen: NDArray[np.int64]
) -> tuple[Placed, ...]:
    return tuple(Placed(dataset.ids[rows[i]], dataset.label(rows[i]), float(weights[i])) for i in chosen)


def _apart(dataset: Dataset, rows: NDArray[np.int64], chosen: NDArray[np.int64]) -> tuple[Difference, ...]:
    inside = np.zeros(len(rows), bool)
    inside[chosen] = True
    return set_apart(dataset, rows, inside)


def _tests(dataset: Dataset, transforms: Sequence[Transform], components: Sequence[Component]) -> list[Test]:
    """The user's, and those that plant what sets real components' samples apart most."""
    named = [one.spec for one in transforms]
    suggested: dict[str, str] = {}
    for one in _strongest([component for component in components if component.real]):
        if one.transform not in named:
            suggested.setdefault(one.transform.rpartition("=")[0] or one.transform, one.transform)
    specs = list(suggested.values())[:SUGGESTED]
    return [Test(one, False) for one in transforms] + [Test(transform_of(spec, dataset), True) for spec in specs]


def _strongest(components: Sequence[Component]) -> list[Difference]:
    """The clearest that can be planted: of targets, of carriers, within classes and across; then each component's."""
    found = [
        ((of_targets, one.within), number, one)
        for number, component in enumerate(components)
        for end in component.ends
        for of_targets, differences in ((True, end.of_targets), (False, end.of_carriers))
        for one in differences
        if one.transform
    ]
    found.sort(key=lambda case: case[2].p)
    by_list = {place: one for place, _, one in reversed(found)}
    by_component = {number: one for _, number, one in reversed(found)}
    return [
        *sorted(by_list.values(), key=lambda one: one.p),
        *(by_component[number] for number in sorted(by_component)),
    ]


def _described(contender: Contender, pools: Pools) -> Algorithm:
    dataset, pool = pools.first.dataset, pools.first
    target = dataset.rows(dataset.target_split)
    return Algorithm(
        as_text(contender.given),
        dict(contender.learner.recipe),
        len(pool),
        QUALITY[dataset.task],
        float(np.mean([pool.accuracies(target), pools.again.accuracies(target)])),
    )


def _reproduce(
    config: AuditConfig, contenders: Sequence[Contender], transforms: Sequence[Transform], alpha: float, count: int
) -> tuple[str, ...]:
    words = ["compare", as_text(str(config.path))]
    for name, one in zip(PLACES, contenders, strict=False):
        words += [f"--{name}", as_text(one.given)]
    words += ["--seed", str(config.seed), "--runs", str(config.runs), "--rows", str(config.rows)]
    words += ["--label", config.label] if config.label is not None else []
    for transform in transforms:
        words += ["--transform", transform.spec]
    return (*words, "--alpha", str(alpha), "--components", str(count))
