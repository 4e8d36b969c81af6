"""EK-FAC against slow constructions from materialised matrices."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dataaudit.attribution.curvature import ekfac
from dataaudit.attribution.curvature.ekfac import Eigenbasis, eigenbasis
from dataaudit.attribution.curvature.gauss_newton import Curvature, RawGradients
from dataaudit.attribution.problem import Problem
from dataaudit.training.objectives import CLASSIFICATION, Objective

from .test_gauss_newton import samples

SQUARED = Objective("squared", lambda o, y: (o - y).square().sum(1) / 2, lambda o, y: o[:, 0])


def curvature_of(net: nn.Module, objective: Objective, x: Tensor, y: Tensor) -> Curvature:
    train = samples(x, y)
    problem = Problem((lambda: net,), train, train, objective, None, {})
    return Curvature(problem, RawGradients(problem, 0))


def explicit(basis: Eigenbasis, shift: float) -> Tensor:
    """(d, d) of what the basis does to unit vectors: Q (Lambda + shift)^-1 Q^T."""
    unit = torch.eye(len(basis.eigenvalues))
    return basis.back((basis.rotate(unit) / (basis.eigenvalues + shift)).float())


class Net(nn.Module):
    """A strided, padded convolution with a bias, a norm, and linear layers with and without one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.hidden = nn.Linear(36, 4, bias=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.hidden(torch.tanh(self.norm(self.conv(x))).flatten(1))))


def slow_blocks(net: Net, x: Tensor, seeds: Tensor) -> dict[str, Tensor]:
    """By name of the layer, Q diag(Lambda) Q^T over its weight and bias, one sample and one position at a time."""
    sides: dict[str, list[tuple[Tensor, Tensor]]] = {"conv": [], "hidden": [], "head": []}
    matrices: dict[str, list[Tensor]] = {"conv": [], "hidden": [], "head": []}
    for one, seed in zip(x, seeds, strict=True):
        before = net.conv(one[None])
        after = torch.tanh(net.norm(before)).flatten(1)
        hidden = net.hidden(after)
        outputs = net.head(torch.tanh(hidden))
        by_conv, by_hidden = torch.autograd.grad((outputs * seed).sum(), [before, hidden])
        padded = nn.functional.pad(one, (1, 1, 1, 1))
        sample = []
        for row in range(before.shape[2]):
            for column in range(before.shape[3]):
                patch = padded[:, row : row + 3, 2 * column : 2 * column + 2].flatten()
                sample.append((torch.cat([patch, torch.ones(1)]), by_conv[0, :, row, column]))
        parts = {
            "conv": sample,
            "hidden": [(after[0], by_hidden[0])],
            "head": [(torch.cat([torch.tanh(hidden)[0], torch.ones(1)]), seed)],
        }
        for name, pairs in parts.items():
            sides[name] += pairs
            matrices[name].append(sum(torch.outer(b, a) for a, b in pairs))
    blocks = {}
    for name, pairs in sides.items():
        right = torch.linalg.eigh(sum(torch.outer(a, a) for a, _ in pairs).double())[1]
        left = torch.linalg.eigh(sum(torch.outer(b, b) for _, b in pairs).double())[1]
        values = sum((left.T @ g.double() @ right).square() for g in matrices[name])
        basis = torch.kron(left, right)
        blocks[name] = basis * values.flatten() @ basis.T
    return blocks


def test_the_basis_is_that_of_materialised_factors_with_biases_and_convolutions() -> None:
    torch.manual_seed(0)
    net = Net()
    net.train()(torch.randn(30, 2, 4, 5))
    x, y = torch.randn(60, 2, 4, 5), torch.arange(60) % 3
    curvature = curvature_of(net.eval(), CLASSIFICATION, x, y)
    seeds = curvature.sampled_seeds(0)
    shift = 0.05
    ours = explicit(eigenbasis(curvature, seeds), shift)
    blocks = slow_blocks(net, x, seeds)
    place = {p: i for i, p in enumerate(curvature.seeded.parameters)}
    bounds = torch.tensor([0, *(p.numel() for p in curvature.seeded.parameters)]).cumsum(0)
    seen = torch.zeros(curvature.size, dtype=torch.bool)
    for name, layer in [("conv", net.conv), ("hidden", net.hidden), ("head", net.head)]:
        weight = torch.arange(bounds[place[layer.weight]], bounds[place[layer.weight] + 1]).view(len(layer.weight), -1)
        if layer.bias is not None:
            own = torch.arange(bounds[place[layer.bias]], bounds[place[layer.bias] + 1])
            weight = torch.cat([weight, own[:, None]], 1)
        at = weight.flatten()
        seen[at] = True
        truth = torch.linalg.inv(blocks[name].detach() + shift * torch.eye(len(at)))
        torch.testing.assert_close(ours[at][:, at].double(), truth, rtol=1e-3, atol=1e-3 * float(truth.abs().max()))
        assert float(ours[at][:, ~torch.isin(torch.arange(curvature.size), at)].abs().max()) == 0
    gradients = curvature.seeded(x, seeds, "output")[0].double()
    for parameter in (net.norm.weight, net.norm.bias):
        at = torch.arange(bounds[place[parameter]], bounds[place[parameter] + 1])
        seen[at] = True
        truth = torch.linalg.inv(gradients[:, at].T @ gradients[:, at] + shift * torch.eye(len(at)))
        torch.testing.assert_close(ours[at][:, at].double(), truth, rtol=1e-3, atol=1e-3)
    assert seen.all()


def test_it_is_the_explicit_solution_where_the_curvature_is_a_kronecker_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(400, 6) * torch.linspace(0.2, 3, 6) + 0.5, torch.randn(400, 4)
    curvature = curvature_of(nn.Linear(6, 4).eval(), SQUARED, x, y)
    matrix, vectors = curvature.matrix(), torch.randn(50, curvature.size)
    shift = 0.01 * float(matrix.diagonal().mean())
    truth = torch.linalg.solve(matrix + shift * torch.eye(curvature.size), vectors.double().T).T.flatten()
    basis = eigenbasis(curvature, curvature.sampled_seeds(0))

    def agreement() -> float:
        return float(torch.corrcoef(torch.stack([(vectors @ explicit(basis, shift)).flatten().double(), truth]))[0, 1])

    assert agreement() > 0.99
    rotate, back = Eigenbasis.rotate, Eigenbasis.back
    monkeypatch.setattr(Eigenbasis, "rotate", back)
    monkeypatch.setattr(Eigenbasis, "back", rotate)
    assert agreement() < 0.9  # the wrong way round


def test_every_other_parameter_has_a_block_and_long_sides_are_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(9, 4)
            self.first = nn.Linear(4, 4)
            self.second = nn.Linear(4, 4)
            self.second.weight = self.first.weight
            self.scale = nn.Parameter(torch.ones(4))
            self.grouped = nn.Conv1d(4, 4, 1, groups=2)
            self.head = nn.Linear(4, 3)

        def forward(self, tokens: Tensor) -> Tensor:
            hidden = self.second(torch.tanh(self.first(self.words(tokens)))) * self.scale
            return self.head(self.grouped(hidden.mT).mean(2))

    curvature = curvature_of(Mixed().eval(), CLASSIFICATION, torch.randint(0, 9, (30, 5)), torch.arange(30) % 3)
    seeds = curvature.sampled_seeds(0)
    matrix = curvature.seeded(curvature.samples.batch(np.arange(30))[0], seeds, "output")[0].double()
    for whole, side in [(1024, 8192), (10, 4)]:
        monkeypatch.setattr(ekfac, "DENSE", whole)
        monkeypatch.setattr(ekfac, "SIDE", side)
        basis = eigenbasis(curvature, seeds)
        assert curvature.size == sum(p.numel() for p in curvature.module.parameters())
        assert float(basis.eigenvalues.sum()) == pytest.approx(float(matrix.square().sum()), rel=1e-4)
        unit = torch.eye(curvature.size)
        torch.testing.assert_close(basis.back(basis.rotate(unit)), unit, rtol=0, atol=1e-5)
        torch.testing.assert_close(basis.rotate(unit) @ basis.rotate(unit).T, unit, rtol=0, atol=1e-5)
