"""From one model's scores to an ensemble's: the mean over models at a chosen regularisation, and the scale.

Where there are runs on known subsets, the strength is chosen and the scale is fitted on some of them, and every
subset's prediction is made without the models that were trained on it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..dataset import Track
from . import store
from .attribution import Attribution
from .problem import Problem
from .products import Products
from .regularisation import BLOCK, Scorers, Strengths, choose_strength, combined_by, leave_out
from .trust import choosing_subsets


def score_ensemble(
    problem: Problem,
    scorers: Scorers,
    strengths: Strengths | None,
    identity: Mapping[str, Any],
    path: Path,
    track: Track,
) -> Attribution:
    """Write the mean scores over the problem's models to `path`.

    Without `strengths` nothing is chosen. Scores are stored as a matrix, or as its factors where those are smaller;
    the matrix is never in memory at once.
    """
    train, target, runs, n_models = problem.train, problem.target, problem.runs, len(problem.models)
    contrasts = torch.zeros(0, len(train))
    strength = 0.0
    chosen_by: dict[str, Any] = {}
    if runs is not None:
        contrasts = torch.from_numpy(runs.subset_masks().astype(np.float32) - 0.5)
    if strengths is not None:
        strength = strengths.default
        quality: dict[float, float] = {}
        if runs is not None and len(strengths.candidates) > 1:
            strength, quality = choose_strength(problem, runs, scorers, strengths, contrasts, track)
        chosen_by = {
            strengths.name: strength,
            f"lds_by_{strengths.name}": {str(candidate): value for candidate, value in quality.items()},
        }
    predictions = np.zeros((n_models, len(contrasts), len(target)), np.float32)
    self_influences: list[Tensor | None] = []
    notes: list[Mapping[str, Any]] = []
    with store.writing(path, train.ids, target.ids) as file:
        of_models = iter(scorers(range(n_models)))
        for number in track(range(n_models), "attributing", n_models):
            model_scorer = next(of_models)  # nothing else keeps it: it may take half a gigabyte
            left = model_scorer.left
            factors = None
            if isinstance(left, Products):
                factors = file.products(left.by_output.numpy(), left.inputs.numpy())
            elif left is not None and left.shape[1] * n_models * (len(train) + len(target)) < len(train) * len(target):
                factors = file.factors(left.numpy())
            combined = combined_by(contrasts, model_scorer)
            for start in range(0, len(target), BLOCK):
                stop = min(start + BLOCK, len(target))
                right = model_scorer.solve(strength, model_scorer.targets(start, stop))
                predictions[number, :, start:stop] = (combined @ right.T).numpy()
                if factors is not None:
                    factors[start:stop] = (right / n_models).numpy()
                else:
                    block = (right @ left.T if isinstance(left, Tensor) else right).T  # in the order of its sum
                    file.add(start, (block / n_models).numpy())
            self_influences.append(model_scorer.self_influence(strength) if problem.self_influence else None)
            notes.append(model_scorer.notes)
            del model_scorer, left
        held_out, slope = np.zeros((0, len(target)), np.float32), 1.0
        if runs is not None:
            held_out = leave_out(runs, problem.run_of, predictions)
            chosen = choosing_subsets(runs)
            slope = fitted_slope(runs.subset_margins()[chosen], held_out[chosen])
        available = [values for values in self_influences if values is not None]
        file.finish(
            torch.stack(available).mean(0).numpy() if len(available) == n_models else None,
            held_out,
            {
                "identity": dict(identity),
                **chosen_by,
                "slope": slope,
                **_summary(notes),
            },
        )
    return Attribution.load(path)


def fitted_slope(actual: NDArray[np.float32], predicted: NDArray[np.float32]) -> float:
    """Least-squares slope of actual on predicted, both centred per target.

    1.0 where it is not positive: then nothing was predicted, and chance must not flip the scores' signs.
    """
    a, p = actual - actual.mean(0), predicted - predicted.mean(0)
    product, square = float((a * p).sum()), float((p * p).sum())
    return product / square if product > 0 and square > 0 else 1.0


def _summary(notes: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers averaged over the models; other values from the first model."""
    return {
        name: float(np.mean([note[name] for note in notes])) if isinstance(value, int | float) else value
        for name, value in notes[0].items()
    }
