"""What linear learners' parameters are scaled by."""

from typing import get_args

import pytest
import torch
from torch.autograd.functional import hessian

from dataaudit.dataset import Task
from dataaudit.errors import NumericsError
from dataaudit.training import scaling as scaling_module
from dataaudit.training.objectives import MEAN_LOSS
from dataaudit.training.scaling import AlongAxes, ByOutput, Scaling, curvature_of, principal_axes, root_of

N, D, OUTPUTS, PENALTY = 200, 5, 3, 1e-3
TASKS = get_args(Task)


def scalings(task: Task) -> tuple[ByOutput, AlongAxes, torch.Tensor, torch.Tensor]:
    """Of inputs that vary very differently; with these (N, D + 1), and a model's parameters."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(N, D, generator=generator) * torch.tensor([10.0, 3.0, 1.0, 0.1, 0.03])
    inputs = torch.cat([inputs, torch.ones(N, 1)], 1)
    parameters = 0.2 * torch.randn(1 if task == "regression" else OUTPUTS, D + 1, generator=generator)
    parameters = parameters - parameters.mean(0) if task == "classification" else parameters
    outputs = inputs @ parameters.T
    axes = torch.from_numpy(principal_axes(inputs))[:, -2:]
    by_output = ByOutput.of(task, inputs, outputs, PENALTY)
    return by_output, AlongAxes.of(task, inputs, outputs, PENALTY, axes), inputs, parameters


@pytest.mark.parametrize("task", TASKS)
def test_parameters_come_back(task: Task) -> None:
    *both, _, parameters = scalings(task)
    for scaling in both:
        torch.testing.assert_close(scaling.forward(scaling.backward(parameters)), parameters, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_scaled_losses_curve_more_alike(task: Task) -> None:
    by_output, along_axes, inputs, parameters = scalings(task)
    labels = torch.arange(N) % OUTPUTS
    if task != "classification":
        labels = torch.zeros(N) if task == "regression" else (labels[:, None] == torch.arange(OUTPUTS)).float()

    def spread(scaling: Scaling | None) -> float:
        def loss(scaled: torch.Tensor) -> torch.Tensor:
            used = scaled if scaling is None else scaling.forward(scaled)
            return MEAN_LOSS[task](inputs @ used.T, labels) + PENALTY / 2 * used.square().sum()

        start = parameters if scaling is None else scaling.backward(parameters)
        values = torch.linalg.eigvalsh(hessian(loss, start).reshape(start.numel(), -1))
        values = values[values > 1e-6 * values[-1]]  # not where outputs all move alike
        return float(values[-1] / values[0])

    assert spread(by_output) < min(4.0, spread(along_axes))
    assert spread(along_axes) < 0.5 * spread(None)


def test_curvature_is_summed_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, weights = scalings("classification")[2], torch.rand(N, generator=torch.Generator().manual_seed(1))
    expected = torch.einsum("n,ni,nj->ij", weights, inputs, inputs) + PENALTY * torch.eye(D + 1)
    for block in (7, N, 1000):
        monkeypatch.setattr(scaling_module, "BLOCK", block)
        torch.testing.assert_close(curvature_of(inputs, weights, PENALTY), expected, rtol=1e-4, atol=1e-4)


def test_large_inputs_of_few_directions_have_a_root() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = 1e4 * torch.randn(2000, 2, generator=generator) @ torch.randn(2, 300, generator=generator)
    curvature = curvature_of(inputs, torch.full((2000,), 1 / 2000), 1e-8)
    assert torch.linalg.cholesky_ex(curvature)[1] > 0
    root = root_of(curvature.clone())
    assert float((root.T @ root - curvature).norm() / curvature.norm()) < 1e-2


def test_curvature_that_is_not_finite_is_an_error() -> None:
    with pytest.raises(NumericsError, match="not finite"):
        root_of(torch.full((2, 2), torch.nan))
