"""Features that keep some coordinates: the energy they claim, in bounded memory and any batches."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dataaudit.attribution.gradients import blocks
from dataaudit.attribution.gradients.per_sample import EARLY, GradientFeatures, _early
from dataaudit.training.objectives import CLASSIFICATION

from .nets import EVERYTHING, batch, build, features_of, naive

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop", "ignore:Using padding='same'")


class Largest(TorchDispatchMode):
    """Largest tensor that any operation gives."""

    bytes = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return result


@pytest.mark.parametrize("name", ["convolutional", "grouped", "grouped 1d", "transformer", "embedding"])
def test_fewer_coordinates_keep_the_energy_they_claim(name: str) -> None:
    net, _, _ = build(name)
    inputs, labels = batch(name, 40)
    exact = naive(net, inputs, labels, "loss").square().sum()
    for dimensions in (5, 20, 35):
        features = features_of(net, inputs, labels, dimensions)
        kept = features(inputs, labels, "loss")[0].square().sum()
        assert features.dimensions == dimensions
        assert float(kept / exact) == pytest.approx(features.energy, rel=1e-3)
    assert features.energy > 0.7


@pytest.mark.parametrize("name", ["convolutional", "transformer"])
def test_no_more_coordinates_are_kept_than_carry_the_energy_asked_for(name: str) -> None:
    net, _, _ = build(name)
    inputs, labels = batch(name, 40)
    features = features_of(net, inputs, labels, 10_000, energy=0.9)
    assert features.energy >= 0.9 > features_of(net, inputs, labels, features.dimensions - 1).energy
    assert features_of(net, inputs, labels, 3, energy=0.9).dimensions == 3


@pytest.mark.parametrize("name", ["convolutional", "depthwise 1d", "transformer", "own parameters", "one logit"])
def test_features_do_not_depend_on_the_batch_they_come_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, _, _ = build(name)
    inputs, labels = batch(name, 150)
    features = features_of(net, inputs, labels, 64)
    together = features(inputs, labels, "loss")[0]
    one_by_one = torch.cat([features(inputs[i : i + 1], labels[i : i + 1], "loss")[0] for i in range(0, 150, 37)])
    torch.testing.assert_close(together[::37], one_by_one, rtol=1e-3, atol=1e-6)
    monkeypatch.setattr(blocks, "BYTES", 20_000)
    torch.testing.assert_close(features(inputs, labels, "loss")[0], together, rtol=1e-3, atol=1e-6)
    in_slices = features_of(net, inputs, labels, 64)
    assert in_slices.energy == pytest.approx(features.energy, rel=1e-4)


def test_sides_too_long_to_rotate_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "ROTATED", 7)
    for name in ("convolutional", "depthwise", "perceptron", "tied embedding"):
        net, inputs, labels = build(name)
        theirs = naive(net, inputs, labels, "loss")
        ours = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)(inputs, labels, "loss")[0]
        torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)
        few = features_of(net, inputs, labels, 30, energy_per_side=1.0)
        kept = few(inputs, labels, "loss")[0].square().sum()
        assert float(kept / theirs.square().sum()) == pytest.approx(few.energy, rel=1e-3)


def test_a_large_vocabulary_is_never_laid_out_for_a_whole_batch() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(30_000, 64), nn.Flatten(), nn.Linear(64 * 6, 3).requires_grad_(False)).eval()
    inputs, labels = torch.randint(30_000, (100, 6)), torch.arange(100) % 3
    inputs[:, 0] = 7
    with Largest() as largest:
        features = features_of(net, inputs, labels, 500)
        ours = features(inputs, labels, "loss")[0]
    assert largest.bytes <= blocks.BYTES < 4 * len(inputs) * 30_000 * 64
    exact = sum(naive(net, inputs[i : i + 1], labels[i : i + 1], "loss").square().sum() for i in range(0, 100, 9))
    assert float(ours[::9].square().sum() / exact) == pytest.approx(features.energy, abs=0.1)
    assert features.coverage == 1.0


def test_weighed_products_are_those_of_each_parameter_by_its_count_and_energy() -> None:
    net, inputs, labels = build("convolutional")
    plain, weighed = (
        GradientFeatures(net, CLASSIFICATION, inputs, labels, EVERYTHING, quantity="output", convolutions=convolutions)
        for convolutions in (None, EARLY)
    )
    rows, own_rows = (features(inputs, labels, "output")[0] for features in (plain, weighed))
    counts = [parameter.numel() for parameter in plain.parameters]
    for count, before, after in zip(counts, rows.split(counts, 1), own_rows.split(counts, 1), strict=True):
        factor = (count / before.square().sum()).sqrt()
        np.testing.assert_allclose(after @ after.T, factor * before @ before.T, rtol=1e-3, atol=1e-5)


def test_the_first_layers_are_left_out_where_they_hold_little() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 400), nn.Tanh(), nn.Linear(400, 3)).eval()
    inputs, labels = torch.randn(64, 3), torch.arange(64) % 3
    counts = [p.numel() for p in net.parameters()]
    every = GradientFeatures(net, CLASSIFICATION, inputs, labels, sum(counts), quantity="output", convolutions=EARLY)
    energies = every(inputs, labels, "output")[0].square().sum(0).split(counts)
    shares = torch.tensor([float(energy.sum()) for energy in energies]).cumsum(0) / sum(map(torch.sum, energies))
    left_out = int((shares <= EARLY).sum())
    assert left_out
    some = GradientFeatures(net, CLASSIFICATION, inputs, labels, 500, quantity="output", convolutions=EARLY)
    kept = {id(p) for p in some.parameters}
    assert not any(id(p) in kept for p in list(net.parameters())[:left_out])
    assert id(list(net.parameters())[4]) in kept
    assert some.energy < 1
    # The share asked for is of what is not left out, which is less than that of everything.
    share = 1 - float(shares[left_out - 1]) / 2
    nearly_all, every_one = (
        GradientFeatures(
            net,
            CLASSIFICATION,
            inputs,
            labels,
            sum(counts) - 1,
            quantity="output",
            energy=energy,
            convolutions=EARLY,
        ).dimensions
        for energy in (share, 1.0)
    )
    assert nearly_all < every_one / 2


def test_first_convolutions_are_left_out_up_to_half_and_never_all() -> None:
    torch.manual_seed(0)
    first, second = nn.Conv2d(1, 8, 3, bias=False), nn.Conv2d(8, 64, 3, bias=False)
    net = nn.Sequential(
        first, nn.BatchNorm2d(8), nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(64 * 16, 3)
    ).eval()
    inputs, labels = torch.randn(64, 1, 8, 8), torch.arange(64) % 3
    blocks = GradientFeatures(net, CLASSIFICATION, inputs, labels, None)._blocks
    assert _early(blocks, [0.2, 0.05, 0.05, 0.3, 0.3, 0.1], 0.5) == 3
    assert _early(blocks, [0.6, 0.0, 0.0, 0.2, 0.1, 0.1], 0.5) == 0
    assert _early(blocks, [0.05, 0.0, 0.0, 0.3, 0.55, 0.1], 0.5) == 4  # a linear layer comes then, and far above EARLY
    assert _early(blocks[1:], [0.05, 0.05, 0.2, 0.6, 0.1], 0.5) == 2  # norms that follow no convolution
    assert _early(blocks[:4], [0.1, 0.1, 0.1, 0.2], 0.5) == 3
    some = GradientFeatures(net, CLASSIFICATION, inputs, labels, 500, quantity="output", convolutions=0.5)
    assert first.weight not in set(some.parameters)
    assert net[-1].weight in set(some.parameters)
