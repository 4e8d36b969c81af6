"""Our MiniLM gives what the reference implementation gives."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dataaudit.data.features.minilm import Bert, MiniLM, padded, tensors_of, weights_file
from dataaudit.errors import InputError

REFERENCE = {
    "A small city in the north of Norway.": [0.05949, 0.1361, 0.00287, 0.03921, 0.09281, -0.00105],
    "Überraschung: naïve cafés, 中文, 5 % & émigrés!": [0.05235, 0.00191, 0.03104, 0.09349, 0.04028, 0.01001],
    "word " * 400: [-0.00812, -0.09559, -0.03867, 0.04966, -0.04379, 0.02372],
}
"""The first numbers of embeddings by these weights in transformers 5.24.0: BertModel's last hidden states of each text
alone, cut to 256 tokens, averaged over all of them and divided by their length."""
ROWS = [[3, 5, 1], [7, 2, 9, 4, 4, 8], [6]]


def tiny() -> Bert:
    torch.manual_seed(0)
    return Bert(10, 8, 16, 2, 2).eval()


@torch.inference_mode()
def test_what_a_text_is_padded_to_makes_no_difference() -> None:
    net = tiny()
    together = net(*padded(ROWS))
    assert together.shape == (3, 8)
    torch.testing.assert_close(together, torch.cat([net(*padded([row])) for row in ROWS]))


@torch.inference_mode()
def test_attention_is_that_of_the_naive_loop() -> None:
    layer, x = tiny().layers[0], torch.randn(1, 4, 8)
    query, key, value = (part.view(4, 2, 4) for part in layer.query_key_value(x)[0].chunk(3, 1))
    mixed = torch.stack(
        [
            torch.cat(
                [
                    torch.stack([query[place, head] @ key[other, head] / 2 for other in range(4)]).softmax(0)
                    @ value[:, head]
                    for head in range(2)
                ]
            )
            for place in range(4)
        ]
    )
    y = layer.attended_norm(x[0] + layer.attended(mixed))
    expected = layer.outer_norm(y + layer.outer(torch.nn.functional.gelu(layer.inner(y))))
    torch.testing.assert_close(layer(x, torch.ones(1, 4, dtype=torch.bool))[0], expected)


def test_tensors_are_read_from_a_file_of_safetensors() -> None:
    first, second = np.arange(6, dtype="<f4"), np.array([7, 8], "<f4")
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
            "ids": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]},
            "b": {"dtype": "F32", "shape": [2], "data_offsets": [32, 40]},
        }
    ).encode()
    content = len(header).to_bytes(8, "little") + header + first.tobytes() + bytes(8) + second.tobytes()
    tensors = tensors_of(content)
    assert set(tensors) == {"a", "b"}
    np.testing.assert_array_equal(tensors["a"], first.reshape(2, 3))
    np.testing.assert_array_equal(tensors["b"], second)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    for name in ("model.safetensors", "nothing"):
        with pytest.raises(InputError, match="expected the weights of all-MiniLM-L6-v2 with the SHA-256"):
            MiniLM(tmp_path / name)


@torch.inference_mode()
def test_states_are_those_of_the_reference_implementation() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=10, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    config.layer_norm_eps = 1e-12
    reference, net = transformers.BertModel(config).eval(), tiny()
    net.load(reference.state_dict())
    pieces, there = padded(ROWS)
    states = reference(input_ids=pieces, attention_mask=there.long()).last_hidden_state
    expected = torch.stack([state[mask].mean(0) for state, mask in zip(states, there, strict=True)])
    torch.testing.assert_close(net(pieces, there), expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_embeddings_are_those_of_the_reference_implementation() -> None:
    file = weights_file()
    if file is None:
        pytest.skip("needs the extra `text`")
    embeddings = MiniLM(file)(list(REFERENCE))
    assert embeddings.shape == (3, 384)
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(embeddings[:, :6], torch.tensor(list(REFERENCE.values())), atol=1e-4, rtol=0)
