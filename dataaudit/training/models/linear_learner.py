"""A linear model fitted to convergence: convex, so that it has no seed and attributions of it are near exact."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...data.features.vectors import features
from ...dataset import Dataset
from ...errors import NumericsError
from ..objectives import MEAN_LOSS
from .module_learner import adapt_outputs, ending, n_outputs

STEPS = 200
"""Most steps of L-BFGS (Liu & Nocedal 1989)."""


@dataclass(frozen=True)
class LinearLearner:
    """Minimises the mean loss + 1 / (2 n C) |weights|^2, as scikit-learn's logistic regression and ridge do.

    C   of the penalty: the larger, the weaker
    """

    C: float = 10.0

    name: ClassVar[str] = "linear"
    seedless: ClassVar[bool] = True
    """See `learning.is_seedless`."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"learner": self.name, **asdict(self)}

    @property
    def penalty(self) -> float:
        """See `learning.Linear`."""
        return 1 / self.C

    def weighted(self, weight: float) -> "LinearLearner":
        """See `learning.Linear`."""
        return replace(self, C=weight * self.C)

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

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        """Raises NumericsError if the loss is not finite."""
        model = self.build(dataset, rows)
        linear = next(module for module in model if isinstance(module, nn.Linear))
        place = list(model).index(linear)
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        adapt_outputs(model, dataset, rows)
        inputs, labels = model[:place](self.tensors(dataset, rows)), torch.from_numpy(dataset.targets[rows])
        scale = max(float(np.var(dataset.targets[rows])), 1e-12) if dataset.task == "regression" else 1.0
        loss_of, penalty = MEAN_LOSS[dataset.task], 1 / (2 * self.C * len(rows))
        optimizer = torch.optim.LBFGS(
            linear.parameters(),
            max_iter=STEPS,
            tolerance_grad=1e-6,
            tolerance_change=1e-9,
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            # The biases too, so that a class without a sample among these rows has a finite one.
            size = linear.weight.square().sum() + linear.bias.square().sum()
            value: Tensor = loss_of(model[place:](inputs), labels) / scale + penalty * size
            value.backward()  # type: ignore[no-untyped-call]
            return value

        optimizer.step(loss)  # type: ignore[no-untyped-call]
        if not torch.isfinite(linear.weight).all():
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
