"""Training on known subsets of the rows, many times: where every model of an audit comes from.

Runs go through joblib, which executes them in processes here or on a cluster, see `tasks`; only the calling process
writes files, each under a temporary name first, and interrupted work is resumed.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib import delayed
from numpy.typing import NDArray

from ..dataset import Dataset, Track
from ..errors import InputError, NumericsError, StaleError
from ..versions import VERSION
from .learning import Differentiable, LearningAlgorithm, is_differentiable, is_linear
from .tasks import alone, done, trainings

MANIFEST = "manifest.json"
DIGESTED = 4096
"""Rows that are digested at a time."""


@dataclass(frozen=True)
class Plan:
    """One training run.

    name   of its file
    mask   (n,) bool, the rows it is trained on
    seed   of the training
    """

    name: str
    mask: NDArray[np.bool_]
    seed: int


def train_runs(
    dataset: Dataset,
    learner: LearningAlgorithm,
    directory: Path,
    seed: int,
    plans: Sequence[Plan],
    keep_models: bool,
    track: Track,
) -> int:
    """Carry out the plans whose result `directory` does not hold yet; returns how many it held.

    A result has the outputs for every row, and with `keep_models` the states of a differentiable learner's model that
    attribution averages over, and a digest of what it was trained on.

    Raises StaleError, before training, if what the directory holds was made from other data, by another recipe, seed or
    version; NumericsError if a model's output is not finite, naming the run and the sample; InputError if outputs don't
    fit the data; ClusterError if the cluster is lost.
    """
    claim(dataset, learner, directory, seed)
    missing = [plan for plan in plans if not path_of(directory, plan.name).exists()]
    if missing and hasattr(learner, "prepare"):
        learner.prepare(dataset)
    with trainings() as (parallel, sent):
        given = sent(learner) if is_linear(learner) else learner  # one that starts near a model holds large matrices
        tasks = [delayed(_train)(given, sent(dataset), plan, keep_models) for plan in missing]
        for name, result in track(done(parallel, tasks), "training models", len(missing)):
            write_run(directory, name, result)
    return len(plans) - len(missing)


def claim(dataset: Dataset, learner: LearningAlgorithm, directory: Path, seed: int) -> None:
    """Make the directory one of such runs. Raises StaleError if it holds others, see `train_runs`."""
    directory.mkdir(parents=True, exist_ok=True)
    _claim(directory, manifest_of(dataset, learner, seed))


def read_outputs(directory: Path, name: str) -> NDArray[np.float32]:
    """Outputs (n, c) of a finished run on every row."""
    outputs: NDArray[np.float32] = read_run(directory, name)["outputs"].numpy()
    return outputs


def read_states(directory: Path, name: str) -> list[dict[str, Any]]:
    """States of a finished run's model in the course of its training, the final one last."""
    states: list[dict[str, Any]] = read_run(directory, name)["states"]
    return states


def _train(learner: LearningAlgorithm, dataset: Dataset, plan: Plan, keep_models: bool) -> tuple[str, dict[str, Any]]:
    with alone(), warnings.catch_warnings():
        # What comes mapped into memory is only read.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return plan.name, _trained(learner, dataset, plan, keep_models)


def _trained(learner: LearningAlgorithm, dataset: Dataset, plan: Plan, keep_models: bool) -> dict[str, Any]:
    states, rows, digest = [], np.flatnonzero(plan.mask), ""
    model: Any
    if is_differentiable(learner):
        for model in learner.trajectory(dataset, rows, plan.seed):
            if keep_models:
                states.append({name: value.to("cpu", copy=True) for name, value in model.state_dict().items()})
        digest = digest_of_training(learner, dataset, rows, plan.seed) if keep_models else ""
    else:
        model = learner.fit(dataset, rows, plan.seed)
    all_rows = np.arange(len(dataset))
    outputs = require_outputs(learner.outputs(model, dataset, all_rows), dataset, all_rows, plan.name)
    return {"states": states, "outputs": torch.from_numpy(outputs), "trained_on": digest}


def digest_of_training(learner: Differentiable, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> str:
    """SHA-256 of what the model of these rows depends on beside the recipe: what the learner sees, and the seed."""
    digest = hashlib.sha256(f"{seed} {dataset.task} {dataset.class_names}".encode())
    for start in range(0, len(rows), DIGESTED):
        block = rows[start : start + DIGESTED]
        digest.update(np.ascontiguousarray(learner.tensors(dataset, block).numpy()).tobytes())
        digest.update(np.ascontiguousarray(dataset.targets[block]).tobytes())
    return digest.hexdigest()


def require_outputs(raw_outputs: Any, dataset: Dataset, rows: NDArray[np.int64], where: str) -> NDArray[np.float32]:
    """Outputs (len(rows), c) float32 as the dataset's task needs them.

    Raises InputError for another shape, NumericsError, naming the sample, for a value that is not finite.
    """
    outputs = np.asarray(raw_outputs, np.float32)
    width = max(1, len(dataset.class_names))
    if outputs.shape != (len(rows), width):
        expected = {
            "classification": f"logits of {width} classes",
            "regression": "one value",
            "multilabel": f"logits of {width} labels",
        }[dataset.task]
        raise InputError(
            f"{where}: the model's outputs don't fit the data: expected {expected} for each of {len(rows)} samples, "
            f"{(len(rows), width)}, found {outputs.shape}"
        )
    broken = np.flatnonzero(~np.isfinite(outputs).all(1))
    if len(broken):
        raise NumericsError(f"{where}: the model's output for {dataset.ids[rows[broken[0]]]!r} is not finite")
    return outputs


def training_device() -> str:
    """Where models are trained."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def manifest_of(dataset: Dataset, learner: LearningAlgorithm, seed: int) -> dict[str, Any]:
    """What runs in a folder have in common."""
    features = dataset.features
    brought = {} if features is None else {"features": hashlib.sha256(features.tobytes()).hexdigest()}
    return brought | {
        "data": dataset.fingerprint,
        "recipe": dict(learner.recipe),
        "seed": seed,
        "dataaudit": VERSION,
        "torch": torch.__version__,
    }


def _claim(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Mark the directory as holding runs of this manifest, or refuse it."""
    path = directory / MANIFEST
    if path.exists():
        existing = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in manifest | existing if existing.get(key) != manifest.get(key)]
        if differing:
            changes = "; ".join(f"{key} was {existing.get(key)!r}, is now {manifest.get(key)!r}" for key in differing)
            if "data" in differing:
                changes += " (the dataset changed, or --rows or --budget sample other rows of it)"
            raise StaleError(
                f"{directory} holds models that no longer match: {changes}. "
                f"Choose another --output, or remove {directory} to train afresh"
            )
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(dict(manifest), indent=2), encoding="utf-8")
    temporary.replace(path)


def path_of(directory: Path, name: str) -> Path:
    """The file of a run."""
    return directory / f"{name}.pt"


def write_run(directory: Path, name: str, result: Mapping[str, Any]) -> None:
    """Keep what a run gave, see `train_runs`."""
    path = path_of(directory, name)
    temporary = path.with_suffix(".tmp")
    torch.save(dict(result), temporary)
    temporary.replace(path)


def read_run(directory: Path, name: str) -> dict[str, Any]:
    """What a run gave, see `train_runs`."""
    result: dict[str, Any] = torch.load(path_of(directory, name), map_location="cpu", weights_only=True)
    return result
