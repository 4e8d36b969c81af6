"""The only place where the stages are chained."""

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from . import __version__, checks, gate, plugins
from .attribution import Attribution, Backend
from .audit import Audit, Cost
from .checks import Examined
from .config import AuditConfig
from .dataset import Dataset, Reading, Rejected, Track, as_text
from .detection import Case, explanation
from .errors import DatasetError, InputError
from .evaluation import trust
from .files import replacing
from .findings import Finding
from .images import data_uri
from .pool import BLOCK, Pool, train_pool
from .problem import Problem
from .report import PICTURE_BYTES, PICTURE_EDGE, shown_samples
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
    """Read the dataset in the format that matches it best. Raises InputError if none or several do."""
    formats = {name: plugins.get("formats", name) for name in plugins.names("formats")}
    matching = [name for name, one in formats.items() if one.matches(config.path)]
    if not matching:
        found = "a file" if config.path.is_file() else "a folder without images"
        raise DatasetError(
            f"{config.path}: expected class folders with images, alone or inside split folders (train/, test/); "
            f"found {found}; formats looked for: {', '.join(formats)}"
        )
    strongest = max(formats[name].EVIDENCE for name in matching)
    best = [name for name in matching if strongest == formats[name].EVIDENCE]
    if len(best) > 1:
        raise DatasetError(f"{config.path}: ambiguous, it looks like {' and like '.join(best)}")
    dataset: Dataset = formats[best[0]].load(config.path, Reading(config.seed), track)
    return dataset


def estimate(config: AuditConfig, dataset: Dataset) -> float:
    """About how many seconds `run` will take, from a few measured training steps."""
    learner = plugins.get("learners", dataset.modality).LEARNER()
    rows = len(dataset.rows("train"))
    seconds: float = learner.seconds_per_run(dataset, rows // 2)
    proof = 0.0
    if config.verify:
        # Claims of three checks, each against nothing and against a random removal; the search for groups and supports.
        trainings = config.verify * (8 + config.brittle) + 8 + 6 * config.brittle
        proof = (BLOCK * seconds + trainings * learner.seconds_per_run(dataset, rows)) / config.workers * 1.15
    # Scoring passes over all rows once per model, a few times the cost of a training epoch; matching adds its own.
    samples = len(dataset)
    scoring = config.runs * samples * 1.4e-3 + samples * 1.2e-2
    return config.runs * seconds / config.workers * 1.15 + scoring + proof + 10


def run(config: AuditConfig, dataset: Dataset, track: Track) -> Audit:
    """Audit a dataset and write every export into the output directory.

    Raises StaleError before any training if the directory holds work on other data, by another recipe or version.
    """
    directory = _output_directory(config)
    seconds: dict[str, float] = {}
    with joblib.parallel_config(n_jobs=config.workers):
        torch.set_num_threads(config.workers)
        learner = plugins.get("learners", dataset.modality).LEARNER()
        with _timed(seconds, "pool"):
            pool = train_pool(dataset, learner, directory / "pool", config.runs, config.seed, track)
        with _timed(seconds, "attribution"):
            problem = Problem.of(pool)
            attribution = _attribute(plugins.get("backends", "trak").BACKEND(), problem, directory / "scores.h5", track)

        def retrained(labels: NDArray[np.int64]) -> Pool:
            relabelled = replace(dataset, targets=labels)
            folder = directory / "calibration" / relabelled.fingerprint[:16]
            return train_pool(relabelled, learner, folder, BLOCK, config.seed, track)

        case = Case(dataset, pool, attribution, config.seed, track, partial(_influences, pool, attribution, track),
                    config.brittle)  # fmt: skip
        examined = checks.examine(case, retrained if config.verify else None)
        audit = _audit(config, pool, attribution, problem, examined, seconds)
        if config.verify:
            _export(replace(audit, verdict=gate.unfinished(audit.verdict)), directory)
            retraining = Retraining(dataset, learner, directory / "retrained", config.seed, config.verify, track)
            audit = _audit(config, pool, attribution, problem, checks.verify(examined, retraining), seconds)
    _export(audit, directory)
    return audit


def _audit(
    config: AuditConfig, pool: Pool, attribution: Attribution, problem: Problem, examined: list[Examined],
    seconds: Mapping[str, float],
) -> Audit:  # fmt: skip
    dataset, findings = pool.dataset, checks.findings(examined)
    every = tuple(state.check for state in examined)
    measured = None if problem.runs is None else trust(problem.runs, attribution.held_out)
    detectors = {name: plugins.get("detectors", name) for name in plugins.names("detectors")}
    return Audit(
        verdict=gate.judge(every, findings, config.fail_on),
        dataset=_describe(dataset),
        learner=_describe_learner(pool),
        trust=None if measured is None else {**vars(measured), "slope": attribution.provenance["slope"],
                                             "ridge": attribution.provenance["ridge"]},
        checks=every,
        findings=findings,
        reproduce=_reproduce(config),
        limits=LIMITS,
        cost=Cost({**seconds, **{state.name: state.seconds for state in examined}}, _peak_megabytes(), pool.resumed),
        samples=tuple(_samples(dataset, pool, checks.columns(examined), findings)),
        pairs=checks.pairs(examined),
        pictures=_pictures(dataset, shown_samples(findings)),
        explanations={name: explanation(detector) for name, detector in detectors.items()},
        kinds={kind: (name, title) for name, one in detectors.items() for kind, title in one.KINDS.items()},
    )  # fmt: skip


def _export(audit: Audit, directory: Path) -> None:
    for name in plugins.names("exports"):
        plugins.get("exports", name).write(audit, directory)


def _influences(
    pool: Pool, attribution: Attribution, track: Track, rows: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """See `detection.Case`."""
    ridge = attribution.provenance["ridge"]
    backend = replace(plugins.get("backends", "trak").BACKEND(), ridge=ridge, ridges=(ridge,))
    with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
        problem = Problem.of(pool, labels, rows, FEW_MODELS)
        scored: Attribution = backend.attribute(problem, Path(folder) / "scores.h5", track)
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


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 2)


def _attribute(backend: Backend, problem: Problem, path: Path, track: Track) -> Attribution:
    """Kept scores if they are of this very problem and backend, else new ones."""
    if path.exists():
        try:
            kept = Attribution.load(path)
        except InputError:
            kept = None
        if kept is not None and kept.provenance["identity"] == backend.identity(problem):
            return kept
    return backend.attribute(problem, path, track)


def _describe(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": as_text(dataset.root.resolve().name),
        "path": as_text(str(dataset.root)),
        "fingerprint": dataset.fingerprint,
        "format": dataset.layout.format,
        "modality": dataset.modality,
        "task": dataset.task,
        "split_origin": dataset.layout.split_origin,
        "target_split": dataset.target_split,
        "classes": list(dataset.class_names),
        "counts": dataset.counts(),
        "unreadable": len(dataset.rejected),
        "ignored": [{"path": item.path, "reason": item.reason} for item in dataset.layout.ignored],
        "notes": list(dataset.layout.notes),
    }


def _describe_learner(pool: Pool) -> dict[str, Any]:
    dataset = pool.dataset
    target = dataset.rows(dataset.target_split)
    accuracies = pool.accuracies(target)
    ensemble = pool.probabilities[target].argmax(1) == dataset.targets[target]
    return {
        "recipe": dict(pool.learner.recipe),
        "models": len(pool),
        "distinct_subsets": len(np.unique(pool.subsets)),
        "training_rows_per_model": int(pool.masks[0].sum()),
        "accuracy": {
            "split": dataset.target_split,
            "mean": float(accuracies.mean()),
            "standard_deviation": float(accuracies.std()),
            "ensemble": float(ensemble.mean()),
        },
    }


def _reproduce(config: AuditConfig) -> dict[str, Any]:
    return {
        "arguments": ["run", as_text(str(config.path)), "--seed", str(config.seed), "--runs", str(config.runs),
                      "--verify", str(config.verify), "--brittle", str(config.brittle), "--fail-on",
                      str(config.fail_on)],
        "versions": {
            "dataaudit": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "device": "cuda" if torch.cuda.is_available() else "cpu",
    }  # fmt: skip


def _samples(
    dataset: Dataset, pool: Pool, columns: Mapping[str, Any], findings: Sequence[Finding]
) -> Iterator[dict[str, Any]]:
    named: dict[str, list[str]] = {}
    for finding in findings:
        for id in finding.sample_ids:
            named.setdefault(id, []).append(finding.id)
    predicted = pool.probabilities.argmax(1)
    rows: list[tuple[str, int | Rejected]] = [(id, row) for row, id in enumerate(dataset.ids)]
    rows += [(sample.id, sample) for sample in dataset.rejected]
    for id, at in sorted(rows, key=lambda item: item[0]):
        known: dict[str, Any]
        if isinstance(at, Rejected):
            known = {"split": at.split, "label": at.label, "predicted": None} | dict.fromkeys(columns)
        else:
            known = {
                "split": str(dataset.splits[at]),
                "label": dataset.class_names[dataset.targets[at]],
                "predicted": dataset.class_names[predicted[at]],
                **{name: values[at] for name, values in columns.items()},
            }
        yield {"id": id, **known, "findings": " ".join(named.get(id, []))}


def _pictures(dataset: Dataset, ids: list[str]) -> dict[str, str]:
    """Data URIs of as many of these samples as fit the report's budget, in order."""
    at = {id: row for row, id in enumerate(dataset.ids)}
    pictures: dict[str, str] = {}
    left = PICTURE_BYTES
    for id in ids:
        if id not in at:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            uri = data_uri(dataset.sources[at[id]], PICTURE_EDGE)
        left -= len(uri)
        if left < 0:
            break
        pictures[id] = uri
    return pictures


def _peak_megabytes() -> float:
    """Most memory this process held; not known on Windows."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
