"""Embeddings: the input of a net's last linear layer."""

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from .problem import Problem, Samples

BLOCK = 512
"""Samples in one forward pass."""


def embed(problem: Problem, number: int, samples: Samples) -> Tensor:
    """(n, d) float32, the input of the last linear layer of one of a problem's models, positions averaged.

    Raises InputError if the net calls no linear layer, NumericsError, naming model and sample, if it is not finite.
    """
    module = problem.models[number]()
    device = next(module.parameters()).device
    parts = []
    for start in range(0, len(samples), BLOCK):
        inputs = samples.inputs(np.arange(start, min(start + BLOCK, len(samples))))
        parts.append(_last_input(module, inputs.to(device)).flatten(1, -2).mean(1).float().cpu())
    embeddings = torch.cat(parts)
    samples.require_finite(embeddings, f"model {number}: the embedding")
    return embeddings


def require_classes(backend: str, problem: Problem) -> None:
    """Raises InputError if the labels are not class numbers (n,)."""
    labels = problem.train.labels
    if not np.issubdtype(labels.dtype, np.integer) or labels.ndim != 1:
        raise InputError(
            f"the backend {backend!r} compares class numbers (n,), found labels {labels.dtype} {labels.shape}; "
            "'tracin' takes any"
        )


def _last_input(module: nn.Module, inputs: Tensor) -> Tensor:
    layer_inputs: list[Tensor] = []
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    handles = [
        layer.register_forward_pre_hook(lambda _, arguments: layer_inputs.append(arguments[0])) for layer in layers
    ]
    try:
        with torch.no_grad():
            module(inputs)
    finally:
        for handle in handles:
            handle.remove()
    if not layer_inputs or len(layer_inputs[-1]) != len(inputs):
        raise InputError(
            f"{type(module).__name__}: expected a linear layer after whatever the net makes of a sample, found none; "
            "'tracin' compares gradients instead and needs none"
        )
    return layer_inputs[-1][:, None] if layer_inputs[-1].ndim == 2 else layer_inputs[-1]
