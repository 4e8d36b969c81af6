"""Embeddings of texts by a pretrained net, computed once for each text and kept on disk."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...config import AuditConfig
from ...dataset import Dataset, Track, silent
from ...errors import DatasetError
from . import kept
from .minilm import LENGTH, weights_file
from .sentence_models import MINILM, SentenceModel, minilm, sentence_model

SAMPLED = 1000
"""Texts that tell whether the net knows the language at all, evenly spaced."""


def sentence_embeddings(
    dataset: Dataset, source: str, store: Path | None = None, track: Track = silent
) -> NDArray[np.float16]:
    """(n, d) embeddings, of length one, by the net that `source` names, see `sentence_model`; computed once.

    `store` is a folder for what was computed, by text; without one it is kept in memory alone.

    Raises DatasetError for a dataset of another modality, InputError if the net can't be read.
    """
    if dataset.modality != "text":
        raise DatasetError(f"{dataset.root}: expected texts, found a dataset of the modality {dataset.modality!r}")
    texts = np.asarray(dataset.inputs)
    return dataset.derive(f"embedding {source}", lambda: embeddings_of(texts, source, store, track))


def embeddings_of(
    texts: Sequence[str] | NDArray[np.object_], source: str, store: Path | None, track: Track
) -> NDArray[np.float16]:
    """(n, d) the same of any texts; equal ones are computed once."""
    model = sentence_model(source)
    order = np.argsort([len(text) for text in texts], kind="stable")  # texts of a length, so that little is padded

    def encode(places: list[int]) -> Iterable[NDArray[np.float16]]:
        batches = (
            [str(texts[row]) for row in order[places[start : start + kept.BATCH]]]
            for start in range(0, len(places), kept.BATCH)
        )
        return track(map(partial(_encoded, model), batches), "sentence embeddings", -(-len(places) // kept.BATCH))

    contents = [str(texts[row]) for row in order]
    embeddings = kept.computed_once(contents, None if store is None else store / model.name, encode)
    return embeddings[np.argsort(order)]


def reads(dataset: Dataset) -> bool:
    """Whether the net of the extra `text` is there for texts, and knows most of what is written in them.

    Not where the user brings features.
    """
    return (
        dataset.modality == "text"
        and dataset.features is None
        and weights_file() is not None
        and shares_read(dataset)[0] <= 0.5
    )


def with_sentences(config: AuditConfig, dataset: Dataset, track: Track) -> Dataset:
    """The dataset with its embeddings by this net, if it `reads` the texts, and with a note of what it misses."""
    if reads(dataset):
        sentence_embeddings(dataset, MINILM, kept.beside(config), track)
        cut = shares_read(dataset)[1]
        note = (
            f"of {cut:.1%} of the texts, the sentence model reads the first {LENGTH} pieces of words only"
            if cut
            else ""
        )
    elif dataset.modality == "text" and dataset.features is None and weights_file() is not None:
        note = "the sentence model knows less than half of what is written in these texts, and is not asked"
    else:
        note = ""
    notes = (*dataset.layout.notes, note) if note else dataset.layout.notes
    return replace(dataset, layout=replace(dataset.layout, notes=notes))


def shares_read(dataset: Dataset) -> tuple[float, float]:
    """Of pieces of words that are unknown to this net, and of texts that it reads in part only; of a sample."""
    rows = np.linspace(0, len(dataset) - 1, min(SAMPLED, len(dataset))).astype(np.int64)
    return dataset.derive("shares read", lambda: minilm().shares([str(text) for text in dataset.take(rows)]))


def _encoded(model: SentenceModel, texts: Sequence[str]) -> NDArray[np.float16]:
    with torch.inference_mode():
        embeddings: NDArray[np.float16] = model.encode(texts).half().numpy()
    return embeddings
