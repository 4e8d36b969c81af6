"""The Gauss-Newton curvature of the training loss, whole or as products with vectors.

    H = sum_i J_i^T W_i J_i

over the training samples i, with J_i (c, d) the Jacobian of the module's outputs by its parameters and W_i (c, c) the
Hessian of the loss by the outputs (Schraudolph 2002; Martens 2014, eq. 6). It is positive semi-definite where the loss
is convex in the outputs, the Fisher matrix where the loss is the negative log-likelihood of an exponential family, and
the Hessian where the outputs are linear in the parameters.
"""

import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...errors import NumericsError
from ...training.objectives import Objective
from ..gradients.blocks import Pass
from ..gradients.model_gradients import BLOCK, ModelGradients
from ..gradients.per_sample import PROBE, GradientFeatures
from ..problem import Problem

ROWS = 128
"""Samples in one product."""
VECTORS = 16
"""Vectors in one product: their activations are in memory together."""
BYTES = 128 << 20
"""Most memory for the Jacobians of a batch."""
MEMORY_BYTES = 1 << 30
"""Larger matrices of one row per sample are kept on disk."""
OUTPUTS = 32
"""With more outputs per sample, W is not explicit in products, and the trace is estimated by this many combinations."""


class RawGradients(ModelGradients):
    """Unprojected gradients of one model, the training samples' a range at a time."""

    def __init__(self, problem: Problem, number: int) -> None:
        super().__init__(problem, number, None)

    def train_range(self, start: int, stop: int) -> Tensor:
        """(stop - start, d) of -loss. Raises NumericsError, as `train` does."""
        return self.range(self._problem.train, start, stop, "loss")[0]


class SeededGradients(GradientFeatures):
    """Per-sample gradients J_i^T s_i for given derivatives s_i by the outputs, in the place of labels."""

    def __init__(self, module: nn.Module, inputs: Tensor, seeds: Tensor) -> None:
        super().__init__(module, Objective("seeded", _product, _product), inputs, seeds, None)

    @property
    def layers_of(self) -> dict[nn.Parameter, list[nn.Module]]:
        """The layers that each covered parameter belongs to, none where torch.func differentiates it."""
        return {parameter: block.layers for block in self._blocks for parameter in block.parameters}

    def passes(self, inputs: Tensor, seeds: Tensor) -> Iterator[Pass]:
        """Batches of the layers' inputs and the gradients of their outputs."""
        return self._passes(inputs, seeds, "output")


def _product(outputs: Tensor, seeds: Tensor) -> Tensor:
    return (outputs * seeds).reshape(len(outputs), -1).sum(1)


class Curvature:
    """H over the parameters that a model's gradients cover, in the order of their coordinates.

    size      d
    count     n, the training samples that H sums over
    seeded    the gradients of combinations of outputs, in the same coordinates
    """

    def __init__(self, problem: Problem, gradients: ModelGradients) -> None:
        """Raises NumericsError if the covered parameters depend on what is differentiated."""
        self.module, self.objective, self.samples = gradients.module, problem.objective, problem.train
        parameters = gradients.features.parameters
        self.size, self.count = gradients.features.dimensions, len(problem.train)
        names = {parameter: name for name, parameter in self.module.named_parameters()}
        self._names, self._shapes = [names[p] for p in parameters], [p.shape for p in parameters]
        self._constants = {name: parameter.detach() for name, parameter in self.module.named_parameters()}
        self._theta = torch.cat([p.detach().flatten() for p in parameters])
        inputs, _ = self.samples.batch(self.samples.spread(PROBE))
        with torch.no_grad():
            outputs = self.module(inputs.to(self._theta.device))
        self.outputs = outputs[0].numel()
        # Random, as gradients of anything regular may cancel: those of the sum of probabilities do.
        probe = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(0)).to(outputs.dtype)
        self.seeded = SeededGradients(self.module, inputs, probe)
        if [id(p) for p in self.seeded.parameters] != [id(p) for p in parameters]:
            raise NumericsError(
                f"{type(self.module).__name__}: its parameters have per-sample gradients for some derivatives by the "
                "outputs only; the curvature can't be told"
            )

    def blocks(self, rows: int = BLOCK) -> Iterator[NDArray[np.int64]]:
        """Positions of the training samples, in order."""
        for start in range(0, self.count, rows):
            yield np.arange(start, min(start + rows, self.count))

    def product(self, vectors: Tensor, positions: NDArray[np.int64] | None = None) -> Tensor:
        """H v for each row of `vectors` (m, d), of the same type; summed over these positions only, if given.

        Raises NumericsError if the module can't be differentiated twice.
        """
        on_device, total = vectors.to(self._theta), torch.zeros_like(vectors)
        rows = np.arange(self.count) if positions is None else positions
        for start in range(0, len(rows), ROWS):
            try:
                # Of the kernels for attention, only the plain one is sure to be differentiable twice.
                with sdpa_kernel(SDPBackend.MATH):
                    self._add_product(on_device, rows[start : start + ROWS], total)
            except (RuntimeError, NotImplementedError) as error:
                raise NumericsError(
                    f"torch.func has no curvature products of {type(self.module).__name__} ({error}); "
                    "the solvers 'exact' and 'ekfac' need none"
                ) from error
        return total

    def _add_product(self, vectors: Tensor, positions: NDArray[np.int64], total: Tensor) -> None:
        inputs, labels = (part.to(self._theta.device) for part in self.samples.batch(positions))

        def outputs(theta: Tensor) -> Tensor:
            pieces = torch.split(theta, [shape.numel() for shape in self._shapes])
            parameters = {n: p.view(s) for n, p, s in zip(self._names, pieces, self._shapes, strict=True)}
            return cast(Tensor, functional_call(self.module, self._constants | parameters, (inputs,)))

        value, pull = vjp(outputs, self._theta)[:2]
        # J v as the derivative of u -> J^T u: more layers have a second backward than a forward mode.
        push = vjp(lambda seeds: pull(seeds)[0], torch.zeros_like(value))[1]
        if self.outputs <= OUTPUTS:
            weight = self._weights[torch.from_numpy(positions)].to(value)
        else:
            weigh = loss_curvature(self.objective, value, labels)
        for start in range(0, len(vectors), VECTORS):
            directional = vmap(push)(vectors[start : start + VECTORS])[0]
            if self.outputs <= OUTPUTS:
                flat = directional.reshape(*directional.shape[:2], -1)
                weighted = torch.einsum("nce,mne->mnc", weight, flat).reshape(directional.shape)
            else:
                weighted = torch.stack([weigh(direction) for direction in directional])
            total[start : start + VECTORS] += vmap(pull)(weighted)[0].to(total)

    @cached_property
    def _weights(self) -> Tensor:
        """W (n, c, c)."""
        weights = stored(self.count, self.outputs, self.outputs)
        for positions in self.blocks():
            _, outputs, labels = self._outputs(positions)
            weights[torch.from_numpy(positions)] = explicit_curvature(self.objective, outputs, labels).float()
        return weights

    def jacobians(self, positions: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """J (n, c, d), W (n, c, c) and the derivative of -loss by the outputs (n, c) of training samples."""
        inputs, outputs, labels = self._outputs(positions)
        jacobian = torch.empty(len(inputs), self.outputs, self.size)
        for number, seeds in enumerate(_units(outputs)):
            jacobian[:, number] = self.seeded(inputs, seeds, "output")[0]
        loss_seed = self.objective.seeds(outputs, labels)[0]
        return jacobian, explicit_curvature(self.objective, outputs, labels), loss_seed.reshape(len(inputs), -1)

    def rows(self) -> int:
        """Samples whose Jacobians fit in memory together."""
        return int(max(1, BYTES // (8 * self.size * self.outputs)))

    def matrix(self) -> Tensor:
        """H (d, d) float64."""
        total = torch.zeros(self.size, self.size, dtype=torch.float64)
        for positions in self.blocks(self.rows()):
            jacobian, weight, _ = self.jacobians(positions)
            jacobian = jacobian.double()
            total += jacobian.flatten(0, 1).T @ (weight.double() @ jacobian).flatten(0, 1)
        return (total + total.T) / 2

    def trace(self) -> float:
        """Sum of H's eigenvalues: exact, or for many outputs Hutchinson's estimate over them."""
        total, rng = 0.0, np.random.default_rng(0)
        for positions in self.blocks():
            inputs, outputs, labels = self._outputs(positions)
            weigh = loss_curvature(self.objective, outputs, labels)
            for seeds in _units(outputs) if self.outputs <= OUTPUTS else _combinations(outputs, rng):
                plain, weighed = (self.seeded(inputs, s, "output")[0] for s in (seeds, weigh(seeds)))
                total += float((plain * weighed).sum(dtype=torch.float64))
        return total

    def sampled_seeds(self, seed: int) -> Tensor:
        """Random derivatives s_i (n, ...) by the outputs with E[s s^T] = W_i, on the CPU.

        They stand for gradients at labels drawn from the model's prediction (the true Fisher of Grosse et al. 2023,
        section 2.2), whose second moment is W_i too, but which for a confident model are nearly always zero. A sample's
        are the same wherever it stands: they depend on its input and `seed` alone.
        """
        seeds = []
        for positions in self.blocks():
            inputs, outputs, labels = self._outputs(positions)
            signs = torch.from_numpy(np.stack([_signs(sample, self.outputs, seed) for sample in inputs.numpy()])).to(
                outputs
            )
            if self.objective.name == "classification":
                p = outputs.softmax(1)
                root = p.sqrt()
                drawn = root * signs - p * (root * signs).sum(1, keepdim=True)  # diag(p) - p p^T = R R^T
            else:
                values, vectors = torch.linalg.eigh(explicit_curvature(self.objective, outputs, labels).double())
                drawn = (vectors @ (values.clamp(min=0).sqrt() * signs)[..., None])[..., 0]
            seeds.append(drawn.to(outputs).view(outputs.shape))
        return torch.cat(seeds)

    def _outputs(self, positions: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, outputs and labels, all on the CPU."""
        inputs, labels = self.samples.batch(positions)
        with torch.no_grad():
            parts = [self.module(part.to(self._theta.device)).cpu() for part in torch.split(inputs, ROWS)]
        return inputs, torch.cat(parts), labels


def loss_curvature(objective: Objective, outputs: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """v -> W v for v (n, ...), with the samples' Hessians W_i of the loss by their outputs (n, ...)."""
    outputs = outputs.detach().requires_grad_()
    with torch.enable_grad():
        loss = objective.loss(outputs, labels).sum()
        slope = torch.autograd.grad(loss, outputs, create_graph=True)[0]

    def weigh(direction: Tensor) -> Tensor:
        if not slope.requires_grad:  # a loss linear in the outputs
            return torch.zeros_like(outputs)
        (product,) = torch.autograd.grad(slope, outputs, direction, retain_graph=True)
        return product

    return weigh


def explicit_curvature(objective: Objective, outputs: Tensor, labels: Tensor) -> Tensor:
    """W (n, c, c), over all the outputs of each sample."""
    weigh = loss_curvature(objective, outputs, labels)
    return torch.stack([weigh(unit).reshape(len(outputs), -1) for unit in _units(outputs)], 2)


def _units(outputs: Tensor) -> Iterator[Tensor]:
    """Each output's unit vector, for all samples at once, in the shape of `outputs`."""
    for number in range(outputs[0].numel()):
        unit = torch.zeros_like(outputs)
        unit.view(len(outputs), -1)[:, number] = 1
        yield unit


def _combinations(outputs: Tensor, rng: np.random.Generator) -> Iterator[Tensor]:
    """Random signs whose outer products sum to the identity on average, in the shape of `outputs`."""
    for _ in range(OUTPUTS):
        yield torch.from_numpy(rng.integers(0, 2, outputs.shape) * 2 - 1).to(outputs) / OUTPUTS**0.5


def _signs(sample: NDArray[Any], count: int, seed: int) -> NDArray[np.float64]:
    """(count,) of -1 and 1, by the sample's content."""
    rng = np.random.default_rng([seed, zlib.crc32(np.ascontiguousarray(sample).tobytes())])
    return np.asarray(rng.integers(0, 2, count) * 2.0 - 1.0)


def stored(*shape: int) -> Tensor:
    """An empty float32 tensor, in a temporary file that goes with it where it is too big for memory."""
    if 4 * np.prod(shape, dtype=np.int64) <= MEMORY_BYTES:
        return torch.empty(shape)
    with tempfile.TemporaryFile(prefix="dataaudit-") as file:
        return torch.from_numpy(np.memmap(file, np.float32, "w+", shape=shape))
