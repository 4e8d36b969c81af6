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
from ..training.learning import LearningAlgorithm, is_differentiable
from ..training.models.learner_spec import learner_of
from ..training.models.rehearsal import rehearse
from ..training.pool import BLOCK, Pool, train_pool
from ..verdict.audit_file import is_audit, read_audit

PLACES = ("a", "b", "a-again", "b-again")
GROUPS = ((0, 1, 6, 7), (2, 3, 4, 5))
"""Places in a block of runs that make up a group: the pair of halves that is trained twice, and the two other pairs."""
FEWEST = 2 * BLOCK
"""Runs below which groups can be dealt out in too few ways to tell anything at 5 %."""


@dataclass(frozen=True)
class Contender:
    """One of the algorithms.

    run     folder of a finished run whose pool is taken; None where there is none
    seed    of that pool
    """

    given: str
    learner: LearningAlgorithm
    run: Path | None = None
    seed: int = 0
    runs: int = 0


@dataclass(frozen=True)
class Pools:
    """An algorithm's two pools, of equally many runs."""

    first: Pool
    again: Pool


def contender(given: str, dataset: Dataset, name: str) -> Contender:
    """The algorithm that a SPEC or the folder of a finished run names.

    Raises InputError if it does not fit the data, has no gradients, or the run is of other data or unfinished.
    """
    path = Path(given)
    if given.partition(":")[0] not in plugins.names("learners"):
        if path.exists() and is_audit(path):
            return _of_run(path if path.is_dir() else path.parent, given, dataset, name)
        if path.is_dir():
            raise InputError(
                f"--{name} {given}: expected a learner or the folder of a finished run, found no audit.json"
            )
    try:
        learner = _usable(learner_of(given, dataset.modality), given, name)
        rehearse(learner, dataset, given)
    except InputError as error:
        raise InputError(str(error).replace("--learner ", f"--{name} ", 1)) from error
    return Contender(given, learner)


def train(
    dataset: Dataset, contenders: Sequence[Contender], directory: Path, runs: int, seed: int, track: Track
) -> tuple[Pools, Pools]:
    """Train what is missing; a finished run's folder is only read."""
    seeds = np.random.SeedSequence(seed).generate_state(len(PLACES)).tolist()
    pools = []
    for place, own in zip(PLACES, seeds, strict=True):
        one = contenders[PLACES.index(place) % 2]
        finished = one.run is not None and place in ("a", "b")
        folder = one.run / "pool" if finished and one.run else directory / place
        count = one.runs if finished else runs
        pools.append(train_pool(dataset, one.learner, folder, count, one.seed if finished else own, track))
    fewest = min(map(len, pools)) // BLOCK * BLOCK
    whole = [_first(pool, fewest) for pool in pools]
    return Pools(whole[0], whole[2]), Pools(whole[1], whole[3])


def groups(pool: Pool) -> list[NDArray[np.int64]]:
    """Runs of each group, kinds in turn; see GROUPS."""
    return [
        block * BLOCK + np.array(places, np.int64) for block in range(len(pool) // BLOCK) for places in GROUPS
    ]  # fmt: skip


def _first(pool: Pool, runs: int) -> Pool:
    kept = slice(0, runs)
    return replace(
        pool,
        masks=pool.masks[kept],
        outputs=pool.outputs[kept],
        seeds=pool.seeds[kept],
        subsets=pool.subsets[kept],
        snapshots=pool.snapshots[kept],
    )


def _of_run(folder: Path, given: str, dataset: Dataset, name: str) -> Contender:
    document = read_audit(folder)
    said = _arguments(document["reproduce"]["arguments"])
    if document["dataset"]["fingerprint"] != dataset.fingerprint:
        read = document["dataset"].get("reading", {})
        how = " ".join(f"--{key} {value}" for key, value in read.items() if value is not None)
        raise InputError(
            f"--{name} {given}: the run was on other data, {document['dataset']['fingerprint'][:12]}…, than is read "
            f"here, {dataset.fingerprint[:12]}…; it read {document['dataset']['path']} with {how or 'the defaults'}"
        )
    if "--checkpoint" in said:
        raise InputError(f"--{name} {given}: the run attributed checkpoints; expected one that trained its own models")
    seed, runs = int(said.get("--seed", "0")), int(said.get("--runs", "0"))
    if runs < FEWEST:
        raise InputError(f"--{name} {given}: the run has {runs} models; expected at least {FEWEST}")
    missing = [run for run in range(runs) if not (folder / "pool" / f"run-{run:05d}.pt").exists()]
    if missing:
        raise InputError(f"--{name} {given}: {len(missing)} of its {runs} models are not there; finish the run first")
    learner = _usable(learner_of(said.get("--learner"), dataset.modality), given, name)
    return Contender(given, learner, folder, seed, runs)


def _arguments(words: Sequence[str]) -> Mapping[str, str]:
    """Flags and what follows each."""
    return {word: after for word, after in zip(words, [*words[1:], ""], strict=True) if word.startswith("--")}


def _usable(learner: Any, given: str, name: str) -> LearningAlgorithm:
    if not is_differentiable(learner):
        raise InputError(
            f"--{name} {given}: expected a learner whose models are torch modules; how an estimator without gradients "
            "uses the data can't be told from so few runs"
        )
    usable: LearningAlgorithm = learner
    return usable
