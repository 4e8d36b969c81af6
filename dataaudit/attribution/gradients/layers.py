"""From a layer's input and the gradient of its output to per-sample gradients of its parameters.

A weight's gradient for one sample is a matrix G = sum over positions of b a^T, with a the layer's input and b the
gradient of its output. A convolution's a is an input patch, an embedding's is one-hot; so in all cases left^T G right
follows from a and b without G. Vectors (biases, scales and shifts) are small enough to be computed in full.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def _linear(layer: nn.Module, a: Tensor, b: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """left^T (sum_t b_t a_t^T) right, as (n, left columns, right columns), from a (n, ..., I) and b (n, ..., O)."""
    a, b = a.reshape(len(a), -1, a.shape[-1]), b.reshape(len(b), -1, b.shape[-1])
    return torch.einsum("nto,nti->noi", _in_basis(b, left), _in_basis(a, right))


def _convolution(layer: nn.Module, a: Tensor, b: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The same for a (n, C, ...) and b (n, O, ...), where the a_t are the patches that each group of outputs sees.

    Projecting patches is itself a convolution, with the basis as its kernels, so none are unfolded.
    """
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    kernel = layer.weight.shape[1:]
    basis = right if right.ndim == 2 else functional.one_hot(right, kernel.numel()).T.to(a)
    kernels = torch.cat([basis.T.reshape(-1, *kernel)] * layer.groups)
    # The layer's own forward knows its padding, stride and groups.
    patches = _by_group(layer._conv_forward(a, kernels, None), layer.groups)
    gradients = _by_group(b, layer.groups)
    if layer.groups == 1 and left.ndim == 2 and patches.shape[2] < patches.shape[1]:
        return torch.bmm(left.T @ gradients, patches.mT)  # cheaper than projecting the product
    product = torch.bmm(patches, gradients.mT).reshape(len(a), layer.groups, basis.shape[1], -1)
    return _in_basis(product.transpose(1, 2).flatten(2), left).mT


def _by_group(x: Tensor, groups: int) -> Tensor:
    """(n, groups * k, ...) as (n * groups, k, positions), without a copy in any memory format."""
    channels_last = x.movedim(1, -1).reshape(len(x), -1, groups, x.shape[1] // groups)
    return channels_last.movedim(1, -1).flatten(0, 1)


def _embedding(layer: nn.Module, a: Tensor, b: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """The same for tokens a (n, ...) and b (n, ..., D), with `left` an index of words."""
    assert isinstance(layer, nn.Embedding)
    slot = left.new_full((layer.num_embeddings,), -1)
    slot[left] = torch.arange(len(left), device=left.device)
    if layer.padding_idx is not None:
        slot[layer.padding_idx] = -1
    slots = slot[a.reshape(len(a), -1).long()]
    sample, position = torch.nonzero(slots >= 0, as_tuple=True)
    rows = _in_basis(b.reshape(*slots.shape, b.shape[-1])[sample, position], right)
    result = rows.new_zeros(len(a) * len(left), rows.shape[-1])
    return result.index_add_(0, sample * len(left) + slots[sample, position], rows).view(len(a), len(left), -1)


def _in_basis(x: Tensor, basis: Tensor) -> Tensor:
    """The last dimension projected on a basis, or its indexed entries."""
    return x[..., basis] if basis.ndim == 1 else x @ basis


def vector_gradient(layer: nn.Module, name: str, size: int, a: Tensor, b: Tensor) -> Tensor:
    """Gradient (n, size) of a bias, scale or shift from one use of the layer."""
    if name == "weight":
        b = b * _NORMALISED[type(layer)](layer, a)
    if isinstance(layer, nn.Linear | nn.LayerNorm):
        return b.reshape(len(b), -1, size).sum(1)
    return b.sum(tuple(range(2, b.ndim))) if b.ndim > 2 else b


def is_vector(layer: nn.Module, name: str) -> bool:
    """Whether `vector_gradient` covers this parameter of the layer."""
    if type(layer) in PROJECTIONS:
        return name == "bias"
    return type(layer) in _NORMALISED and getattr(layer, "running_mean", True) is not None


def _batch_norm(layer: Any, a: Tensor) -> Tensor:
    return functional.batch_norm(a, layer.running_mean, layer.running_var, eps=layer.eps)


def _layer_norm(layer: Any, a: Tensor) -> Tensor:
    return functional.layer_norm(a, layer.normalized_shape, eps=layer.eps)


def _group_norm(layer: Any, a: Tensor) -> Tensor:
    return functional.group_norm(a, layer.num_groups, eps=layer.eps)


PROJECTIONS: dict[type[nn.Module], Callable[[nn.Module, Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.Embedding: _embedding,
}
"""By kind of layer: (layer, a, b, left, right) -> left^T G right, (n, left columns, right columns)."""
_NORMALISED: dict[type[nn.Module], Callable[[Any, Tensor], Tensor]] = {
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
}
