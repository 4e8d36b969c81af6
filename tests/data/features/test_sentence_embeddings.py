"""Embeddings of texts: each text once, only what is new on a second audit, and nothing without the extra."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dataaudit import pipeline
from dataaudit.checks.cost import Costs
from dataaudit.config import AuditConfig
from dataaudit.data.features import kept
from dataaudit.data.features import sentence_embeddings as module
from dataaudit.data.features.sentence_embeddings import embeddings_of, reads, sentence_embeddings, with_sentences
from dataaudit.data.features.sentence_models import SentenceModel, sentence_model
from dataaudit.dataset import silent
from dataaudit.errors import InputError

from ...fixtures_tables import make
from ...fixtures_texts import knowing

TEXTS = [f"{'word ' * (7 * i % 40)}number {i}" for i in range(40)]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A model whose embeddings are a text's length and number; and the texts that it was given."""
    texts_read: list[str] = []

    def encode(texts: Sequence[str]) -> Tensor:
        texts_read.extend(texts)
        return torch.tensor([[len(text), float(text.split()[-1])] for text in texts])

    monkeypatch.setattr(module, "sentence_model", lambda source: SentenceModel(source, encode))
    return texts_read


def test_every_text_gets_its_own_and_equal_ones_are_computed_once(read: list[str]) -> None:
    embeddings = embeddings_of([*TEXTS, *TEXTS[:5]], "x", None, silent)
    assert embeddings.dtype == np.float16
    np.testing.assert_array_equal(embeddings[:, 0], [len(text) for text in [*TEXTS, *TEXTS[:5]]])
    np.testing.assert_array_equal(embeddings[:, 1], [*range(40), *range(5)])
    assert sorted(read) == sorted(TEXTS)
    assert [len(text) for text in read] == sorted(map(len, TEXTS))  # texts of a length together


def test_a_second_audit_computes_only_what_is_new(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "PART", 16)
    first = embeddings_of(TEXTS, "x", tmp_path, silent)
    new = ["a new text 40", *TEXTS[::-1], "and another 41"]
    second = embeddings_of(new, "x", tmp_path, silent)
    assert read[40:] == ["a new text 40", "and another 41"]
    np.testing.assert_array_equal(second[1:-1], first[::-1])
    embeddings_of(TEXTS, "another net", tmp_path, silent)
    assert len(read) == 82


def test_of_a_dataset_they_are_computed_once_whatever_its_labels(read: list[str]) -> None:
    dataset = make("text", "classification", 40, 10)
    dataset = replace(dataset, inputs=np.array([*TEXTS, *TEXTS[:10]], object))
    embeddings = sentence_embeddings(dataset, "x")
    assert sentence_embeddings(replace(dataset, targets=1 - dataset.targets), "x") is embeddings
    with pytest.raises(InputError, match="expected texts, found a dataset of the modality 'table'"):
        sentence_embeddings(make("table", "classification", 40, 10), "x")


def test_without_the_extra_nothing_is_read_or_said(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make("text", "classification", 40, 10)
    monkeypatch.setattr(module, "weights_file", lambda: None)
    monkeypatch.setattr("dataaudit.data.features.sentence_models.weights_file", lambda: None)
    assert not reads(dataset)
    assert with_sentences(AuditConfig(Path(), jobs=1), dataset, silent).layout == dataset.layout
    with pytest.raises(InputError, match=r"pip install 'dataaudit\[text\]'"):
        sentence_model("minilm")


def test_it_is_said_how_many_texts_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make("text", "classification", 80, 20)
    knowing(monkeypatch, dataset.inputs)
    (tmp_path / "data").mkdir()
    config = AuditConfig(tmp_path / "data", jobs=1)
    assert with_sentences(config, dataset, silent).layout.notes == dataset.layout.notes
    assert len(list(tmp_path.glob("*-features/minilm/*.npy"))) == 1
    long = replace(dataset, inputs=np.array([*dataset.inputs[:99], "the " * 300], object))
    assert with_sentences(config, long, silent).layout.notes[-1] == (
        "of 1.0% of the texts, the sentence model reads the first 256 pieces of words only"
    )


def test_texts_in_a_script_that_it_does_not_know_are_left_to_words(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make("text", "classification", 80, 20)
    knowing(monkeypatch, ["something else"])
    assert not reads(dataset)
    note = with_sentences(AuditConfig(Path(), jobs=1), dataset, silent).layout.notes[-1]
    assert note.endswith("knows less than half of what is written in these texts, and is not asked")
    own = replace(dataset, features=np.zeros((100, 2), np.float32))
    assert with_sentences(AuditConfig(Path(), jobs=1), own, silent).layout == dataset.layout


def test_nothing_is_computed_where_labels_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make("text", "classification", 80, 20)
    monkeypatch.setattr(pipeline, "load", lambda config, track: dataset)
    monkeypatch.setattr(pipeline, "costs", lambda *arguments: Costs(8, 0.0, 0.0))
    monkeypatch.setattr(pipeline, "with_sentences", lambda *arguments: pytest.fail("embeddings were computed"))
    pipeline.prepare(AuditConfig(Path(), jobs=1, checks=("leakage", "outliers")), silent)
    pipeline.prepare(AuditConfig(Path(), jobs=1, skip=("mislabeled",)), silent)
    pipeline.prepare(AuditConfig(Path(), jobs=1), silent, dry_run=True)
