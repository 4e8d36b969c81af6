"""How long an audit will take, estimated before it starts."""

from ..config import AuditConfig
from ..dataset import Dataset
from .models.learner_spec import learner_for
from .models.rehearsal import checkpointed, rehearse
from .pool import BLOCK


def estimate(config: AuditConfig, dataset: Dataset, trains: bool = True) -> float:
    """About how many seconds `run` will take, from a few measured training steps.

    trains   whether any check needs models that are trained here

    Raises InputError if a learner or a checkpoint that the user named does not fit the data.
    """
    samples = len(dataset)
    if not trains and not config.checkpoints:
        return samples * (7e-3 if dataset.modality == "image" else 1e-3) + 3
    learner = learner_for(config.learner, dataset)
    if config.learner is not None:
        rehearse(learner, dataset, config.learner)
    checkpointed(dataset, learner, config.learner, config.checkpoints, config.unsafe_checkpoints)
    # Scoring passes over all rows once per model, a few times the cost of a training epoch; matching adds its own.
    scoring = (config.runs if config.pooled else len(config.checkpoints)) * samples * 1.4e-3 + samples * 1.2e-2
    if not config.pooled:
        return scoring + 10
    rows = len(dataset.rows("train"))
    seconds = learner.seconds_per_run(dataset, rows // 2)
    proof = 0.0
    if config.verify:
        # Claims of three checks, each against nothing and against a random removal; the search for groups and supports.
        trainings = config.verify * (8 + config.brittle) + 8 + 6 * config.brittle
        proof = (BLOCK * seconds + trainings * learner.seconds_per_run(dataset, rows)) / config.workers * 1.15
    return config.runs * seconds / config.workers * 1.15 + scoring + proof + 10
