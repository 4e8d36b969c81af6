"""A linear model fitted to convergence: convex, so that it has no seed and attributions of it are near exact.

Parameters are scaled by their curvature along the first principal axes of the inputs, and by a mean one beside them
(low-rank preconditioning): L-BFGS takes half of the steps on words and three quarters of them on pretrained features,
and a sixth to a third near another model's optimum, as after a few samples were removed.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...data.features.vectors import features
from ...dataset import Dataset, Task
from ...errors import NumericsError
from ..objectives import MEAN_LOSS
from .module_learner import adapt_outputs, ending, n_outputs

STEPS, NEARBY_STEPS, HISTORY = 200, 600, 20
"""Most steps of L-BFGS, from zero and from another model, and how many it remembers (Liu & Nocedal 1989).

From zero, models of 60,000 images end at the most, close to the optimum.
"""
AXES, AXES_ROWS = 64, 10_000
"""How many, more did no better, and from how many training rows."""


@dataclass(frozen=True)
class LinearLearner:
    """Minimises the mean loss + 1 / (2 n C) |weights|^2, as scikit-learn's logistic regression and ridge do.

    C          of the penalty: the larger, the weaker
    start      parameters (outputs, d + 1), biases last, that training starts from: the optimum is the same; 0 for None
    tolerance  change of the mean loss at which it ends
    """

    C: float = 10.0
    start: Tensor | None = field(default=None, kw_only=True, repr=False, compare=False)
    tolerance: float = field(default=1e-9, kw_only=True, repr=False, compare=False)

    name: ClassVar[str] = "linear"
    seedless: ClassVar[bool] = True
    """See `learning.is_seedless`."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"learner": self.name, **{part.name: getattr(self, part.name) for part in fields(self) if part.compare}}

    @property
    def penalty(self) -> float:
        """See `learning.Linear`."""
        return 1 / self.C

    def weighted(self, weight: float) -> "LinearLearner":
        """See `learning.Linear`."""
        return replace(self, C=weight * self.C)

    def starting(self, model: nn.Module, tolerance: float) -> "LinearLearner":
        """See `learning.Linear`."""
        linear = _linear_of(model)
        start = torch.cat([linear.weight, linear.bias[:, None]], 1).detach()
        return replace(self, start=start, tolerance=tolerance)

    def vectors(self, dataset: Dataset) -> NDArray[np.floating]:
        """(n, d) what the model is linear in."""
        return features(dataset)

    def scaling(self, dataset: Dataset, rows: NDArray[np.int64] | None = None) -> nn.Sequential:
        """What the vectors go through before the linear layer, fitted on these rows; none: of the right shape only."""
        return nn.Sequential()

    def build(self, dataset: Dataset, rows: NDArray[np.int64] | None = None) -> nn.Sequential:
        linear = nn.Linear(self.vectors(dataset).shape[1], n_outputs(dataset))
        return nn.Sequential(*self.scaling(dataset, rows), linear, *ending(dataset))

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.vectors(dataset)[rows]).float()

    def prepare(self, dataset: Dataset) -> None:
        """See `learning.LearningAlgorithm`: the axes."""
        self._axes(dataset)

    def _axes(self, dataset: Dataset) -> Tensor:
        """(d + 1, k) principal axes, as columns, of the training inputs with a constant 1."""
        name = f"axes of {replace(self, C=1.0).recipe}"  # they don't depend on C
        return torch.from_numpy(dataset.derive(name, lambda: self._principal_axes(dataset)))

    def _principal_axes(self, dataset: Dataset) -> NDArray[np.float32]:
        rows = _some(dataset.rows("train"))
        inputs = _with_constant(self.scaling(dataset, rows)(self.tensors(dataset, rows)))
        broken = torch.nonzero(~torch.isfinite(inputs).all(1)).flatten()
        if len(broken):
            raise NumericsError(f"the input of {dataset.ids[rows[int(broken[0])]]!r} is not finite")
        axes = torch.linalg.eigh((inputs.T @ inputs).double())[1][:, -AXES:]
        return np.ascontiguousarray(axes.float().numpy())

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        """Raises NumericsError if the loss is not finite."""
        model = self.build(dataset, rows)
        linear = _linear_of(model)
        place = list(model).index(linear)
        adapt_outputs(model, dataset, rows)
        inputs, labels = model[:place](self.tensors(dataset, rows)), torch.from_numpy(dataset.targets[rows])
        scale = max(float(np.var(dataset.targets[rows])), 1e-12) if dataset.task == "regression" else 1.0
        loss_of, penalty = MEAN_LOSS[dataset.task], 1 / (self.C * len(rows))
        start = inputs.new_zeros(linear.out_features, linear.in_features + 1) if self.start is None else self.start
        some = _with_constant(inputs[_some(np.arange(len(rows)))])
        curvature = _curvature(dataset.task, some @ start.T)
        scaling = _Scaling.of(some, curvature, penalty, self._axes(dataset), dataset.task == "classification")
        scaled = scaling.backward(start).requires_grad_()
        optimizer = torch.optim.LBFGS(
            [scaled],
            max_iter=STEPS if self.start is None else NEARBY_STEPS,
            history_size=HISTORY,
            tolerance_grad=1e-6,
            tolerance_change=self.tolerance,
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            parameters = scaling.forward(scaled)
            outputs = functional.linear(inputs, parameters[:, :-1].contiguous(), parameters[:, -1])
            # Sums in double precision: where single ones see no change, a tenth of what a removal does is left. The
            # biases are penalised too, so that a class without a sample among these rows has a finite one.
            size = parameters.double().square().sum()
            value: Tensor = loss_of(model[place + 1 :](outputs.double()), labels) / scale + penalty / 2 * size
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            parameters = scaling.forward(scaled)
            linear.weight.copy_(parameters[:, :-1])
            linear.bias.copy_(parameters[:, -1])
        if not torch.isfinite(parameters).all():
            raise NumericsError(f"the linear model's weights are not finite after training on {len(rows)} samples")
        return model.eval()

    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        """See `learning.Differentiable`: the fitted model alone."""
        yield self.fit(dataset, rows, seed)

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            outputs: NDArray[np.float32] = model(self.tensors(dataset, rows)).numpy()
        return outputs

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        rows = dataset.rows("train")[:2000]
        self.fit(dataset, rows[:: max(1, len(rows) // 50)], 0)  # what is derived or loaded once
        start = time.perf_counter()
        self.fit(dataset, rows, 0)
        return (time.perf_counter() - start) / len(rows) * n_rows


@dataclass(frozen=True)
class _Scaling:
    """Parameters (outputs, d + 1) from such that curve about alike in every direction.

    axes     (d + 1, k)
    along    (outputs, k) what multiplies a parameter's part along the axes, and
    beside   (outputs, 1) the rest of it
    centred  whether outputs that all move alike make no difference to the loss: then the parameters sum to zero
    """

    axes: Tensor
    along: Tensor
    beside: Tensor
    centred: bool

    @classmethod
    def of(cls, inputs: Tensor, curvature: Tensor, penalty: float, axes: Tensor, centred: bool) -> "_Scaling":
        """From inputs (n, d + 1), and the curvature (n, outputs) of their losses by the outputs."""
        along = curvature.T @ (inputs @ axes).square() / len(inputs)
        rest = curvature.T @ inputs.square().sum(1, keepdim=True) / len(inputs) - along.sum(1, keepdim=True)
        beside = rest.clamp(min=0) / max(1, len(axes) - axes.shape[1])
        return cls(axes, (along + penalty).rsqrt(), (beside + penalty).rsqrt(), centred)

    def forward(self, scaled: Tensor) -> Tensor:
        parameters = scaled * self.beside + (scaled @ self.axes * (self.along - self.beside)) @ self.axes.T
        return parameters - parameters.mean(0) if self.centred else parameters

    def backward(self, parameters: Tensor) -> Tensor:
        inverse = 1 / self.along - 1 / self.beside
        return parameters / self.beside + (parameters @ self.axes * inverse) @ self.axes.T


def _linear_of(model: nn.Module) -> nn.Linear:
    return next(module for module in model.modules() if isinstance(module, nn.Linear))


def _curvature(task: Task, outputs: Tensor) -> Tensor:
    """(n, c) second derivatives of each sample's loss by its outputs; of numbers, in the unit of the outputs."""
    if task == "regression":
        return torch.ones_like(outputs)
    probabilities = outputs.softmax(1) if task == "classification" else outputs.sigmoid()
    return probabilities * (1 - probabilities)


def _some(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most AXES_ROWS of them, evenly spread."""
    return rows[:: -(-len(rows) // AXES_ROWS)]


def _with_constant(inputs: Tensor) -> Tensor:
    return torch.cat([inputs, inputs.new_ones(len(inputs), 1)], 1)
