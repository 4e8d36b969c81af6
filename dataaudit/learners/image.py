"""The default learner for images: a compact convolutional net, trained briefly on the CPU or a GPU.

Convolution, batch norm, ReLU and pooling, three or four times, then average pooling to 3 x 3 and a linear layer;
AdamW under a one-cycle schedule (Smith & Topin 2019). Small on purpose: an audit trains it dozens of times.
Its short training reaches 92 % on full Fashion-MNIST (see benchmarks/).
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..dataset import Dataset
from ..errors import NumericsError

EVALUATION_BATCH = 512


@dataclass(frozen=True)
class ImageLearner:
    """See the module. `epochs` falls from 16 to 6 as rows grow, unless set."""

    epochs: int | None = None
    batch_size: int = 64
    learning_rate: float = 0.01
    weight_decay: float = 5e-4

    @property
    def recipe(self) -> Mapping[str, Any]:
        return {"learner": "image", **asdict(self)}

    def build(self, dataset: Dataset) -> nn.Module:
        channels, height, width = dataset.pixels.shape[1:]
        return network(channels, min(height, width), len(dataset.class_names))

    def tensors(self, dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(dataset.pixels[rows])).float()

    def fit(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        """Raises NumericsError if the loss stops being finite, naming the epoch and a sample of the batch."""
        *_, model = self.trajectory(dataset, rows, seed)
        return model

    def trajectory(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> Iterator[nn.Module]:
        """See `learning.Differentiable`: the model halfway, and at the end."""
        model = self._start(dataset, rows, seed)
        epochs = self._epochs(len(rows))
        for epoch in self._train(model, dataset, rows, seed, epochs):
            if epoch in (epochs // 2, epochs):
                yield model.eval()
                model.train()
        model.eval()

    def outputs(self, model: Any, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        device = next(model.parameters()).device
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
        return (time.perf_counter() - start) / len(rows) * n_rows * self._epochs(n_rows)

    def _epochs(self, n_rows: int) -> int:
        return self.epochs or max(6, min(16, round(30_000 / max(n_rows, 1))))

    def _start(self, dataset: Dataset, rows: NDArray[np.int64], seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model = self.build(dataset)
        sample = dataset.pixels[rows[:: max(1, len(rows) // 4096)]].astype(np.float32)
        standardise = model.get_submodule("0")
        assert isinstance(standardise, Standardise)
        standardise.mean.copy_(torch.from_numpy(sample.mean((0, 2, 3), keepdims=True)[0]))
        standardise.std.copy_(torch.from_numpy(sample.std((0, 2, 3), keepdims=True)[0]).clamp(min=1.0))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _train(
        self, model: nn.Module, dataset: Dataset, rows: NDArray[np.int64], seed: int, epochs: int
    ) -> Iterator[int]:
        """Yields the number of every epoch that is done."""
        device = next(model.parameters()).device
        generator = torch.Generator().manual_seed(seed)
        steps = math.ceil(len(rows) / self.batch_size)
        optimizer = torch.optim.AdamW(model.parameters(), self.learning_rate, weight_decay=self.weight_decay)
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
                pixels = self.tensors(dataset, batch).to(device, memory_format=torch.channels_last)
                loss = functional.cross_entropy(model(pixels), torch.from_numpy(dataset.targets[batch]).to(device))
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


class Standardise(nn.Module):
    """(x - mean) / std per channel, with the training rows' figures, kept in the checkpoint."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return (pixels - self.mean) / self.std


def network(channels: int, edge: int, n_classes: int) -> nn.Sequential:
    """The net for images whose shorter edge is `edge` pixels."""
    widths = (16, 32, 64) if edge <= 48 else (16, 32, 64, 64)
    layers: list[nn.Module] = [Standardise(channels)]
    for i, width in enumerate(widths):
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        if i < len(widths) - 1 and edge >= 2 ** (i + 2):
            layers.append(nn.MaxPool2d(2))
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(channels * 9, n_classes))


LEARNER = ImageLearner
