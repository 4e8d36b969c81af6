"""Sentence embeddings by a Hugging Face model that lies on disk; nothing is ever downloaded."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ...errors import InputError

BATCH = 64
LENGTH = 256
"""Tokens of a text that are read."""


def sentence_embeddings(texts: NDArray[Any], folder: str) -> NDArray[np.float32]:
    """(n, d) last hidden states averaged over a text's tokens, of length one.

    Raises InputError if `transformers` is not installed or the folder holds no model that it can read.
    """
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise InputError(
            "text:embedding= needs the package transformers: pip install 'dataaudit[embeddings]'"
        ) from error
    if not Path(folder).is_dir():
        raise InputError(f"text:embedding={folder}: expected a folder with a Hugging Face model, found none")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    except (OSError, ValueError) as error:
        raise InputError(f"text:embedding={folder}: not readable as a Hugging Face model: {error}") from error
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            tokens = tokenizer(
                list(texts[start : start + BATCH]),
                padding=True,
                truncation=True,
                max_length=LENGTH,
                return_tensors="pt",
            )
            mask = tokens["attention_mask"][..., None].float()
            mean = (model(**tokens).last_hidden_state * mask).sum(1) / mask.sum(1).clamp(min=1)
            parts.append(functional.normalize(mean, dim=1).float().numpy())
    return np.concatenate(parts)
