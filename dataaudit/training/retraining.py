"""Retraining without chosen samples."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..dataset import Dataset, Track, silent
from .learning import LearningAlgorithm, is_linear, is_seedless
from .pool import attributed
from .training import Plan, path_of, read_outputs, read_states, train_runs

SEARCH_TIMES = (1000, 1001)
"""Times that sets are searched at, the same in every search, so that trainings are shared; claims use none of them."""
TOLERANCE = 1e-10
"""Change of the mean loss at which linear learners end: without 200 of 60,000 samples it falls by 1e-4."""
STREAM = 7_919
"""Sets the training seeds of these runs apart from those of the pool."""


@dataclass(frozen=True)
class Retraining:
    """Trainings of one learner without chosen rows. Finished ones are kept in `directory`.

    seed    of the audit; each time has its own training seed
    times   trainings of every removal that a claim is confirmed with; 1 where the learner has no seeds
    among   training rows that removals are from, and that everything is trained on; None for all there are
    """

    dataset: Dataset
    learner: LearningAlgorithm
    directory: Path
    seed: int
    times: int
    track: Track
    among: NDArray[np.int64] | None = None

    @property
    def rows(self) -> NDArray[np.int64]:
        """The dataset rows that are trained on where none is removed."""
        return self.dataset.rows("train") if self.among is None else self.among

    def including(self, rows: NDArray[np.int64]) -> "Retraining":
        """The same with these training rows among those that are trained on."""
        return self if self.among is None else replace(self, among=np.union1d(self.among, rows))

    def outputs(
        self, removals: Sequence[NDArray[np.int64]], times: Sequence[int], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Outputs (len(removals), len(times), len(rows), c) after training without each set of dataset rows.

        Equal times are equal training seeds, so that differences between sets are paired; times that played no part in
        choosing a set are fresh seeds. An empty set gives `rows`. Raises as `train_runs` does.
        """
        runs = self.runs([(removed, time) for removed in removals for time in times], rows)
        return runs.reshape(len(removals), len(times), *runs.shape[1:])

    def runs(self, trainings: Sequence[tuple[NDArray[np.int64], int]], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Outputs (len(trainings), len(rows), c) of pairs of removed dataset rows and time; see `outputs`."""
        plans = [self._plan(removed, time) for removed, time in trainings]
        distinct = {plan.name: plan for plan in plans}
        is_new = not all(path_of(self.directory, plan.name).exists() for plan in plans)
        learner = self._nearby if is_new and is_linear(self.learner) else self.learner
        train_runs(self.dataset, learner, self.directory, self.seed, list(distinct.values()), False, self.track)
        return np.stack([read_outputs(self.directory, plan.name)[rows] for plan in plans])

    def margins(
        self, removals: Sequence[NDArray[np.int64]], times: Sequence[int], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """What is attributed, (len(removals), len(times), len(rows)), under the given labels; see `outputs`."""
        outputs = self.outputs(removals, times, rows)
        flat = attributed(self.dataset.task, outputs.reshape(-1, *outputs.shape[2:]), self.dataset.targets[rows])
        return flat.reshape(outputs.shape[:3])

    @cached_property
    def _nearby(self) -> LearningAlgorithm:
        """The linear learner, starting from the model of all `rows`: all removals leave most of them.

        That model is trained twice, the second time from the first: what it lacks of its optimum, removals would seem
        to do.
        """
        whole, learner = self._plan(np.zeros(0, np.int64), 0), self.learner
        for plan in (replace(whole, name=f"start-{whole.name}"), whole):
            train_runs(self.dataset, learner, self.directory, self.seed, [plan], True, silent)
            assert is_linear(learner)
            model = learner.build(self.dataset)
            model.load_state_dict(read_states(self.directory, plan.name)[-1])
            learner = learner.starting(model, self.dataset, TOLERANCE)
        return learner

    def _plan(self, removed: NDArray[np.int64], time: int) -> Plan:
        mask = np.zeros(len(self.dataset), bool)
        mask[self.rows] = True
        mask[removed] = False
        time = 0 if is_seedless(self.learner) else time  # one training is all of them
        digest = hashlib.sha256(mask.tobytes()).hexdigest()[:20]
        seed = int(np.random.SeedSequence([self.seed, STREAM, time]).generate_state(1)[0])
        return Plan(f"without-{digest}-{time}", mask, seed)
