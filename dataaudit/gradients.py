"""Per-sample gradients in factored form: projected layer by layer, never materialised at full width.

A layer's gradient for one sample is a matrix G = sum over positions of b a^T, with a the layer's input and b the
gradient of its output. Both sides of G are rotated into the eigenbases of E[G^T G] and E[G G^T], taken on a sample of
rows (a higher-order SVD; the data-dependent kin of the Kronecker-factored eigenbasis of George et al. 2018). That
gathers the energy in few coordinates, and those with the largest measured second moment are kept. With every
coordinate kept, inner products of features are exactly those of the gradients.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from .errors import NumericsError, SampleError

Of = Literal["loss", "margin"]
SAMPLE = 256
"""Rows on which the bases are estimated."""
BATCH = 128
"""Rows in one forward and backward pass."""


class GradientFeatures:
    """Maps samples to features (n, k) whose inner products approximate those of their parameter gradients.

    coverage   share of the trainable parameters that the features see
    energy     share of the sample's squared gradient norms that the k coordinates keep; 1.0 when none is dropped
    """

    def __init__(
        self, module: nn.Module, inputs: Tensor, labels: Tensor, dimensions: int, energy_per_side: float = 0.999
    ) -> None:
        """Choose the coordinates on a spread of at most SAMPLE rows of `inputs`.

        dimensions        most coordinates to keep, over all layers
        energy_per_side   share of each side's second moment that its basis keeps; 1.0 keeps full bases

        Raises NumericsError if no layer of the module has per-sample gradients here, SampleError for a sample whose
        gradient is not finite.
        """
        self._module = module
        self._layers = [layer for layer in module.modules() if type(layer) in _GEOMETRIES]
        if not self._layers:
            known = ", ".join(sorted(kind.__name__ for kind in _GEOMETRIES))
            raise NumericsError(
                f"no layer of {type(module).__name__} has per-sample gradients; expected one of {known}"
            )
        covered = sum(p.numel() for layer in self._layers for p in layer.parameters(recurse=False) if p.requires_grad)
        self.coverage = covered / sum(p.numel() for p in module.parameters() if p.requires_grad)

        pick = torch.linspace(0, len(inputs) - 1, min(SAMPLE, len(inputs))).long()
        recorded = list(self._record(inputs[pick], labels[pick], "loss"))
        for i in range(len(self._layers)):
            _require_finite(torch.cat([a[i].flatten(1).sum(1) + b[i].flatten(1).sum(1) for a, b, _ in recorded]), pick)
        total = 0.0
        self._geometries: list[_Geometry] = []
        moments = []
        for i, layer in enumerate(self._layers):
            geometry = _GEOMETRIES[type(layer)](layer)
            total += geometry.fit([(a[i], b[i]) for a, b, _ in recorded], energy_per_side)
            moments.append(sum(geometry.features(a[i], b[i]).square().sum(0) for a, b, _ in recorded))
            self._geometries.append(geometry)
        every = torch.cat([torch.as_tensor(moment) for moment in moments])
        order = every.argsort(descending=True, stable=True)[:dimensions].sort().values
        self.energy = float(every[order].sum()) / max(total, 1e-30)
        bounds = [0, *torch.tensor([len(torch.as_tensor(moment)) for moment in moments]).cumsum(0).tolist()]
        self._kept = [order[(order >= low) & (order < high)] - low for low, high in itertools.pairwise(bounds)]
        self.dimensions = len(order)

    def __call__(self, inputs: Tensor, labels: Tensor, of: Of) -> tuple[Tensor, Tensor]:
        """Features (n, k) float32 on the CPU of the gradient of each sample's label, and 1 - p of that label (n,).

        `of="margin"` differentiates log p/(1 - p), `of="loss"` log p, which is 1 - p times the first.
        Raises SampleError for a sample whose gradient is not finite.
        """
        features, doubts = [], []
        for a, b, doubt in self._record(inputs, labels, of):
            columns = [
                geometry.features(x, g)[:, kept]
                for geometry, kept, x, g in zip(self._geometries, self._kept, a, b, strict=True)
            ]
            features.append(torch.cat(columns, 1).cpu())
            doubts.append(doubt.cpu())
        result = torch.cat(features)
        _require_finite(result.sum(1), torch.arange(len(inputs)))
        return result, torch.cat(doubts)

    def _record(self, inputs: Tensor, labels: Tensor, of: Of) -> Iterator[tuple[list[Tensor], list[Tensor], Tensor]]:
        """For each batch: every layer's input, its output gradient, and 1 - p of the labels."""
        device = next(self._module.parameters()).device
        for start in range(0, len(inputs), BATCH):
            with _watched(self._layers) as (entered, left):
                logits = self._module(inputs[start : start + BATCH].to(device))
            chosen = functional.one_hot(labels[start : start + BATCH].to(device), logits.shape[1]).bool()
            doubt = -torch.expm1(torch.log_softmax(logits.detach(), 1)[chosen])
            seed = chosen.float() - torch.softmax(logits.detach().masked_fill(chosen, -torch.inf), 1)
            if of == "loss":
                seed = seed * doubt[:, None]
            gradients = torch.autograd.grad(logits, [left[layer] for layer in self._layers], seed)
            yield [entered[layer] for layer in self._layers], list(gradients), doubt


def _require_finite(values: Tensor, positions: Tensor) -> None:
    broken = torch.nonzero(~torch.isfinite(values))
    if len(broken):
        raise SampleError("the gradient", int(positions[broken[0]]))


@contextmanager
def _watched(layers: list[nn.Module]) -> Iterator[tuple[dict[nn.Module, Tensor], dict[nn.Module, Tensor]]]:
    """Inputs and outputs of the layers during one forward pass."""
    entered: dict[nn.Module, Tensor] = {}
    left: dict[nn.Module, Tensor] = {}

    def keep(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        if layer in entered:
            raise NumericsError(
                f"{layer} is used twice in one pass; per-sample gradients of shared layers are not supported"
            )
        entered[layer], left[layer] = arguments[0].detach(), output

    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield entered, left
    finally:
        for handle in handles:
            handle.remove()


class _Geometry(Protocol):
    """How one layer turns (input, output gradient) into features."""

    def __init__(self, layer: nn.Module) -> None: ...

    def fit(self, batches: list[tuple[Tensor, Tensor]], energy: float) -> float:
        """Choose the bases on these batches; returns the summed squared norm of their gradients."""

    def features(self, a: Tensor, b: Tensor) -> Tensor:
        """The rotated gradient (n, k) of the layer's own parameters."""


class _Weighted:
    """A layer with a weight matrix: G is (outputs, inputs), rotated on both sides; its bias is kept as it is."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer = layer
        self._project = {nn.Linear: _project_linear, nn.Conv2d: _project_conv2d}[type(layer)]
        weight = layer.get_parameter("weight").detach()
        self._left, self._right = torch.eye(len(weight)).to(weight), torch.eye(weight[0].numel()).to(weight)

    def fit(self, batches: list[tuple[Tensor, Tensor]], energy: float) -> float:
        left, right = torch.zeros_like(self._left), torch.zeros_like(self._right)
        total = 0.0
        for a, b in batches:
            exact = self._project(self._layer, a, b, self._left, self._right)
            left += torch.einsum("noi,npi->op", exact, exact)
            right += torch.einsum("noi,noj->ij", exact, exact)
            total += float(exact.square().sum()) + float(self._bias(b).square().sum())
        self._left, self._right = _basis(left, energy), _basis(right, energy)
        return total

    def features(self, a: Tensor, b: Tensor) -> Tensor:
        rotated = self._project(self._layer, a, b, self._left, self._right)
        return torch.cat([rotated.flatten(1), self._bias(b)], 1)

    def _bias(self, b: Tensor) -> Tensor:
        if self._layer.bias is None:
            return b.new_empty(len(b), 0)
        if isinstance(self._layer, nn.Linear):
            return b.reshape(len(b), -1, b.shape[-1]).sum(1)
        return b.flatten(2).sum(2)


class _ScaleAndShift:
    """Batch norm in evaluation mode: a fixed affine map, whose scale and shift are its only parameters."""

    def __init__(self, layer: nn.Module) -> None:
        assert isinstance(layer, nn.BatchNorm2d)
        self._layer = layer

    def fit(self, batches: list[tuple[Tensor, Tensor]], energy: float) -> float:
        return sum(float(self.features(a, b).square().sum()) for a, b in batches)

    def features(self, a: Tensor, b: Tensor) -> Tensor:
        mean, var = self._layer.running_mean, self._layer.running_var
        if not self._layer.affine or mean is None or var is None:
            return b.new_empty(len(b), 0)
        normal = (a - mean[:, None, None]) * torch.rsqrt(var + self._layer.eps)[:, None, None]
        return torch.cat([(b * normal).sum((2, 3)), b.sum((2, 3))], 1)


def _project_linear(layer: nn.Module, a: Tensor, b: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left^T (sum_t b_t a_t^T) right, as (n, left columns, right columns)."""
    a, b = a.reshape(len(a), -1, a.shape[-1]), b.reshape(len(b), -1, b.shape[-1])
    return torch.einsum("nto,nti->noi", b @ left, a @ right)


def _project_conv2d(layer: nn.Module, a: Tensor, b: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The same for a convolution: projecting its input patches is itself a convolution, so none are unfolded."""
    assert isinstance(layer, nn.Conv2d)
    if layer.groups != 1 or layer.padding_mode != "zeros":
        raise NumericsError(
            f"{layer}: per-sample gradients of grouped or non-zero-padded convolutions are not supported"
        )
    kernels = right.T.reshape(-1, *layer.weight.shape[1:])
    patches = functional.conv2d(a, kernels, None, layer.stride, layer.padding, layer.dilation)
    return torch.bmm((left.T @ b.flatten(2)), patches.flatten(2).transpose(1, 2))


def _basis(moment: Tensor, energy: float) -> Tensor:
    """Leading eigenvectors, as columns, that keep this share of the trace."""
    values, vectors = torch.linalg.eigh(moment.double())
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    reached = values.cumsum(0) >= energy * values.sum()
    count = len(values) if energy >= 1 or not reached.any() else int(reached.nonzero()[0]) + 1
    basis: Tensor = vectors[:, :count].to(moment.dtype).contiguous()
    return basis


_GEOMETRIES: dict[type[nn.Module], type[_Geometry]] = {
    nn.Linear: _Weighted,
    nn.Conv2d: _Weighted,
    nn.BatchNorm2d: _ScaleAndShift,
}
