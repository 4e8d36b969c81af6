"""Features that keep every coordinate: their inner products are those of autograd's gradients, sample by sample."""

import pytest
import torch

from dataaudit.attribution.gradients import per_sample

from .nets import EVERYTHING, LEFT_TO_TORCH_FUNC, NETS, build, features_of, naive

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop", "ignore:Using padding='same'")


@pytest.mark.parametrize("name", NETS)
def test_full_features_have_the_inner_products_of_the_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, inputs, labels = build(name)
    if name not in LEFT_TO_TORCH_FUNC:
        monkeypatch.setattr(per_sample, "torch_func_block", None)
    features = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    for quantity in ("loss", "output"):
        ours, weight = features(inputs, labels, quantity)
        theirs = naive(net, inputs, labels, quantity)
        torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)
    assert ours.dtype == torch.float32
    logits = net(inputs).reshape(len(inputs), -1)
    logits = logits if logits.shape[1] > 1 else torch.cat([torch.zeros_like(logits), logits], 1)
    p = torch.softmax(logits, 1)[torch.arange(len(labels)), labels]
    torch.testing.assert_close(weight, (1 - p).detach(), rtol=1e-4, atol=1e-6)
    assert features.coverage == 1.0
    assert features.energy == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("name", ["convolutional", "grouped", "transformer with positions", "tied embedding"])
def test_loss_and_margin_gradients_mix_in_one_inner_product(name: str) -> None:
    net, inputs, labels = build(name)
    features = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    ours = features(inputs, labels, "loss")[0] @ features(inputs[:4], labels[:4], "output")[0].T
    theirs = naive(net, inputs, labels, "loss") @ naive(net, inputs[:4], labels[:4], "output").T
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ["convolutional", "transformer", "embedding", "one logit"])
def test_one_sample_is_enough(name: str) -> None:
    net, inputs, labels = build(name)
    ours, weight = features_of(net, inputs[:1], labels[:1], EVERYTHING, 1.0)(inputs[:1], labels[:1], "loss")
    theirs = naive(net, inputs[:1], labels[:1], "loss")
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-6)
    assert weight.shape == (1,)


def test_positions_as_many_as_samples_are_not_taken_for_samples() -> None:
    net, inputs, labels = build("positions first")
    ours = features_of(net, inputs[:7], labels[:7], EVERYTHING, 1.0)(inputs, labels, "loss")[0]
    theirs = naive(net, inputs, labels, "loss")
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)


def test_words_outside_the_sample_count_when_there_is_room() -> None:
    net, inputs, labels = build("embedding")
    sample = inputs.clamp(max=4)
    features = features_of(net, sample, labels, EVERYTHING, energy_per_side=1.0)
    ours, theirs = features(inputs, labels, "loss")[0], naive(net, inputs, labels, "loss")
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["perceptron", "convolutional", "grouped", "embedding", "tied linear", "own parameters"]
)
def test_gradients_that_are_not_rotated_are_those_of_the_parameters(name: str) -> None:
    net, inputs, labels = build(name)
    features = features_of(net, inputs, labels, None)
    positions = {}
    offset = 0
    for parameter in (p for p in net.parameters() if p.requires_grad):
        positions[parameter] = slice(offset, offset + parameter.numel())
        offset += parameter.numel()
    theirs = naive(net, inputs, labels, "loss")
    in_order = torch.cat([theirs[:, positions[p]] for p in features.parameters], 1)
    torch.testing.assert_close(features(inputs, labels, "loss")[0], in_order, rtol=1e-3, atol=1e-6)
