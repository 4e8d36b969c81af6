"""The only place where the stages are chained."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import torch
from numpy.typing import NDArray

from . import plugins
from .attribution.attribution import Attribution
from .attribution.heat_maps import heat_maps
from .attribution.problem import Problem
from .attribution.scoring import influences, kept_or_new_scores, problem_factory
from .attribution.trust import trust
from .checks import stages
from .checks.detection import CheckContext, explanation
from .checks.stages import CheckState
from .config import AuditConfig
from .data.reading.line_numbers import line_numbers
from .dataset import Dataset, Track
from .progress import peak_megabytes, timed
from .reporting import description, output
from .reporting.exhibits import PICTURE_EDGE, exhibits
from .reporting.page import shown_samples
from .result import Accepted, Audit, Cost, HeatMap
from .training.models.learner_spec import learner_of
from .training.pool import BLOCK, Pool, train_pool
from .training.retraining import Retraining
from .training.training import training_device
from .verdict import gate
from .verdict.baseline import compared, read_baseline
from .versions import versions

LIMITS = (
    "Attributions are measured on models trained on random halves of the training set, not on your production model.",
    "A finding marked unverified has not been checked by retraining.",
    "Planted faults are easier to find than others: their recall and precision are upper bounds.",
    "No finding means that nothing was found at the stated false-discovery rates, not that nothing is there.",
)


def run(config: AuditConfig, dataset: Dataset, track: Track) -> Audit:
    """Audit a dataset and write every export into the output directory.

    Raises StaleError before any training if the directory holds work on other data, by another recipe or version, and
    InputError if the baseline can't be read.
    """
    accepted = () if config.baseline is None else read_baseline(config.baseline)
    directory = output.prepare(config.directory)
    seconds: dict[str, float] = {}
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        learner = learner_of(config.learner, dataset.modality)
        with timed(seconds, "pool"):
            pool = Pool.empty(dataset, learner, directory)
            if config.pooled:
                pool = train_pool(dataset, learner, directory / "pool", config.runs, config.seed, track)
            problem_of = problem_factory(config, pool, track)
        with timed(seconds, "attribution"):
            problem = problem_of()
            attribution = kept_or_new_scores(problem, directory / "scores.h5", track)

        context = CheckContext(
            dataset, pool, attribution, config.seed, track, partial(influences, problem_of, attribution, track),
            config.brittle,
        )  # fmt: skip
        prove = bool(config.verify) and config.pooled
        states = stages.run_detectors(
            context, partial(_retrained_on, pool, directory, config, track) if prove else None
        )
        with timed(seconds, "heat maps"):
            explained = stages.findings(states) if config.samples else ()
            maps = heat_maps(dataset, problem_of, explained, PICTURE_EDGE)

        assembled = partial(_audit, config, accepted, pool, attribution, problem, maps, seconds)
        audit = assembled(states)
        if prove:
            output.export(replace(audit, verdict=gate.unfinished(audit.verdict)), directory)
            retraining = Retraining(dataset, learner, directory / "retrained", config.seed, config.verify, track)
            audit = assembled(stages.verify_claims(states, retraining))
    output.export(audit, directory)
    return audit


def _retrained_on(pool: Pool, directory: Path, config: AuditConfig, track: Track, labels: NDArray[Any]) -> Pool:
    """A small pool trained on other labels, for calibration on planted faults."""
    relabelled = replace(pool.dataset, targets=labels)
    folder = directory / "calibration" / relabelled.fingerprint[:16]
    return train_pool(relabelled, pool.learner, folder, BLOCK, config.seed, track)


def _audit(
    config: AuditConfig, accepted: tuple[Accepted, ...], pool: Pool, attribution: Attribution, problem: Problem,
    maps: tuple[Mapping[str, HeatMap], tuple[str, ...]], seconds: Mapping[str, float], states: list[CheckState],
) -> Audit:  # fmt: skip
    dataset, findings = pool.dataset, stages.findings(states)
    checks = tuple(state.check for state in states)
    detectors = {name: plugins.get("detectors", name) for name in plugins.names("detectors")}
    kinds = {kind: (name, title) for name, detector in detectors.items() for kind, title in detector.KINDS.items()}
    changes = None if config.baseline is None else compared(config.baseline, accepted, findings, date.today())
    lds = None if problem.runs is None else vars(trust(problem.runs, attribution.held_out))
    scale = {name: attribution.provenance[name] for name in ("slope", "ridge")}
    return Audit(
        verdict=gate.judge(config.policy, checks, findings, kinds, lds, changes.known if changes else ()),
        dataset=description.describe_dataset(config, dataset),
        learner=description.describe_learner(config, pool, problem.identity.get("surrogate", {}).get("learner")),
        trust=None if lds is None else {**lds, **scale},
        checks=checks,
        findings=findings,
        reproduce=description.reproduction(config, versions(), training_device()),
        limits=(*LIMITS, *maps[1]),
        cost=Cost({**seconds, **{state.name: state.seconds for state in states}}, peak_megabytes(), pool.resumed),
        samples=tuple(description.sample_rows(dataset, pool, stages.columns(states), findings)),
        pairs=stages.pairs(states),
        exhibits=exhibits(dataset, shown_samples(findings)) if config.samples else {},
        shows_samples=config.samples,
        explanations={name: explanation(detector) for name, detector in detectors.items()},
        kinds=kinds,
        changes=changes,
        heat_maps=maps[0],
        lines=line_numbers(
            dataset.root, (id for finding in findings for id in finding.sample_ids), config.header, config.encoding
        ),
    )
