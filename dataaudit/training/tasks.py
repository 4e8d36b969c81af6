"""Tasks in processes of this machine or of a cluster: trainings, and passes of samples through what was trained.

Each has one thread, and its process to itself, so that results don't depend on how many there are at a time.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import islice
from multiprocessing import current_process
from threading import Lock, Thread
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs, parallel_config

from ..data.features.image_features import Elsewhere, Item, Result, one_thread
from ..errors import ClusterError
from .cluster import connected, on_active_backend

ALONE = Lock()
"""Of two tasks in threads of one worker, trainings would draw from the same random numbers."""
KEPT = 256 << 20
"""Bytes of freed memory that a task keeps for its next tensors. By default glibc gives those of larger ones back and
asks for them again at every step of a training: without that a net takes a fifth less time, on Dask, which has smaller
ones given back as well, 40 % less."""
OLD_MOST = 32 << 20
"""The most that glibc before 2.35 takes for one of its two settings."""
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""


@contextmanager
def trainings() -> Iterator[tuple[Parallel, Callable[[Any], Any]]]:
    """What runs tasks, on joblib's active backend if there is no cluster; and how they are given what is large.

    Raises ClusterError if the cluster is lost within this block.
    """
    cluster = connected()
    if cluster is None:
        yield on_active_backend(), lambda value: value
        return
    try:
        yield cluster.parallel, cluster.sent
    except cluster.losses as error:
        raise ClusterError(
            "the cluster was lost; finished models are kept: run the same command again to go on with the others, "
            f"there or, without --cluster, here ({type(error).__name__}: {' '.join(str(error).split())})"
        ) from error


@contextmanager
def alone() -> Iterator[None]:
    """Within a task: nothing else runs in its process, and it starts no threads or processes of its own."""
    _end_with_parent()
    with ALONE, _keeping_freed_memory(), one_thread(), parallel_config(backend="sequential"):
        yield


def at_a_time(here: int) -> int:
    """Tasks at a time: as many as the cluster has room for, or those for here without one."""
    cluster = connected()
    return here if cluster is None else cluster.room


def done(parallel: Parallel, tasks: Iterable[Any]) -> Iterator[Any]:
    """Results, each as it is ready; where the backend can't, a round of all workers' at a time."""
    if parallel.return_generator:
        yield from parallel(tasks)
        return
    waiting = iter(tasks)
    while some := list(islice(waiting, effective_n_jobs(parallel.n_jobs))):
        yield from parallel(some)


def in_rounds(function: Callable[..., Result], items: Iterable[Any], *common: Any, at_once: int) -> Iterator[Result]:
    """`function(item, *common)` of each item, in order; what is common is sent once.

    at_once   most results in memory: further ones are begun when all of these were taken, and one more is asked for
    """
    with trainings() as (parallel, sent):
        given = [sent(value) for value in common]
        waiting = iter(items)
        while some := list(islice(waiting, min(at_once, at_a_time(effective_n_jobs(None))))):
            tasks = [delayed(_numbered)(number, function, item, *given) for number, item in enumerate(some)]
            results = dict(done(parallel, tasks))
            for number in range(len(some)):
                yield results.pop(number)


def elsewhere() -> Elsewhere | None:
    """What maps a function over items on the cluster; None without one."""
    return None if connected() is None else _mapped


def _mapped(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    with trainings() as (parallel, sent):
        there = sent(function)
        tasks = (delayed(_numbered)(number, there, item) for number, item in enumerate(items))
        early, place = dict[int, Result](), 0
        for number, result in done(parallel, tasks):
            early[number] = result
            while place in early:
                yield early.pop(place)
                place += 1


def _numbered(number: int, function: Callable[..., Result], *values: Any) -> tuple[int, Result]:
    with alone():
        return number, function(*values)


@contextmanager
def _keeping_freed_memory() -> Iterator[None]:
    """See KEPT; all of it is given back in the end."""
    allocator = _allocator()
    yield
    if allocator is not None:
        allocator.malloc_trim(0)


@cache
def _allocator() -> Any:
    """The C library, told to keep memory; None where it can't be told."""
    library: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(library, "mallopt") or not hasattr(library, "malloc_trim"):
        return None
    # The second setting alone would make matters worse.
    if library.mallopt(MMAP_THRESHOLD, KEPT) or library.mallopt(MMAP_THRESHOLD, OLD_MOST):
        library.mallopt(TRIM_THRESHOLD, KEPT)
    return library


@cache
def _end_with_parent() -> None:
    """Let joblib's own worker processes end when the process that started them was killed; they would wait forever."""
    if not current_process().name.startswith("LokyProcess"):
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(2)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
