"""What `dataaudit compare` finds of planted differences, what it claims where there is none, and how long it takes.

    python benchmarks/compare.py [texts|table|images|boosting|forest|flights|runs|same|time]...
        [--times 10] [--seeds 3] [--train 600] [--test 600] [--same texts table]

Planted: one of two learners can't use a feature that gives a class away, see tests/comparison/plants.py; boosting and
forest are of trees. Flights: a forest that does not see where flights go against one that does, on sample_data. Runs:
forests by what their runs tell, with and without a stand-in's scores, instead of by their leaves. Same: a learner
against itself under other seeds. Time: the comparison of made-up attributions, 10,000 x 1,000.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

sys.path.insert(0, str(Path(__file__).parents[1]))

from dataaudit import plugins
from dataaudit.attribution.problem import Problem
from dataaudit.attribution.regression import prior_regression
from dataaudit.attribution.regression.run_rows import Rows
from dataaudit.comparison.compare import compare
from dataaudit.comparison.comparison import Comparison
from dataaudit.comparison.null import largest_by_chance
from dataaudit.comparison.pools import Contender
from dataaudit.comparison.residuals import noise_free_lengths, principal, residuals, squares
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import Dataset, silent
from dataaudit.errors import InputError
from dataaudit.training.learning import LearningAlgorithm
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.models.own_trees import TreesLearner
from dataaudit.training.pool import Pool, train_pool
from tests.comparison import plants

BOOSTING, FOREST = HistGradientBoostingClassifier(max_iter=30), RandomForestClassifier(30, min_samples_leaf=5)
FLIGHTS = Path(__file__).parents[1] / "sample_data" / "flights"
WHERE_TO = ("destination", "distance", "air_time")
PLANTS = {
    "texts": (plants.texts, plants.Uncued(), learner_of("text", "text")),
    "table": (plants.table, learner_of("linear:C=0.05", "table"), learner_of("linear", "table")),
    "images": (
        plants.images,
        plants.Erased(epochs=8),
        learner_of("image:epochs=8", "image"),
    ),
    "boosting": (plants.table, plants.trees(BOOSTING, "flag"), plants.trees(BOOSTING)),
    "forest": (plants.table, plants.trees(FOREST, "flag"), plants.trees(FOREST)),
}
RUNS = 16


def compared(
    dataset: Dataset,
    a: LearningAlgorithm,
    b: LearningAlgorithm,
    seed: int,
    folder: Path | None = None,
    runs: int = RUNS,
) -> Comparison:
    with tempfile.TemporaryDirectory() as own:
        folder = folder or Path(own)
        (folder / "data").mkdir(exist_ok=True)
        config = AuditConfig(folder / "data", folder / "out", runs=runs, jobs=1, seed=seed)
        return compare(config, dataset, [Contender("a", a), Contender("b", b)], [], 0.05, 4, silent)


def precision(found: Comparison, dataset: Dataset, marked: NDArray[np.bool_]) -> float:
    """Of the first component's targets, at the end where they are most."""
    has = dict(zip(dataset.ids, marked.tolist(), strict=True))
    return max(float(np.mean([has[one.id] for one in end.targets])) for end in found.components[0].ends)


def planted(name: str, n_train: int, n_test: int, seed: int) -> str:
    make, a, b = PLANTS[name]
    dataset, marked = make(n_train, n_test, seed)
    found = compared(dataset, a, b, seed)
    first = found.components[0]
    said = [
        f"| {name} | {seed} | {len(found.real)} of {len(found.components)} | {first.p:.2f} | "
        f"{precision(found, dataset, marked):.2f} |"
    ]
    said += [
        f"{one.transform} ({one.towards}): A {one.a.mean:+.3f}, B {one.b.mean:+.3f}, "
        f"difference {one.interval[0]:+.3f} to {one.interval[1]:+.3f}, random at most {np.abs(one.b.random).max():.3f}"
        for one in found.counterfactuals
    ]
    return f"{'; '.join(said)} | {sum(found.seconds.values()):.0f} s"


def same(name: str, times: int) -> str:
    make, _, learner = PLANTS[name]
    dataset, _ = make(200, 100, 0)
    least = [min(one.p for one in compared(dataset, learner, learner, seed).components) for seed in range(times)]
    false = sum(p <= 0.05 for p in least)
    return f"{name} against itself: {false} of {times} claim something; least p: {', '.join(f'{p:.2f}' for p in least)}"


def flights() -> str:
    dataset = load(AuditConfig(FLIGHTS), silent)
    categories = (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                  make_column_selector(dtype_exclude="number"))  # fmt: skip
    a, b = (
        TreesLearner(
            make_pipeline(make_column_transformer(("drop", list(blind)), categories, remainder="passthrough"), FOREST),
            f"a forest, blind to {blind}",
        )
        for blind in (WHERE_TO, ())
    )
    found = compared(dataset, a, b, 0)
    ends = [end for component in found.real for end in component.ends]
    differences = [one for end in ends for one in (*end.of_targets, *end.of_carriers)]
    about = [one.what for one in differences if one.what.split(" = ")[0] in WHERE_TO]
    tests = [f"{one.transform}: {one.a.mean:+.3f}, {one.b.mean:+.3f}" for one in found.counterfactuals]
    return (
        f"flights: {len(found.real)} of {len(found.components)}, p {found.components[0].p:.2f}; accuracy "
        f"{found.a.performance:.3f} and {found.b.performance:.3f}; {len(about)} of {len(differences)} differences are "
        f"about where flights go; {'; '.join(tests)}; {sum(found.seconds.values()):.0f} s"
    )


def by_runs(tau: NDArray[np.float64] | None) -> Callable[..., list[NDArray[np.float32]]]:
    """Scores of groups from their masks and outcomes: as datamodels, or a stand-in's, tau, corrected by the runs."""

    def scores(pool: Pool, groups: Sequence[NDArray[np.int64]], targets: NDArray[np.int64], *_: Any) -> list[Any]:
        masks = pool.masks[:, pool.dataset.rows("train")] - 0.5
        margins = pool.margins(targets, pool.dataset.targets[targets]).astype(np.float64)
        if tau is None:
            return [((margins[g] - margins[g].mean(0)).T @ masks[g]).astype(np.float32) for g in groups]
        result = []
        for group in groups:
            rows = Rows(np.ones(len(group)), masks[group], margins[group], masks[group] @ tau).centred()
            slope = prior_regression.common_slope(rows)
            corrected = [
                prior_regression.correct(rows, place, tau[:, place], slope, [0.1]) for place in range(len(targets))
            ]
            columns = [one.slopes[0] * tau[:, place] + one.weights[:, 0] for place, one in enumerate(corrected)]
            result.append(np.array(columns, np.float32))
        return result

    return scores


def told_by_runs(runs: int, seed: int) -> str:
    dataset, marked = plants.table(300, 100, seed)
    a, b = (plants.trees(FOREST, *blind) for blind in (("flag",), ()))
    said = []
    with tempfile.TemporaryDirectory() as folder:
        stand_in = train_pool(dataset, learner_of(None, "table"), Path(folder) / "stand-in", 16, 123 + seed, silent)
        backend = plugins.get("backends", "trak").BACKEND(ridges=())
        tau = backend.attribute(Problem.from_pool(stand_in), Path(folder) / "tau.h5", silent).scores()
        ways = {"runs": by_runs(None), "a stand-in corrected by runs": by_runs(tau.astype(np.float64)), "leaves": None}
        for name, scores in ways.items():
            patched = (
                mock.patch("dataaudit.comparison.compare.scores_of_groups", scores) if scores else mock.MagicMock()
            )
            try:
                with patched:
                    found = compared(dataset, a, b, seed, Path(folder), runs)
                share = precision(found, dataset, marked)
                said.append(f"{name}: {len(found.real)} of 8, p {found.components[0].p:.2f}, first {share:.2f}")
            except InputError as error:
                said.append(f"{name}: {error}")
    return f"forests, {runs} runs a pool, seed {seed}: {'; '.join(said)}"


def made_up(rng: np.random.Generator, shared: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [shared + 3 * rng.standard_normal(shared.shape, np.float32) for _ in range(12)]


def timed() -> str:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((1000, 20), np.float32) @ rng.standard_normal((20, 10_000), np.float32)
    scores = [made_up(rng, shared) for _ in range(2)]
    start, used = time.perf_counter(), time.process_time()
    for one in scores:
        largest_by_chance(one, rng)
    means = [np.mean(one[:6], 0) for one in scores]
    lengths = [
        noise_free_lengths(squares([mean])[0], squares(one[:6])) for mean, one in zip(means, scores, strict=True)
    ]
    for i in (0, 1):
        principal(residuals(means[i], means[1 - i], lengths[i], lengths[1 - i]), 4)
    return f"10,000 x 1,000: {time.perf_counter() - start:.0f} s, {time.process_time() - used:.0f} s of the processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=[*PLANTS, "flights", "runs", "same", "time"])
    parser.add_argument("--same", nargs="+", default=["texts", "table", "boosting", "forest"])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=600)
    parser.add_argument("--test", type=int, default=600)
    asked = parser.parse_args()
    for what in asked.what:
        if what == "time":
            print(timed(), flush=True)
        elif what == "same":
            for name in asked.same:
                print(same(name, asked.times), flush=True)
        elif what == "flights":
            print(flights(), flush=True)
        elif what == "runs":
            for runs in (24, 96):
                for seed in range(asked.seeds):
                    print(told_by_runs(runs, seed), flush=True)
        else:
            for seed in range(asked.seeds):
                print(planted(what, asked.train, asked.test, seed), flush=True)


if __name__ == "__main__":
    main()
