"""Factored features against autograd, sample by sample."""

import pytest
import torch
from torch import Tensor, nn

from dataaudit.errors import NumericsError
from dataaudit.gradients import GradientFeatures, Of

EVERYTHING = 10**9


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 5, 3, stride=2, dilation=2, padding=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(20, 3),
    )
    with torch.no_grad():
        net(torch.randn(50, 2, 9, 9))  # running statistics other than 0 and 1
    return net.eval()


def perceptron() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3, bias=False)).eval()


def batch(net: nn.Module, n: int = 11) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    shape = (n, 6) if isinstance(next(net.children()), nn.Linear) else (n, 2, 9, 9)
    return torch.randn(shape), torch.arange(n) % 3


def naive(net: nn.Module, inputs: Tensor, labels: Tensor, of: Of) -> Tensor:
    rows = []
    for x, y in zip(inputs, labels, strict=True):
        net.zero_grad()
        log_p = torch.log_softmax(net(x[None]).double(), 1)[0, y]
        value = log_p if of == "loss" else log_p - torch.log1p(-log_p.exp())
        value.backward()
        rows.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    return torch.stack(rows)


@pytest.mark.parametrize("make", [convolutional, perceptron])
@pytest.mark.parametrize("of", ["loss", "margin"])
def test_full_features_have_the_inner_products_of_the_gradients(make, of: Of) -> None:
    net = make()
    inputs, labels = batch(net)
    features = GradientFeatures(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    ours, doubt = features(inputs, labels, of)
    theirs = naive(net, inputs, labels, of)
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)
    p = torch.softmax(net(inputs), 1)[torch.arange(len(labels)), labels]
    torch.testing.assert_close(doubt, (1 - p).detach(), rtol=1e-4, atol=1e-6)
    assert features.coverage == 1.0
    assert features.energy == pytest.approx(1.0, rel=1e-4)


def test_loss_and_margin_gradients_mix_in_one_inner_product() -> None:
    net = convolutional()
    inputs, labels = batch(net)
    features = GradientFeatures(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    ours = features(inputs, labels, "loss")[0] @ features(inputs[:4], labels[:4], "margin")[0].T
    theirs = naive(net, inputs, labels, "loss") @ naive(net, inputs[:4], labels[:4], "margin").T
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_fewer_coordinates_keep_the_energy_they_claim() -> None:
    net = convolutional()
    inputs, labels = batch(net, 40)
    exact = naive(net, inputs, labels, "loss").square().sum()
    for dimensions in (5, 20, 60):
        features = GradientFeatures(net, inputs, labels, dimensions)
        kept = features(inputs, labels, "loss")[0].square().sum()
        assert features.dimensions == dimensions
        assert float(kept / exact) == pytest.approx(features.energy, rel=1e-3)
    assert features.energy > 0.9


def test_features_do_not_depend_on_the_batch_they_come_in() -> None:
    net = convolutional()
    inputs, labels = batch(net, 300)
    features = GradientFeatures(net, inputs, labels, 64)
    together = features(inputs, labels, "loss")[0]
    one_by_one = torch.cat([features(inputs[i : i + 1], labels[i : i + 1], "loss")[0] for i in range(0, 300, 37)])
    torch.testing.assert_close(together[::37], one_by_one, rtol=1e-4, atol=1e-6)


def test_margins_stay_finite_on_a_saturated_net() -> None:
    net = perceptron()
    with torch.no_grad():
        net[2].weight.mul_(1e4)
    inputs, labels = batch(net)
    features = GradientFeatures(net, inputs, labels, EVERYTHING)
    assert torch.isfinite(features(inputs, labels, "margin")[0]).all()


def test_what_is_not_supported_is_said() -> None:
    grouped = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.LazyLinear(3))
    grouped(torch.zeros(1, 2, 9, 9))
    with pytest.raises(NumericsError, match="grouped"):
        GradientFeatures(grouped.eval(), *batch(convolutional()), 10)
    shared = nn.Linear(6, 6)
    with pytest.raises(NumericsError, match="used twice"):
        GradientFeatures(nn.Sequential(shared, shared), *batch(perceptron()), 10)
    with pytest.raises(NumericsError, match="expected one of BatchNorm2d, Conv2d, Linear"):
        GradientFeatures(nn.Sequential(nn.Flatten()), *batch(perceptron()), 10)


def test_layers_without_factored_gradients_lower_the_coverage() -> None:
    net = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    features = GradientFeatures(net, *batch(perceptron()), 10)
    assert features.coverage == pytest.approx((7 * 8 + 9 * 3) / (7 * 8 + 16 + 9 * 3))
