"""A linear model fitted to convergence: convex, so that it has no seed and attributions of it are near exact.

L-BFGS runs on scaled parameters (preconditioning), see `scaling`: from zero by their curvature along the first
principal axes of the inputs, which takes half of the steps on words and three quarters of them on pretrained features;
near another model's optimum, as after a few samples were removed, by the whole curvature of each output there if there
are many samples: on 20,000 images it takes 9 to 16 evaluations of the loss, along axes 53 to 72.
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
from ...dataset import Dataset
from ...errors import NumericsError
from ..objectives import MEAN_LOSS
from ..scaling import BLOCK, AlongAxes, ByOutput, Scaling, principal_axes
from .module_learner import adapt_outputs, ending, n_outputs

STEPS, NEARBY_STEPS, HISTORY = 200, 600, 20
"""Most steps of L-BFGS, from zero and from another model, and how many it remembers (Liu & Nocedal 1989).

From zero, models of 60,000 images end at the most, close to the optimum.
"""
SAMPLED_ROWS = 10_000
"""Of the training rows, for axes and curvature along them."""


@dataclass(frozen=True)
class _Start:
    """Where training starts.

    parameters   (outputs, d + 1), biases last
    scaling      as it suits all training rows there
    """

    parameters: Tensor
    scaling: Scaling


@dataclass(frozen=True)
class LinearLearner:
    """Minimises the mean loss + 1 / (2 n C) |weights|^2, as scikit-learn's logistic regression and ridge do.

    C          of the penalty: the larger, the weaker
    start      where training starts: the optimum is the same; None for zero
    tolerance  change of the mean loss at which it ends
    """

    C: float = 10.0
    start: _Start | None = field(default=None, kw_only=True, repr=False, compare=False)
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

    def starting(self, model: nn.Module, dataset: Dataset, tolerance: float) -> "LinearLearner":
        """See `learning.Linear`."""
        linear = _linear_of(model)
        parameters = torch.cat([linear.weight, linear.bias[:, None]], 1).detach()
        scaling = self._scaling_at(parameters, dataset) if self.start is None else self.start.scaling
        return replace(self, start=_Start(parameters, scaling), tolerance=tolerance)

    def _scaling_at(self, parameters: Tensor, dataset: Dataset) -> Scaling:
        rows, (n_outputs, d) = dataset.rows("train"), parameters.shape
        by_output = ByOutput.pays(n_outputs, d, len(rows))
        penalty = self.penalty / len(rows)
        rows = rows if by_output else rows[:: _step(len(rows))]
        inputs = self._inputs(self.scaling(dataset, rows), dataset, rows)
        outputs = inputs @ parameters.T
        if by_output:
            return ByOutput.of(dataset.task, inputs, outputs, penalty)
        return AlongAxes.of(dataset.task, inputs, outputs, penalty, self._axes(dataset))

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
        rows = dataset.rows("train")
        rows = rows[:: _step(len(rows))]
        inputs = self._inputs(self.scaling(dataset, rows), dataset, rows)
        broken = torch.nonzero(~torch.isfinite(inputs).all(1)).flatten()
        if len(broken):
            raise NumericsError(f"the input of {dataset.ids[rows[int(broken[0])]]!r} is not finite")
        return principal_axes(inputs)

    def _inputs(self, scaling: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        """(len(rows), d + 1) scaled inputs with a constant 1; nothing else of this size is in memory."""
        inputs = torch.ones(len(rows), self.vectors(dataset).shape[1] + 1)
        for start in range(0, len(rows), BLOCK):
            block = scaling(self.tensors(dataset, rows[start : start + BLOCK]))
            inputs[start : start + len(block), :-1] = block
        return inputs

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        """Raises NumericsError if the loss is not finite."""
        model = self.build(dataset, rows)
        linear = _linear_of(model)
        place = list(model).index(linear)
        adapt_outputs(model, dataset, rows)
        inputs = self._inputs(model[:place], dataset, rows)
        labels = torch.from_numpy(dataset.targets[rows])
        scale = max(float(np.var(dataset.targets[rows])), 1e-12) if dataset.task == "regression" else 1.0
        loss_of, penalty = MEAN_LOSS[dataset.task], 1 / (self.C * len(rows))
        if self.start is None:
            some, start = inputs[:: _step(len(rows))], inputs.new_zeros(linear.out_features, linear.in_features + 1)
            scaling: Scaling = AlongAxes.of(dataset.task, some, some @ start.T, penalty, self._axes(dataset))
        else:
            start, scaling = self.start.parameters, self.start.scaling
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
            outputs = functional.linear(inputs, parameters)
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


def _linear_of(model: nn.Module) -> nn.Linear:
    return next(module for module in model.modules() if isinstance(module, nn.Linear))


def _step(n: int) -> int:
    """At which at most SAMPLED_ROWS of n rows are taken."""
    return -(-n // SAMPLED_ROWS)
