"""The only place where the stages are chained."""

import hashlib
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from . import __version__, checks, gate, plugins
from .attribution import Attribution, Backend
from .audit import Accepted, Audit, Cost, HeatMap
from .baseline import compared, read_baseline
from .checks import Examined
from .config import AuditConfig
from .dataset import Dataset, Rejected, Track, as_text
from .detection import Case, explanation
from .errors import DatasetError, InputError
from .evaluation import trust
from .exhibits import exhibits
from .files import replacing
from .findings import Finding
from .heat_maps import heat_maps
from .learning import is_differentiable
from .models.learner_spec import learner_of
from .models.rehearsal import checkpointed, rehearse
from .pool import BLOCK, QUALITY, Pool, quality, train_pool
from .problem import Problem
from .progress import timed
from .reading.folders import LAYOUT_FILE, endings
from .reading.layout_file import read_layout
from .reading.line_numbers import line_numbers
from .report import EXHIBIT_BYTES, PICTURE_EDGE, shown_samples
from .retraining import Retraining

FEW_MODELS = 6
"""Models that influences on single samples, asked for beside the audit's own scores, are averaged over."""

LIMITS = (
    "Attributions are measured on models trained on random halves of the training set, not on your production model.",
    "A finding marked unverified has not been checked by retraining.",
    "Planted faults are easier to find than others: what is found and right among them is an upper bound.",
    "No finding means that nothing was found at the stated false-discovery rates, not that nothing is there.",
)


def load(config: AuditConfig, track: Track) -> Dataset:
    """Read the dataset in the format that its dataaudit.toml names, else in the one that matches it best.

    Raises InputError if no format matches, or several do equally.
    """
    layout = read_layout(config.path)
    formats = {name: plugins.get("formats", name) for name in plugins.names("formats")}
    if layout.format is not None and layout.format not in formats:
        raise DatasetError(
            f"{config.path / LAYOUT_FILE}: there is no format {layout.format!r}; there are: {', '.join(formats)}"
        )
    name = layout.format or _recognised(config.path, layout.files, formats)
    unused = set(layout.keys) - {"format"} - getattr(formats[name], "LAYOUT_KEYS", frozenset({"label"}))
    if unused:
        raise DatasetError(
            f"{config.path / LAYOUT_FILE}: the format {name} has no use for {', '.join(sorted(unused))}; take it out"
        )
    reading = layout.reading(config.seed, config.label, config.rows)
    dataset: Dataset = formats[name].load(config.path, reading, track)
    return dataset


def _recognised(path: Path, files: Mapping[Any, Sequence[Path]], formats: Mapping[str, Any]) -> str:
    """The format of a path, or of the files in it that hold the data."""
    looked_at = [file for those in files.values() for file in those] or [path]
    matching = [name for name, one in formats.items() if all(one.matches(each) for each in looked_at)]
    if not matching:
        sought = " ".join(f"({name}) {(one.__doc__ or '').splitlines()[0]}" for name, one in formats.items())
        raise DatasetError(f"{path}: found {endings(path)}; expected data in one of these formats: {sought}")
    strongest = max(formats[name].EVIDENCE for name in matching)
    best = [name for name in matching if strongest == formats[name].EVIDENCE]
    if len(best) > 1:
        raise DatasetError(
            f"{path}: ambiguous, it looks like {' and like '.join(best)}; move one of them out, or name the format in "
            f'{LAYOUT_FILE} in the folder: [layout] format = "{best[0]}"'
        )
    return best[0]


def estimate(config: AuditConfig, dataset: Dataset) -> float:
    """About how many seconds `run` will take, from a few measured training steps.

    Raises InputError if a learner or a checkpoint that the user named does not fit the data.
    """
    learner = learner_of(config.learner, dataset.modality)
    if config.learner is not None:
        rehearse(learner, dataset, config.learner)
    checkpointed(config, dataset, learner)
    samples = len(dataset)
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


def run(config: AuditConfig, dataset: Dataset, track: Track) -> Audit:
    """Audit a dataset and write every export into the output directory.

    Raises StaleError before any training if the directory holds work on other data, by another recipe or version, and
    InputError if the baseline can't be read.
    """
    accepted = () if config.baseline is None else read_baseline(config.baseline)
    directory = _output_directory(config)
    seconds: dict[str, float] = {}
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        learner = learner_of(config.learner, dataset.modality)
        with timed(seconds, "pool"):
            pool = Pool.empty(dataset, learner, directory)
            if config.pooled:
                pool = train_pool(dataset, learner, directory / "pool", config.runs, config.seed, track)
            problem = _problems(config, pool, track)
        with timed(seconds, "attribution"):
            whole = problem()
            attribution = _attribute(plugins.get("backends", "trak").BACKEND(), whole, directory / "scores.h5", track)

        def retrained(labels: NDArray[Any]) -> Pool:
            relabelled = replace(dataset, targets=labels)
            folder = directory / "calibration" / relabelled.fingerprint[:16]
            return train_pool(relabelled, learner, folder, BLOCK, config.seed, track)

        case = Case(dataset, pool, attribution, config.seed, track, partial(_influences, problem, attribution, track),
                    config.brittle)  # fmt: skip
        prove = bool(config.verify) and config.pooled
        examined = checks.examine(case, retrained if prove else None)
        with timed(seconds, "heat maps"):
            asked = checks.findings(examined) if config.samples else ()
            mapped = heat_maps(dataset, problem, asked, PICTURE_EDGE)
        audit = _audit(config, accepted, pool, attribution, whole, mapped, examined, seconds)
        if prove:
            _export(replace(audit, verdict=gate.unfinished(audit.verdict)), directory)
            retraining = Retraining(dataset, learner, directory / "retrained", config.seed, config.verify, track)
            proven = checks.verify(examined, retraining)
            audit = _audit(config, accepted, pool, attribution, whole, mapped, proven, seconds)
    _export(audit, directory)
    return audit


def _problems(config: AuditConfig, pool: Pool, track: Track) -> Callable[..., Problem]:
    """`(labels, rows, most)` -> what a backend is given for these targets, all by default.

    The models whose gradients are taken are the user's checkpoints, the pool's, or, where a learner has no gradients,
    those of the modality's own learner on the same subsets: what scores say is measured on the learner's own runs.
    """
    dataset, learner = pool.dataset, pool.learner
    if config.checkpoints:
        models = checkpointed(config, dataset, learner)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in config.checkpoints]
        return partial(Problem.of_trained, models, pool, {"checkpoints": digests})
    if is_differentiable(learner):
        return partial(Problem.of, pool)
    stand_in = learner_of(None, dataset.modality)
    folder = config.directory / "surrogate"
    surrogate = train_pool(dataset, stand_in, folder, config.runs, config.seed, track)
    return partial(Problem.of, pool, surrogate=surrogate)


def _audit(
    config: AuditConfig, accepted: tuple[Accepted, ...], pool: Pool, attribution: Attribution, problem: Problem,
    mapped: tuple[Mapping[str, HeatMap], tuple[str, ...]], examined: list[Examined], seconds: Mapping[str, float],
) -> Audit:  # fmt: skip
    dataset, findings = pool.dataset, checks.findings(examined)
    every = tuple(state.check for state in examined)
    measured = None if problem.runs is None else trust(problem.runs, attribution.held_out)
    detectors = {name: plugins.get("detectors", name) for name in plugins.names("detectors")}
    kinds = {kind: (name, title) for name, one in detectors.items() for kind, title in one.KINDS.items()}
    changes = None if config.baseline is None else compared(config.baseline, accepted, findings, date.today())
    told = None if measured is None else vars(measured)
    return Audit(
        verdict=gate.judge(config.policy, every, findings, kinds, told, changes.known if changes else ()),
        dataset=_describe(config, dataset),
        learner=_describe_learner(config, pool, problem),
        trust=None if told is None else {**told, "slope": attribution.provenance["slope"],
                                             "ridge": attribution.provenance["ridge"]},
        checks=every,
        findings=findings,
        reproduce=_reproduce(config),
        limits=(*LIMITS, *mapped[1]),
        cost=Cost({**seconds, **{state.name: state.seconds for state in examined}}, _peak_megabytes(), pool.resumed),
        samples=tuple(_samples(dataset, pool, checks.columns(examined), findings)),
        pairs=checks.pairs(examined),
        exhibits=exhibits(dataset, shown_samples(findings), PICTURE_EDGE, EXHIBIT_BYTES) if config.samples else {},
        shows_samples=config.samples,
        explanations={name: explanation(detector) for name, detector in detectors.items()},
        kinds=kinds,
        changes=changes,
        heat_maps=mapped[0],
        lines=line_numbers(dataset.root, (id for finding in findings for id in finding.sample_ids)),
    )  # fmt: skip


def _export(audit: Audit, directory: Path) -> None:
    for name in plugins.names("exports"):
        plugins.get("exports", name).write(audit, directory)


def _influences(
    problem: Callable[..., Problem],
    attribution: Attribution,
    track: Track,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> NDArray[np.float32]:
    """See `detection.Case`."""
    ridge = attribution.provenance["ridge"]
    backend = replace(plugins.get("backends", "trak").BACKEND(), ridge=ridge, ridges=(ridge,))
    with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
        asked = problem(labels=labels, rows=rows, most=FEW_MODELS)
        scored: Attribution = backend.attribute(asked, Path(folder) / "scores.h5", track)
        return scored.scores()


def _output_directory(config: AuditConfig) -> Path:
    directory = config.directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / ".writable"):
            pass
        (directory / ".writable").unlink()
    except OSError as error:
        raise InputError(f"--output {directory}: results can't be written there: {error.strerror}") from error
    return directory


def _attribute(backend: Backend, problem: Problem, path: Path, track: Track) -> Attribution:
    """Kept scores if they are of this very problem and backend, else new ones."""
    if path.exists():
        try:
            kept = Attribution.load(path)
        except InputError:
            kept = None
        if kept is not None and kept.provenance["identity"] == backend.identity(problem):
            return kept
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        scored = backend.attribute(problem, path, track)
    # One line for what is said of many models alike.
    said = Counter(re.sub(r"^model \d+: ", "", str(one.message)) for one in caught)
    for message, count in said.items():
        warnings.warn(f"{message} ({count} times)" if count > 1 else message, stacklevel=2)
    return scored


def _describe(config: AuditConfig, dataset: Dataset) -> dict[str, Any]:
    numbers = dataset.targets[dataset.rows("train")] if dataset.task == "regression" else None
    return {
        "name": as_text(dataset.root.resolve().name),
        "path": as_text(str(dataset.root)),
        "fingerprint": dataset.fingerprint,
        "format": dataset.layout.format,
        "modality": dataset.modality,
        "task": dataset.task,
        "split_origin": dataset.layout.split_origin,
        "target_split": dataset.target_split,
        "sizes": dataset.sizes(),
        "classes": list(dataset.class_names),
        "counts": dataset.counts(),
        "target_quartiles": None if numbers is None else np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1]).tolist(),
        "unreadable": len(dataset.rejected),
        "ignored": [{"path": item.path, "reason": item.reason} for item in dataset.layout.ignored],
        "notes": list(dataset.layout.notes),
        "reading": {"seed": config.seed, "label": config.label, "rows": config.rows},
    }


def _describe_learner(config: AuditConfig, pool: Pool, problem: Problem) -> dict[str, Any]:
    dataset = pool.dataset
    target = dataset.rows(dataset.target_split)
    each = pool.accuracies(target)
    return {
        "recipe": dict(pool.learner.recipe),
        "gradients_of": problem.identity.get("surrogate", {}).get("learner"),
        "checkpoints": [as_text(str(path)) for path in config.checkpoints],
        "models": len(pool),
        "distinct_subsets": len(np.unique(pool.subsets)),
        "training_rows_per_model": int(pool.masks[0].sum()) if len(pool) else 0,
        "performance": {
            "measure": QUALITY[dataset.task],
            "split": dataset.target_split,
            "mean": float(each.mean()),
            "standard_deviation": float(each.std()),
            "ensemble": quality(dataset, pool.predictions[target], target),
        } if len(pool) else None,
    }  # fmt: skip


def _reproduce(config: AuditConfig) -> dict[str, Any]:
    own = [("--label", config.label), ("--learner", config.learner)]
    own += [("--checkpoint", as_text(str(path))) for path in config.checkpoints]
    chosen = [part for name, value in own if value is not None for part in (name, value)]
    chosen += ["--retrain"] * config.retrain + ["--unsafe-checkpoints"] * config.any_code
    chosen += ["--no-samples"] * (not config.samples)
    return {
        "arguments": ["run", as_text(str(config.path)), "--seed", str(config.seed), "--runs", str(config.runs),
                      "--verify", str(config.verify), "--brittle", str(config.brittle), "--rows", str(config.rows),
                      *chosen, *_policy(config)],
        "settings": [as_text(str(path)) for path in config.settings],
        "versions": {
            "dataaudit": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }  # fmt: skip


def _policy(config: AuditConfig) -> Iterator[str]:
    """The flags that say it."""
    policy = config.policy
    yield from ("--fail-on", str(policy.fail_on))
    if policy.min_trust_lds is not None:
        yield from ("--min-trust-lds", str(policy.min_trust_lds))
    for check, limit in policy.limits.items():
        for name, value in vars(limit).items():
            if value is not None:
                yield from ("--set", f"{check}.{name}={value}")
    if config.baseline is not None:
        yield from ("--baseline", as_text(str(config.baseline)))


def _samples(
    dataset: Dataset, pool: Pool, columns: Mapping[str, Any], findings: Sequence[Finding]
) -> Iterator[dict[str, Any]]:
    named: dict[str, list[str]] = {}
    for finding in findings:
        for id in finding.sample_ids:
            named.setdefault(id, []).append(finding.id)
    predicted = pool.predictions if len(pool) else None
    rows: list[tuple[str, int | Rejected]] = [(id, row) for row, id in enumerate(dataset.ids)]
    rows += [(sample.id, sample) for sample in dataset.rejected]
    for id, at in sorted(rows, key=lambda item: item[0]):
        known: dict[str, Any]
        if isinstance(at, Rejected):
            known = {"split": at.split, "label": at.label, "predicted": None} | dict.fromkeys(columns)
        else:
            known = {
                "split": str(dataset.splits[at]),
                "label": dataset.label(at),
                "predicted": None if predicted is None else dataset.in_words(predicted[at]),
                **{name: values[at] for name, values in columns.items()},
            }
        yield {"id": id, **known, "findings": " ".join(named.get(id, []))}


def _peak_megabytes() -> float:
    """Most memory this process held; not known on Windows."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
