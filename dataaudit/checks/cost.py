"""What an audit costs in time, estimated from a few training steps, and what of it fits into a budget."""

import json
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import plugins
from ..attribution.scoring import operations
from ..config import MIN_ROWS, MIN_RUNS, MIN_VERIFY, AuditConfig
from ..dataset import Dataset
from ..files import replacing
from ..progress import Clock, duration
from ..training.cluster import at_a_time
from ..training.learning import Linear, is_differentiable, is_linear, is_seedless
from ..training.models.learner_spec import learner_for, learner_of
from ..training.models.rehearsal import checkpointed, rehearse
from ..training.pool import BLOCK
from ..training.retraining import SEARCH_TIMES
from .detection import trainings

END = 4.0
"""Seconds that every audit takes, whatever the data: most of it goes into what is written."""
ROW = {"image": 5e-3, "text": 3e-3, "table": 2e-3, "array": 2e-3}
"""Seconds a row of all checks of the data, by modality."""
LABEL = {"image": 3e-3, "text": 3e-3, "table": 2e-3, "array": 2e-3}
"""Seconds a row of what is asked of models: other views of the labels, groups, pictures for the report."""
GRADIENTS, FLOPS = 0.65, 4e10
"""What the gradients of a run of a net cost, in trainings of it, and floating-point operations a second of one core."""
FITS = 4
"""Trainings on all rows that exact influence takes."""
PREDICTIONS, SEEDLESS_PREDICTIONS = 2, 20
"""Whose support is searched where the user doesn't say: of nets, and of learners without seeds, which are quicker and
need no training twice."""
QUICK_ROWS = 10_000
"""Training rows beyond which these are fewer, in proportion."""
ROWS_FILE = "budget.json"
TIMED = 500
"""Rows that features are timed on."""
FIRST_SHARE = 0.6
"""Share of a budget that the rows are chosen for, without any retraining test: the rest is for these, and for what the
estimate gets wrong."""


@dataclass(frozen=True)
class Costs:
    """About how many seconds the parts of an audit take on this machine, or the cluster that is in use.

    rows            training rows that the figures are of
    reading         what comes before models: features, and the checks of the data
    judging         what is asked of models, but for attribution, and the end
    half, full      a training on half, and on all of the training rows
    scores          attribution, and more of it a model of the pool
    tested          checks whose claims are tested by retraining
    seedless        whether one training stands for all seeds, see `learning.is_seedless`
    """

    rows: int
    reading: float
    judging: float
    half: float = 0.0
    full: float = 0.0
    scores: float = 0.0
    scores_per_run: float = 0.0
    tested: tuple[str, ...] = ()
    seedless: bool = False

    def of(self, config: AuditConfig, trained: int = 0, is_scored: bool = False) -> float:
        """Of an audit, or of what is left of it once so many models are trained, or influences are scored as well."""
        rest = self.judging + self.proof(config, self.tested)
        if not is_scored:
            models = config.runs if config.pooled else len(config.checkpoints)
            training = (config.runs - trained) * self.half if config.pooled else 0.0
            rest += training + self.scores + models * self.scores_per_run
        return rest if trained or is_scored else rest + self.reading

    def proof(self, config: AuditConfig, tested: Collection[str]) -> float:
        """Of calibration, and of the retraining tests of these checks."""
        if not config.verify or not config.pooled:
            return 0.0
        return BLOCK * self.half + self.tests(config, tested)

    def tests(self, config: AuditConfig, checks: Collection[str]) -> float:
        """Of the retraining tests of these checks."""
        times, searching = (1, 1) if self.seedless else (config.verify, len(SEARCH_TIMES))
        detectors = [plugins.get("detectors", name) for name in checks]
        predictions = self.predictions(config)
        of_checks = sum(trainings(detector, times, searching, predictions) for detector in detectors)
        return (times + searching + of_checks) * self.full

    def predictions(self, config: AuditConfig) -> int:
        """How many have their support searched."""
        if config.brittle is not None:
            return config.brittle
        many = round(SEEDLESS_PREDICTIONS * min(1.0, QUICK_ROWS / self.rows))
        return max(many, PREDICTIONS) if self.seedless else PREDICTIONS


def costs(config: AuditConfig, dataset: Dataset, trains: bool, tested: tuple[str, ...]) -> Costs:
    """Of an audit, measured on a few training steps.

    trains   whether any check needs models that are trained here
    tested   checks whose claims are tested by retraining

    Raises InputError if a learner or a checkpoint that the user named does not fit the data.
    """
    rows, cores = len(dataset.rows("train")), config.workers
    at_once = at_a_time(cores)
    of_data = Costs(rows, len(dataset) * ROW[dataset.modality], END)
    if not trains and not config.checkpoints:
        return of_data
    learner, seconds, parameters = learner_for(config.learner, dataset), 0.0, None
    targets = len(dataset.rows(dataset.target_split))
    if is_linear(learner):
        dataset, seconds, width = _sample_with_vectors(dataset, learner)
        parameters = max(1, len(dataset.class_names)) * (width + 1)
    if config.learner is not None:
        rehearse(learner, dataset, config.learner)
    checkpointed(dataset, learner, config.learner, config.checkpoints, config.unsafe_checkpoints)
    of_models = replace(
        of_data,
        reading=of_data.reading + seconds,
        judging=END + (rows + targets) * LABEL[dataset.modality],
        half=learner.seconds_per_run(dataset, rows // 2) / at_once,
        full=learner.seconds_per_run(dataset, rows) / at_once,
        tested=tested,
        seedless=is_seedless(learner),
    )
    products = operations(rows, targets, parameters) / FLOPS / cores
    if parameters is not None:
        return replace(of_models, scores=FITS * of_models.full * at_once + products)
    trained = 0.0
    if not is_differentiable(learner):  # models of another learner give the gradients
        trained = learner_of(None, dataset.modality).seconds_per_run(dataset, rows // 2) / at_once
    return replace(of_models, scores_per_run=trained + GRADIENTS * (trained or of_models.half) + products)


def _sample_with_vectors(dataset: Dataset, learner: Linear) -> tuple[Dataset, float, int]:
    """Some training rows; about how long what the learner is linear in takes of all rows, and how wide it is."""
    train = dataset.rows("train")
    sample = dataset.part(train[np.linspace(0, len(train) - 1, min(TIMED, len(train))).astype(np.int64)])
    start = time.perf_counter()
    width = learner.tensors(sample, np.arange(len(sample))).shape[1]
    return sample, (time.perf_counter() - start) / len(sample) * len(dataset), width


@dataclass(frozen=True)
class Budget:
    """What of an audit is done in the time that it may take.

    asked    what the user asked for
    config   what is done of it
    costs    of an audit of the rows at hand
    clock    has been running since before the data was read
    whole    the same of all rows that were asked for
    """

    asked: AuditConfig
    config: AuditConfig
    costs: Costs
    clock: Clock
    whole: Costs

    @property
    def is_limited(self) -> bool:
        """Whether the user set one."""
        return self.asked.budget is not None

    def fitted(self, trained: int = 0, is_scored: bool = False) -> "Budget":
        """With as many models and retraining tests as there is time left for; see `Costs.of`.

        Given up are, in this order: support sets, models beyond 16, trainings a removal beyond 3, models beyond 8; then
        all retraining tests, in return for models.
        """
        if not self.is_limited:
            return self
        plans = [replace(plan, runs=trained) if is_scored else plan for plan in _plans(self.asked)]
        fitting = (plan for plan in plans if self.costs.of(plan, trained, is_scored) <= self.clock.left)
        plan = next(fitting, plans[-1])
        return replace(self, config=replace(self.config, runs=plan.runs, verify=plan.verify, brittle=plan.brittle))

    def affordable_rows(self) -> int:
        """How many training rows there is time for, without retraining tests, and with time to spare."""
        least = self.costs.of(replace(self.config, runs=MIN_RUNS, verify=0))
        share = FIRST_SHARE * max(self.clock.left, 0.0) / max(least, 1e-9)
        return max(MIN_ROWS, int(min(1.0, share) * self.costs.rows))

    def rows_kept_in(self, directory: Path) -> int:
        """The same, or as many as an interrupted audit there had within the same time: its models are of use.

        The number is noted there if it is not that of all rows.
        """
        file, asked = directory / ROWS_FILE, {"budget": self.asked.budget, "of": self.costs.rows}
        if file.is_file():
            noted = json.loads(file.read_text(encoding="utf-8"))
            if {**noted, **asked} == noted:
                return int(noted["rows"])
        rows = self.affordable_rows()
        if rows < self.costs.rows:
            directory.mkdir(parents=True, exist_ok=True)
            with replacing(file) as text:
                json.dump({**asked, "rows": rows}, text)
        return rows

    def of_rows(self, rows: int) -> "Budget":
        """The same with a sample of so many training rows."""
        names = ("reading", "judging", "half", "full", "scores_per_run")
        scaled = {name: getattr(self.costs, name) * rows / self.costs.rows for name in names}
        return replace(self, config=replace(self.config, rows=rows), costs=replace(self.costs, rows=rows, **scaled))

    def timed(self, runs: int, seconds: float) -> "Budget":
        """Fitted again once the first models have shown how long one takes."""
        ratio = seconds / max(runs, 1) / max(self.costs.half, 1e-9)
        costs = replace(self.costs, half=ratio * self.costs.half, full=ratio * self.costs.full)
        return replace(self, costs=costs).fitted(runs) if runs else self

    def affords(self, check: str) -> bool:
        """Whether there is time left for one check's retraining test."""
        return not self.is_limited or self.costs.tests(self.config, [check]) <= self.clock.left

    def left_out(self) -> tuple[str, ...]:
        """What there was no time for, in a sentence if there is anything."""
        asked, done = self.asked, self.config
        parts = []
        if self.costs.rows < self.whole.rows:
            parts.append(f"{self.whole.rows - self.costs.rows:,} of {self.whole.rows:,} training rows")
        if done.runs < asked.runs:
            parts.append(f"{asked.runs - done.runs} of {asked.runs} models")
        if done.verify < asked.verify:
            parts.append(
                f"{asked.verify - done.verify} of {asked.verify} trainings of every removal"
                if done.verify
                else "retraining tests"
            )
        elif done.brittle == 0 != asked.brittle:
            parts.append("support sets of predictions")
        return (f"The budget of {duration(asked.budget or 0)} left out {', '.join(parts)}.",) if parts else ()

    def in_words(self) -> str:
        """What the budget left out, and about how long all of it takes; nothing where there is none."""
        whole = duration(self.whole.of(self.asked))
        return "".join(f"{sentence} All of it takes about {whole}." for sentence in self.left_out())


def _plans(config: AuditConfig) -> Iterator[AuditConfig]:
    """What was asked for, and less and less of it."""
    most, some, times = config.runs, min(config.runs, 2 * MIN_RUNS), min(config.verify, MIN_VERIFY)
    yield config
    for runs, verify in ((most, config.verify), (some, config.verify), (some, times), (MIN_RUNS, times)):
        yield replace(config, runs=runs, verify=verify, brittle=0)
    for runs in (most, some, MIN_RUNS):
        yield replace(config, runs=runs, verify=0, brittle=0)
