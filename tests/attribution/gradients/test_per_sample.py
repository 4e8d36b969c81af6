"""Factored features against autograd, sample by sample."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dataaudit.attribution.gradients import layers, per_sample
from dataaudit.attribution.gradients.per_sample import GradientFeatures, Of
from dataaudit.errors import NumericsError, SampleError
from dataaudit.training.objectives import BINARY, CLASSIFICATION

EVERYTHING = 10**9
WORDS = 9
Make = Callable[[], nn.Module]


class Network(nn.Module):
    """Calls `run` with its parts and the inputs."""

    def __init__(self, run: Callable[..., Tensor], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class Largest(TorchDispatchMode):
    """Largest tensor that any operation gives."""

    bytes = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.bytes = max(self.bytes, tensor.numel() * tensor.element_size())
        return result


def convolutional() -> nn.Module:
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
    return net


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3, bias=False))


def of_images(*layers: nn.Module) -> Make:
    return lambda: nn.Sequential(*layers, nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(3))


def of_signals(*layers: nn.Module) -> Make:
    return lambda: nn.Sequential(*layers, nn.Tanh(), nn.AdaptiveAvgPool1d(3), nn.Flatten(), nn.LazyLinear(3))


def of_words(*layers: nn.Module, padding: int | None = 0) -> Make:
    """Tokens (n, 7) to vectors (n, 7, 8), through the layers, to their mean."""

    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.head(self.body(self.words(x)).mean(1))

    return lambda: Network(
        run, words=nn.Embedding(WORDS, 8, padding_idx=padding), body=nn.Sequential(*layers), head=nn.Linear(8, 3)
    )


def in_place() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.Hardswish(True), nn.Linear(8, 3))


def batch_norm_1d() -> nn.Module:
    flat = nn.Sequential(nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(28, 5), nn.BatchNorm1d(5))
    with torch.no_grad():
        flat(torch.randn(50, 2, 9))
    return nn.Sequential(flat, nn.Tanh(), nn.Linear(5, 3))


def group_norm_of_vectors() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.GroupNorm(2, 8), nn.Tanh(), nn.Linear(8, 3))


def shared_layer() -> nn.Module:
    shared = nn.Linear(6, 6)
    return nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(6, 3))


def shared_norm_and_convolution() -> nn.Module:
    block = nn.Sequential(nn.Conv2d(2, 2, 3, padding="same", groups=2), nn.GroupNorm(1, 2), nn.Tanh())
    return nn.Sequential(block, block, nn.Flatten(), nn.Linear(162, 3))


def tied_linear() -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Linear(6, 3))
    net[2].weight, net[2].bias = net[0].weight, net[0].bias
    return net


def tied_embedding() -> nn.Module:
    """Words score words by the table that embeds them."""

    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.words(x)).mean(1))[:, :3]

    net = Network(run, words=nn.Embedding(WORDS, 8, padding_idx=0), out=nn.Linear(8, WORDS))
    net.out.weight = net.words.weight
    return net


def tied_behind_the_layers() -> nn.Module:
    """The table's second use is in no layer of its own."""

    def run(self: nn.Module, x: Tensor) -> Tensor:
        return (self.inner(self.words(x).mean(1)) @ self.words.weight.T)[:, :3]

    return Network(run, words=nn.Embedding(WORDS, 8), inner=nn.Linear(8, 8))


def transformer() -> nn.Module:
    return of_words(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True))()


def transformer_with_positions() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.words(x) + self.positions(torch.arange(7))).mean(1))

    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), 2, enable_nested_tensor=False
    )
    words, positions = nn.Embedding(WORDS, 8), nn.Embedding(7, 8)
    return Network(run, words=words, positions=positions, encoder=encoder, head=nn.Linear(8, 3))


def positions_first() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.words(x.T)).mean(0))

    encoder = nn.TransformerEncoderLayer(8, 2, 16)
    return Network(run, words=nn.Embedding(WORDS, 8), encoder=encoder, head=nn.Linear(8, 3))


def attention_of_layers() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        x = self.words(x)
        query, key, value = self.qkv(self.norm(x)).chunk(3, -1)
        return self.head((x + functional.scaled_dot_product_attention(query, key, value)).mean(1))

    words, norm = nn.Embedding(WORDS, 8), nn.LayerNorm(8)
    return Network(run, words=words, norm=norm, qkv=nn.Linear(8, 24), head=nn.Linear(8, 3))


def multihead_attention() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        x = self.words(x)
        return self.head(self.attention(x, x, x)[0].mean(1))

    words, attention = nn.Embedding(WORDS, 8), nn.MultiheadAttention(8, 2, batch_first=True)
    return Network(run, words=words, attention=attention, head=nn.Linear(8, 3))


def own_parameters() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(x)) * self.gain.exp() + self.shift[:1])

    gain, shift = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(2, 8))
    return Network(run, body=nn.Linear(6, 8), gain=gain, shift=shift, head=nn.Linear(8, 3))


def recurrent() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.head(self.cells(self.words(x))[0][:, -1])

    words, cells = nn.Embedding(WORDS, 8), nn.LSTM(8, 4, batch_first=True)
    return Network(run, words=words, cells=cells, head=nn.Linear(4, 3))


def weight_normed() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(6, 8)), nn.Tanh(), nn.Linear(8, 3))


def rows_folded_into_the_batch() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.inner(self.words(x).reshape(-1, 8))).reshape(len(x), 7, 8).mean(1))

    return Network(run, words=nn.Embedding(WORDS, 8), inner=nn.Linear(8, 8), head=nn.Linear(8, 3))


def frozen() -> nn.Module:
    net = convolutional()
    for parameter in [*net[0].parameters(), net[1].weight, net[3].bias]:
        parameter.requires_grad_(False)
    return net


def frozen_attention() -> nn.Module:
    net = transformer()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_("norm1" in name or "in_proj_bias" in name)
    return net


def dead() -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        net[0].bias.fill_(-100)
    return net


def unused() -> nn.Module:
    net = perceptron()
    net[1].register_module("idle", nn.Conv2d(2, 2, 3))
    net[1].register_parameter("spare", nn.Parameter(torch.ones(3)))
    return net


IMAGES: dict[str, Make] = {
    "convolutional": convolutional,
    "strided": of_images(nn.Conv2d(2, 4, 3, stride=(2, 1), padding=1)),
    "dilated": of_images(nn.Conv2d(2, 4, 3, dilation=(1, 2))),
    "same": of_images(nn.Conv2d(2, 4, (2, 4), padding="same")),
    "valid": of_images(nn.Conv2d(2, 4, 3, padding="valid")),
    "grouped": of_images(nn.Conv2d(2, 4, 1), nn.Conv2d(4, 6, 3, groups=2)),
    "depthwise": of_images(nn.Conv2d(2, 6, 3, groups=2, stride=2), nn.Conv2d(6, 6, 2, groups=6, bias=False)),
    "reflect": of_images(nn.Conv2d(2, 4, 3, padding=2, padding_mode="reflect")),
    "replicate": of_images(nn.Conv2d(2, 4, 3, padding="same", padding_mode="replicate", groups=2)),
    "circular": of_images(nn.Conv2d(2, 4, 3, stride=2, padding=(1, 2), padding_mode="circular")),
    "group norm": of_images(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4)),
    "plain group norm": of_images(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4, affine=False)),
    "layer norm of images": of_images(nn.Conv2d(2, 4, 3), nn.LayerNorm((4, 7, 7))),
    "shared norm and convolution": shared_norm_and_convolution,
    "frozen": frozen,
}
SIGNALS: dict[str, Make] = {
    "strided 1d": of_signals(nn.Conv1d(2, 4, 3, stride=2, dilation=2, padding=1)),
    "same 1d": of_signals(nn.Conv1d(2, 4, 4, padding="same")),
    "grouped 1d": of_signals(nn.Conv1d(2, 4, 1), nn.Conv1d(4, 6, 3, groups=2, bias=False)),
    "depthwise 1d": of_signals(nn.Conv1d(2, 4, 3, groups=2, padding=1)),
    "reflect 1d": of_signals(nn.Conv1d(2, 4, 3, padding=1, padding_mode="reflect")),
    "batch norm 1d": batch_norm_1d,
}
TOKENS: dict[str, Make] = {
    "embedding": of_words(padding=None),
    "embedding with padding": of_words(),
    "sequence linear": of_words(nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 8)),
    "layer norm": of_words(nn.LayerNorm(8), nn.Tanh()),
    "plain layer norm": of_words(nn.LayerNorm(8, elementwise_affine=False), nn.Linear(8, 8)),
    "tied embedding": tied_embedding,
    "tied behind the layers": tied_behind_the_layers,
    "transformer": transformer,
    "transformer with positions": transformer_with_positions,
    "positions first": positions_first,
    "attention of layers": attention_of_layers,
    "multihead attention": multihead_attention,
    "frozen attention": frozen_attention,
    "recurrent": recurrent,
    "rows folded into the batch": rows_folded_into_the_batch,
}
VECTORS: dict[str, Make] = {
    "perceptron": perceptron,
    "in place": in_place,
    "group norm of vectors": group_norm_of_vectors,
    "shared layer": shared_layer,
    "tied linear": tied_linear,
    "own parameters": own_parameters,
    "weight normed": weight_normed,
    "dead": dead,
    "unused": unused,
    "one logit": lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)),
    "one flat logit": lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0)),
}
LEFT_TO_TORCH_FUNC = {"tied behind the layers", "transformer", "transformer with positions", "positions first"} | {
    "multihead attention", "frozen attention", "recurrent", "rows folded into the batch", "own parameters", "unused",
    "weight normed"}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop", "ignore:Using padding='same'")
NETS = IMAGES | SIGNALS | TOKENS | VECTORS


def batch(name: str, n: int = 11) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    labels = torch.arange(n) % (2 if "logit" in name else 3)
    if name in TOKENS:
        return torch.randint(WORDS, (n, 7)), labels
    return torch.randn(n, *((2, 9, 9) if name in IMAGES else (2, 9) if name in SIGNALS else (6,))), labels


def build(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(1)
    net = NETS[name]().eval()
    inputs, labels = batch(name)
    net(inputs)  # lazy layers
    return net, inputs, labels


def features_of(
    net: nn.Module, inputs: Tensor, labels: Tensor, dimensions: int | None, energy_per_side: float = 0.999
) -> GradientFeatures:
    with torch.no_grad():
        objective = BINARY if net(inputs).numel() == len(inputs) else CLASSIFICATION
    return GradientFeatures(net, objective, inputs, labels, dimensions, energy_per_side)


def naive(net: nn.Module, inputs: Tensor, labels: Tensor, of: Of) -> Tensor:
    """(n, parameters) float32, by one backward pass a sample."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    rows = []
    for x, y in zip(inputs, labels, strict=True):
        logits = net(x[None]).double().reshape(-1)
        if len(logits) == 1:
            logits = torch.cat([torch.zeros(1), logits])
        log_p = torch.log_softmax(logits, 0)[y]
        value = log_p if of == "loss" else log_p - torch.log1p(-log_p.exp())
        found = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([g.flatten() for g in found]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", NETS)
def test_full_features_have_the_inner_products_of_the_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, inputs, labels = build(name)
    if name not in LEFT_TO_TORCH_FUNC:
        monkeypatch.setattr(per_sample, "leftover", None)
    features = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    for of in ("loss", "output"):
        ours, weight = features(inputs, labels, of)
        theirs = naive(net, inputs, labels, of)
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


@pytest.mark.parametrize("name", ["convolutional", "depthwise 1d", "transformer", "own parameters", "one logit"])
def test_features_do_not_depend_on_the_batch_they_come_in(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, _, _ = build(name)
    inputs, labels = batch(name, 150)
    features = features_of(net, inputs, labels, 64)
    together = features(inputs, labels, "loss")[0]
    one_by_one = torch.cat([features(inputs[i : i + 1], labels[i : i + 1], "loss")[0] for i in range(0, 150, 37)])
    torch.testing.assert_close(together[::37], one_by_one, rtol=1e-3, atol=1e-6)
    monkeypatch.setattr(layers, "BYTES", 20_000)
    torch.testing.assert_close(features(inputs, labels, "loss")[0], together, rtol=1e-3, atol=1e-6)
    in_slices = features_of(net, inputs, labels, 64)
    assert in_slices.energy == pytest.approx(features.energy, rel=1e-4)


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


def test_known_layers_of_a_transformer_are_not_left_to_torch_func(monkeypatch: pytest.MonkeyPatch) -> None:
    net, inputs, labels = build("transformer")
    left = []
    monkeypatch.setattr(per_sample, "leftover", lambda module, ps: left.append(ps) or layers.leftover(module, ps))
    features_of(net, inputs, labels, 10)
    attention = {id(p) for p in net.body[0].self_attn.parameters()}
    assert [{id(p) for p in ps} for ps in left] == [attention, attention]


def test_sides_too_long_to_rotate_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "ROTATED", 7)
    for name in ("convolutional", "depthwise", "perceptron", "tied embedding"):
        net, inputs, labels = build(name)
        theirs = naive(net, inputs, labels, "loss")
        ours = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)(inputs, labels, "loss")[0]
        torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)
        few = features_of(net, inputs, labels, 30, energy_per_side=1.0)
        kept = few(inputs, labels, "loss")[0].square().sum()
        assert float(kept / theirs.square().sum()) == pytest.approx(few.energy, rel=1e-3)


def test_words_outside_the_sample_count_when_there_is_room() -> None:
    net, inputs, labels = build("embedding")
    sample = inputs.clamp(max=4)
    features = features_of(net, sample, labels, EVERYTHING, energy_per_side=1.0)
    ours, theirs = features(inputs, labels, "loss")[0], naive(net, inputs, labels, "loss")
    torch.testing.assert_close(ours @ ours.T, theirs @ theirs.T, rtol=1e-3, atol=1e-5)


def test_a_large_vocabulary_is_never_laid_out_for_a_whole_batch() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(30_000, 64), nn.Flatten(), nn.Linear(64 * 6, 3).requires_grad_(False)).eval()
    inputs, labels = torch.randint(30_000, (100, 6)), torch.arange(100) % 3
    inputs[:, 0] = 7
    with Largest() as largest:
        features = features_of(net, inputs, labels, 500)
        ours = features(inputs, labels, "loss")[0]
    assert largest.bytes <= layers.BYTES < 4 * len(inputs) * 30_000 * 64
    exact = sum(naive(net, inputs[i : i + 1], labels[i : i + 1], "loss").square().sum() for i in range(0, 100, 9))
    assert float(ours[::9].square().sum() / exact) == pytest.approx(features.energy, abs=0.1)
    assert features.coverage == 1.0


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


def in_training() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


def without_running_statistics() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3)).eval()


def beyond_torch_func() -> nn.Module:
    def run(self: nn.Module, x: Tensor) -> Tensor:
        gain = self.gain if float(x.sum()) > -1e9 else -self.gain  # depends on data
        return self.head(torch.tanh(self.body(x) * gain))

    return Network(run, body=nn.Linear(6, 8), gain=nn.Parameter(torch.ones(8)), head=nn.Linear(8, 3)).eval()


@pytest.mark.parametrize(
    ("make", "seen", "size"),
    [
        (in_training, 8 + 27, 56 + 16 + 27),  # a shift adds to each sample alone, even here
        (without_running_statistics, 27, 56 + 16 + 27),
        (beyond_torch_func, 56 + 27, 56 + 8 + 27),
    ],
)
def test_what_has_no_gradient_by_sample_lowers_the_coverage(make: Make, seen: int, size: int) -> None:
    torch.manual_seed(1)
    net, (inputs, labels) = make(), batch("perceptron")
    features = features_of(net, inputs, labels, EVERYTHING, energy_per_side=1.0)
    assert features.coverage == pytest.approx(seen / size)
    assert features.dimensions == seen


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


@pytest.mark.parametrize(
    "name", ["perceptron", "convolutional", "grouped", "embedding", "tied linear", "own parameters"]
)
def test_gradients_that_are_not_rotated_are_those_of_the_parameters(name: str) -> None:
    net, inputs, labels = build(name)
    features = features_of(net, inputs, labels, None)
    at = {}
    offset = 0
    for parameter in (p for p in net.parameters() if p.requires_grad):
        at[parameter] = slice(offset, offset + parameter.numel())
        offset += parameter.numel()
    theirs = naive(net, inputs, labels, "loss")
    in_order = torch.cat([theirs[:, at[p]] for p in features.parameters], 1)
    torch.testing.assert_close(features(inputs, labels, "loss")[0], in_order, rtol=1e-3, atol=1e-6)


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
