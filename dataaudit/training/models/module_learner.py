"""Training a torch module briefly: AdamW under a one-cycle schedule (Smith & Topin 2019)."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...dataset import Dataset
from ...errors import NumericsError
from ..objectives import MEAN_LOSS
from ..training import training_device

EVALUATION_BATCH = 512


@dataclass(frozen=True)
class ModuleLearner:
    """A `learning.Differentiable` for modules that a subclass builds.

    epochs   passes over the rows; left out, the fewer the more rows there are
    """

    epochs: int | None = None
    batch_size: int = 64
    learning_rate: float = 0.01
    weight_decay: float = 5e-4

    name: ClassVar[str]
    layout: ClassVar[torch.memory_format] = torch.contiguous_format

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"learner": self.name, **asdict(self)}

    def build(self, dataset: Dataset) -> nn.Module:
        raise NotImplementedError

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        raise NotImplementedError

    def adapt(self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> None:
        """Set the statistics of an untrained module that come from the training rows."""

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        """Raises NumericsError if the loss stops being finite, naming the epoch and a sample of the batch."""
        *_, model = self.trajectory(dataset, rows, seed)
        return model

    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        """See `learning.Differentiable`: the model halfway, and at the end."""
        model = self._start(dataset, rows, seed)
        epochs = self.passes(len(rows))
        for epoch in self._train(model, dataset, rows, seed, epochs):
            if epoch in (epochs // 2, epochs):
                yield model.eval()
                model.train()
        model.eval()

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        device = _device(model)
        with torch.inference_mode():
            batches = [
                model(self.tensors(dataset, rows[start : start + EVALUATION_BATCH]).to(device)).float().cpu()
                for start in range(0, len(rows), EVALUATION_BATCH)
            ]
        return torch.cat(batches).numpy()

    def seconds_per_run(self, dataset: Dataset, n_rows: int) -> float:
        rows = dataset.rows("train")[: 8 * self.batch_size]
        model = self._start(dataset, rows, 0)
        list(self._train(model, dataset, rows, 0, epochs=1))
        start = time.perf_counter()
        list(self._train(model, dataset, rows, 0, epochs=1))
        return (time.perf_counter() - start) / len(rows) * n_rows * self.passes(n_rows)

    def passes(self, n_rows: int) -> int:
        """Epochs for this many rows."""
        return self.epochs or max(6, min(16, round(30_000 / max(n_rows, 1))))

    def batch(self, dataset: Dataset, rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """A training batch."""
        return self.tensors(dataset, rows)

    def _start(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model = self.build(dataset)
        self.adapt(model, dataset, rows)
        return model.to(training_device()).to(memory_format=self.layout)  # type: ignore[call-overload,no-any-return]

    def _train(
        self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64], seed: int, epochs: int
    ) -> Iterator[int]:
        """Yields the number of each finished epoch."""
        device, labels_of = _device(model), dataset.targets
        # The squared error of standardised targets, so that one learning rate fits all units.
        scale = max(float(np.var(labels_of[rows])), 1e-12) if dataset.task == "regression" else 1.0
        loss_of = MEAN_LOSS[dataset.task]
        generator = torch.Generator().manual_seed(seed)
        steps = math.ceil(len(rows) / self.batch_size)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, self.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=max(6, epochs * steps), pct_start=0.2
        )  # fewer than six steps leave no room for its two phases
        model.train()
        for epoch in range(epochs):
            order = rows[torch.randperm(len(rows), generator=generator).numpy()]
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                if len(batch) == 1 and len(rows) > 1:
                    batch = np.append(batch, order[:1])  # batch norm needs two values a channel
                inputs = self.batch(dataset, batch, generator).to(device, memory_format=self.layout)
                loss = loss_of(model(inputs), torch.from_numpy(labels_of[batch]).to(device)) / scale
                if not torch.isfinite(loss):
                    raise NumericsError(
                        f"the training loss is {loss.item()} in epoch {epoch + 1} on a batch with "
                        f"{dataset.ids[int(batch[0])]!r}; lower the learning rate ({self.learning_rate})"
                    )
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
            yield epoch + 1


class Rescale(nn.Module):
    """mean + std * x: a net's outputs in the unit of the targets that it is trained on."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("std", torch.ones(1))

    def adapt(self, targets: NDArray[np.float64]) -> None:
        """Take the figures of these targets."""
        self.mean.fill_(float(targets.mean()))
        self.std.fill_(max(float(targets.std()), 1e-12))

    def forward(self, x: Tensor) -> Tensor:
        return self.mean + self.std * x


def adapt_outputs(model: nn.Module, dataset: Dataset, rows: NDArray[np.int64]) -> None:
    """Set the module's Rescale, where it ends in one, to the targets of these rows."""
    for module in model.modules():
        if isinstance(module, Rescale):
            module.adapt(dataset.targets[rows])


def n_outputs(dataset: Dataset) -> int:
    """Outputs of a model for this dataset: one for each class or label, one for regression."""
    return max(1, len(dataset.class_names))


def ending(dataset: Dataset) -> list[nn.Module]:
    """What a net for this dataset ends with, after its linear layer."""
    return [Rescale()] if dataset.task == "regression" else []


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
