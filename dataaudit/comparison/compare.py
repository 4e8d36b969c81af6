"""What `dataaudit compare` does: two algorithms' pools, their attributions, the differences and their significance."""

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
from ..training.learning import is_differentiable
from ..training.pool import QUALITY
from .comparison import Algorithm, Comparison, Component, Difference, End, Placed, Side
from .counterfactual import Test, rehearse, run_tests
from .differences import set_apart
from .null import largest_by_chance, significance
from .pools import PLACES, Contender, Pools, common_method, group_runs, train
from .predictions import disagreement
from .residuals import Lengths, Rows, cosines, explained, noise_free_lengths, principal, reliable, residuals, squares
from .scores import scores_of_groups
from .transforms import Transform, transform_of

MOST_TARGETS = 1000
"""Predictions that are compared, evenly spaced."""
FEWEST_TARGETS = 10
EXTREME = 50
"""Targets and training samples at an end of a component that are described, at most a tenth of them."""
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

    Pools are kept in the output directory, so interrupted work is resumed. Raises InputError if
    there is too little to compare, or the two are attributed by different methods.
    """
    method = common_method(contenders)
    rehearse(dataset, transforms)
    finished = [contender for contender in contenders if contender.run]
    runs = min(config.runs, *(contender.runs for contender in finished)) if finished else config.runs
    seconds: dict[str, float] = {}
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        with timed(seconds, "training"):
            pools = train(dataset, contenders, config.directory, runs, config.seed, track)
        target = dataset.rows(dataset.target_split)
        target = target[np.linspace(0, len(target) - 1, min(MOST_TARGETS, len(target))).astype(np.int64)]
        with timed(seconds, "attributing"):
            scores = [_scores(pair, target, name, track) for pair, name in zip(pools, "AB", strict=True)]
        with timed(seconds, "comparing"):
            is_reliable = np.logical_and.reduce([reliable(*_squares(groups)) for groups in scores])
            if is_reliable.sum() < FEWEST_TARGETS:
                raise InputError(
                    f"{dataset.root}: the attributions of only {is_reliable.sum()} of {len(is_reliable)} targets stand "
                    f"out of the noise; expected {FEWEST_TARGETS} or more. More --runs make them clearer"
                )
            if not is_reliable.all():
                scores = [[rows[is_reliable] for rows in groups] for groups in scores]
                target = target[is_reliable]
            rng = np.random.default_rng(config.seed)
            by_chance = np.maximum(*(largest_by_chance(groups, rng) for groups in scores))
            components = _components(dataset, target, scores, by_chance, alpha, count)
        means = [_pool_means(groups) for groups in scores]
        tests = _tests(dataset, transforms, components)
        with timed(seconds, "testing"):
            counterfactuals = run_tests(dataset, pools, tests, alpha, config.seed, track)
    notes = [
        f"{name}'s first pool is that of the finished run {as_text(contender.source)}: {contender.runs} models of its "
        f"own seed, {contender.seed}. --seed and --runs are those of the pools trained beside it."
        for name, contender in zip("AB", contenders, strict=True)
        if contender.run
    ]
    if not is_reliable.all():
        notes.append(
            f"{(~is_reliable).sum()} of {len(is_reliable)} predictions are left out: their attributions are mostly "
            "noise."
        )
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
        a=_algorithm(contenders[0], pools[0]),
        b=_algorithm(contenders[1], pools[1]),
        method=method,
        disagreement=disagreement(pools),
        alpha=alpha,
        agreement=dict(
            zip((dataset.ids[row] for row in target), cosines(means[0][0], means[1][0]).tolist(), strict=True)
        ),
        own=(float(np.median(cosines(*means[0]))), float(np.median(cosines(*means[1])))),
        by_chance=tuple(by_chance.tolist()),
        components=components,
        counterfactuals=counterfactuals,
        notes=tuple(notes),
        reproduce=_arguments(replace(config, runs=runs), contenders, transforms, alpha, count),
        seconds=seconds,
    )


def estimate(config: AuditConfig, dataset: Dataset, contenders: Sequence[Contender]) -> float:
    """About how many seconds `compare` will take."""
    rows, runs = len(dataset.rows("train")), 0
    seconds = 0.0
    for contender in contenders:
        pools = 1 if contender.run else 2
        fit = contender.learner.seconds_per_run(dataset, rows // 2)
        seconds += pools * config.runs * fit / config.workers * 1.15
        if not is_differentiable(contender.learner):
            seconds += 2 * config.runs * fit  # for their leaves, one after another
        runs += 2 * config.runs
    return seconds + runs * len(dataset) * 1.4e-3 + 30


def _scores(pair: Pools, target: NDArray[np.int64], name: str, track: Track) -> list[Rows]:
    """Scores of the groups of the first pool, then of the second."""
    return [
        rows
        for number, pool in enumerate((pair.first, pair.again), 1)
        for rows in scores_of_groups(pool, group_runs(pool), target, f"attributing {name}, pool {number} of 2", track)
    ]


def _pool_means(scores: Sequence[Rows]) -> tuple[Rows, Rows]:
    """Mean attributions of both of an algorithm's pools."""
    middle = len(scores) // 2
    return np.mean(scores[:middle], 0), np.mean(scores[middle:], 0)


def _squares(scores: Sequence[Rows]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return squares([np.mean(scores, 0)])[0], squares(scores)


def _first_pool_means(scores: Sequence[Rows]) -> tuple[Rows, Lengths]:
    """Mean attributions of an algorithm's first pool, and their lengths."""
    first_pool = scores[: len(scores) // 2]
    return np.mean(first_pool, 0), noise_free_lengths(*_squares(first_pool))


def _components(
    dataset: Dataset,
    target: NDArray[np.int64],
    scores: Sequence[Sequence[Rows]],
    by_chance: NDArray[np.float64],
    alpha: float,
    count: int,
) -> tuple[Component, ...]:
    """Components of A beyond B and of B beyond A, largest variance first."""
    (a, lengths_a), (b, lengths_b) = map(_first_pool_means, scores)
    ways: list[tuple[Side, Rows]] = [
        ("A", residuals(a, b, lengths_a, lengths_b)),
        ("B", residuals(b, a, lengths_b, lengths_a)),
    ]
    components = []
    for side, rows in ways:
        parts = principal(rows, min(count, len(target) - 1))
        p_values = significance(parts.values, by_chance)
        shares = explained(a, lengths_a, parts.directions), explained(b, lengths_b, parts.directions)
        for k in range(len(parts.values)):
            is_real = bool(p_values[k] <= alpha)
            components.append(
                Component(
                    side,
                    k + 1,
                    float(parts.values[k]),
                    float(p_values[k]),
                    is_real,
                    (float(shares[0][k]), float(shares[1][k])),
                    (
                        _end(dataset, target, parts.targets[:, k], parts.directions[k], is_real),
                        _end(dataset, target, -parts.targets[:, k], -parts.directions[k], is_real),
                    ),
                )
            )
    return tuple(sorted(components, key=lambda component: (-component.variance, component.side)))


def _end(
    dataset: Dataset,
    target: NDArray[np.int64],
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    is_real: bool,
) -> End:
    """The farthest samples in the positive direction; their differences for real components only."""
    train = dataset.rows("train")
    targets, carriers = _farthest(places), _farthest(weights)
    return End(
        _placed(dataset, target, places, targets),
        _placed(dataset, train, weights, carriers),
        _differences(dataset, target, targets) if is_real else (),
        _differences(dataset, train, carriers) if is_real else (),
    )


def _farthest(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.argsort(-weights, kind="stable")[: max(5, min(EXTREME, len(weights) // 10))]


def _placed(
    dataset: Dataset, rows: NDArray[np.int64], weights: NDArray[np.float64], chosen: NDArray[np.int64]
) -> tuple[Placed, ...]:
    return tuple(Placed(dataset.ids[rows[i]], dataset.label(rows[i]), float(weights[i])) for i in chosen)


def _differences(dataset: Dataset, rows: NDArray[np.int64], chosen: NDArray[np.int64]) -> tuple[Difference, ...]:
    inside = np.zeros(len(rows), bool)
    inside[chosen] = True
    return set_apart(dataset, rows, inside)


def _tests(dataset: Dataset, transforms: Sequence[Transform], components: Sequence[Component]) -> list[Test]:
    """The user's, and those that plant the strongest differences of real components' samples."""
    user_specs = [transform.spec for transform in transforms]
    suggested: dict[str, str] = {}
    for difference in _strongest([component for component in components if component.real]):
        if difference.transform not in user_specs:
            suggested.setdefault(difference.transform.rpartition("=")[0] or difference.transform, difference.transform)
    specs = list(suggested.values())[:SUGGESTED]
    return [Test(transform, False) for transform in transforms] + [
        Test(transform_of(spec, dataset), True) for spec in specs
    ]


def _strongest(components: Sequence[Component]) -> list[Difference]:
    """The clearest that can be planted: of targets, of carriers, within classes and across; then each component's."""
    cases = [
        ((of_targets, difference.within), number, difference)
        for number, component in enumerate(components)
        for end in component.ends
        for of_targets, differences in ((True, end.of_targets), (False, end.of_carriers))
        for difference in differences
        if difference.transform
    ]
    cases.sort(key=lambda case: case[2].p)
    by_list = {key: difference for key, _, difference in reversed(cases)}
    by_component = {number: difference for _, number, difference in reversed(cases)}
    return [
        *sorted(by_list.values(), key=lambda difference: difference.p),
        *(by_component[number] for number in sorted(by_component)),
    ]


def _algorithm(contender: Contender, pools: Pools) -> Algorithm:
    dataset, pool = pools.first.dataset, pools.first
    target = dataset.rows(dataset.target_split)
    return Algorithm(
        as_text(contender.source),
        dict(contender.learner.recipe),
        len(pool),
        QUALITY[dataset.task],
        float(np.mean([pool.accuracies(target), pools.again.accuracies(target)])),
    )


def _arguments(
    config: AuditConfig, contenders: Sequence[Contender], transforms: Sequence[Transform], alpha: float, count: int
) -> tuple[str, ...]:
    arguments = ["compare", as_text(str(config.path))]
    for name, contender in zip(PLACES, contenders, strict=False):
        arguments += [f"--{name}", as_text(contender.source)]
    arguments += ["--seed", str(config.seed), "--runs", str(config.runs), "--rows", str(config.rows)]
    arguments += ["--label", config.label] if config.label is not None else []
    arguments += ["--task", config.task] if config.task is not None else []
    for transform in transforms:
        arguments += ["--transform", transform.spec]
    return (*arguments, "--alpha", str(alpha), "--components", str(count))
