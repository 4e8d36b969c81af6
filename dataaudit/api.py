"""The door for notebooks and programs: `audit` a dataset, or `attribute` trained models without one."""

import difflib
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike
from rich.console import Console
from torch import nn

from . import pipeline
from .attribution.attribution import Attribution, Backend, require
from .attribution.own_models import Labelled, configured_backend, custom_objective, problem_of
from .attribution.problem import Runs
from .config import AuditConfig
from .data.in_memory import ROOT
from .dataset import Dataset, silent
from .errors import InputError
from .progress import terminal_track
from .reporting.notebook import AuditResult
from .training.objectives import PerSample
from .training.pool import Pool
from .verdict.settings import read_settings

PATHS = {"baseline", "pred_probs", "features"}
"""Options that name files."""


def attribute(
    models: nn.Module | Sequence[nn.Module] | Pool | Runs,
    train: Labelled | Dataset | None = None,
    target: Labelled | None = None,
    backend: str = "trak",
    *,
    labels: ArrayLike | None = None,
    loss: PerSample | None = None,
    output: PerSample | None = None,
    **settings: Any,
) -> Attribution:
    """Score how much each training sample moves the output of each target.

    models     one module or several trained independently, in evaluation mode; a Pool; or the outcomes of Runs of your
               own, for backends that need no gradients
    train      inputs (n_train, ...) and labels (n_train,), or a torch Dataset of such pairs; a dataaudit Dataset
               stands for its training and target split; left out for a Pool or Runs
    target     likewise; the label may be any class, such as the predicted one
    labels     for a Pool or a dataaudit Dataset: class numbers (n_target,) to attribute instead of the given ones
    backend    name of a plugin of `backends`
    loss       (outputs, labels) -> (n,) what training minimised for each sample; with `output`, for tasks other than
    output     (outputs, labels) -> (n,) what to attribute          classification by logits and regression
    settings   the backend's own

    By default the output is the margin log p/(1 - p) of the target's label for class numbers (logits (n, classes), or
    one logit for the labels 0 and 1), and the predicted value for floating-point labels.

    Scores are (n_train, n_target), positive where including the sample raises the target's output. Without a pool
    there are no held-out runs: regularisation is the backend's default, and the scores' scale is the method's own.

    Raises InputError for models in training mode, or inputs and labels that don't fit each other or the models.
    """
    engine: Backend = configured_backend(backend, settings)
    problem = problem_of(models, train, target, labels, custom_objective(loss, output))
    require(engine, backend, problem)
    folder = Path(tempfile.mkdtemp(prefix="dataaudit-"))
    try:
        scored = engine.attribute(problem, folder / "scores.h5", silent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(scored, shutil.rmtree, folder, ignore_errors=True)
    return scored


def audit(
    data: Any,
    *,
    output: str | Path | None = None,
    fail_on: str | None = None,
    min_trust_lds: float | None = None,
    config: str | Path | None = None,
    assignments: Sequence[str] = (),
    no_samples: bool = False,
    **options: Any,
) -> AuditResult:
    """Audit a dataset as `dataaudit run` does, and return the result.

    data       a path; a DataFrame; (X, y); a mapping from split to either; a Hugging Face Dataset or DatasetDict; a
               torch Dataset of (input, label)
    output     where results go; for data in memory `data-audit-` and the start of its fingerprint, in the current
               folder, so that an audit of the same data goes on where it was interrupted
    options    those of the command by their names in `AuditConfig`, such as label="y", seed=1, checks=("leakage",);
               pred_probs and features may be arrays, frames, or mappings from split to them, see `data.given`
    assignments   KEY=VALUE, as by `--set`

    Raises InputError, before any training, for whatever the command ends on with exit code 2.
    """
    in_memory = not isinstance(data, str | Path)
    path = ROOT if in_memory else Path(data)
    settings = read_settings(path, None if config is None else Path(config), assignments)
    policy = settings.resolve_policy(fail_on=fail_on, min_trust_lds=min_trust_lds)
    given = {name: _as_tuple(name, value) for name, value in options.items() if value is not None}
    known = {field.name for field in fields(AuditConfig)} - {"path", "policy", "settings", "data", "samples"}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}"
            raise InputError(f"audit: there is no option {name!r}; {hint}")
    for name in PATHS & given.keys():
        if isinstance(given[name], str):
            given[name] = Path(given[name])
    given["checkpoints"] = tuple(map(Path, given.get("checkpoints", ())))
    if no_samples:
        given["samples"] = False
    choices = AuditConfig(
        path, Path(output) if output is not None else None, policy=policy, settings=settings.files,
        data=data if in_memory else None, **{**settings.options, **given},
    )  # fmt: skip
    track = terminal_track(Console(stderr=True))
    dataset, _ = pipeline.prepare(choices, track)
    if in_memory and choices.output is None:
        choices = replace(choices, output=Path(f"data-audit-{dataset.fingerprint[:8]}"))
    return AuditResult(pipeline.run(choices, dataset, track), choices.directory)


def _as_tuple(name: str, value: Any) -> Any:
    """Names of checks may come as a list, or in one string with commas."""
    if name not in ("checks", "skip"):
        return value
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else tuple(value)
