"""A sentence model of a few numbers, in place of the one of the extra `text`."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from dataaudit.data.features import sentence_embeddings, sentence_models
from dataaudit.data.features.minilm import VOCABULARY, Bert, MiniLM
from dataaudit.data.features.wordpiece import WordPiece


def knowing(monkeypatch: pytest.MonkeyPatch, texts: Iterable[str]) -> None:
    """With a vocabulary of the words of these texts, and random weights."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({word for text in texts for word in text.split()})]
    model = MiniLM.__new__(MiniLM)
    with TemporaryDirectory() as folder:
        vocabulary = Path(folder) / VOCABULARY
        vocabulary.write_text("\n".join(names), "utf-8")
        model.pieces_of = WordPiece(vocabulary)
    torch.manual_seed(0)
    model.net = Bert(len(names), 48, 32, 1, 2).eval().requires_grad_(False)
    for module in (sentence_embeddings, sentence_models):
        monkeypatch.setattr(module, "weights_file", lambda: Path())
    monkeypatch.setattr(sentence_models, "_read", lambda file: model)
