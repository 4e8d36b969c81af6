"""Influence in models that are linear in their inputs and fitted to convergence: exact, from one model of all rows.

For outputs f(x) = theta x (a constant 1 among the x) that minimise sum_i s L_i + penalty / 2 |theta|^2,

    score(i, z) = grad f(z)^T H^-1 (-grad L_i),    H = s sum_i J_i^T W_i J_i + penalty I

with W the Hessian of the loss by the outputs: the change of the output with the weight of sample i (Koh & Liang 2017).

Scores are about random halves, so the weight s is not 1 but the one at which this model stands for the halves' mean.
Where a sample has the leverage h = x^T H^-1 x W in a model without it, weight w multiplies its part in the inverse by
1 / (1 + w h). At s, that is the mean over the half of the models that leave it out, w = 0, and the others, w = 1:

    1 / (1 + s h) = (1 + 1 / (1 + h)) / 2,  so  s = 1 / (2 + h)

which is 1/2 where there is plenty of data and far less where a half overfits. One s serves all samples, with their mean
leverage weighted by squared residuals, as it is these samples that carry influence. What adding a sample to a half
does is 4 s (1 - s) times these scores, which is about the slope that the runs show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...dataset import Track
from ...errors import InputError
from ..attribution import Attribution, identity
from ..curvature.linear_curvature import PARAMETERS, LinearCurvature, loss_curvature, second_moment_basis
from ..ensemble import score_ensemble
from ..problem import Linear, Problem, Samples
from ..products import Products

PROBES = 16
"""Random vectors that the mean leverage is estimated with (Hutchinson 1990)."""
ROUNDS, SETTLED = 8, 0.05
"""Most fits in search of the weight, and its relative change at which the search ends."""
LEAST = 1e-3
"""Of 1 - s h: a sample that decides its own prediction has h without bound."""
WORK, SELF_WORK = 5e12, 1e12
"""Most floating-point operations of conjugate gradients for scores, about a minute on one core, and for self-influence.

Many classes and targets may leave room for the preconditioner alone, see `linear_curvature`.
"""
BLOCK = 8192
"""Samples that are scaled at a time."""
RESIDUALS = 32
"""Targets that the stated residual is of."""


@dataclass(frozen=True)
class LinearInfluence:
    """Settings.

    weight      s of every training sample, see the module; None to find it
    tolerance   relative residual at which conjugate gradients stop, where there are too many parameters for a Cholesky
                factor of H
    """

    weight: float | None = None
    tolerance: float = 0.01

    needs = ("linear",)

    def __post_init__(self) -> None:
        if not self.tolerance > 0 or not (self.weight is None or self.weight > 0):
            raise InputError(
                f"backend 'linear': expected a positive weight and tolerance, found {self.weight} and {self.tolerance}"
            )

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("linear", asdict(self), problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises NumericsError for an input or output that is not finite, naming it."""
        assert problem.linear is not None
        design = _Design(problem.train, problem.linear)
        weight = self.weight or problem.linear.weight or _settled_weight(problem, design, self.tolerance)
        fitted = _Fitted(problem, design, weight)
        fitted.curvature.sharpen()
        return score_ensemble(
            replace(problem, models=(lambda: fitted.module,), run_of=np.zeros(0, np.int64)),
            lambda numbers: (_Scorer(problem, design, fitted, self.tolerance) for _ in numbers),
            None,
            self.identity(problem),
            path,
            track,
        )


def _settled_weight(problem: Problem, design: "_Design", tolerance: float) -> float:
    """The fixed point of s = 1 / (2 + h), reached from 1/2."""
    weight = 0.5
    signs = torch.randint(2, (PROBES, len(problem.train)), generator=torch.Generator().manual_seed(0)) * 2 - 1
    for _ in range(ROUNDS):
        fitted = _Fitted(problem, design, weight)
        curvature, gradients = fitted.curvature, fitted.gradients
        square = gradients.square().sum(1)
        steepness = curvature.along(gradients).clamp(min=0) / square.clamp(min=torch.finfo(square.dtype).tiny)
        probes = curvature.weighted_sums(signs * steepness.sqrt(), gradients)
        # The square of the residual decides, see `_Scorer.self_influence`.
        leverage = float((probes * curvature.solve(probes, tolerance**0.5)).sum() / PROBES / square.sum())
        if not np.isfinite(leverage):
            break  # nothing is left to explain
        previous, weight = weight, 1 / (2 + leverage / max(1 - weight * leverage, LEAST))
        if abs(weight - previous) <= SETTLED * previous:
            break
    return weight


class _Design:
    """The scaled training inputs with a constant 1, turned into their eigenbasis: `train` (n, d + 1)."""

    def __init__(self, samples: Samples, linear: Linear) -> None:
        self._scaling = linear.scaling
        train: Tensor | None = None
        for start, inputs in _in_blocks(samples):
            block = _with_constant(self._scaling(inputs))
            samples.require_finite(block, "the input", start)
            if train is None:
                is_small = linear.outputs * block.shape[1] <= PARAMETERS
                train = block.new_empty(len(samples), block.shape[1], dtype=torch.double if is_small else block.dtype)
            train[start : start + len(block)] = block
        assert train is not None
        self.train = train
        self._basis = second_moment_basis(self.train).to(self.train)
        for block in torch.split(self.train, BLOCK):
            block.copy_(block @ self._basis)

    def turned(self, inputs: Tensor) -> Tensor:
        """Inputs (m, d) likewise, (m, d + 1)."""
        return _with_constant(self._scaling(inputs)).to(self._basis) @ self._basis


class _Fitted:
    """The model at one weight: its curvature, and -dL/df of the training samples, `gradients` (n, c)."""

    def __init__(self, problem: Problem, design: _Design, weight: float) -> None:
        assert problem.linear is not None
        self.weight, self.module = weight, problem.linear.fit(weight)
        with torch.no_grad():
            outputs = torch.cat([self.module(inputs).double() for _, inputs in _in_blocks(problem.train)])
        labels = torch.from_numpy(problem.train.labels)
        a, b = loss_curvature(problem.objective, outputs)
        self.curvature = LinearCurvature(design.train, a, b, weight, problem.linear.penalty)
        self.gradients = problem.objective.seeds(outputs, labels)[0].to(design.train)


class _Scorer:
    """See `regularisation.Scorer`. Targets are (m, c + d), derivatives by the outputs beside the inputs."""

    def __init__(self, problem: Problem, design: _Design, fitted: _Fitted, tolerance: float) -> None:
        self._problem, self._design, self._fitted, self._tolerance = problem, design, fitted, tolerance
        self._curvature, self._gradients = fitted.curvature, fitted.gradients
        assert problem.linear is not None
        self._notes = {"weight": fitted.weight, "penalty": problem.linear.penalty}
        self.notes: Mapping[str, Any] = self._notes
        self.left: Tensor | Products | None = None
        n, t, k = len(problem.train), len(problem.target), self._curvature.size
        if k * (n + t) < n * t:
            self.left = _products(self._gradients, design.train).float()
        elif self._gradients.numel() + design.train.numel() + k * t < n * t:
            self.left = Products(self._gradients.float(), design.train.float())

    def targets(self, start: int, stop: int) -> Tensor:
        inputs, labels = self._problem.target.batch(np.arange(start, stop))
        with torch.no_grad():
            outputs = self._fitted.module(inputs).double()
        self._problem.target.require_finite(outputs, "the output", start)
        seeds = self._problem.objective.seeds(outputs, labels)[1]
        return torch.cat([seeds.to(self._gradients), self._design.turned(inputs)], 1)

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        n_outputs = self._gradients.shape[1]
        steps, blocks = self._curvature.affordable(len(self._problem.target), WORK), []
        for rows in torch.split(targets, self._curvature.rows):
            gradients = _products(rows[:, :n_outputs], rows[:, n_outputs:])
            solved = self._curvature.solve(gradients, self._tolerance, steps)
            if "residual" not in self._notes:
                self._notes["residual"] = self._curvature.residual(solved[:RESIDUALS], gradients[:RESIDUALS])
            blocks.append(solved if self.left is not None else self._curvature.inner_products(solved, self._gradients))
        return torch.cat(blocks).float()

    def self_influence(self, strength: float) -> Tensor:
        steps, influences = self._curvature.affordable(len(self._gradients), SELF_WORK), []
        tolerance = self._tolerance**0.5  # the error of g^T H^-1 g goes with the square of the residual
        for start in range(0, len(self._gradients), self._curvature.rows):
            rows = slice(start, start + self._curvature.rows)
            gradients = _products(self._gradients[rows], self._design.train[rows])
            influences.append((gradients * self._curvature.solve(gradients, tolerance, steps)).sum(1))
        return torch.cat(influences).clamp(min=0).float()


def _in_blocks(samples: Samples) -> Iterator[tuple[int, Tensor]]:
    """Their inputs and where each block starts: not all in memory beside what is made of them."""
    for start in range(0, len(samples), BLOCK):
        yield start, samples.inputs(np.arange(start, min(start + BLOCK, len(samples))))


def _products(by_output: Tensor, inputs: Tensor) -> Tensor:
    """(m, c d) gradients by theta, from those by the outputs (m, c) and the inputs (m, d)."""
    return (by_output[:, :, None] * inputs[:, None]).flatten(1)


def _with_constant(inputs: Tensor) -> Tensor:
    return torch.cat([inputs, torch.ones(len(inputs), 1)], 1)


BACKEND = LinearInfluence
