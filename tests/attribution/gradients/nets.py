"""Nets of every supported kind of layer, their features, and the same gradients by one backward pass a sample."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from dataaudit.attribution.gradients.per_sample import GradientFeatures, Quantity
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
    net: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    dimensions: int | None,
    energy_per_side: float = 0.999,
    energy: float = 1.0,
) -> GradientFeatures:
    with torch.no_grad():
        objective = BINARY if net(inputs).numel() == len(inputs) else CLASSIFICATION
    return GradientFeatures(net, objective, inputs, labels, dimensions, energy_per_side, energy=energy)


def naive(net: nn.Module, inputs: Tensor, labels: Tensor, quantity: Quantity) -> Tensor:
    """(n, parameters) float32, by one backward pass a sample."""
    parameters = [p for p in net.parameters() if p.requires_grad]
    rows = []
    for x, y in zip(inputs, labels, strict=True):
        logits = net(x[None]).double().reshape(-1)
        if len(logits) == 1:
            logits = torch.cat([torch.zeros(1), logits])
        log_p = torch.log_softmax(logits, 0)[y]
        value = log_p if quantity == "loss" else log_p - torch.log1p(-log_p.exp())
        gradients = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([g.flatten() for g in gradients]))
    return torch.stack(rows)
