"""Which learner images get: by held-out loss on a sample, where there is a choice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dataaudit import pipeline
from dataaudit.config import AuditConfig
from dataaudit.data.features import image_features as features_module
from dataaudit.data.features.vision_models import VisionModel
from dataaudit.dataset import Dataset, silent
from dataaudit.training import choice
from dataaudit.training.choice import FEATURES
from dataaudit.training.models.learner_spec import learner_of

from ..fixtures import blobs_of
from ..fixtures_tables import make
from ..fixtures_texts import knowing


@pytest.fixture
def blobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Enough images for a trial."""
    monkeypatch.setattr(choice, "weights_file", lambda: tmp_path)
    return replace(blobs_of(tmp_path / "data", choice.FEWEST, 40), sources=())


def config_of(dataset: Dataset, **options: object) -> AuditConfig:
    dataset.root.mkdir(exist_ok=True)
    return AuditConfig(dataset.root, jobs=1, **options)  # type: ignore[arg-type]


def prepared(config: AuditConfig, dry_run: bool = False) -> tuple[AuditConfig, Dataset]:
    budget, dataset = pipeline.prepare(config, silent, dry_run)
    return budget.config, dataset


def pretrained(monkeypatch: pytest.MonkeyPatch, *, is_useful: bool) -> None:
    def encode(pixels: Tensor) -> Tensor:
        corner = pixels[:, 0, 0, :1]
        return corner if is_useful else torch.rand(corner.shape, generator=torch.Generator().manual_seed(0))

    monkeypatch.setattr(features_module, "vision_model", lambda source: VisionModel(source, 8, encode))


def test_the_lower_loss_wins_and_the_layout_says_so(blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained(monkeypatch, is_useful=True)
    noise = np.random.default_rng(0).integers(0, 255, blobs.pixels.shape, np.uint8)
    noise[:, 0, 0, 0] = 100 * blobs.targets  # one pixel tells the class, which the net can't find
    blobs = replace(blobs, inputs=noise, contents=tuple(map(str, range(len(blobs)))))
    assert choice.is_open(config_of(blobs), blobs)
    config, note = choice.chosen(config_of(blobs), blobs, silent)
    assert config.learner == FEATURES
    assert note.startswith("the learner is a linear model on a pretrained net's features (image:features=lite0)")
    assert note.endswith("of a small net trained from scratch; --learner image overrides")
    with_features = choice.with_learnt_features(config, blobs, silent)
    assert with_features.features is not None
    assert with_features.features.shape == (len(blobs), 1)
    assert with_features.fingerprint == blobs.fingerprint
    assert [path.name for path in blobs.root.parent.glob("*-features/*")] == ["lite0-8-of-1x8x8"]


def test_features_that_say_nothing_lose(blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained(monkeypatch, is_useful=False)
    config, note = choice.chosen(config_of(blobs), blobs, silent)
    assert config.learner == "image"
    assert "the learner is a small net trained from scratch (image)" in note
    assert choice.with_learnt_features(config, blobs, silent) is blobs
    assert choice.chosen(config_of(blobs), blobs, silent) == (config, note)


def test_there_is_no_choice_where_the_user_or_the_data_leave_none(
    blobs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(blobs)
    few = replace(blobs, splits=np.where(np.arange(len(blobs)) < choice.FEWEST - 1, blobs.splits, "test"))
    assert not choice.is_open(config, few)
    assert not choice.is_open(config_of(blobs, learner="image:epochs=3"), blobs)
    assert not choice.is_open(config, make("table", "classification", choice.FEWEST, 10))
    assert not choice.is_open(config, replace(blobs, features=np.zeros((len(blobs), 2), np.float32)))
    monkeypatch.setattr(choice, "weights_file", lambda: None)
    assert not choice.is_open(config, blobs)


def test_nothing_is_tried_or_computed_where_no_check_needs_models(
    blobs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "load", lambda config, track: blobs)
    monkeypatch.setattr(choice, "chosen", lambda *arguments: pytest.fail("a learner was tried"))
    monkeypatch.setattr(choice, "image_features", lambda *arguments: pytest.fail("features were computed"))
    contents_only = config_of(blobs, checks=("leakage", "duplicates", "outliers"))
    assert prepared(contents_only) == (contents_only, blobs)
    given = replace(blobs, pred_probs=np.full((len(blobs), 3), 1 / 3))
    monkeypatch.setattr(pipeline, "load", lambda config, track: given)
    config = config_of(blobs)
    assert prepared(config) == (config, given)
    monkeypatch.setattr(pipeline, "load", lambda config, track: blobs)
    config, dataset = prepared(config, dry_run=True)
    assert (config.learner, replace(dataset, layout=blobs.layout)) == (None, blobs)
    assert dataset.layout.notes[-1].startswith("the learner is chosen on a sample of the images")


def test_a_named_learner_on_features_gives_them_to_the_checks(blobs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained(monkeypatch, is_useful=True)
    config = config_of(blobs, learner=f"{FEATURES},C=1")
    assert choice.with_learnt_features(config, blobs, silent).features is not None
    own = np.zeros((len(blobs), 2), np.float32)
    assert choice.with_learnt_features(config, replace(blobs, features=own), silent).features is own


def test_a_named_learner_on_embeddings_gets_them_from_beside_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = make("text", "classification", 40, 10)
    knowing(monkeypatch, texts.inputs)
    (tmp_path / "data").mkdir()
    config = AuditConfig(tmp_path / "data", jobs=1, learner="text:embedding=minilm")
    assert choice.with_learnt_features(config, texts, silent).features is None
    assert len(list((tmp_path / "data").parent.rglob("minilm/*.npy"))) == 1
    assert learner_of(config.learner, "text").vectors(texts).shape == (50, 48)  # type: ignore[attr-defined]
    assert not choice.is_open(replace(config, learner=None), texts)
