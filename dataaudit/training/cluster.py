"""Connections to other machines: a Dask or a Ray cluster, by joblib's own backends; see `tasks` for what goes there.

Nothing else does: whatever else runs in parallel is threaded or short. The cluster schedules tasks, and does again what
a lost worker leaves undone. A dataset, a learner and a net are sent once, and are there for as long as they are here.
"""

import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from typing import Any

import joblib
from joblib import Parallel
from joblib.parallel import get_active_backend

from ..errors import InputError
from ..versions import versions

WAIT = 20
"""Seconds that a cluster has for its first answer."""
MODELS_BY = ("dataaudit", "torch", "numpy")
"""What makes models: of the same versions everywhere, so that the models are the same."""


@dataclass(frozen=True)
class Cluster:
    """A connection.

    parallel   runs tasks there
    room       tasks at a time
    put        sends a value, and returns what stands for it
    losses     what is raised when the cluster is lost
    there      what stands for each value that was sent, by id
    by_itself  whether joblib gives tasks what stands for a value in its stead
    """

    parallel: Parallel
    room: int
    put: Callable[[Any], Any]
    losses: tuple[type[Exception], ...]
    there: dict[int, Any] = field(default_factory=dict)
    by_itself: bool = False

    def sent(self, value: Any) -> Any:
        """What tasks are to be given for a value."""
        if id(value) not in self.there:
            self.there[id(value)] = self.put(value)
            weakref.finalize(value, self.there.pop, id(value), None)
        return value if self.by_itself else self.there[id(value)]


_connected: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


@contextmanager
def on_cluster(cluster: Any, jobs: int | None) -> Iterator[None]:
    """Trainings within this block go to a cluster, or stay here for None.

    cluster   dask://HOST:PORT or ray://HOST:PORT; dask or ray, which start one on this machine; a Dask client
    jobs      workers of one that is started, and trainings at a time on Ray; None for one a core

    Raises InputError where there is no answer, no worker, or a worker with other versions than here.
    """
    if cluster is None:
        yield
        return
    kind, _, address = cluster.partition("://") if isinstance(cluster, str) else ("dask", "", "")
    with {"dask": _dask, "ray": _ray}[kind](cluster, address, jobs) as connection:
        if connection.room < 2:  # joblib would train here
            raise InputError(
                f"{_named(cluster)}: expected room for two trainings at a time or more, found {connection.room}; start "
                "more workers, by --jobs 2 if they are started here"
            )
        token = _connected.set(connection)
        try:
            with connection.parallel:
                yield
        finally:
            _connected.reset(token)


def connected() -> Cluster | None:
    """The cluster of the block that this is called in."""
    return _connected.get()


def on_active_backend() -> Parallel:
    """On joblib's active backend; it gives each result as it is ready where the backend can, as Ray's can't."""
    return Parallel(return_as="generator_unordered" if get_active_backend()[0].supports_return_generator else "list")


@contextmanager
def _dask(cluster: Any, address: str, jobs: int | None) -> Iterator[Cluster]:
    distributed = _package("distributed", "dask")
    if isinstance(cluster, distributed.Client):
        yield _dask_cluster(distributed, cluster, _named(cluster))
        return
    if not isinstance(cluster, str):
        raise InputError(f"cluster: expected an address or a dask.distributed.Client, found {type(cluster).__name__}")
    if not address:
        with (
            distributed.LocalCluster(
                n_workers=jobs or joblib.cpu_count(), threads_per_worker=1, dashboard_address=":0"
            ) as local,
            distributed.Client(local, set_as_default=False) as client,
        ):
            yield _dask_cluster(distributed, client, _named(cluster))
        return
    try:
        client = distributed.Client(f"tcp://{address}", timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _no_answer(cluster, error) from error
    with client:
        yield _dask_cluster(distributed, client, _named(cluster))


def _dask_cluster(distributed: Any, client: Any, where: str) -> Cluster:
    try:
        client.submit(version, "numpy", pure=False).result(timeout=WAIT)  # also calls workers of an adaptive cluster
        for name in MODELS_BY:
            _require_same(f"{where}: the scheduler", name, client.run_on_scheduler(version, name))  # it unpickles tasks
            for worker, found in client.run(version, name).items():
                _require_same(f"{where}: worker {worker}", name, found)
    except TimeoutError as error:
        raise _no_worker(where) from error
    except ImportError as error:
        raise _other_versions(where, error) from error
    backend = _telling_backend(client)
    with joblib.parallel_config(backend=backend):
        parallel = on_active_backend()
    return Cluster(
        parallel,
        sum(client.nthreads().values()),
        lambda value: client.scatter([value], broadcast=True, hash=False)[0],
        (CancelledError, distributed.KilledWorker, distributed.comm.CommClosedError),
        backend.data_futures,
        by_itself=True,
    )


def _telling_backend(client: Any) -> Any:
    """joblib's Dask backend, but a task that can't be sent or has killed its workers fails; joblib waits for it."""
    base = import_module("joblib._dask").DaskDistributedBackend

    class Telling(base):  # type: ignore[misc, valid-type]
        def submit(self, func: Any, callback: Any = None) -> Any:
            task = super().submit(func, callback)
            task.add_done_callback(lambda done: callback(done) if done.exception() else None)
            return task

        def retrieve_result_callback(self, out: Any) -> Any:
            return super().retrieve_result_callback(out.result() if isinstance(out, Future) else out)

    return Telling(client=client)


@contextmanager
def _ray(cluster: str, address: str, jobs: int | None) -> Iterator[Cluster]:
    ray, rpc = _package("ray", "ray"), _package("grpc", "ray")
    try:
        processors = None if address else jobs or joblib.cpu_count()
        ray.init(cluster if address else None, num_cpus=processors)
    except (OSError, RuntimeError, ValueError) as error:
        raise _no_answer(cluster, error) from error
    try:
        import_module("ray.util.joblib").register_ray()
        try:
            for name in MODELS_BY:
                found = ray.get(ray.remote(version).remote(name), timeout=WAIT)
                _require_same(_named(cluster), name, found)
        except TimeoutError as error:
            raise _no_worker(_named(cluster)) from error
        except ray.exceptions.RayError as error:
            raise _other_versions(_named(cluster), error) from error
        processors = int(ray.cluster_resources()["CPU"])
        room = min(jobs or processors, processors)
        again = {"max_restarts": 3, "max_task_retries": 3}  # after workers are lost; Dask's default
        with joblib.parallel_config(backend="ray", n_jobs=room, ray_remote_args=again):
            parallel = on_active_backend()
        yield Cluster(
            parallel,
            room,
            lambda value: _InStore(ray.put(value)),
            (ray.exceptions.RayError, ConnectionError, rpc.RpcError),
        )
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class _InStore:
    """Arrives as the value that Ray's object store holds."""

    reference: Any

    def __reduce__(self) -> Any:
        return _from_store, (self.reference,)


@lru_cache(maxsize=2)
def _from_store(reference: Any) -> Any:
    return import_module("ray").get(reference)


def _named(cluster: Any) -> str:
    return f"--cluster {cluster if isinstance(cluster, str) else cluster.scheduler.address}"


def _package(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(f"--cluster {extra}: needs the package {name}: pip install 'dataaudit[{extra}]'") from error


def _no_answer(cluster: str, error: Exception) -> InputError:
    return InputError(f"{_named(cluster)}: expected a running cluster, found none: {error}")


def _no_worker(where: str) -> InputError:
    return InputError(f"{where}: no worker took a task within {WAIT} seconds; start some")


def _require_same(where: str, name: str, found: str) -> None:
    if found != versions()[name]:
        raise _other_versions(where, f"{name} {found}, here it is {versions()[name]}")


def _other_versions(where: str, found: object) -> InputError:
    return InputError(
        f"{where}: expected the same packages as here, found: {found}. Install there what `pip freeze` lists here"
    )
