"""A module of one's own that is a linear layer on fixed inputs is attributed exactly, with the penalty it shows."""

from typing import Literal

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn
from torch.nn import functional

import dataaudit
from dataaudit.attribution.own_linear import own_linear
from dataaudit.attribution.own_models import problem_of
from dataaudit.errors import InputError, NumericsError
from dataaudit.training.objectives import margin

Task = Literal["classes", "binary", "numbers"]
TASKS: tuple[Task, ...] = ("classes", "binary", "numbers")
PENALTY = 0.7


def data(task: Task, n: int = 40) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    inputs = torch.randn(n, 4)
    raw = inputs @ torch.randn(4) + torch.randn(n)
    labels = {"classes": (raw > -0.5).long() + (raw > 0.5).long(), "binary": (raw > 0).long(), "numbers": raw}
    return inputs, labels[task]


def loss(task: Task, outputs: Tensor, labels: Tensor) -> Tensor:
    if task == "classes":
        return functional.cross_entropy(outputs, labels, reduction="sum")
    if task == "binary":
        return functional.binary_cross_entropy_with_logits(outputs[:, 0], labels.to(outputs), reduction="sum")
    return (outputs[:, 0] - labels).square().sum() / 2


def fitted(task: Task, inputs: Tensor, labels: Tensor, penalty: float = PENALTY) -> nn.Linear:
    layer = nn.Linear(inputs.shape[1], 3 if task == "classes" else 1).double()
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=500, tolerance_grad=1e-9, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )
    inputs, labels = inputs.double(), labels.double() if labels.is_floating_point() else labels

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = loss(task, layer(inputs), labels) + penalty / 2 * layer.weight.square().sum()
        total.backward()
        return total

    optimizer.step(closure)
    return layer.float().eval()


def outputs_of(task: Task, layer: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    outputs = layer(inputs).detach()
    if task == "classes":
        return margin(outputs, labels)
    return outputs[:, 0] * (2 * labels - 1) if task == "binary" else outputs[:, 0]


@pytest.mark.parametrize("task", TASKS)
def test_the_penalty_is_known_from_the_weights_at_the_optimum(task: Task) -> None:
    inputs, labels = data(task)
    layer = fitted(task, inputs, labels)
    found = own_linear(problem_of(layer, (inputs, labels), (inputs[:5], labels[:5]), None))
    assert found is not None
    assert found.penalty == pytest.approx(PENALTY, rel=1e-3)
    assert found.outputs == layer.out_features
    scored = dataaudit.attribute(layer, (inputs, labels), (inputs[:5], labels[:5]))
    assert scored.provenance["penalty"] == found.penalty
    assert scored.provenance["weight"] == 0.5


@pytest.mark.parametrize("task", TASKS)
def test_scores_are_what_leaving_one_out_does(task: Task) -> None:
    inputs, labels = data(task)
    train, target = (inputs[:30], labels[:30]), (inputs[30:], labels[30:])
    layer = fitted(task, *train)
    whole = outputs_of(task, layer, *target)
    actual = np.stack(
        [
            (whole - outputs_of(task, fitted(task, *(part[torch.arange(30) != i] for part in train)), *target)).numpy()
            for i in range(30)
        ]
    )
    scored = dataaudit.attribute(layer, train, target, backend="linear", weight=1.0)
    assert np.corrcoef(scored.scores().ravel(), actual.ravel())[0, 1] > 0.97


def test_what_comes_before_the_layer_without_parameters_makes_no_difference() -> None:
    inputs, labels = data("classes")
    layer = fitted("classes", inputs, labels)
    plain = dataaudit.attribute(layer, (inputs, labels), (inputs[:5], labels[:5])).scores()
    assert dataaudit.attribute(layer, (inputs, labels), (inputs, labels), dimensions=9).provenance["ridge"] == 0.5
    halved = nn.Sequential(nn.Flatten(), nn.AvgPool1d(2), layer).eval()
    twice = inputs.repeat_interleave(2, 1).view(len(inputs), 2, 4)
    scored = dataaudit.attribute(halved, (twice, labels), (twice[:5], labels[:5]))
    assert scored.provenance["identity"]["backend"] == "linear"
    np.testing.assert_allclose(scored.scores(), plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "models",
    [
        nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)),
        nn.Sequential(nn.Linear(4, 3), nn.Tanh()),
        nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)),
        nn.Linear(4, 3, bias=False),
        [nn.Linear(4, 3), nn.Linear(4, 3)],
    ],
)
def test_any_other_model_is_left_to_trak(models: nn.Module | list[nn.Module]) -> None:
    for module in models if isinstance(models, list) else [models]:
        module.eval()
    inputs, labels = data("classes")
    scored = dataaudit.attribute(models, (inputs, labels), (inputs[:5], labels[:5]))
    assert scored.provenance["identity"]["backend"] == "trak"
    with pytest.raises(InputError, match="a single trained model of one linear layer with biases"):
        dataaudit.attribute(models, (inputs, labels), (inputs[:5], labels[:5]), backend="linear")


@pytest.mark.parametrize("position", [0, 13])
def test_what_is_not_finite_is_named(position: int) -> None:
    inputs, labels = data("classes")
    layer, broken = fitted("classes", inputs, labels), inputs.clone()
    broken[position, 1] = torch.inf
    with pytest.raises(NumericsError, match=f"of 'train#{position}' is not finite"):
        dataaudit.attribute(layer, (broken, labels), (inputs, labels))
    with pytest.raises(NumericsError, match=f"of 'target#{position}' is not finite"):
        dataaudit.attribute(layer, (inputs, labels), (broken, labels))


@pytest.mark.parametrize("factor", [0.0, -1.0, 300.0])
def test_weights_that_no_training_with_a_penalty_leaves_are_left_to_trak(factor: float) -> None:
    inputs, labels = data("classes")
    layer = fitted("classes", inputs, labels)
    with torch.no_grad():
        layer.weight.mul_(factor)
        layer.bias.mul_(factor)
    scored = dataaudit.attribute(layer, (inputs, labels), (inputs, labels))
    assert scored.provenance["identity"]["backend"] == "trak"
    assert np.isfinite(scored.scores()).all()


def test_a_model_that_is_too_sure_gets_no_wild_scores() -> None:
    raw, labels = (torch.from_numpy(part) for part in load_wine(return_X_y=True))
    inputs = ((raw - raw.mean(0)) / raw.std(0)).float()
    largest = []
    for factor in (1.0, 2.0, 4.0):
        layer = fitted("classes", inputs, labels, penalty=1.3)
        with torch.no_grad():
            layer.weight.mul_(factor)
            layer.bias.mul_(factor)
        scored = dataaudit.attribute(layer, (inputs, labels), (inputs, labels))
        assert scored.provenance["identity"]["backend"] == "linear"
        largest.append(float(np.abs(scored.scores()).max()))
    assert max(largest) < 10 * largest[0]
