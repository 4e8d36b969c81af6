"""Objective: the loss that training minimised and the output that is attributed, both per sample."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..dataset import Task
from ..errors import InputError

SUM_TOLERANCE = 1e-3
"""How far from one probabilities may sum that are rounded to a few digits, or of half precision."""
PerSample = Callable[[Tensor, Tensor], Tensor]
"""(outputs (n, ...) of the module, labels (n, ...)) -> (n,), the i-th value from the i-th sample alone."""


@dataclass(frozen=True)
class Objective:
    """The loss and the attributed output.

    loss     what training minimised
    output   what is attributed: scores are changes of it
    """

    name: str
    loss: PerSample
    output: PerSample

    def seeds(self, outputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Derivatives of -loss and of output by the module's outputs, and the weight of the second in the first (n,).

        Where the loss depends on the attributed output f alone, the weight is -dL/df, the Q of TRAK (Park et al.
        2023, eq. 13): 1 - p for classification, the residual for regression.
        """
        loss_seed = -_derivative("loss", self.loss, outputs, labels)
        output_seed = _derivative("output", self.output, outputs, labels)
        square = output_seed.reshape(len(outputs), -1).square().sum(1)
        weight = (loss_seed * output_seed).reshape(len(outputs), -1).sum(1) / square.clamp(
            min=torch.finfo(square.dtype).tiny
        )
        return loss_seed, output_seed, weight


def _derivative(name: str, function: PerSample, outputs: Tensor, labels: Tensor) -> Tensor:
    outputs = outputs.detach().requires_grad_()
    with torch.enable_grad():  # the caller may have turned it off
        values = function(outputs, labels)
        total = values.sum() if isinstance(values, Tensor) else None
    if not isinstance(values, Tensor) or values.shape != (len(outputs),):
        actual = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise InputError(f"{name}: expected one value per sample, a tensor ({len(outputs)},); found {actual}")
    if not values.requires_grad:
        raise InputError(f"{name}: expected a value that depends on the model's outputs; it has no gradient")
    derivative: Tensor = torch.autograd.grad(total, outputs)[0]
    return derivative


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """log p/(1 - p) of the label's class from logits (n, classes) (Park et al. 2023, eq. 6)."""
    is_label = functional.one_hot(labels, logits.shape[1]).bool()
    return logits[is_label] - logits.masked_fill(is_label, -torch.inf).logsumexp(1)


def signed_logit(logits: Tensor, labels: Tensor) -> Tensor:
    """log p/(1 - p) of the labels 0 or 1 from one logit, (n,) or (n, 1)."""
    return (2 * labels.reshape(len(logits)) - 1) * logits.reshape(len(logits))


def _log_loss_of(output: PerSample) -> PerSample:
    """The log-loss as a function of the margin, which keeps small probabilities of error exact."""
    return lambda outputs, labels: functional.softplus(-output(outputs, labels))


def prediction(outputs: Tensor, labels: Tensor) -> Tensor:
    """The predicted value, (n,) or (n, 1)."""
    return outputs.reshape(len(outputs))


def _half_squared_error(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs.reshape(len(outputs)) - labels.reshape(len(outputs))).square() / 2


def _signed_logits(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.where(labels.bool(), logits, -logits)


def joint_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over labels of log p/(1 - p) of their given presence or absence, from logits (n, labels)."""
    return _signed_logits(logits, labels).sum(1)


def _binary_losses(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.softplus(-_signed_logits(logits, labels)).sum(1)


CLASSIFICATION = Objective("classification", _log_loss_of(margin), margin)
BINARY = Objective("binary", _log_loss_of(signed_logit), signed_logit)
REGRESSION = Objective("regression", _half_squared_error, prediction)
MULTILABEL = Objective("multilabel", _binary_losses, joint_margin)
OF_TASK: dict[Task, Objective] = {
    "classification": CLASSIFICATION,
    "regression": REGRESSION,
    "multilabel": MULTILABEL,
}
"""The objective of each task, with outputs (n, classes), (n, 1) and (n, labels)."""
MEAN_LOSS: dict[Task, Callable[[Tensor, Tensor], Tensor]] = {
    "classification": functional.cross_entropy,
    "regression": lambda outputs, labels: _half_squared_error(outputs, labels.to(outputs.dtype)).mean(),
    "multilabel": lambda outputs, labels: _binary_losses(outputs, labels).mean(),
}
"""The mean of the same losses over a batch, to train with."""


def objective_of(outputs: Tensor, labels: Tensor) -> Objective:
    """The objective that a model's outputs and its samples' labels call for.

    Class numbers with logits (n, classes): classification; 0 and 1 with one logit: binary; numbers (n,) or (n, 1)
    with one output: regression on the squared error. Raises InputError where none fits.
    """
    is_integer, is_single = not labels.is_floating_point(), outputs.ndim == 1 or outputs.shape[1:] == (1,)
    if is_integer and labels.ndim == 1 and outputs.ndim == 2 and outputs.shape[1] > 1:
        if int(labels.min()) >= 0 and int(labels.max()) < outputs.shape[1]:
            return CLASSIFICATION
    elif is_integer and labels.shape[1:] in ((), (1,)) and is_single and bool(((labels == 0) | (labels == 1)).all()):
        return BINARY
    elif not is_integer and is_single and labels.shape[1:] in ((), (1,)):
        return REGRESSION
    kind = f"{labels.dtype} {tuple(labels.shape)}"
    if is_integer and labels.ndim == 1:
        kind += f" from {int(labels.min())} to {int(labels.max())}"
    raise InputError(
        "expected class numbers with room in the model's logits (n, classes), 0 and 1 with one logit, or "
        f"floating-point values with one output; found labels {kind} and outputs {tuple(outputs.shape)}. "
        "Pass your own per-sample loss= and output= for anything else"
    )


def are_probabilities(outputs: Tensor) -> bool:
    """Whether the outputs (n, classes) of every sample are in [0, 1] and sum to one, which logits do not by chance."""
    return bool((outputs >= 0).all() and (outputs <= 1).all() and ((outputs.sum(1) - 1).abs() < SUM_TOLERANCE).all())
