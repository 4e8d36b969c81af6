"""Parameters and samples without usable per-sample gradients: coverage, silent parameters and errors."""

import pytest
import torch
from torch import Tensor, nn

from dataaudit.attribution.gradients import blocks, per_sample
from dataaudit.attribution.gradients.per_sample import GradientFeatures
from dataaudit.errors import NumericsError, SampleError
from dataaudit.training.objectives import CLASSIFICATION

from .nets import EVERYTHING, Make, Network, batch, build, features_of

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop", "ignore:Using padding='same'")


def in_training() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


def without_running_statistics() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3)).eval()


def beyond_torch_func() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        gain = self.gain if float(x.sum()) > -1e9 else -self.gain  # depends on data
        return self.head(torch.tanh(self.body(x) * gain))

    return Network(run, body=nn.Linear(6, 8), gain=nn.Parameter(torch.ones(8)), head=nn.Linear(8, 3)).eval()


def test_known_layers_of_a_transformer_are_not_left_to_torch_func(monkeypatch: pytest.MonkeyPatch) -> None:
    net, inputs, labels = build("transformer")
    parameters = []
    monkeypatch.setattr(
        per_sample, "torch_func_block", lambda module, ps: parameters.append(ps) or blocks.torch_func_block(module, ps)
    )
    features_of(net, inputs, labels, 10)
    attention = {id(p) for p in net.body[0].self_attn.parameters()}
    assert [{id(p) for p in ps} for ps in parameters] == [attention, attention]


def test_layers_that_are_dead_or_idle_give_zeros() -> None:
    for name in ("dead", "unused"):
        net, inputs, labels = build(name)
        features = features_of(net, inputs, labels, 10)
        assert torch.isfinite(features(inputs, labels, "output")[0]).all()
        assert features.silent
        assert 0 < features.energy <= 1
        assert features.coverage == 1.0


def test_margins_stay_finite_on_a_saturated_net() -> None:
    net, inputs, labels = build("perceptron")
    with torch.no_grad():
        net[2].weight.mul_(1e4)
    features = features_of(net, inputs, labels, EVERYTHING)
    assert features.coverage == 1.0
    assert torch.isfinite(features(inputs, labels, "output")[0]).all()


@pytest.mark.parametrize(
    ("make", "covered", "size"),
    [
        (in_training, 8 + 27, 56 + 16 + 27),  # a shift adds to each sample alone, even here
        (without_running_statistics, 27, 56 + 16 + 27),
        (beyond_torch_func, 56 + 27, 56 + 8 + 27),
    ],
)
def test_what_has_no_gradient_by_sample_lowers_the_coverage(make: Make, covered: int, size: int) -> None:
    torch.manual_seed(1)
    net, (inputs, labels) = make(), batch("perceptron")
    features = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    assert features.coverage == pytest.approx(covered / size)
    assert features.dimensions == covered


def test_frozen_parameters_are_left_out_of_both_sides() -> None:
    net, inputs, labels = build("frozen")
    features = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    assert features.coverage == 1.0
    assert features.dimensions == sum(p.numel() for p in net.parameters() if p.requires_grad)


def test_what_is_not_supported_is_said() -> None:
    inputs, labels = batch("perceptron")
    with pytest.raises(NumericsError, match="no trainable parameter of Sequential has per-sample gradients"):
        features_of(nn.Sequential(nn.Linear(6, 3)).requires_grad_(False), inputs, labels, 10)
    with pytest.raises(NumericsError, match=r"expected a tensor \(11, ...\), found \(33, 2\)"):
        GradientFeatures(
            Network(lambda self, x: self.layer(x).reshape(-1, 2), layer=nn.Linear(6, 6)),
            CLASSIFICATION,
            inputs,
            labels,
            10,
        )


@pytest.mark.parametrize("name", ["perceptron", "own parameters"])
def test_a_gradient_that_is_not_finite_is_laid_at_its_sample(name: str) -> None:
    net, inputs, labels = build(name)
    features = features_of(net, inputs, labels, 10)
    inputs[7, 2] = torch.nan
    with pytest.raises(SampleError) as caught:
        features(inputs, labels, "loss")
    assert caught.value.position == 7
    with pytest.raises(SampleError) as caught:
        features_of(net, inputs, labels, 10)
    assert caught.value.position == 7
