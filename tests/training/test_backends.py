"""Trainings go wherever joblib's active backend takes them; what is threaded stays here."""

import time
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from joblib.parallel import ThreadingBackend
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from dataaudit.data.loading import read_dataset
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.training.pool import train_pool
from dataaudit.training.tasks import done as finished

from ..fixtures import MakeDataset, NearestMean, SmallLearner


class Elsewhere(ThreadingBackend):
    """As Ray's: results come all at once, and nothing is shared with the caller."""

    supports_return_generator = False
    supports_sharedmem = False
    calls = 0

    def _get_pool(self) -> ThreadPool:
        self._pool = self._pool or ThreadPool(1)  # seeds of trainings are the process's
        return self._pool

    def submit(self, func: Any, callback: Any = None) -> Any:
        Elsewhere.calls += 1
        return super().submit(func, callback)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    joblib.register_parallel_backend("elsewhere", Elsewhere)
    with joblib.parallel_config(backend="elsewhere", n_jobs=2):
        yield


def test_a_backend_without_generators_trains_the_same_models(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, learner = make_dataset(), SmallLearner(epochs=1, batch_size=16)
    here = train_pool(dataset, learner, tmp_path / "here", 8, 0, silent)
    joblib.register_parallel_backend("elsewhere", Elsewhere)
    with joblib.parallel_config(backend="elsewhere", n_jobs=2):
        there = train_pool(dataset, learner, tmp_path / "there", 8, 0, silent)
    assert Elsewhere.calls > 0
    np.testing.assert_array_equal(here.outputs, there.outputs)


class Random(NearestMean):
    """Draws from the process's random numbers, slowly."""

    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        torch.manual_seed(seed)
        time.sleep(0.02)
        yield self.build(dataset).eval()


def test_trainings_in_threads_of_one_process_are_the_same_models(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, learner = make_dataset(), Random()
    here = train_pool(dataset, learner, tmp_path / "here", 8, 0, silent)
    with joblib.parallel_config(backend="threading", n_jobs=4):
        there = train_pool(dataset, learner, tmp_path / "there", 8, 0, silent)
    np.testing.assert_array_equal(here.outputs, there.outputs)


def test_a_round_has_as_many_trainings_as_the_configuration_allows(elsewhere: None) -> None:
    done: list[int] = []
    with joblib.parallel_config(backend="elsewhere", n_jobs=7):
        next(finished(joblib.Parallel(), [joblib.delayed(done.append)(number) for number in range(30)]))
    assert len(done) == 7


def test_pictures_are_read_here(elsewhere: None, tmp_path: Path) -> None:
    for number in range(8):
        folder = tmp_path / ("train" if number < 6 else "test") / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(folder / f"{number}.png")
    before = Elsewhere.calls
    assert len(read_dataset(tmp_path, ReadOptions(), silent)) == 8
    assert Elsewhere.calls == before
