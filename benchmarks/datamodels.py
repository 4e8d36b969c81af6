"""How many runs do gradient scores, the LASSO on runs, and both together need? Prints a table; takes a few minutes.

    python benchmarks/datamodels.py

A small net on 300 of scikit-learn's digits is trained on up to 1,000 random halves. Scores for 100 targets predict
what training on new halves does (linear datamodeling score, mean over targets, with its 95 % interval).
"""

import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LassoCV
from torch import Tensor, nn
from torch.nn import functional

from dataaudit.attribution.attribution import Attribution
from dataaudit.attribution.backends.datamodels import Datamodels
from dataaudit.attribution.backends.trak import Trak
from dataaudit.attribution.problem import Problem, Runs, Samples
from dataaudit.attribution.regression import lasso
from dataaudit.attribution.regression.run_rows import FOLDS, folds_of, rows_of, splits_of
from dataaudit.attribution.trust import trust
from dataaudit.dataset import silent
from dataaudit.training.objectives import CLASSIFICATION, margin
from dataaudit.training.pool import BLOCK

N_TRAIN, N_TARGET = 300, 100
RUNS = (20, 50, 100, 200, 500, 1000)
NEW_SUBSETS, NEW_SEEDS = 80, 5
HIDDEN, STEPS = 24, 120
TIMED = 10
"""Targets on which the LASSO's seconds are taken."""


@dataclass(frozen=True)
class Nets:
    """R small nets trained side by side: parameters with the run first."""

    parameters: list[Tensor]

    def logits(self, inputs: Tensor) -> Tensor:
        first, bias, second, other = self.parameters
        return torch.baddbmm(other, torch.tanh(inputs @ first + bias), second)

    def module(self, run: int) -> nn.Module:
        first, bias, second, other = (parameter[run] for parameter in self.parameters)
        net = nn.Sequential(nn.Linear(64, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 10))
        values = [first.T, bias[0], second.T, other[0]]
        net.load_state_dict(dict(zip(net.state_dict(), values, strict=True)))
        return net.eval()


def train(inputs: Tensor, labels: Tensor, masks: NDArray[np.bool_], seed: int) -> Nets:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(64, HIDDEN), (1, HIDDEN), (HIDDEN, 10), (1, 10)]
    scales = [64**-0.5, 0.0, HIDDEN**-0.5, 0.0]
    parameters = [
        (scale * torch.randn(len(masks), *shape, generator=generator)).requires_grad_()
        for shape, scale in zip(shapes, scales, strict=True)
    ]
    nets = Nets(parameters)
    optimizer = torch.optim.AdamW(parameters, lr=0.02, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    weights = torch.from_numpy(masks / masks.sum(1, keepdims=True)).float()
    for _ in range(STEPS):
        logits = nets.logits(inputs)
        losses = functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(masks)), reduction="none")
        optimizer.zero_grad()
        (losses * weights.flatten()).sum().backward()
        optimizer.step()
        schedule.step()
    return Nets([parameter.detach() for parameter in parameters])


def outcomes(nets: Nets, inputs: Tensor, labels: Tensor) -> NDArray[np.float32]:
    logits = nets.logits(inputs)
    return np.stack([margin(one, labels).numpy() for one in logits])


def halves(count: int, seed: int) -> NDArray[np.bool_]:
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(N_TRAIN) < N_TRAIN // 2 for _ in range(count)])


def first_runs(problem: Problem, count: int) -> Problem:
    runs = problem.runs
    assert runs is not None
    some = Runs(runs.masks[:count], runs.margins[:count], runs.subsets[:count])
    return replace(problem, models=problem.models[:count], run_of=problem.run_of[:count], runs=some)


def seconds(runs: Runs) -> tuple[float, float]:
    """Per target, ours and scikit-learn's LassoCV with as many penalties, folds and digits."""
    targets = range(0, N_TARGET, N_TARGET // TIMED)
    start = time.perf_counter()
    whole, splits = splits_of(rows_of(runs, folds_of(runs), None))
    for target in targets:
        lasso.fit(whole, splits, target)
    ours = time.perf_counter() - start
    masks = runs.masks.astype(np.float64)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for target in targets:
            model = LassoCV(
                eps=float(lasso.PATH[-1]), cv=FOLDS, tol=lasso.TOLERANCE, max_iter=lasso.MAX_ITERATIONS, alphas=24
            )
            model.fit(masks, runs.margins[:, target])
    return ours / len(targets), (time.perf_counter() - start) / len(targets)


def main() -> None:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[: N_TRAIN + N_TARGET]
    inputs = torch.from_numpy(data.data[order]).float() / 8 - 1
    labels = torch.from_numpy(data.target[order])
    (x, z), (y, given) = inputs.split([N_TRAIN, N_TARGET]), labels.split([N_TRAIN, N_TARGET])

    some = halves(RUNS[-1] // 2, seed=1)
    masks = np.stack([some, ~some], 1).reshape(-1, N_TRAIN)
    nets = train(x, y, masks, seed=2)
    runs = Runs(masks, outcomes(nets, z, given), np.arange(len(masks)))
    problem = Problem(
        models=tuple(partial(nets.module, run) for run in range(len(masks))),
        train=Samples(tuple(f"train#{i}" for i in range(N_TRAIN)), y.numpy(), lambda places: x[places]),
        target=Samples(tuple(f"target#{i}" for i in range(N_TARGET)), given.numpy(), lambda places: z[places]),
        objective=CLASSIFICATION,
        runs=runs,
        identity={},
        run_of=np.arange(len(masks)),
    )
    new = np.repeat(halves(NEW_SUBSETS, seed=3), NEW_SEEDS, 0)
    # A subset's number says whether it chooses or reports: with these all report.
    truth = Runs(new, outcomes(train(x, y, new, seed=4), z, given), BLOCK * (np.arange(len(new)) // NEW_SEEDS))

    def quality(scored: Attribution) -> str:
        measured = trust(truth, scored.sums(truth.subset_masks().astype(np.float32)))
        assert measured is not None
        return f"{measured.lds:.3f} ({measured.interval[0]:.3f}-{measured.interval[1]:.3f})"

    print("| runs | TRAK alone | LASSO alone | TRAK corrected by the runs | seconds per target, ours | LassoCV |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.h5"
        for count in RUNS:
            part = first_runs(problem, count)
            backends = (Trak(), Datamodels(prior=None), Datamodels())
            cells = [quality(backend.attribute(part, path, silent)) for backend in backends]
            assert part.runs is not None
            cells += [f"{value:.3f}" for value in seconds(part.runs)]
            print(f"| {count} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
