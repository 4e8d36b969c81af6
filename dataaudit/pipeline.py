"""The only place where the stages are chained."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
from .attribution.scoring import (
    influences,
    kept_or_new_scores,
    problem_factory,
    sampled_in_words,
    scored_targets,
    states_used,
)
from .attribution.trust import trust
from .checks import stages
from .checks.budget import Budget
from .checks.cost import costs
from .checks.detection import CheckContext, explanation
from .checks.proof_set import proof_set, scope_note
from .checks.stages import CheckState
from .config import AuditConfig
from .data.features import kept
from .data.features.sentence_embeddings import with_sentences
from .data.loading import load
from .data.reading.line_numbers import line_numbers
from .dataset import Dataset, Track
from .progress import Clock, duration, peak_megabytes, timed
from .reporting import description, output
from .reporting.exhibits import PICTURE_EDGE, exhibits
from .reporting.page import shown_samples
from .reporting.recall import hardly_found
from .result import Accepted, Audit, Cost, HeatMap
from .training import choice
from .training.learning import is_seedless
from .training.models.learner_spec import learner_for
from .training.pool import BLOCK, FEWEST, Pool, train_pool
from .training.retraining import Retraining
from .training.training import claim, training_device
from .verdict import gate
from .verdict.audit_file import read_audit
from .verdict.baseline import accepted_by, compared, read_baseline
from .versions import versions

POOL = "pool"
READING = "reading"
LIMITS = (
    "Attributions are measured on models trained on random halves of the training set, not on your production model.",
    "A finding marked unverified has not been checked by retraining.",
    "Planted faults are easier to find than others: their recall and precision are upper bounds.",
    "No finding means that nothing was found at the stated false-discovery rates, not that nothing is there.",
)


def prepare(config: AuditConfig, track: Track, dry_run: bool = False) -> tuple[Budget, Dataset]:
    """What `run` is to be given.

    The configuration names the output directory of data in memory, and the learner where evidence chose one; in a dry
    run nothing is tried. Where time is short, rows are sampled.

    Raises InputError for data that can't be read, or a learner or checkpoint that does not fit it.
    """
    asked, clock, reason = config, Clock(config.budget), ""
    dataset = load(config, track)
    if config.data is not None and config.output is None:
        config = replace(config, output=Path(f"data-audit-{dataset.fingerprint[:8]}"))
    chosen = stages.choose(config, dataset)
    trains = stages.need_models(chosen, dataset)
    if config.previous is not None and not dry_run:
        kept.carry_over(kept.of_audit(config.previous), kept.beside(config))
    is_open = trains and config.pooled and choice.is_open(config, dataset)
    if is_open and not dry_run:
        output.prepare(config.directory)
        config, reason = choice.chosen(config, dataset, track)
    measured = costs(config, dataset, trains, stages.tested(chosen, dataset))
    budget = Budget(asked, config, measured, clock, measured)
    if is_open and dry_run:
        other = costs(replace(config, learner=choice.FEATURES), dataset, trains, measured.tested)
        reason = (
            "the learner is chosen on a sample of the images: a linear model on a pretrained net's features takes "
            f"about {duration(other.of(config))} in all, a small net what is estimated below"
        )
    rows = budget.affordable_rows() if dry_run else budget.rows_kept_in(config.directory)
    if rows < budget.costs.rows:
        budget = budget.of_rows(rows)
        config = budget.config
        dataset = load(config, track)
    if reason:
        dataset = replace(dataset, layout=replace(dataset.layout, notes=(*dataset.layout.notes, reason)))
    if stages.judge_labels(chosen, dataset) and not dry_run:
        dataset = with_sentences(config, dataset, track)
    if trains and config.pooled and not dry_run:
        dataset = choice.with_learnt_features(config, dataset, track)
    return budget.fitted(), dataset


@dataclass(frozen=True)
class Learnt:
    """What training added: the pool, without runs where there was none, and what its models, or given ones, say.

    limits   what the report is to say was sampled
    """

    pool: Pool
    attribution: Attribution | None = None
    problem: Problem | None = None
    maps: tuple[Mapping[str, HeatMap], tuple[str, ...]] = ({}, ())
    limits: tuple[str, ...] = ()


def run(budget: Budget, dataset: Dataset, track: Track) -> Audit:
    """Audit a dataset and write every export into the output directory: after the checks that need no models, before
    findings are tested by retraining, and at the end.

    Raises StaleError before any training if the directory holds work on other data, by another recipe or version, and
    InputError if the baseline can't be read.
    """
    config = budget.config
    accepted = _accepted(config)
    directory = output.prepare(config.directory)
    seconds = {READING: round(budget.clock.gone, 2)}
    assembled = partial(_audit, accepted, seconds)
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        learnt = Learnt(Pool.empty(dataset, learner_for(config.learner, dataset), directory))
        chosen = stages.choose(config, dataset)
        needs_models = stages.need_models(chosen, dataset)
        if needs_models and config.pooled:
            claim(dataset, learnt.pool.learner, directory / POOL, config.seed)
        context = CheckContext(dataset, learnt.pool, None, config.seed, track, review=config.review)
        states = stages.run_detectors(context, chosen)
        if config.checkpoints or needs_models:
            output.export(assembled(budget, learnt, states), directory)
            budget, learnt, states = _learn(budget, context, states, seconds)
        if learnt.pool and (budget := budget.fitted(len(learnt.pool), is_scored=True)).config.verify:
            audit = assembled(budget, learnt, states)
            output.export(replace(audit, verdict=gate.unfinished(audit.verdict)), directory)
            folder = directory / "retrained"
            learner = learnt.pool.learner
            times = 1 if is_seedless(learner) else budget.config.verify
            among = proof_set(dataset, learner, config.seed)
            retraining = Retraining(dataset, learner, folder, config.seed, times, track, among)
            scope = tuple(f"{note[0].upper()}{note[1:]}." for note in scope_note(retraining))
            learnt = replace(learnt, limits=(*learnt.limits, *scope))
            predictions = budget.costs.predictions(budget.config)
            states = stages.verify_claims(states, retraining, predictions, budget.affords)
    audit = assembled(budget, learnt, states)
    output.export(audit, directory)
    return audit


def _learn(
    budget: Budget, context: CheckContext, states: list[CheckState], seconds: dict[str, float]
) -> tuple[Budget, Learnt, list[CheckState]]:
    """Train the pool, score influences, and let the detectors look again with both."""
    config, dataset, pool, track = budget.config, context.dataset, context.pool, context.track
    directory = config.directory
    with timed(seconds, "pool"):
        if config.pooled:
            budget, pool = _trained(budget, pool, track)
            config = budget.config
        problem_of = problem_factory(config, pool, track)
    with timed(seconds, "attribution"):
        scored = scored_targets(pool, config.seed, stages.pairs(states), config.scores == "all")
        problem = problem_of(rows=scored, max_models=states_used(config, pool))
        attribution = kept_or_new_scores(problem, directory / "scores.h5", track)
    influence = partial(influences, problem_of, attribution, track)
    context = replace(context, pool=pool, scores=attribution, scored=scored, influences=influence)
    prove = bool(config.verify) and config.pooled
    states = stages.with_models(
        states, context, partial(_retrained_on, pool, directory, config, track) if prove else None
    )
    with timed(seconds, "heat maps"):
        explained = stages.findings(states, config.policy) if config.samples else ()
        maps = heat_maps(dataset, problem_of, explained, PICTURE_EDGE)
    return budget, Learnt(pool, attribution, problem, maps, sampled_in_words(scored, pool)), states


def _accepted(config: AuditConfig) -> tuple[Accepted, ...]:
    """Findings that a baseline accepts, or that of an earlier audit that is followed."""
    if config.baseline is not None:
        return read_baseline(config.baseline)
    return () if config.previous is None else accepted_by(read_audit(config.previous))


def _trained(budget: Budget, empty: Pool, track: Track) -> tuple[Budget, Pool]:
    """The pool, with as many models as were asked for or are needed; where time is limited, its first ones show how
    many more there is time for."""
    config = budget.config
    train = partial(
        train_pool, empty.dataset, empty.learner, config.directory / POOL, seed=config.seed, track=track,
        previous=None if config.previous is None else config.previous / POOL,
    )  # fmt: skip
    start = time.perf_counter()
    pool = train(runs=BLOCK if budget.is_limited else min(FEWEST, config.runs) if config.as_needed else config.runs)
    resumed = pool.resumed
    if budget.is_limited:
        budget = budget.timed(BLOCK - resumed, time.perf_counter() - start)
    while (before := len(pool)) < budget.config.runs and not (config.as_needed and pool.is_settled):
        more = max(FEWEST, before + BLOCK) if config.as_needed else budget.config.runs
        pool = train(runs=min(more, budget.config.runs))
        resumed += pool.resumed - before
    if len(pool) < budget.config.runs or (config.as_needed and pool.is_settled):
        budget = budget.settled(len(pool))
    return budget, replace(pool, resumed=resumed)


def _retrained_on(pool: Pool, directory: Path, config: AuditConfig, track: Track, labels: NDArray[Any]) -> Pool:
    """A small pool trained on other labels, for calibration on planted faults."""
    relabelled = replace(pool.dataset, targets=labels)
    folder = directory / "calibration" / relabelled.fingerprint[:16]
    return train_pool(relabelled, pool.learner, folder, BLOCK, config.seed, track)


def _audit(
    accepted: tuple[Accepted, ...], seconds: Mapping[str, float], budget: Budget, learnt: Learnt,
    states: list[CheckState],
) -> Audit:  # fmt: skip
    config = budget.config
    pool, problem, attribution = learnt.pool, learnt.problem, learnt.attribution
    dataset, findings = pool.dataset, stages.findings(states, config.policy)
    checks = tuple(state.check for state in states)
    detectors = {name: plugins.get("detectors", name) for name in plugins.names("detectors")}
    kinds = {kind: (name, title) for name, detector in detectors.items() for kind, title in detector.KINDS.items()}
    # The policy's least LDS is about models: where no check that was asked for needs any, nothing is undecided.
    policy = config.policy if attribution is not None else replace(config.policy, min_trust_lds=None)
    ran = {check.name for check in checks if check.status == "ran"}
    sought = {kind for kind, (name, _) in kinds.items() if name in ran}
    changes = None
    if (source := config.baseline or (config.previous if accepted else None)) is not None:
        changes = compared(source, accepted, findings, sought, date.today())
    measured, gradients_of = None, None
    if attribution is not None and problem is not None:
        gradients_of = problem.identity.get("surrogate", {}).get("learner")
        if problem.runs is not None:
            provenance = attribution.provenance
            scale = {name: provenance[name] for name in ("slope", "ridge", "weight") if name in provenance}
            measured = {**vars(trust(problem.runs, attribution.held_out)), **scale}
    return Audit(
        verdict=gate.judge(policy, checks, findings, kinds, measured, changes.known if changes else ()),
        dataset=description.describe_dataset(config, dataset),
        learner=description.describe_learner(config, pool, gradients_of),
        trust=measured,
        checks=checks,
        findings=findings,
        reproduce=description.reproduction(config, versions(), training_device()),
        limits=(*LIMITS, *hardly_found(checks), *learnt.limits, *learnt.maps[1]),
        cost=Cost(
            {**seconds, **{state.name: state.seconds for state in states}},
            peak_megabytes(),
            pool.resumed,
            budget.seconds_of_all if budget.is_limited else None,
            None if config.previous is None else description.saved(config.previous, seconds, (READING, POOL)),
        ),
        left_out=budget.left_out(stages.untested(states)),
        samples=tuple(description.sample_rows(dataset, pool, stages.columns(states), findings)),
        pairs=stages.pairs(states),
        exhibits=exhibits(dataset, shown_samples(findings, checks)) if config.samples else {},
        shows_samples=config.samples,
        explanations={name: explanation(detector) for name, detector in detectors.items()},
        kinds=kinds,
        changes=changes,
        heat_maps=learnt.maps[0],
        lines=line_numbers(
            dataset.root, (id for finding in findings for id in finding.sample_ids), config.header, config.encoding
        ),
    )
