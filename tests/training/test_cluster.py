"""Trainings, passes through models and features go to a cluster, nothing else.

What is lost there is done again or said, never kept wrong.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

import dataaudit
from dataaudit import versions
from dataaudit.config import AuditConfig
from dataaudit.data.features import image_features
from dataaudit.data.features.vision_models import VisionModel
from dataaudit.data.loading import read_dataset
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.errors import ClusterError, InputError, NumericsError
from dataaudit.training import cluster as cluster_module
from dataaudit.training.cluster import on_cluster
from dataaudit.training.pool import planned, train_pool
from dataaudit.training.retraining import Retraining
from dataaudit.training.tasks import elsewhere
from dataaudit.training.training import train_runs

from ..fixtures import MakeDataset, NearestMean

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


def table() -> pd.DataFrame:
    rng, labels = np.random.default_rng(0), np.arange(120) % 2
    inputs = rng.normal(size=(120, 3)) + 2 * labels[:, None]
    labels[:8] = 1 - labels[:8]  # wrong ones, so that there is something to retrain without
    return pd.DataFrame(inputs, columns=["x", "y", "z"]).assign(label=np.array(["no", "yes"])[labels])


def test_an_audit_is_the_same_though_a_worker_is_killed_and_only_what_is_done_with_models_is_elsewhere(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workers, tasks = client.run(os.getpid), list[str]()

    def submit(*values: Any, key: str | None = None, **options: Any) -> Any:
        tasks.append(str(key))
        if len(tasks) == 5:
            os.kill(min(workers.values()), signal.SIGKILL)
        return distributed.Client.submit(client, *values, key=key, **options)

    monkeypatch.setattr(client, "submit", submit)
    quick: dict[str, Any] = {"label": "label", "runs": 8, "jobs": 1, "verify": 3, "checks": "mislabeled,brittle"}
    dataaudit.audit(table(), output=tmp_path / "here", **quick)
    dataaudit.audit(table(), output=tmp_path / "there", cluster=client, **quick)
    for name in ("audit.json", "findings.jsonl", "samples.csv", "pairs.csv"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes(), name
    assert list((tmp_path / "there" / "retrained").glob("*.pt"))
    client.wait_for_workers(2)
    assert min(workers.values()) not in client.run(os.getpid).values()
    del tasks[0]  # asks for versions
    found = [re.fullmatch(r"batch_of__(train|numbered)_(\d+)_calls-.*", key) for key in tasks]
    assert all(found), tasks
    counts = {
        kind: sum(int(batch[2]) for batch in found if batch and batch[1] == kind) for kind in ("train", "numbered")
    }
    assert counts["train"] == len(list((tmp_path / "there").rglob("*.pt")))
    assert counts["numbered"] >= quick["runs"]  # scored there


class Counted(Dataset):
    """Counts how often it is sent."""

    sent = 0

    def __getstate__(self) -> dict[str, Any]:
        Counted.sent += 1
        return self.__dict__


def test_a_dataset_is_sent_once_for_all_trainings(client: Any, make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = Counted(**vars(make_dataset()))
    retraining = Retraining(dataset, NearestMean(), tmp_path / "retrained", 0, 3, silent)
    with on_cluster(client, None):
        train_pool(dataset, NearestMean(), tmp_path / "pool", 8, 0, silent)
        for row in range(4):
            retraining.outputs([np.array([row])], range(3), np.arange(5))
    assert Counted.sent == 1


def means(pixels: torch.Tensor) -> torch.Tensor:
    return torch.cat([pixels.mean((2, 3)), pixels.std((2, 3)), torch.full((len(pixels), 1), os.getpid() % 1000)], 1)


def test_features_of_pictures_are_computed_there_from_files_that_are_read_here(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the order of the pictures, kept here, and with what the cluster can't see of a file system."""
    rng = np.random.default_rng(0)
    for number in range(60):
        file = tmp_path / "set" / ("test" if number < 20 else "train") / "ab"[number % 2] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 30 + number, 3), np.uint8)).save(file)
    monkeypatch.setattr(image_features, "vision_model", lambda source: VisionModel(source, 32, means))
    dataset = read_dataset(tmp_path / "set", ReadOptions(), silent)
    with on_cluster(client, None):
        there = image_features.features_of_rows(dataset, np.arange(60), "x", tmp_path / "kept", silent, elsewhere())
    assert elsewhere() is None
    here = image_features.features_of_rows(dataset, np.arange(60), "x", None, silent)
    np.testing.assert_array_equal(there[:, :-1], here[:, :-1])
    workers = np.array(list(client.run(os.getpid).values())) % 1000
    assert np.isin(there[:, -1], workers).all()
    again = image_features.features_of_rows(dataset, np.arange(60), "x", tmp_path / "kept", silent)
    np.testing.assert_array_equal(again, there)


class Broken(NearestMean):
    def outputs(self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return super().outputs(model, dataset, rows) * np.float32(np.nan)


def test_a_training_that_fails_there_fails_as_here_and_others_go_on(
    client: Any, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset = make_dataset()
    with on_cluster(client, None):
        with pytest.raises(NumericsError, match=r"run-0000\d: the model's output for '0000.png' is not finite"):
            train_pool(dataset, Broken(), tmp_path / "broken", 8, 0, silent)
        assert len(train_pool(dataset, NearestMean(), tmp_path / "pool", 8, 0, silent)) == 8


class Deadly(NearestMean):
    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        os.kill(os.getpid(), signal.SIGKILL)
        yield from super().trajectory(dataset, rows, seed)


class Unsendable(NearestMean):
    def __reduce__(self) -> Any:
        return import_module, ("nowhere",)


@pytest.mark.parametrize(
    ("learner", "error"),
    [(Deadly(), "cluster was lost; .*KilledWorker"), (Unsendable(), "No module named 'nowhere'")],
    ids=["kills", "does not arrive"],
)
def test_a_training_that_kills_its_worker_or_does_not_arrive_is_an_error(
    learner: NearestMean,
    error: str,
    client: Any,
    make_dataset: MakeDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    plan = planned(make_dataset(), 0, 0)[0]
    with on_cluster(client, None), pytest.raises((ClusterError, RuntimeError)) as found:
        train_runs(make_dataset(), learner, tmp_path, 0, [plan], False, silent)
    assert re.search(error, f"{found.value} {found.value.__cause__}")
    client.wait_for_workers(2)


class Slow(NearestMean):
    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        time.sleep(0.3)
        yield from super().trajectory(dataset, rows, seed)


def test_a_lost_scheduler_is_said_and_what_was_finished_is_kept(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, folder, file = make_dataset(), tmp_path / "pool", tmp_path / "scheduler.json"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen([*dask, "--no-dashboard", "--scheduler-file", str(file)], **quiet)
    dask = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file), "--nthreads", "2"]
    worker = subprocess.Popen([*dask, "--no-dashboard", "--no-nanny"], **quiet)

    def track(items: Iterable[Any], *_: Any) -> Iterator[Any]:
        for number, item in enumerate(items):
            if number == 1:
                scheduler.kill()
            yield item

    try:
        client = distributed.Client(scheduler_file=str(file), set_as_default=False, timeout=30)
        lost = pytest.raises(ClusterError, match="was lost; finished models are kept: run the same command again")
        with client, on_cluster(client, None), lost:
            train_pool(dataset, Slow(), folder, 24, 0, track)
    finally:
        scheduler.kill()
        worker.kill()
    kept = len(list(folder.glob("*.pt")))
    assert 2 <= kept < 24
    assert train_pool(dataset, NearestMean(), folder, 24, 0, silent).resumed == kept


def refused(cluster: Any) -> str:
    with pytest.raises(InputError) as error, on_cluster(cluster, None):
        pass
    return str(error.value)


def test_a_worker_of_another_version_is_refused(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "VERSION", "0.0.1")
    words = r"the scheduler: expected the same packages as here, found: dataaudit \S+, here it is 0\.0\.1\."
    assert re.search(words, refused(client))


def test_a_cluster_with_too_few_workers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "WAIT", 0.5)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as few:
        address = f"dask://{few.scheduler.address.partition('://')[2]}"
        assert f"--cluster {address}: no worker took a task within 0.5 seconds; start some" in refused(address)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as few,
        distributed.Client(few, set_as_default=False) as client,
    ):
        assert "expected room for two trainings at a time or more, found 1" in refused(client)


def test_an_address_without_an_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "WAIT", 0.5)
    address = "dask://127.0.0.1:1"
    assert f"--cluster {address}: expected a running cluster, found none: Timed out" in refused(address)


@pytest.mark.parametrize(("package", "cluster"), [("distributed", "dask"), ("ray", "ray"), ("ray", "ray://here:10001")])
def test_a_missing_package_is_named(package: str, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert f"pip install 'dataaudit[{cluster.partition(':')[0]}]'" in refused(cluster)


@pytest.mark.parametrize("cluster", ["spark", "dask:", "dask://", "dask://here", "ray://:10001", "tcp://here:8786"])
def test_another_address_is_refused_with_what_is_expected(cluster: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected dask://HOST:PORT, ray://HOST:PORT, or dask or ray for one here"):
        AuditConfig(tmp_path, cluster=cluster)


def test_anything_else_than_an_address_or_a_client_is_refused() -> None:
    assert "expected an address or a dask.distributed.Client, found int" in refused(8786)
