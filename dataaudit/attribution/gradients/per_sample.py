"""Per-sample gradients in factored form: projected layer by layer, never materialised at full width.

A layer's gradient for one sample is a matrix G = sum over positions of b a^T, with a the layer's input and b the
gradient of its output. Both sides of G are rotated into the eigenbases of E[G^T G] and E[G G^T], taken on a sample of
rows (a higher-order SVD, related to the Kronecker-factored eigenbasis of George et al. 2018). That
gathers the energy in few coordinates, and those with the largest measured second moment are kept. With every
coordinate kept, inner products of features are exactly those of the gradients.

Weighed by layer, a parameter's gradients are multiplied by (count / energy)^(1/4), with the count of its numbers and
the energy of their gradients: inner products are then those of a gradient with the step that Adam takes (Kingma & Ba
2015), its preconditioner being the same for all of a parameter. Without it the first convolutions decide, few numbers
that every position moves.

What each parameter's features sum to over a few rows is checked against its ordinary gradient before it is trusted, so
that no use of a weight that layers can't see (in another layer's code, across samples) makes them silently wrong.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ...errors import NumericsError, SampleError
from ...training.objectives import Objective
from .blocks import Block, Pass, factored_blocks, require_finite, torch_func_block

Quantity = Literal["loss", "output", "tempered"]
"""Gradients of -loss, of the output, or of the output times its weight to the power of TEMPER."""
TEMPER = 0.25
SAMPLE = 128
"""Rows on which the bases are estimated."""
BATCH = 128
"""Rows in one forward and backward pass."""
PROBE = 32
"""Rows on which the features are checked against ordinary gradients."""
EARLY = 0.1
"""Most of the weighed energy that the first layers hold and are left out with: the backward pass ends behind them."""
CONVOLUTIONS, NORMS = (nn.Conv1d, nn.Conv2d), (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
AGREEMENT = 1e-2
"""Largest relative difference in that check: above rounding, reduced-precision convolutions on GPUs included."""


class GradientFeatures:
    """Maps samples to features (n, k) whose inner products approximate those of their parameter gradients.

    coverage   share of the trainable parameters that the features see
    silent     names of the parameters that no gradient reached on a few rows
    energy     share of the sample's squared gradient norms that the k coordinates keep; 1.0 when none is dropped
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        inputs: Tensor,
        labels: Tensor,
        dimensions: int | None,
        energy_per_side: float = 0.999,
        quantity: Quantity = "loss",
        energy: float = 1.0,
        convolutions: float | None = None,
    ) -> None:
        """Choose the coordinates on a spread of at most SAMPLE rows of `inputs`.

        module            in evaluation mode; its outputs are those that the objective takes
        dimensions        most coordinates to keep, over all parameters; None for the gradients themselves
        energy_per_side   share of each side's second moment that its basis keeps; 1.0 keeps full bases
        quantity          whose gradients' energy decides
        energy            share of the energy, of what is not left out, of which fewer coordinates will do
        convolutions      gradients are weighed by layer, see the module, and first layers left out, see EARLY, but for
                          convolutions and their norms with this share in its place; None to weigh and leave out nothing

        Raises NumericsError if no parameter of the module has per-sample gradients, SampleError for a sample whose
        gradient is not finite.
        """
        self._module, self._objective = module, objective
        self._blocks = factored_blocks(module)
        self.silent: list[str] = []
        sampled = torch.linspace(0, len(inputs) - 1, min(SAMPLE, len(inputs))).long()
        probed = sampled[:: max(1, len(sampled) // PROBE)][:PROBE]
        self._blocks = self._verified_blocks(inputs[probed], labels[probed])
        trainable = sum(p.numel() for p in module.parameters() if p.requires_grad)
        self.coverage = sum(p.numel() for block in self._blocks for p in block.parameters) / max(trainable, 1)
        if not self._blocks:
            raise NumericsError(
                f"no trainable parameter of {type(module).__name__} has per-sample gradients: expected layers of the "
                "known kinds, or a module that torch.func can differentiate for one sample at a time"
            )
        self._scales = [1.0] * len(self._blocks)
        if dimensions is None:
            self._widths = [_count(block) for block in self._blocks]
            self.dimensions, self.energy = sum(self._widths), 1.0
        else:
            passes = list(self._passes(inputs[sampled], labels[sampled], quantity))
            self._choose(sampled, passes, dimensions, energy_per_side, energy, convolutions)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The parameters covered, in the order of the gradients' coordinates where all are kept as they are."""
        return [parameter for block in self._blocks for parameter in block.parameters]

    def _choose(
        self,
        sampled: Tensor,
        passes: list[Pass],
        dimensions: int,
        energy_per_side: float,
        share: float,
        convolutions: float | None,
    ) -> None:
        all_fit = sum(map(_count, self._blocks)) <= dimensions
        moments, energies = [], []
        for number, block in enumerate(self._blocks):
            parts = [part for batch in passes for _, part in batch.slices(block.rows)]
            try:
                moment, energy = block.fit(parts, 1.0 if all_fit else energy_per_side)
            except SampleError as error:
                raise SampleError(error.what, int(sampled[error.position])) from error
            if convolutions is not None and energy > 0:
                self._scales[number] = (_count(block) / energy) ** 0.25
            moments.append(moment * self._scales[number] ** 2)
            energies.append(energy * self._scales[number] ** 2)
        total = sum(energies)
        early = 0
        if convolutions is not None and not all_fit and total > 0:
            early = _early(self._blocks, [energy / total for energy in energies], convolutions)
        for moment in moments[:early]:
            moment.fill_(-1)  # below all others
        all_moments = torch.cat(moments)
        order = all_moments.argsort(descending=True, stable=True)[:dimensions]
        order = order[all_moments[order] >= 0]
        if share < 1:
            reached = all_moments[order].cumsum(0) >= share * sum(energies[early:])
            order = order[: int((~reached).sum()) + 1]
        order = order.sort().values
        self.dimensions = len(order)
        self.energy = min(1.0, float(all_moments[order].sum()) / max(total, 1e-30))
        bounds = [0, *itertools.accumulate(map(len, moments))]
        chosen = [order[(order >= low) & (order < high)] - low for low, high in itertools.pairwise(bounds)]
        kept = [number for number, coordinates in enumerate(chosen) if len(coordinates)]
        self._blocks = [self._blocks[number] for number in kept]
        self._scales = [self._scales[number] for number in kept]
        self._widths = [len(chosen[number]) for number in kept]
        for block, number in zip(self._blocks, kept, strict=True):
            block.keep(chosen[number])

    def __call__(self, inputs: Tensor, labels: Tensor, quantity: Quantity) -> tuple[Tensor, Tensor]:
        """Features (n, k) float32 on the CPU of each sample's gradient, and its weight (n,).

        The weight is that of the output in the loss, see `Objective.seeds`.
        Raises SampleError for a sample whose gradient is not finite.
        """
        features, weights = torch.empty(len(inputs), self.dimensions), torch.empty(len(inputs))
        start = 0
        for batch in self._passes(inputs, labels, quantity):
            rows = features[start : start + len(batch.seed)]
            columns = torch.split(rows, self._widths, 1)
            for block, scale, own in zip(self._blocks, self._scales, columns, strict=True):
                for span, part in batch.slices(block.rows):
                    torch.mul(block.features(part), scale, out=own[span])
            weights[start : start + len(batch.seed)] = batch.weight
            start += len(batch.seed)
        require_finite(features.sum(1))
        return features, weights

    def _passes(self, inputs: Tensor, labels: Tensor, quantity: Quantity) -> Iterator[Pass]:
        """The batches, with the inputs of the blocks' layers and the gradients of their outputs."""
        device = next(self._module.parameters()).device
        layers = list(dict.fromkeys(layer for block in self._blocks for layer in block.layers))
        for start in range(0, len(inputs), BATCH):
            x = _channels_last(inputs[start : start + BATCH].to(device))
            with torch.enable_grad(), _recorded_calls(layers) as calls:
                outputs = _checked_outputs(self._module, x)
            loss_seed, output_seed, weight = self._objective.seeds(outputs, labels[start : start + BATCH].to(device))
            seed = loss_seed if quantity == "loss" else output_seed
            if quantity == "tempered":
                seed = seed * weight.pow(TEMPER).view(-1, *[1] * (seed.ndim - 1))
            uses: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in layers}
            if calls and outputs.requires_grad:
                edges = [edge for _, _, edge in calls]
                gradients = torch.autograd.grad(outputs, edges, seed, allow_unused=True)
                for (layer, a, _), b in zip(calls, gradients, strict=True):
                    if b is not None:
                        uses[layer].append((a, b))
            yield Pass(x, seed, weight, uses)

    def _verified_blocks(self, inputs: Tensor, labels: Tensor) -> list[Block]:
        """The blocks whose features agree with ordinary gradients, and one by torch.func for the other parameters."""
        trainable = [p for p in self._module.parameters() if p.requires_grad]
        if not trainable:
            return []
        (probe,) = self._passes(inputs, labels, "output")
        # Weights that differ by sample, so that a gradient that mixes samples does not agree.
        weights = torch.linspace(0.5, 1.5, len(probe.seed)).to(probe.seed)
        with torch.enable_grad():
            outputs = _checked_outputs(self._module, probe.inputs)
        if not outputs.requires_grad:
            return []
        weighted = weights.view(-1, *[1] * (probe.seed.ndim - 1)) * probe.seed
        sums = torch.autograd.grad(outputs, trainable, weighted, allow_unused=True)
        true_gradients = {
            p: torch.zeros_like(p) if total is None else total.to_dense()
            for p, total in zip(trainable, sums, strict=True)
        }
        self.silent = [
            name for name, p in self._module.named_parameters() if p in true_gradients and not true_gradients[p].any()
        ]
        verified = [block for block in self._blocks if _agreeing_parameters(block, probe, weights, true_gradients)]
        covered = {p for block in verified for p in block.parameters}
        uncovered = [p for p in trainable if p not in covered]
        if uncovered:
            uncovered = _agreeing_parameters(torch_func_block(self._module, uncovered), probe, weights, true_gradients)
        return [*verified, torch_func_block(self._module, uncovered)] if uncovered else verified


def _early(blocks: list[Block], shares: list[float], of_convolutions: float) -> int:
    """How many of the first blocks are left out, see EARLY, from their shares of the weighed energy."""
    convolutional, held = isinstance(next(iter(blocks[0].layers), None), CONVOLUTIONS), 0.0
    for number, (block, share) in enumerate(zip(blocks, shares, strict=True)):
        convolutional &= all(isinstance(layer, CONVOLUTIONS + NORMS) for layer in block.layers)
        held += share
        if held > (of_convolutions if convolutional else EARLY):
            return number
    return len(blocks) - 1


def _count(block: Block) -> int:
    """Of the numbers in its parameters."""
    return sum(p.numel() for p in block.parameters)


def _agreeing_parameters(
    block: Block, probe: Pass, weights: Tensor, gradients: dict[nn.Parameter, Tensor]
) -> list[nn.Parameter]:
    """The block's parameters whose weighted sum of per-sample gradients is their ordinary gradient."""
    try:
        summed = sum(weights[span] @ block.features(part) for span, part in probe.slices(block.rows))
    except NumericsError:
        return []
    assert isinstance(summed, Tensor)
    pieces = zip(block.parameters, torch.split(summed, [p.numel() for p in block.parameters]), strict=True)
    # Not finite is no disagreement: it is reported later, with the sample.
    return [p for p, piece in pieces if not (piece - gradients[p].flatten()).norm() > AGREEMENT * gradients[p].norm()]


def _channels_last(x: Tensor) -> Tensor:
    """Images with channels last, which convolutions and pooling take a third less time for."""
    return torch.empty_like(x, memory_format=torch.channels_last).copy_(x) if x.ndim == 4 else x


def _checked_outputs(module: nn.Module, inputs: Tensor) -> Tensor:
    """(n, ...)."""
    outputs = module(inputs)
    if not isinstance(outputs, Tensor) or outputs.shape[:1] != inputs.shape[:1]:
        actual = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise NumericsError(
            f"the outputs of {type(module).__name__} are not one for each sample: expected a tensor ({len(inputs)}, "
            f"...), found {actual}; a module that returns several things can be wrapped in one that returns a tensor"
        )
    return outputs


@contextmanager
def _recorded_calls(layers: list[nn.Module]) -> Iterator[list[tuple[nn.Module, Tensor, GradientEdge]]]:
    """The layers' calls in one forward pass: input, and where its output stands in the graph."""
    calls: list[tuple[nn.Module, Tensor, GradientEdge]] = []

    def record(layer: nn.Module, arguments: tuple[Tensor, ...], keywords: dict[str, Tensor], output: Tensor) -> None:
        if output.requires_grad:
            layer_input = arguments[0] if arguments else keywords["input"]
            # The edge and not the output itself, which an in-place activation would turn into its own result.
            calls.append((layer, layer_input.detach(), get_gradient_edge(output)))

    handles = [layer.register_forward_hook(record, with_kwargs=True) for layer in layers]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
