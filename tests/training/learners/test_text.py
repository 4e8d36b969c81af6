"""The option of the text learner that reads a model from disk."""

from pathlib import Path

import numpy as np
import pytest

from dataaudit.errors import InputError
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.models.rehearsal import rehearse

from ...fixtures_tables import make


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    dataset = make("text", "classification", 40, 10)
    for folder, said in (
        (tmp_path / "none", "expected minilm, or a folder"),
        (tmp_path, "not readable as a Hugging Face model"),
    ):
        spec = f"text:embedding={folder}"
        with pytest.raises(InputError, match=said):
            rehearse(learner_of(spec, "text"), dataset, spec)


def test_sentence_embeddings_have_length_one_whatever_the_batch(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    words = sorted({word for text in make("text", "classification").inputs for word in text.split()})
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    config = transformers.BertConfig(
        vocab_size=len(words) + 5, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    dataset, learner = make("text", "classification", 70, 20), learner_of(f"text:embedding={tmp_path}", "text")
    vectors = learner.vectors(dataset)  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert learner.vectors(dataset) is vectors  # type: ignore[attr-defined]
    outputs = learner.outputs(learner.fit(dataset, dataset.rows("train"), 0), dataset, dataset.rows("test"))
    assert outputs.shape == (20, 3)


def test_it_is_for_texts() -> None:
    dataset = make("table", "classification", 40, 10)
    with pytest.raises(InputError, match="expected texts, found a dataset of the modality 'table'"):
        rehearse(learner_of("text", "table"), dataset, "text")
