"""Models of an earlier audit that training would give again, as a change of the dataset left their half as it was."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from ..dataset import Dataset
from ..errors import InputError
from .learning import LearningAlgorithm, is_differentiable
from .training import (
    MANIFEST,
    Plan,
    claim,
    digest_of_training,
    manifest_of,
    path_of,
    read_run,
    require_outputs,
    write_run,
)

OF_THE_DATA = ("data", "features")
"""Parts of a manifest that may differ: what a model saw of the data has a digest of its own."""


def carry_over(
    dataset: Dataset, learner: LearningAlgorithm, directory: Path, seed: int, plans: Sequence[Plan], previous: Path
) -> None:
    """Write those of the plans' results that `directory` lacks and models in the folder `previous` can give.

    They are models of the same rows, as the learner sees them, by the same recipe, seed and version; their outputs are
    of all rows of the dataset as it is now. Without torch modules, and where the user's own code builds them, from
    whatever else it sees, there are none.

    Raises InputError if `previous` can't be read.
    """
    claim(dataset, learner, directory, seed)
    if not is_differentiable(learner) or "source" in learner.recipe or not (previous / MANIFEST).is_file():
        return
    with _reading(previous / MANIFEST):
        manifest = json.loads((previous / MANIFEST).read_text(encoding="utf-8"))
    ours = manifest_of(dataset, learner, seed)
    if any(manifest.get(key) != value for key, value in ours.items() if key not in OF_THE_DATA):
        return
    if hasattr(learner, "prepare"):
        learner.prepare(dataset)
    all_rows = np.arange(len(dataset))
    for plan in plans:
        if path_of(directory, plan.name).exists() or not path_of(previous, plan.name).exists():
            continue
        with _reading(path_of(previous, plan.name)):
            result = read_run(previous, plan.name)
        rows = np.flatnonzero(plan.mask)
        if result.get("trained_on") != digest_of_training(learner, dataset, rows, plan.seed):
            continue
        model = learner.build(dataset)
        model.load_state_dict(result["states"][-1])
        outputs = require_outputs(learner.outputs(model.eval(), dataset, all_rows), dataset, all_rows, plan.name)
        write_run(directory, plan.name, {**result, "outputs": torch.from_numpy(outputs)})


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever torch raises over a broken file
        raise InputError(
            f"{path}: expected what an earlier audit kept of its models: {error!r}; leave out --previous"
        ) from error
