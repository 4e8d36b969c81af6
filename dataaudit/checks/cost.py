"""What an audit costs in time, estimated from a few training steps."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from .. import plugins
from ..attribution.scoring import affordable, operations, passes_at_a_time
from ..config import AuditConfig
from ..data.features.image_features import one_thread
from ..dataset import PER_OTHER, Dataset
from ..training.learning import LearningAlgorithm, Linear, has_trees, is_differentiable, is_linear, is_seedless
from ..training.models.learner_spec import learner_for, learner_of
from ..training.models.rehearsal import checkpointed, rehearse
from ..training.pool import BLOCK, FEWEST
from ..training.retraining import SEARCH_TIMES
from ..training.scaling import ByOutput
from ..training.tasks import at_a_time
from .detection import trainings
from .proof_set import ENOUGH

END = 8.0
"""Seconds that every audit takes, whatever the data: most of it goes into what is written, and into workers' start."""
SPAN = {"text": 6.0}
"""Seconds for the span of 2,000 texts, in words and in characters, however many there are."""
ROW = {"image": 5e-3, "text": 1.5e-3, "table": 3e-4, "array": 2e-3}
"""Seconds a row of all checks of the data, by modality."""
LABEL, CLASSES = {"image": 3e-3, "text": 1.7e-3, "table": 1.4e-3, "array": 2e-3}, 10
"""Seconds a row of what is asked of models, with so many classes: other views of the labels, groups, pictures for the
report. With 77 classes of texts it is 2.6 times as much: about the root."""
GRADIENTS, FLOPS = 0.65, 4e10
"""What the gradients of a run of a net cost, in trainings of it, and floating-point operations a second of one core."""
NEARBY, NEARBY_BY_OUTPUT = 0.3, 0.15
"""What a linear learner's training near another one costs, in trainings of it; the latter where `ByOutput` pays."""
OUTPUTS = 0.1
"""What the outputs for all rows cost, which every model gives, in trainings on them."""
NEARBY_FITS = 4
"""Trainings near that of all rows which exact influence takes."""
SETTLED_ROWS = 5_000
"""Training rows from which the fewest models usually do."""
PREDICTIONS, SEEDLESS_PREDICTIONS = 2, 20
"""Whose support is searched where the user doesn't say: of nets, and of learners without seeds, which are quicker and
need no training twice."""
QUICK_ROWS = 10_000
"""Training rows beyond which these are fewer, in proportion."""
TIMED = 500
"""Rows that features are timed on."""


@dataclass(frozen=True)
class Costs:
    """About how many seconds the parts of an audit take on this machine, or the cluster that is in use.

    rows            training rows that the figures are of
    reading         what comes before models: features, and the checks of the data
    judging         what is asked of models, but for attribution, and the end
    half, full      a training on half, and on all of the training rows
    scores          attribution but for products, and more of it a model of the pool
    scored          target samples that it is of, all of them if there are fewer; none of models that consist of trees
    parameters      of a linear learner: its products are made once, others for every model
    cores           that these are made on
    tested          checks whose claims are tested by retraining
    seedless        whether one training stands for all seeds, see `learning.is_seedless`
    nearby          what a training without a few rows costs, in trainings on all
    """

    rows: int
    reading: float
    judging: float
    half: float = 0.0
    full: float = 0.0
    scores: float = 0.0
    scores_per_run: float = 0.0
    scored: int = 0
    parameters: int | None = None
    cores: int = 1
    tested: tuple[str, ...] = ()
    seedless: bool = False
    nearby: float = 1.0

    def of(self, config: AuditConfig, trained: int = 0, is_scored: bool = False) -> float:
        """Of an audit, or of what is left of it once so many models are trained, or all checks have seen influences."""
        if is_scored:
            return END + (self.tests(config, self.tested) if config.verify and config.pooled else 0.0)
        models = self.models(config) if config.pooled else len(config.checkpoints)
        training = max(0, models - trained) * self.half if config.pooled else 0.0
        scoring = self.scores + models * self.scores_per_run + self.products(config, models)
        rest = training + scoring + self.judging + self.proof(config, self.tested)
        return rest if trained else rest + self.reading

    def products(self, config: AuditConfig, models: int) -> float:
        """Of the scores of so many models. With fewer rows more targets are scored, see `scoring.affordable`."""
        is_linear = self.parameters is not None
        scored = self.scored if config.scores == "all" else affordable(self.rows, self.scored, is_linear)
        once = operations(self.rows, scored, self.parameters) / FLOPS / self.cores if scored else 0.0
        return once if is_linear else models * once

    def of_rows(self, rows: int) -> "Costs":
        """With a sample of so many training rows."""
        names = ("reading", "judging", "half", "full", "scores", "scores_per_run")
        scored = min(self.scored, max(1, rows // PER_OTHER))
        return replace(
            self, rows=rows, scored=scored, **{name: getattr(self, name) * rows / self.rows for name in names}
        )

    def models(self, config: AuditConfig) -> int:
        """How many the pool is likely to have; at most, where time is limited."""
        few = config.as_needed and config.budget is None and self.rows >= SETTLED_ROWS
        return min(config.runs, FEWEST) if few else config.runs

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
        if self.nearby < 1:
            return (1 + of_checks * self.nearby) * self.full
        return (times + searching + of_checks) * self.full * min(1.0, ENOUGH / self.rows + OUTPUTS)

    def predictions(self, config: AuditConfig) -> int:
        """How many have their support searched."""
        if config.brittle is not None:
            return config.brittle
        rows = self.rows if self.nearby < 1 else min(self.rows, ENOUGH)
        many = round(SEEDLESS_PREDICTIONS * min(1.0, QUICK_ROWS / rows))
        return max(many, PREDICTIONS) if self.seedless else PREDICTIONS


def costs(config: AuditConfig, dataset: Dataset, trains: bool, tested: tuple[str, ...]) -> Costs:
    """Of an audit, measured on a few training steps.

    trains   whether any check needs models that are trained here
    tested   checks whose claims are tested by retraining

    Raises InputError if a learner or a checkpoint that the user named does not fit the data.
    """
    rows, cores = len(dataset.rows("train")), config.workers
    at_once = at_a_time(cores)
    of_data = Costs(rows, SPAN.get(dataset.modality, 0.0) + len(dataset) * ROW[dataset.modality], END)
    if not trains and not config.checkpoints:
        return of_data
    learner, seconds, parameters, nearby = learner_for(config.learner, dataset), 0.0, None, 1.0
    outputs = max(1, len(dataset.class_names))
    targets = len(dataset.rows(dataset.target_split))
    if is_linear(learner):
        dataset, seconds, width = _sample_with_vectors(dataset, learner)
        parameters = outputs * (width + 1)
        nearby = NEARBY_BY_OUTPUT if ByOutput.pays(outputs, width + 1, rows) else NEARBY
    if config.learner is not None:
        rehearse(learner, dataset, config.learner)
    checkpointed(dataset, learner, config.learner, config.checkpoints, config.unsafe_checkpoints)
    of_models = replace(
        of_data,
        reading=of_data.reading + seconds,
        judging=END + (rows + targets) * LABEL[dataset.modality] * (outputs / CLASSES) ** 0.5,
        half=_seconds(learner, dataset, rows // 2) / at_once,
        full=_seconds(learner, dataset, rows) / at_once,
        tested=tested,
        seedless=is_seedless(learner),
        nearby=nearby,
        scored=targets,
        parameters=parameters,
        cores=cores,
    )
    if parameters is not None:
        return replace(of_models, scores=(1 + NEARBY_FITS * nearby) * of_models.full * at_once)
    if has_trees(learner):  # each is fitted again
        return replace(of_models, scores_per_run=of_models.half, scored=0)
    trained = 0.0
    if not is_differentiable(learner):  # models of another learner give the gradients
        trained = _seconds(learner_of(None, dataset.modality), dataset, rows // 2) / at_once
    passes = passes_at_a_time(rows, affordable(rows, targets, False), at_once)
    return replace(of_models, scores_per_run=trained + GRADIENTS * (trained or of_models.half) * at_once / passes)


def _seconds(learner: LearningAlgorithm, dataset: Dataset, rows: int) -> float:
    """Of one training on so many rows, with one thread as in `tasks`."""
    with one_thread():
        return learner.seconds_per_run(dataset, rows)


def _sample_with_vectors(dataset: Dataset, learner: Linear) -> tuple[Dataset, float, int]:
    """Some training rows; about how long what the learner is linear in takes of all rows, and how wide it is."""
    train = dataset.rows("train")
    sample = dataset.part(train[np.linspace(0, len(train) - 1, min(TIMED, len(train))).astype(np.int64)])
    start = time.perf_counter()
    width = learner.tensors(sample, np.arange(len(sample))).shape[1]
    return sample, (time.perf_counter() - start) / len(sample) * len(dataset), width
