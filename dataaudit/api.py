"""The door for notebooks and programs: `audit` a dataset, or `attribute` trained models without one."""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from rich.console import Console
from torch import nn

from . import pipeline
from .attribution.attribution import Attribution, Backend, require
from .attribution.own_models import Labelled, configured_backend, custom_objective, problem_of
from .attribution.problem import Runs
from .cleaning.in_memory import cleaned
from .config import Options, configured
from .data.in_memory import ROOT
from .dataset import silent
from .progress import notebook_track, terminal_track
from .reporting.notebook import AuditResult
from .training.cluster import on_cluster
from .training.objectives import PerSample


def attribute(
    models: nn.Module | Sequence[nn.Module] | Runs,
    train: Labelled | None = None,
    target: Labelled | None = None,
    backend: str | None = None,
    *,
    loss: PerSample | None = None,
    output: PerSample | None = None,
    **settings: Any,
) -> Attribution:
    """Score how much each training sample moves the output of each target.

    models     one module or several trained independently, in evaluation mode; or the outcomes of Runs of your own, for
               backends that need no gradients
    train      inputs (n_train, ...) and labels (n_train,), or a torch Dataset of such pairs; left out for Runs
    target     likewise; the label may be any class, such as the predicted one
    backend    name of a plugin of `backends`. None for "linear", exact influence in halves of the samples, if there is
               a single trained model of one linear layer with biases on at most 2,048 fixed inputs, and no settings;
               else for "trak". Which one it was is in the provenance
    loss       (outputs, labels) -> (n,) what training minimised for each sample; with `output`, for tasks other than
               classification by logits and regression
    output     (outputs, labels) -> (n,) what to attribute
    settings   the backend's own

    By default the output is the margin log p/(1 - p) of the target's label for class numbers (logits (n, classes), or
    one logit for the labels 0 and 1), and the predicted value for floating-point labels.

    Scores are (n_train, n_target), positive where including the sample raises the target's output. For
    models alone regularisation is the backend's default, and the scores' scale is the method's own.

    Raises InputError for models in training mode, or inputs and labels that don't fit each other or the models.
    """
    may_be_linear = backend == "linear" or (backend is None and not settings)
    problem = problem_of(models, train, target, custom_objective(loss, output), may_be_linear)
    backend = backend or ("trak" if problem.linear is None else "linear")
    engine: Backend = configured_backend(backend, settings)
    require(engine, backend, problem)
    folder = Path(tempfile.mkdtemp(prefix="dataaudit-"))
    try:
        scored = engine.attribute(problem, folder / "scores.h5", silent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(scored, shutil.rmtree, folder, ignore_errors=True)
    return scored


def audit(data: Any, **options: Unpack[Options]) -> AuditResult:
    """Audit a dataset as `dataaudit run` does, and return the result.

    data       a path; a DataFrame; (X, y); a mapping from split to either; a Hugging Face Dataset or DatasetDict; a
               torch Dataset of (input, label). Ids of samples in memory are `train#17`, or a frame's own index if that
               is unique
    options    those of the command by the same names and with the same defaults, such as label="y", seed=1,
               checks=("leakage",), set=("leakage.max_fraction=0.01",); pred_probs and features may be arrays, frames,
               or mappings from split to them, see `data.given`

    For data in memory, results go to a folder `data-audit-` and the start of its fingerprint in the current folder, so
    that an audit of the same data goes on where it was interrupted.

    Raises InputError, before any training, for whatever the command ends on with exit code 2.
    """
    in_memory = not isinstance(data, str | Path)
    config = configured(ROOT if in_memory else Path(data), data if in_memory else None, **options)
    track = notebook_track() or terminal_track(Console(stderr=True))
    with on_cluster(config.cluster, config.jobs):
        budget, dataset = pipeline.prepare(config, track)
        config = budget.config
        return AuditResult(pipeline.run(budget, dataset, track), config.directory, partial(cleaned, config))
