"""Attribution by dataaudit and its peers: how well scores predict retraining, at which cost.

python run.py prepare                       train the models and the ground truth (resumable)
python run.py all                           every cell that the work folder lacks, each in a process of its own
python run.py choose TASK METHOD            pick a method's settings on the choosing subsets
python run.py measure TASK METHOD N         one cell
python run.py table                         results.json, and the table as Markdown
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import numpy as np
import ours
import peers
import tasks
import torch
from numpy.typing import NDArray

from dataaudit.attribution.trust import lds, noise_ceiling

TASKS = ("digits", "fashion", "glosses")
COUNTS = (1, 5, 20)
CHOOSING = 15
"""The first so many subsets of the ground truth choose settings, the other 35 are reported, the same for all."""
WARM_UP = 64
"""Rows of a first call that is not measured: it pays for lazy imports."""


@dataclass(frozen=True)
class Method:
    """A row of the table.

    function      scores from models, training rows, targets and a folder
    settings      fixed ones
    grid          name and candidates of the setting that is chosen on the choosing subsets
    models        "full", trained on all rows, or "half", on random halves
    counts        numbers of models that it is measured with; on a task of which all models are the same, 1
    choose_with   models with which the setting is chosen
    left_out      why it is not run on a task
    """

    label: str
    function: Callable[..., NDArray[np.float32]]
    settings: dict[str, Any] = field(default_factory=dict)
    grid: tuple[str, tuple[float, ...]] | None = None
    models: str = "full"
    counts: tuple[int, ...] = COUNTS
    choose_with: int = 5
    left_out: dict[str, str] = field(default_factory=dict)


TRAK_RIDGES = (0.1, 1.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
DAMPINGS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)

LINEAR, NO_POOL = "a linear model is attributed exactly", "not a learner of dataaudit, so no pool"

METHODS = {
    "dataaudit": Method("dataaudit", ours.attribute),
    "dataaudit-1024": Method(
        "dataaudit, 1,024 coordinates", ours.attribute, {"dimensions": 1024}, left_out={"glosses": LINEAR}
    ),
    "dataaudit-512": Method(
        "dataaudit, 512 coordinates", ours.attribute, {"dimensions": 512}, left_out={"glosses": LINEAR}
    ),
    "dataaudit-half": Method("dataaudit, models on halves", ours.attribute, models="half"),
    "dataaudit-pool": Method(
        "dataaudit, an audit's pool", ours.audit, models="pool", counts=(20,), left_out={"digits": NO_POOL}
    ),
    "retrieval": Method(
        "baseline: nearest neighbours on pretrained features, BM25",
        ours.retrieval,
        models="pool",
        counts=(1,),
        left_out={"digits": NO_POOL},
    ),
    "neighbours": Method("baseline: nearest neighbours of the inputs", ours.neighbours_of_inputs, counts=(1,)),
    "traker": Method("traker, defaults (2048)", peers.traker, {"dimensions": 2048}),
    "traker-512": Method("traker 512, ridge 0", peers.traker),
    "traker-512-tuned": Method("traker 512, ridge tuned", peers.traker, grid=("ridge", TRAK_RIDGES)),
    "traker-2048-tuned": Method(
        "traker 2048, ridge tuned", peers.traker, {"dimensions": 2048}, ("ridge", TRAK_RIDGES), choose_with=1
    ),
    "kronfluence-ekfac": Method("kronfluence EK-FAC, heuristic damping", peers.kronfluence),
    "kronfluence-ekfac-tuned": Method(
        "kronfluence EK-FAC, damping tuned", peers.kronfluence, grid=("damping", DAMPINGS), choose_with=1
    ),
    "kronfluence-kfac": Method("kronfluence K-FAC, heuristic damping", peers.kronfluence, {"strategy": "kfac"}),
    "kronfluence-diagonal": Method("kronfluence diagonal", peers.kronfluence, {"strategy": "diagonal"}),
    "dattri-trak": Method("dattri TRAK 512, ridge 0", peers.dattri_trak),
    "dattri-trak-tuned": Method(
        "dattri TRAK 512, ridge tuned", peers.dattri_trak, grid=("ridge", (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0))
    ),
    "dattri-ekfac": Method(
        "dattri EK-FAC, damping tuned", peers.dattri_ekfac, grid=("damping", DAMPINGS), choose_with=1
    ),
    "dattri-logra": Method("dattri LoGra, default damping", peers.dattri_logra),
    "dattri-logra-tuned": Method(
        "dattri LoGra, damping tuned", peers.dattri_logra, grid=("damping", (0.01, 0.1, 1.0, 10.0)), choose_with=1
    ),
    "dattri-datainf": Method(
        "dattri DataInf, ridge tuned",
        partial(peers.dattri_influence, solver="DataInf"),
        grid=("regularization", (1e-5, 1e-4, 1e-3, 1e-1)),
        choose_with=1,
    ),
    "dattri-explicit": Method(
        "dattri explicit, last layer, ridge tuned",
        partial(peers.dattri_influence, solver="Explicit", last_layer=True, target_batch=200),
        grid=("regularization", (1e-4, 1e-3, 1e-2, 1e-1)),
        choose_with=1,
    ),
    "dattri-cg": Method(
        "dattri CG, ridge tuned",
        partial(peers.dattri_influence, solver="CG", max_iter=30),
        grid=("regularization", (1e-3, 1e-2, 1e-1)),
        choose_with=1,
        left_out={"fashion": "not run on this task"},
    ),
    "dattri-cg-last": Method(
        "dattri CG, last layer, ridge tuned",
        partial(peers.dattri_influence, solver="CG", max_iter=30, last_layer=True, target_batch=200),
        grid=("regularization", (1e-3, 1e-2, 1e-1)),
        choose_with=1,
    ),
    "dattri-lissa": Method(
        "dattri LiSSA",
        partial(
            peers.dattri_influence, solver="LiSSA", damping=1e-2, recursion_depth=1000, batch_size=20, target_batch=200
        ),
        left_out={"fashion": "not run on this task"},
    ),
    "dattri-arnoldi": Method(
        "dattri Arnoldi 50, ridge tuned",  # its default of 100 gives NaN: it takes roots of negative eigenvalues
        partial(peers.dattri_influence, solver="Arnoldi", target_batch=200, proj_dim=50),
        grid=("regularization", (1e-3, 1e-2, 1e-1)),
        choose_with=1,
    ),
    "captum-tracin-fast": Method("captum TracInCPFast", peers.captum_tracin_fast),
    "captum-tracin": Method("captum TracInCP", peers.captum_tracin),
    "captum-arnoldi": Method("captum Arnoldi", peers.captum_arnoldi),
    "captum-similarity": Method("captum SimilarityInfluence", peers.captum_similarity),
}
METHODS |= {
    f"{name}-half": replace(METHODS[name], label=f"{METHODS[name].label}, models on halves", models="half")
    for name in ("traker-512-tuned", "kronfluence-ekfac")
}


class Bench:
    """The work folder's cells, one JSON file and one score matrix each."""

    def __init__(self, work: Path, source: Path) -> None:
        self.work, self.source = work, source

    def prepare(self, jobs: int) -> None:
        for name in TASKS:
            tasks.prepare(tasks.load(name, self.source), self.work, jobs)

    def choose(self, task: str, method: str) -> None:
        """Keep the grid's best setting by LDS on the choosing subsets."""
        chosen = METHODS[method]
        assert chosen.grid is not None
        name, candidates = chosen.grid
        call, _ = self._call(task, chosen, chosen.choose_with)
        quality: dict[float, float] = {}
        errors = []
        for candidate in candidates:
            try:
                of_each = self._lds(task, call(**{name: candidate}), slice(0, CHOOSING))
                quality[candidate] = float(np.nan_to_num(np.nanmean(of_each), nan=-1.0))
            except Exception as error:
                errors.append(_short(error))
        if not quality:
            _write(self._path(task, method, "chosen"), {"error": errors[0]})
            return
        best = max(quality, key=lambda candidate: quality[candidate])
        _write(self._path(task, method, "chosen"), {"settings": {name: best}, "quality": quality})

    def measure(self, task: str, method: str, count: int) -> None:
        chosen = METHODS[method]
        cell: dict[str, Any] = {"task": task, "method": method, "models": count}
        try:
            if task in chosen.left_out:
                raise NotImplementedError(chosen.left_out[task])
            settings: dict[str, float] = {}
            if chosen.grid is not None:
                choice = json.loads(self._path(task, method, "chosen").read_text("utf-8"))
                if "error" in choice:
                    raise RuntimeError(choice["error"])
                settings = choice["settings"]
                cell["settings"] = settings
            call, warm_up = self._call(task, chosen, count)
            with contextlib.suppress(Exception):
                warm_up(**settings)
            cell["before_mb"] = _peak_mb()
            start = _cpu_seconds()
            scores = call(**settings)
            cell |= {"cpu_seconds": _cpu_seconds() - start, "peak_mb": _peak_mb()}
            if not np.isfinite(scores).all():
                cell["error"] = f"{1 - np.isfinite(scores).mean():.0%} of the scores are not finite"
            np.save(self._path(task, method, count).with_suffix(".npy"), scores)
        except Exception as error:
            cell["error"] = _short(error)
        _write(self._path(task, method, count), cell)

    def all(self, only: str | None, methods: list[str], counts: list[int], limit: float) -> None:
        """Cells in order of the number of models; one that failed or ran over the limit is not tried with more."""
        for task in TASKS if only is None else (only,):
            for method in methods or METHODS:
                wanted = METHODS[method].grid is not None and task not in METHODS[method].left_out
                if wanted and not self._path(task, method, "chosen").exists():
                    error = self._run(limit, "choose", task, method)
                    if error:
                        _write(self._path(task, method, "chosen"), {"error": f"choosing: {error}"})
                error = None
                for count in [count for count in self._counts(task, method) if count in counts]:
                    path = self._path(task, method, count)
                    if not path.exists():
                        error = error or self._run(limit, "measure", task, method, str(count))
                        if error:
                            _write(path, {"task": task, "method": method, "models": count, "error": error})
                    cell = json.loads(path.read_text("utf-8"))
                    error = cell.get("error")
                    print(task, method, count, error or f"{cell['cpu_seconds']:.1f} s", flush=True)

    def _counts(self, task: str, method: str) -> tuple[int, ...]:
        counts = METHODS[method].counts
        return (1,) if task in tasks.SEEDLESS and METHODS[method].models != "pool" else counts

    def _run(self, limit: float, *arguments: str) -> str | None:
        command = [sys.executable, __file__, "--work", str(self.work), "--fashion-mnist", str(self.source), *arguments]
        try:
            done = subprocess.run(command, timeout=limit, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return f"over {limit:.0f} s"
        return None if done.returncode == 0 else f"ended with {done.returncode}"

    def table(self, out: Path) -> None:
        cells = []
        for task in TASKS:
            ceiling = noise_ceiling(self._truth(task), np.arange(CHOOSING, tasks.SUBSETS))
            rows = []
            for method in METHODS:
                for path in (self._path(task, method, count) for count in self._counts(task, method)):
                    if not path.exists():
                        continue
                    cell = json.loads(path.read_text("utf-8"))
                    scores = path.with_suffix(".npy")
                    if "error" not in cell and scores.exists():
                        cell["lds"], cell["interval"] = self._quality(task, np.load(scores))
                        cell["of_ceiling"] = cell["lds"] / ceiling
                    cells.append({**cell, "ceiling": ceiling})
                    rows.append(_row(METHODS[method].label, cell))
            print(f"\n{task}, noise ceiling {ceiling:.3f}\n")
            print("| method | models | LDS (95 %) | of the ceiling | CPU s | peak MB |")
            print("| --- | --- | --- | --- | --- | --- |")
            print("\n".join(rows))
        _write(out, {"cells": cells})

    def _call(self, task_name: str, method: Method, count: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The call to measure, and a smaller one to warm up."""
        task = tasks.load(task_name, self.source)
        if method.models == "pool":
            modules = tasks.models(task, self.work, "half", 1)
            pool = tasks.pool(task, self.work)
            return partial(method.function, pool), self._in_folder(ours.attribute, modules, task, WARM_UP)
        modules = tasks.models(task, self.work, method.models, count)
        full = partial(method.function, **method.settings)
        return self._in_folder(full, modules, task), self._in_folder(full, modules[:1], task, WARM_UP)

    def _in_folder(
        self, function: Callable[..., Any], modules: list[torch.nn.Module], task: tasks.Task, rows: int | None = None
    ) -> Callable[..., NDArray[np.float32]]:
        train, target = [tuple(part[:rows] for part in labelled) for labelled in (task.train, task.target)]

        def call(**settings: float) -> NDArray[np.float32]:
            with tempfile.TemporaryDirectory() as folder:
                scores: NDArray[np.float32] = function(modules, train, target, Path(folder), **settings)
            return scores

        return call

    def _truth(self, task: str) -> tasks.Runs:
        return tasks.truth(tasks.load(task, self.source), self.work)

    def _lds(self, task: str, scores: NDArray[np.float32], subsets: slice) -> NDArray[np.float64]:
        truth = self._truth(task)
        masks = truth.subset_masks()[subsets].astype(np.float32)
        return lds(truth.subset_margins()[subsets], masks @ scores)

    def _quality(self, task: str, scores: NDArray[np.float32]) -> tuple[float, tuple[float, float]]:
        """LDS on the reporting subsets; 95 % from the jackknife over subsets and the spread over targets."""
        truth = self._truth(task)
        actual = truth.subset_margins()[CHOOSING:]
        predicted = truth.subset_masks()[CHOOSING:].astype(np.float32) @ scores
        of_each = lds(actual, predicted)
        n, value = len(actual), float(np.nanmean(of_each))
        without_one = [np.nanmean(lds(np.delete(actual, j, 0), np.delete(predicted, j, 0))) for j in range(n)]
        half = 1.96 * float(np.sqrt((n - 1) * np.var(without_one) + np.nanvar(of_each) / len(of_each)))
        return value, (value - half, value + half)

    def _path(self, task: str, method: str, cell: int | str) -> Path:
        folder = self.work / task / "cells"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{method}.{cell}.json"


def _row(label: str, cell: dict[str, Any]) -> str:
    if "error" in cell:
        return f"| {label} | {cell['models']} | {cell['error']} | | | |"
    low, high = cell["interval"]
    return (
        f"| {label} | {cell['models']} | {cell['lds']:.3f} ({low:.2f} to {high:.2f}) | {cell['of_ceiling']:.2f} "
        f"| {cell['cpu_seconds']:.1f} | {cell['peak_mb']:.0f} |"
    )


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return text if isinstance(error, NotImplementedError) else f"{type(error).__name__}: {text}"


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _cpu_seconds() -> float:
    """User and system time of this process and the children it waited for."""
    return sum(os.times()[:4])


def _peak_mb() -> float:
    """High-water mark of this process's resident memory (Linux)."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("attribution-work"))
    parser.add_argument("--fashion-mnist", type=Path, default=tasks.FASHION_MNIST)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare").add_argument("--jobs", type=int, default=2)
    every = commands.add_parser("all")
    every.add_argument("--task", choices=TASKS)
    every.add_argument("--methods", nargs="*", default=[], choices=METHODS)
    every.add_argument("--counts", nargs="*", type=int, default=COUNTS, help="numbers of models")
    every.add_argument("--limit", type=float, default=3600, help="seconds a process may take")
    for name in ("choose", "measure"):
        command = commands.add_parser(name)
        command.add_argument("task", choices=TASKS)
        command.add_argument("method", choices=METHODS)
        if name == "measure":
            command.add_argument("models", type=int)
    commands.add_parser("table").add_argument("--out", type=Path, default=Path("results.json"))
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    bench = Bench(arguments.work, arguments.fashion_mnist)
    match arguments.command:
        case "prepare":
            bench.prepare(arguments.jobs)
        case "all":
            bench.all(arguments.task, arguments.methods, arguments.counts, arguments.limit)
        case "choose":
            bench.choose(arguments.task, arguments.method)
        case "measure":
            bench.measure(arguments.task, arguments.method, arguments.models)
        case "table":
            bench.table(arguments.out)


if __name__ == "__main__":
    main()
