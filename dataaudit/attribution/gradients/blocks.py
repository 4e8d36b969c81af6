"""Blocks of parameters whose per-sample gradients become features: which coordinates each block keeps, and how.

A weight of known layers is projected on both sides, summed over every use of it; biases, scales and shifts are taken
as they are; torch.func differentiates the parameters that no rule of `layers` covers.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ...errors import NumericsError, SampleError
from .layers import PROJECTIONS, is_vector, vector_gradient

ROTATED = 1536
"""Longest side of a weight that is rotated: the eigenvectors of 1,152 rows take 0.3 s, those of 2,304 take 6 s."""
MIN_SHARED_ENERGY = 0.5
"""Least `_shared_energy` for a layer's inputs to be rotated: with less, a sample's basis misses other samples."""
BYTES = 128 << 20
"""Most memory for the gradients of one parameter; larger batches are taken in slices."""


@dataclass(frozen=True)
class Pass:
    """One batch, forward and backward.

    inputs   (n, ...) of the module
    seed     (n, ...) derivative of -loss or of the attributed output by the module's outputs
    weight   (n,) of the output's derivative in that of -loss, see `Objective.seeds`
    uses     by layer, for each of its calls: its input and the gradient of its output
    """

    inputs: Tensor
    seed: Tensor
    weight: Tensor
    uses: dict[nn.Module, list[tuple[Tensor, Tensor]]]

    def slices(self, rows: int) -> Iterator[tuple[slice, "Pass"]]:
        """The batch in parts of at most this many rows, with their positions."""
        for start in range(0, len(self.seed), rows):
            s = slice(start, min(start + rows, len(self.seed)))
            uses = {layer: [(a[s], b[s]) for a, b in calls] for layer, calls in self.uses.items()}
            yield s, Pass(self.inputs[s], self.seed[s], self.weight[s], uses)

    def calls(self, layer: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
        """The layer's uses. Raises NumericsError for one that does not go sample by sample."""
        for a, b in self.uses[layer]:
            if a.shape[:1] != self.seed.shape[:1] or b.shape[:1] != self.seed.shape[:1]:
                raise NumericsError(
                    f"{layer} has no per-sample gradients: expected {len(self.seed)} samples in its first dimension, "
                    f"found an input of shape {tuple(a.shape)} and an output of shape {tuple(b.shape)}"
                )
            yield a, b


class Block(Protocol):
    """Parameters whose gradients become features together; until `fit`, the features are the gradients themselves."""

    parameters: list[nn.Parameter]
    layers: list[nn.Module]

    @property
    def rows(self) -> int:
        """Most rows to compute features of at once."""

    def fit(self, parts: list[Pass], energy: float) -> tuple[Tensor, float]:
        """Choose a basis: the summed square of each coordinate over these parts (k,), and of whole gradients.

        Raises SampleError, with the position over all parts, for a sample whose gradient is not finite.
        """

    def keep(self, coordinates: Tensor) -> None:
        """Compute only these coordinates from now on."""

    def features(self, part: Pass) -> Tensor:
        """(n, k) float32."""


class Rotated:
    """A weight, as the matrix (outputs, inputs), rotated on both sides into the directions that carry its energy.

    A side is a float basis (size, k), or an index (k,) of rows taken as they are: sides longer than ROTATED, inputs
    whose directions a sample of rows does not show, such as words, and the vocabulary of an embedding.
    """

    def __init__(self, parameter: nn.Parameter, layers: list[nn.Module]) -> None:
        self.parameters, self.layers = [parameter], layers
        self._shape = parameter.flatten(1).shape
        self._left, self._right = (torch.arange(side, device=parameter.device) for side in self._shape)
        self._local: Tensor | slice = slice(None)

    @property
    def rows(self) -> int:
        return _rows(self._left.shape[-1] * self._right.shape[-1])

    def fit(self, parts: list[Pass], energy: float) -> tuple[Tensor, float]:
        all_rows, are_embeddings = self._left, [isinstance(layer, nn.Embedding) for layer in self.layers]
        if all(are_embeddings):  # other words have no gradient here
            tokens = [a.flatten() for part in parts for layer in self.layers for a, _ in part.calls(layer)]
            self._left = torch.unique(torch.cat([all_rows[:0], *tokens]))
        left, right = (parts[0].seed.new_zeros(side, side) if side <= ROTATED else None for side in self._shape)
        if any(are_embeddings):
            left = None
        norms, gradients = [], parts[0].seed
        for part in parts:
            gradients = self._projected(part)
            norms.append(gradients.square().sum((1, 2)))
            if left is not None:
                outputs = gradients.transpose(0, 1).flatten(1)
                left += outputs @ outputs.T
            if right is not None:
                inputs = gradients.flatten(0, 1)
                right += inputs.T @ inputs
        total = _total(norms)
        if right is not None and min(map(self._least_shared_energy, parts)) < MIN_SHARED_ENERGY:
            right = None
        if left is not None:
            self._left = _basis(left, energy)
        if right is not None:
            self._right = _basis(right, energy)
        second_moment = parts[0].seed.new_zeros(self._left.shape[-1], self._right.shape[-1])
        if len(parts) == 1:  # rotating these gradients is cheaper than projecting again
            rotated = gradients @ self._right if self._right.ndim == 2 else gradients
            rotated = self._left.T @ rotated if self._left.ndim == 2 else rotated
            second_moment = rotated.square().sum(0)
        else:
            for part in parts:
                second_moment += self._projected(part).square().sum(0)
        if not all(are_embeddings):
            return second_moment.flatten(), total
        moment = second_moment.new_zeros(len(all_rows), second_moment.shape[1])
        moment[self._left] = second_moment
        self._left = all_rows
        return moment.flatten(), total

    def keep(self, coordinates: Tensor) -> None:
        width = self._right.shape[-1]
        rows, row_index = torch.unique(coordinates // width, return_inverse=True)
        columns, column_index = torch.unique(coordinates % width, return_inverse=True)
        self._left, self._right = self._left[..., rows], self._right[..., columns]
        self._local = row_index * len(columns) + column_index

    def features(self, part: Pass) -> Tensor:
        return self._projected(part).flatten(1)[:, self._local]

    def _least_shared_energy(self, part: Pass) -> float:
        """The least `_shared_energy` of the layers' inputs, where each sample has a single input."""
        layer_inputs = [a for layer in self.layers for a, _ in part.calls(layer)]
        return min(
            (_shared_energy(a) for a in layer_inputs if a.ndim == 2 and 2 < len(a) <= 2 * a.shape[1]), default=1.0
        )

    def _projected(self, part: Pass) -> Tensor:
        """left^T G right, (n, left columns, right columns)."""
        shape = len(part.seed), self._left.shape[-1], self._right.shape[-1]
        return _sum(
            (
                PROJECTIONS[type(layer)](layer, a, b, self._left, self._right)
                for layer in self.layers
                for a, b in part.calls(layer)
            ),
            part.seed.new_zeros(()).expand(shape),
        )


class Plain:
    """Parameters whose gradient coordinates are kept as they are.

    gradient   a part's per-sample gradients (n, all the parameters' coordinates)
    """

    def __init__(
        self, parameters: list[nn.Parameter], layers: list[nn.Module], gradient: Callable[[Pass], Tensor]
    ) -> None:
        self.parameters, self.layers, self._gradient = parameters, layers, gradient
        self.rows = _rows(sum(p.numel() for p in parameters))
        self._coordinates: Tensor | slice = slice(None)

    def fit(self, parts: list[Pass], energy: float) -> tuple[Tensor, float]:
        moment, norms = parts[0].seed.new_zeros(sum(p.numel() for p in self.parameters)), []
        for part in parts:
            squares = self.features(part).square()
            moment += squares.sum(0)
            norms.append(squares.sum(1))
        return moment, _total(norms)

    def keep(self, coordinates: Tensor) -> None:
        self._coordinates = coordinates

    def features(self, part: Pass) -> Tensor:
        return self._gradient(part)[:, self._coordinates]


def _shared_energy(inputs: Tensor) -> float:
    """Share of the energy of one half of the inputs (n, d) that lies in the span of the other half."""
    first_half, second_half = inputs[::2].double(), inputs[1::2].double()
    energy = second_half.square().sum()
    if not torch.isfinite(inputs).all() or energy <= 0:
        return 1.0
    values, vectors = torch.linalg.eigh(first_half @ first_half.T)
    significant = values > 1e-6 * values[-1]
    directions = first_half.T @ (vectors[:, significant] / values[significant].sqrt())
    return float((second_half @ directions).square().sum() / energy)


def require_finite(values: Tensor) -> None:
    """Raises SampleError at the first of the samples' values (n,) that is not finite."""
    not_finite = torch.nonzero(~torch.isfinite(values))
    if len(not_finite):
        raise SampleError("the gradient", int(not_finite[0]))


def factored_blocks(module: nn.Module) -> list[Block]:
    """A block for each trainable parameter that belongs to layers of known kinds only."""
    owners: dict[nn.Parameter, list[tuple[nn.Module, str]]] = defaultdict(list)
    for layer in module.modules():
        for name, parameter in layer.named_parameters(recurse=False):
            if parameter.requires_grad:
                owners[parameter].append((layer, name))
    blocks: list[Block] = []
    for parameter, places in owners.items():
        layers = [layer for layer, _ in places]
        if all(type(layer) in PROJECTIONS and name == "weight" for layer, name in places):
            blocks.append(Rotated(parameter, layers))
        elif all(is_vector(layer, name) for layer, name in places):
            blocks.append(Plain([parameter], layers, functools.partial(_vector_gradients, places)))
    return blocks


def torch_func_block(module: nn.Module, parameters: list[nn.Parameter]) -> Block:
    """A block of parameters of any kind, by `torch.func`; slower, as it runs the module once more.

    Its features raise NumericsError where the module cannot be differentiated that way.
    """
    constants = {name: parameter.detach() for name, parameter in module.named_parameters()}
    chosen = [name for name, parameter in module.named_parameters() if any(parameter is p for p in parameters)]
    values = [constants.pop(name) for name in chosen]

    def value(values: list[Tensor], x: Tensor, seed: Tensor) -> Tensor:
        state = constants | dict(zip(chosen, values, strict=True))
        outputs: Tensor = functional_call(module, state, (x[None],))
        return (outputs.reshape(seed.shape) * seed).sum()

    per_sample = vmap(grad(value), in_dims=(None, 0, 0))

    def gradient(part: Pass) -> Tensor:
        try:
            # Of the kernels for attention, only the plain one is sure to be known to vmap.
            with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
                gradients = per_sample(values, part.inputs, part.seed)
        except (RuntimeError, ValueError, IndexError) as error:
            raise NumericsError(
                f"torch.func has no per-sample gradients of {type(module).__name__}: {error}"
            ) from error
        return torch.cat([g.flatten(1) for g in gradients], 1)

    return Plain([p for p in module.parameters() if any(p is q for q in parameters)], [], gradient)


def _vector_gradients(places: list[tuple[nn.Module, str]], part: Pass) -> Tensor:
    """Gradient (n, size) of a bias, scale or shift."""
    layer, name = places[0]
    size = layer.get_parameter(name).numel()
    return _sum(
        (vector_gradient(layer, name, size, a, b) for layer, name in places for a, b in part.calls(layer)),
        part.seed.new_zeros(len(part.seed), size),
    )


def _basis(moment: Tensor, energy: float) -> Tensor:
    """Leading eigenvectors, as columns, that keep this share of the trace."""
    values, vectors = torch.linalg.eigh(moment.double())
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    reached = values.cumsum(0) >= energy * values.sum()
    count = len(values) if energy >= 1 or not reached.any() else int(reached.nonzero()[0]) + 1
    basis: Tensor = vectors[:, :count].to(moment.dtype).contiguous()
    return basis


def _sum(parts: Iterable[Tensor], nothing: Tensor) -> Tensor:
    """The sum of the parts, or `nothing` if there are none."""
    total: Tensor | None = None
    for part in parts:
        total = part if total is None else total + part
    return nothing if total is None else total


def _total(norms: list[Tensor]) -> float:
    squared_norms = torch.cat(norms)
    require_finite(squared_norms)
    return float(squared_norms.sum())


def _rows(width: int) -> int:
    return max(1, BYTES // (4 * max(1, width)))
