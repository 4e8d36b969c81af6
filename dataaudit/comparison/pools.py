"""The four pools of a comparison: A's, B's, and one more of each, which show what an algorithm differs from itself by.

Every pool has a seed of its own, for its subsets and its trainings. So if A and B are the same algorithm, the four are
draws from one distribution, and A against B is as A against A again. With one seed for A and B they would share their
halves, and the null, whose pools can't, would be of another kind. Two finished runs of one seed do share them: what
noise they share drops out of A against B, so that the null is rather too large than too small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import plugins
from ..dataset import Dataset, Track
from ..errors import InputError
from ..training.learning import LearningAlgorithm
from ..training.models.learner_spec import learner_of
from ..training.models.rehearsal import rehearse
from ..training.pool import BLOCK, Pool, train_pool
from ..verdict.audit_file import is_audit, read_audit
from .scores import method

PLACES = ("a", "b", "a-again", "b-again")
GROUPS = ((0, 1, 6, 7), (2, 3, 4, 5))
"""Places in a block of runs that make up a group: the pair of halves that is trained twice, and the two other pairs."""
FEWEST = 2 * BLOCK
"""Fewest runs whose groups can be reassigned in enough ways to show anything at 5 %."""


@dataclass(frozen=True)
class Contender:
    """One of the algorithms.

    source  the SPEC or the folder of a finished run that the user named
    run     folder of a finished run whose pool is taken; None where there is none
    seed    of that pool
    """

    source: str
    learner: LearningAlgorithm
    run: Path | None = None
    seed: int = 0
    runs: int = 0


@dataclass(frozen=True)
class Pools:
    """An algorithm's two pools, of equally many runs."""

    first: Pool
    again: Pool


def contender(source: str, dataset: Dataset, option: str) -> Contender:
    """The algorithm that a SPEC or the folder of a finished run names.

    Raises InputError if it does not fit the data, its models can't be attributed, or the run is of other data or
    unfinished.
    """
    path = Path(source)
    if source.partition(":")[0] not in plugins.names("learners"):
        if path.exists() and is_audit(path):
            return _from_run(path if path.is_dir() else path.parent, source, dataset, option)
        if path.is_dir():
            raise InputError(
                f"--{option} {source}: expected a learner or the folder of a finished run, found no audit.json"
            )
    try:
        learner = _usable(learner_of(source, dataset.modality), source, option)
        rehearse(learner, dataset, source)
    except InputError as error:
        raise InputError(str(error).replace("--learner ", f"--{option} ", 1)) from error
    return Contender(source, learner)


def common_method(contenders: Sequence[Contender]) -> str:
    """What both are attributed by. Raises InputError for two methods, whose differences are no algorithm's."""
    methods = [method(contender.learner) for contender in contenders]
    if len(set(methods)) > 1:
        named = "; ".join(f"--{name} by {used}" for name, used in zip(PLACES, methods, strict=False))
        raise InputError(
            f"expected two learners that are attributed by the same method, found {named}. Compare trees with trees, "
            "and torch modules or recipes with each other"
        )
    return methods[0]


def train(
    dataset: Dataset, contenders: Sequence[Contender], directory: Path, runs: int, seed: int, track: Track
) -> tuple[Pools, Pools]:
    """Train what is missing; a finished run's folder is only read."""
    seeds = np.random.SeedSequence(seed).generate_state(len(PLACES)).tolist()
    pools = []
    for place, pool_seed in zip(PLACES, seeds, strict=True):
        algorithm = contenders[PLACES.index(place) % 2]
        finished = algorithm.run is not None and place in ("a", "b")
        folder = algorithm.run / "pool" if finished and algorithm.run else directory / place
        count = algorithm.runs if finished else runs
        pools.append(
            train_pool(dataset, algorithm.learner, folder, count, algorithm.seed if finished else pool_seed, track)
        )
    fewest = min(map(len, pools)) // BLOCK * BLOCK
    truncated = [_truncated(pool, fewest) for pool in pools]
    return Pools(truncated[0], truncated[2]), Pools(truncated[1], truncated[3])


def group_runs(pool: Pool) -> list[NDArray[np.int64]]:
    """Numbers of the runs of each group, kinds in turn; see GROUPS."""
    return [
        block * BLOCK + np.array(places, np.int64) for block in range(len(pool) // BLOCK) for places in GROUPS
    ]  # fmt: skip


def _truncated(pool: Pool, runs: int) -> Pool:
    first = slice(0, runs)
    return replace(
        pool,
        masks=pool.masks[first],
        outputs=pool.outputs[first],
        seeds=pool.seeds[first],
        subsets=pool.subsets[first],
        snapshots=pool.snapshots[first],
    )


def _from_run(folder: Path, source: str, dataset: Dataset, option: str) -> Contender:
    document = read_audit(folder)
    arguments = _flag_values(document["reproduce"]["arguments"])
    if document["dataset"]["fingerprint"] != dataset.fingerprint:
        read = document["dataset"].get("reading", {})
        options = " ".join(f"--{key} {value}" for key, value in read.items() if value is not None)
        raise InputError(
            f"--{option} {source}: the run was on other data, {document['dataset']['fingerprint'][:12]}…, than is read "
            f"here, {dataset.fingerprint[:12]}…; it read {document['dataset']['path']} with {options or 'the defaults'}"
        )
    if "--checkpoint" in arguments:
        raise InputError(
            f"--{option} {source}: the run attributed checkpoints; expected one that trained its own models"
        )
    seed, runs = int(arguments.get("--seed", "0")), int(arguments.get("--runs", "0"))
    if runs < FEWEST:
        raise InputError(f"--{option} {source}: the run has {runs} models; expected at least {FEWEST}")
    missing = [run for run in range(runs) if not (folder / "pool" / f"run-{run:05d}.pt").exists()]
    if missing:
        raise InputError(
            f"--{option} {source}: {len(missing)} of its {runs} models are not there; finish the run first"
        )
    learner = _usable(learner_of(arguments.get("--learner"), dataset.modality), source, option)
    return Contender(source, learner, folder, seed, runs)


def _flag_values(words: Sequence[str]) -> Mapping[str, str]:
    """Flags and the word after each."""
    return {word: value for word, value in zip(words, [*words[1:], ""], strict=True) if word.startswith("--")}


def _usable(learner: Any, source: str, option: str) -> LearningAlgorithm:
    if not method(learner):
        raise InputError(
            f"--{option} {source}: expected a learner whose models are torch modules, or trees that tell their leaves "
            "by `apply`; how other estimators use the data can't be told from so few runs"
        )
    usable: LearningAlgorithm = learner
    return usable
