"""A user's own module that is one linear layer on fixed inputs, as exact influence takes it."""

import numpy as np
import torch
from torch import Tensor, nn

from ..training.objectives import BINARY, CLASSIFICATION, REGRESSION
from .curvature.linear_curvature import loss_curvature
from .problem import Linear, Problem

WIDEST = 2048
"""Most inputs: the eigenvectors of their second moments take some 5 s for so many, 36 s for twice as many."""
PROBED = 32
"""Samples on which it is checked that the layer is all there is."""
HALF = 0.5
"""Weight of the samples' curvature: scores are about random halves of them."""
LEAST = 1e-5
"""Of the loss's mean curvature: the least penalty, where training shows next to none."""
SATURATED = 1e-6
"""Curvature by the output, p (1 - p), below which rounding decides."""
BLOCK = 8192


def own_linear(problem: Problem) -> Linear | None:
    """What its only model minimised, if this is one linear layer with biases, on the CPU, of at most WIDEST inputs that
    don't depend on parameters; else None.

    At the optimum of sum_i L_i + penalty / 2 |weights|^2 the loss's gradient is the weights times -penalty, so that the
    penalty is known from the model itself; of a training that was stopped early this is what the stop amounts to. If
    it is not positive, the model is not near any such optimum (not trained, scaled up), and None is returned as well,
    as it is for a model that is sure of all samples.

    The model is not trained again: the curvature is taken where it is, with the weight HALF.
    """
    if len(problem.models) != 1 or problem.objective not in (CLASSIFICATION, BINARY, REGRESSION):
        return None
    module = problem.models[0]()
    owners = [part for part in module.modules() if next(part.parameters(recurse=False), None) is not None]
    if len(owners) != 1 or not isinstance(owners[0], nn.Linear) or not _is_served(owners[0]):
        return None
    layer, before = owners[0], _LayerInput(module, owners[0])
    inputs, outputs = before.of(problem.train.inputs(problem.train.spread(PROBED)))
    with torch.no_grad():
        if inputs is None or inputs.ndim != 2 or not torch.equal(layer(inputs), outputs):
            return None
    penalty = _penalty(problem, layer, before)
    return Linear(layer.out_features, penalty, lambda weight: module, before, HALF) if penalty > 0 else None


def _is_served(layer: nn.Linear) -> bool:
    parameters = list(layer.parameters())
    trained = len(parameters) == 2 and all(p.requires_grad and p.device.type == "cpu" for p in parameters)
    return trained and layer.in_features <= WIDEST


def _penalty(problem: Problem, layer: nn.Linear, before: "_LayerInput") -> float:
    pull, curvature, square = torch.zeros_like(layer.weight, dtype=torch.double), 0.0, 0.0
    for start in range(0, len(problem.train), BLOCK):
        samples, labels = problem.train.batch(np.arange(start, min(start + BLOCK, len(problem.train))))
        inputs, outputs = before.of(samples)
        assert inputs is not None
        inputs, outputs = inputs.double(), outputs.double()  # of sure predictions p (1 - p) is next to nothing
        pull += problem.objective.seeds(outputs, labels)[0].T @ inputs
        a, b = loss_curvature(problem.objective, outputs)
        curvature += float(((a - b.square()).sum(1) * inputs.square().sum(1)).sum())
        square += float(inputs.square().sum())
    weight = layer.weight.detach().double()
    penalty = float((pull * weight).sum() / weight.square().sum())
    if not (penalty > 0 and curvature > SATURATED * square):  # a penalty of NaN is of weights of zero
        return 0.0
    return max(penalty, LEAST * curvature / weight.numel())


class _LayerInput(nn.Module):
    """What a module feeds to its linear layer."""

    def __init__(self, module: nn.Module, layer: nn.Linear) -> None:
        super().__init__()
        self._module, self._layer = module, layer

    def of(self, samples: Tensor) -> tuple[Tensor | None, Tensor]:
        """The layer's input, None unless it was called once; and the module's output."""
        seen: list[Tensor] = []
        handle = self._layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
        try:
            with torch.no_grad():
                outputs: Tensor = self._module(samples)
        finally:
            handle.remove()
        return seen[0] if len(seen) == 1 else None, outputs

    def forward(self, samples: Tensor) -> Tensor:
        inputs, _ = self.of(samples)
        assert inputs is not None
        return inputs
