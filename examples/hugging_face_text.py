"""A Hugging Face text classifier, fine-tuned for every run.

    export TEXT_MODEL=path/to/a/model/folder
    dataaudit run sample_data/glosses --learner examples.hugging_face_text:Classifier --runs 8

Only the last layers and the head are trained: an audit trains a few dozen times. Needs `pip install transformers`.
"""

import os
from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

from dataaudit.dataset import Dataset

TRAINED_LAYERS = 1
LENGTH = 48
"""Tokens of a text that are read."""


class Classifier(nn.Module):
    """Strings in, logits out."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        folder = os.environ["TEXT_MODEL"]
        logging.set_verbosity_error()  # a new head is what we want, not a thing to warn of
        logging.disable_progress_bar()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(dataset.class_names), local_files_only=True
        )
        self.model.base_model.requires_grad_(False)
        for layer in self.model.base_model.encoder.layer[-TRAINED_LAYERS:]:
            layer.requires_grad_(True)

    def encode(self, texts: NDArray[Any]) -> Tensor:
        """All texts as token numbers (n, LENGTH), made once."""
        read = self.tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=LENGTH, return_tensors="pt"
        )
        tokens: Tensor = read["input_ids"]
        return tokens

    def forward(self, tokens: Tensor) -> Tensor:
        seen = tokens != self.tokenizer.pad_token_id
        logits: Tensor = self.model(input_ids=tokens, attention_mask=seen).logits
        return logits
