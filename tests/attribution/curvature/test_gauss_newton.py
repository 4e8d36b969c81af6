"""The curvature against J^T W J by autograd, sample by sample and parameter by parameter."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dataaudit.attribution.curvature import gauss_newton
from dataaudit.attribution.curvature.gauss_newton import Curvature, RawGradients, explicit_curvature
from dataaudit.attribution.problem import Problem, Samples
from dataaudit.training.objectives import BINARY, CLASSIFICATION, REGRESSION, Objective

N = 13


def samples(inputs: Tensor, labels: Tensor) -> Samples:
    ids = tuple(f"train#{i}" for i in range(len(inputs)))
    return Samples(ids, labels.numpy(), lambda positions: inputs[torch.from_numpy(positions)])


def curvature_of(net: nn.Module, objective: Objective, inputs: Tensor, labels: Tensor) -> Curvature:
    train = samples(inputs, labels)
    problem = Problem((lambda: net,), train, train, objective, None, {})
    return Curvature(problem, RawGradients(problem, 0))


def slow_matrix(
    net: nn.Module, objective: Objective, inputs: Tensor, labels: Tensor, order: list[nn.Parameter]
) -> Tensor:
    """Sum of J^T W J, one sample, one output and one pair of outputs at a time."""
    total = torch.zeros(sum(p.numel() for p in order), sum(p.numel() for p in order), dtype=torch.float64)
    for x, y in zip(inputs, labels, strict=True):
        outputs = net(x[None])
        rows = [torch.autograd.grad(o, order, retain_graph=True) for o in outputs.flatten()]
        jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).double()
        weight = torch.autograd.functional.hessian(lambda o, y=y: objective.loss(o, y[None]).sum(), outputs.detach())
        total += jacobian.T @ weight.reshape(len(jacobian), len(jacobian)).double() @ jacobian
    return total


def mlp(outputs: int, *last: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, outputs), *last)


def convnet() -> nn.Module:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 2, groups=2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3))  # fmt: skip
    net.train()(torch.randn(20, 2, 4, 4))
    return net


def quartic(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs - labels).pow(4).sum(1) + outputs.prod(1).square()


OWN = Objective("own", quartic, lambda outputs, labels: outputs[:, 0])
PROBABILITIES = Objective("probabilities", lambda outputs, labels: -outputs[torch.arange(len(labels)), labels].log(),
                          lambda outputs, labels: outputs[torch.arange(len(labels)), labels])  # fmt: skip
CASES: dict[str, tuple[Callable[[], nn.Module], Objective, Callable[[], Tensor], tuple[int, ...]]] = {
    "mlp": (lambda: mlp(3), CLASSIFICATION, lambda: torch.arange(N) % 3, (4,)),
    "convnet": (convnet, CLASSIFICATION, lambda: torch.arange(N) % 3, (2, 4, 4)),
    "two classes": (lambda: mlp(2), CLASSIFICATION, lambda: torch.arange(N) % 2, (4,)),
    "one logit": (lambda: mlp(1), BINARY, lambda: torch.arange(N) % 2, (4,)),
    "regression": (lambda: mlp(1, nn.Flatten(0)), REGRESSION, lambda: torch.randn(N), (4,)),
    "probabilities": (lambda: mlp(3, nn.Softmax(1)), PROBABILITIES, lambda: torch.arange(N) % 3, (4,)),
    "own": (lambda: mlp(2), OWN, lambda: torch.randn(N, 2), (4,)),
}


@pytest.mark.parametrize("case", CASES)
def test_matrix_products_and_trace_are_those_of_autograd(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    make, objective, labels, shape = CASES[case]
    net, x, y = make().eval(), torch.randn(N, *shape), labels()
    ours = curvature_of(net, objective, x, y)
    monkeypatch.setattr(gauss_newton, "ROWS", 5)
    monkeypatch.setattr(gauss_newton, "VECTORS", 2)
    order = RawGradients(
        Problem((lambda: net,), samples(x, y), samples(x, y), objective, None, {}), 0
    ).features.parameters
    assert sum(p.numel() for p in order) == sum(p.numel() for p in net.parameters()) == ours.size
    truth = slow_matrix(net, objective, x, y, order)
    scale = float(truth.abs().max())
    torch.testing.assert_close(ours.matrix(), truth, rtol=0, atol=1e-5 * scale)
    vectors = torch.randn(3, ours.size, dtype=torch.float64)
    torch.testing.assert_close(ours.product(vectors), vectors @ truth, rtol=0, atol=1e-4 * scale)
    part = np.array([2, 7])
    torch.testing.assert_close(
        ours.product(vectors, part),
        vectors @ slow_matrix(net, objective, x[part], y[part], order),
        rtol=0,
        atol=1e-4 * scale,
    )
    assert ours.trace() == pytest.approx(float(truth.trace()), rel=1e-5)


def test_the_trace_over_many_outputs_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = mlp(8).eval()
    ours = curvature_of(net, CLASSIFICATION, torch.randn(200, 4), torch.arange(200) % 8)
    exact = ours.trace()
    monkeypatch.setattr(gauss_newton, "OUTPUTS", 7)
    assert ours.trace() == pytest.approx(exact, rel=0.1)
    assert ours.trace() != exact


@pytest.mark.parametrize("case", CASES)
def test_random_derivatives_have_the_loss_s_curvature_as_second_moment(case: str) -> None:
    torch.manual_seed(0)
    make, objective, labels, shape = CASES[case]
    net, x, y = make().eval(), torch.randn(N, *shape), labels()
    ours = curvature_of(net, objective, x, y)
    with torch.no_grad():
        outputs = net(x)
    drawn = torch.stack([ours.sampled_seeds(seed).reshape(N, -1) for seed in range(400)])
    assert ours.sampled_seeds(0).shape == outputs.shape
    weight = explicit_curvature(objective, outputs, y)
    values, vectors = torch.linalg.eigh(weight)
    positive = vectors * values.clamp(min=0)[:, None] @ vectors.mT
    moment = torch.einsum("knc,kne->nce", drawn, drawn) / len(drawn)
    assert float((moment - positive).norm() / positive.norm()) < 0.1


def test_transformers_have_products() -> None:
    torch.manual_seed(0)

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(20, 8)
            self.layer = nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True)
            self.head = nn.Linear(8, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            return self.head(self.layer(self.words(tokens)).mean(1))

    tokens = torch.randint(0, 20, (N, 5))
    ours = curvature_of(Encoder().eval(), CLASSIFICATION, tokens, torch.arange(N) % 3)
    vectors = torch.randn(2, ours.size, dtype=torch.float64)
    truth = vectors @ ours.matrix()
    assert float((ours.product(vectors) - truth).norm() / truth.norm()) < 1e-4
