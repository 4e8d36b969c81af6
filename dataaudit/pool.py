"""Pool: models of one learning algorithm, each trained on a known random half of the training rows.

Label errors, attributions, their ridge and their measured trust all come from the same runs. Runs go through
joblib, so `joblib.parallel_config` decides where they are carried (processes here, Dask or Ray elsewhere); only the
calling process writes files, each under a temporary name first, and a pool that was cut off goes on where it stopped.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from multiprocessing import current_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import torch
from joblib import Parallel, delayed
from numpy.typing import NDArray
from torch import nn

from . import __version__
from .dataset import Dataset, Track
from .errors import InputError, NumericsError, StaleError
from .learning import Differentiable

BLOCK = 8
"""Runs come in blocks: three random halves and their complements, then the first pair again with new seeds.

Every row is in exactly half of a block's runs, so each has out-of-sample outputs; the repeated pair shows how much
of a run's outcome is the seed's.
"""
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Pool:
    """R finished runs over n rows of a dataset with c classes.

    masks     (R, n) bool, the rows each run was trained on
    outputs   (R, n, c) float32 logits of each run on every row
    subsets   (R,) runs with equal numbers were trained on the same rows, with different seeds
    resumed   how many runs were found finished
    """

    dataset: Dataset
    learner: Differentiable
    directory: Path
    masks: NDArray[np.bool_]
    outputs: NDArray[np.float32]
    seeds: NDArray[np.int64]
    subsets: NDArray[np.int64]
    resumed: int = 0

    def __len__(self) -> int:
        return len(self.masks)

    def model(self, run: int) -> nn.Module:
        """The trained module of one run, in evaluation mode."""
        module = self.learner.build(self.dataset)
        module.load_state_dict(_read(_run_path(self.directory, run))["state"])
        return module.eval()

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(n, c) class probabilities, averaged over the runs that did not train on the row (out of sample)."""
        return self._mean_probabilities(~self.masks)

    @cached_property
    def fitted_probabilities(self) -> NDArray[np.float64]:
        """(n, c) class probabilities, averaged over the runs that trained on the row; zero in other splits."""
        return self._mean_probabilities(self.masks)

    def _mean_probabilities(self, counted: NDArray[np.bool_]) -> NDArray[np.float64]:
        total = np.zeros(self.outputs.shape[1:])
        for outputs, rows in zip(self.outputs, counted, strict=True):
            total += _softmax(outputs) * rows[:, None]
        return np.asarray(total / np.maximum(counted.sum(0), 1)[:, None])

    def margins(self, rows: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float32]:
        """(R, len(rows)) margin of these labels, log p / (1 - p), of each run (Park et al. 2023, eq. 6)."""
        logits = self.outputs[:, rows].astype(np.float64)
        own = np.take_along_axis(logits, labels[None, :, None], 2)
        np.put_along_axis(logits, np.broadcast_to(labels[None, :, None], own.shape), -np.inf, 2)
        top = logits.max(2, keepdims=True)
        rest = top[..., 0] + np.log(np.exp(logits - top).sum(2))
        return np.asarray(own[..., 0] - rest, np.float32)

    def accuracies(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(R,) share of the given rows that each run predicts as labelled."""
        return np.asarray((self.outputs[:, rows].argmax(2) == self.dataset.targets[rows]).mean(1))


def train_pool(dataset: Dataset, learner: Differentiable, directory: Path, runs: int, seed: int, track: Track) -> Pool:
    """Train the runs that `directory` does not hold yet, and return them all.

    Raises StaleError, before training, if what the directory holds was made from other data, by another recipe or by
    another version; NumericsError if a model's output is not finite, naming the run and the sample.
    """
    if runs < BLOCK:
        raise InputError(
            f"{runs} runs asked for; expected at least {BLOCK}, so that every row has out-of-sample outputs"
        )
    directory.mkdir(parents=True, exist_ok=True)
    _claim(directory, _manifest(dataset, learner, seed))
    plans = [_plan(dataset, seed, run) for run in range(runs)]
    missing = [run for run in range(runs) if not _run_path(directory, run).exists()]
    work = Parallel(return_as="generator_unordered")(
        delayed(_train)(learner, dataset, run, *plans[run][:2]) for run in missing
    )
    for run, result in track(work, "training models", len(missing)):
        _write(_run_path(directory, run), result)
    return Pool(
        dataset,
        learner,
        directory,
        masks=np.stack([mask for mask, _, _ in plans]),
        outputs=np.stack([_read(_run_path(directory, run))["outputs"].numpy() for run in range(runs)]),
        seeds=np.array([seed for _, seed, _ in plans]),
        subsets=np.array([subset for _, _, subset in plans]),
        resumed=runs - len(missing),
    )


def _plan(dataset: Dataset, seed: int, run: int) -> tuple[NDArray[np.bool_], int, int]:
    """(mask, training seed, subset number) of one run; see BLOCK."""
    block, place = divmod(run, BLOCK)
    pair = place // 2 if place < 6 else 0
    train = dataset.rows("train")
    half = np.random.default_rng([seed, block, pair]).permutation(len(train))[: len(train) // 2]
    inside = np.zeros(len(train), bool)
    inside[half] = True
    if place % 2:
        inside = ~inside
    mask = np.zeros(len(dataset), bool)
    mask[train] = inside
    return mask, int(np.random.SeedSequence([seed, run]).generate_state(1)[0]), block * BLOCK + 2 * pair + place % 2


def _train(
    learner: Differentiable, dataset: Dataset, run: int, mask: NDArray[np.bool_], seed: int
) -> tuple[int, dict[str, Any]]:
    _end_with_parent()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # runs share the cores, and the result must not depend on how many there are
    try:
        model = learner.fit(dataset, np.flatnonzero(mask), seed)
        outputs = learner.outputs(model, dataset, np.arange(len(dataset)))
    finally:
        torch.set_num_threads(threads)
    broken = np.flatnonzero(~np.isfinite(outputs).all(1))
    if len(broken):
        raise NumericsError(f"run {run}: the model's output for {dataset.ids[broken[0]]!r} is not finite")
    state = {name: value.cpu() for name, value in model.state_dict().items()}
    return run, {"state": state, "outputs": torch.from_numpy(outputs)}


@cache
def _end_with_parent() -> None:
    """Let joblib's own worker processes end when the process that started them was killed; they would wait for ever."""
    if not current_process().name.startswith("LokyProcess"):
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def _manifest(dataset: Dataset, learner: Differentiable, seed: int) -> dict[str, Any]:
    return {
        "data": dataset.fingerprint,
        "recipe": dict(learner.recipe),
        "seed": seed,
        "dataaudit": __version__,
        "torch": torch.__version__,
    }


def _claim(directory: Path, wanted: Mapping[str, Any]) -> None:
    """Mark the directory as holding runs of this manifest, or refuse it."""
    path = directory / MANIFEST
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        differing = [key for key in wanted if found.get(key) != wanted[key]]
        if differing:
            changes = "; ".join(f"{key} was {found.get(key)!r}, is now {wanted[key]!r}" for key in differing)
            raise StaleError(
                f"{directory} holds models that no longer match: {changes}. "
                f"Choose another --output, or remove {directory} to train afresh"
            )
        return
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(dict(wanted), indent=2), encoding="utf-8")
    temporary.replace(path)


def _run_path(directory: Path, run: int) -> Path:
    return directory / f"run-{run:05d}.pt"


def _write(path: Path, result: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(result, temporary)
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return result


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))
