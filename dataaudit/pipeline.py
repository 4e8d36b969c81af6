"""The only place where the stages are chained."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
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
from .checks.detection import Case, explanation
from .checks.stages import Examined
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
    "Planted faults are easier to find than others: what is found and right among them is an upper bound.",
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
            problem = problem_factory(config, pool, track)
        with timed(seconds, "attribution"):
            whole = problem()
            attribution = kept_or_new_scores(whole, directory / "scores.h5", track)

        def retrained(labels: NDArray[Any]) -> Pool:
            relabelled = replace(dataset, targets=labels)
            folder = directory / "calibration" / relabelled.fingerprint[:16]
            return train_pool(relabelled, learner, folder, BLOCK, config.seed, track)

        case = Case(dataset, pool, attribution, config.seed, track, partial(influences, problem, attribution, track),
                    config.brittle)  # fmt: skip
        prove = bool(config.verify) and config.pooled
        examined = stages.examine(case, retrained if prove else None)
        with timed(seconds, "heat maps"):
            asked = stages.findings(examined) if config.samples else ()
            mapped = heat_maps(dataset, problem, asked, PICTURE_EDGE)
        audit = _audit(config, accepted, pool, attribution, whole, mapped, examined, seconds)
        if prove:
            output.export(replace(audit, verdict=gate.unfinished(audit.verdict)), directory)
            retraining = Retraining(dataset, learner, directory / "retrained", config.seed, config.verify, track)
            proven = stages.verify(examined, retraining)
            audit = _audit(config, accepted, pool, attribution, whole, mapped, proven, seconds)
    output.export(audit, directory)
    return audit


def _audit(
    config: AuditConfig, accepted: tuple[Accepted, ...], pool: Pool, attribution: Attribution, problem: Problem,
    mapped: tuple[Mapping[str, HeatMap], tuple[str, ...]], examined: list[Examined], seconds: Mapping[str, float],
) -> Audit:  # fmt: skip
    dataset, findings = pool.dataset, stages.findings(examined)
    every = tuple(state.check for state in examined)
    measured = None if problem.runs is None else trust(problem.runs, attribution.held_out)
    detectors = {name: plugins.get("detectors", name) for name in plugins.names("detectors")}
    kinds = {kind: (name, title) for name, one in detectors.items() for kind, title in one.KINDS.items()}
    changes = None if config.baseline is None else compared(config.baseline, accepted, findings, date.today())
    told = None if measured is None else vars(measured)
    return Audit(
        verdict=gate.judge(config.policy, every, findings, kinds, told, changes.known if changes else ()),
        dataset=description.describe_dataset(config, dataset),
        learner=description.describe_learner(config, pool, problem.identity.get("surrogate", {}).get("learner")),
        trust=None if told is None else {**told, "slope": attribution.provenance["slope"],
                                             "ridge": attribution.provenance["ridge"]},
        checks=every,
        findings=findings,
        reproduce=description.reproduction(config, versions(), training_device()),
        limits=(*LIMITS, *mapped[1]),
        cost=Cost({**seconds, **{state.name: state.seconds for state in examined}}, peak_megabytes(), pool.resumed),
        samples=tuple(description.sample_rows(dataset, pool, stages.columns(examined), findings)),
        pairs=stages.pairs(examined),
        exhibits=exhibits(dataset, shown_samples(findings)) if config.samples else {},
        shows_samples=config.samples,
        explanations={name: explanation(detector) for name, detector in detectors.items()},
        kinds=kinds,
        changes=changes,
        heat_maps=mapped[0],
        lines=line_numbers(dataset.root, (id for finding in findings for id in finding.sample_ids)),
    )  # fmt: skip
