"""What `dataaudit compare` finds of planted differences, what it claims where there is none, and how long it takes.

    python benchmarks/compare.py [texts|table|images|same|time]... [--times 10] [--seeds 3] [--train 600] [--test 600]

Planted: one of two learners can't use a feature that gives a class away, see tests/comparing/plants.py. Same: a learner
against itself under other seeds, texts and tables. Time: the comparison of made-up attributions, 10,000 x 1,000.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from dataaudit.comparison.compare import compare
from dataaudit.comparison.comparison import Comparison
from dataaudit.comparison.null import largest_by_chance
from dataaudit.comparison.pools import Contender
from dataaudit.comparison.residuals import noise_free_lengths, principal, residuals, squares
from dataaudit.config import AuditConfig
from dataaudit.dataset import Dataset, silent
from dataaudit.training.learning import LearningAlgorithm
from dataaudit.training.models.learner_spec import learner_of
from tests.comparison import plants

PLANTS = {
    "texts": (plants.texts, plants.Uncued(), learner_of("text", "text")),
    "table": (plants.table, learner_of("linear:C=0.05", "table"), learner_of("linear", "table")),
    "images": (
        plants.images,
        plants.Erased(epochs=8),
        learner_of("image:epochs=8", "image"),
    ),
}
RUNS = 16


def compared(dataset: Dataset, a: LearningAlgorithm, b: LearningAlgorithm, seed: int) -> Comparison:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        config = AuditConfig(Path(folder) / "data", Path(folder) / "out", runs=RUNS, jobs=1, seed=seed)
        return compare(config, dataset, [Contender("a", a), Contender("b", b)], [], 0.05, 4, silent)


def planted(name: str, n_train: int, n_test: int, seed: int) -> str:
    make, a, b = PLANTS[name]
    dataset, marked = make(n_train, n_test, seed)
    found = compared(dataset, a, b, seed)
    has = dict(zip(dataset.ids, marked.tolist(), strict=True))
    first = found.components[0]
    precision = max(np.mean([has[one.id] for one in end.targets]) for end in first.ends)
    said = [f"| {name} | {seed} | {len(found.real)} of {len(found.components)} | {first.p:.2f} | {precision:.2f} |"]
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
    parser.add_argument("what", nargs="*", default=[*PLANTS, "same", "time"])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", type=int, default=600)
    parser.add_argument("--test", type=int, default=600)
    asked = parser.parse_args()
    for what in asked.what:
        if what == "time":
            print(timed(), flush=True)
        elif what == "same":
            for name in ("texts", "table"):
                print(same(name, asked.times), flush=True)
        else:
            for seed in range(asked.seeds):
                print(planted(what, asked.train, asked.test, seed), flush=True)


if __name__ == "__main__":
    main()
