"""Alterations change pictures, keep to the range, repeat themselves, and leave the picture recognisable."""

import numpy as np
import pytest
import torch

from dataaudit.checks.matching.registration import correlation
from dataaudit.checks.planting.images import ALTERATIONS, alterations, altered_in_turn

from ..matching.test_near_duplicates import textures


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ALTERATIONS)
def test_every_alteration_keeps_shape_and_range_and_is_the_same_for_the_same_seed(name: str, channels: int) -> None:
    images = textures(20, channels)
    before = images.clone()
    altered, again = (ALTERATIONS[name](images, np.random.default_rng(3)) for _ in range(2))
    other = ALTERATIONS[name](images, np.random.default_rng(4))
    assert altered.shape == images.shape
    assert altered.dtype == torch.float32
    assert altered.min() >= 0
    assert altered.max() <= 1
    torch.testing.assert_close(altered, again, rtol=0, atol=0)
    torch.testing.assert_close(images, before, rtol=0, atol=0)
    assert torch.equal(altered, other) == (name == "flip")
    assert ((altered - images).abs().mean((1, 2, 3)) > 0.003).all()


@pytest.mark.parametrize("name", ["brightness", "contrast", "colour cast", "blur", "JPEG", "noise", "overlay"])
def test_what_moves_nothing_leaves_the_picture_in_place(name: str) -> None:
    images = textures(20, 3)
    altered = ALTERATIONS[name](images, np.random.default_rng(0))
    assert correlation(images, altered, torch.ones(20, 1, 28, 28)).min() > 0.5


def test_overlays_cover_what_they_say() -> None:
    images = textures(200, 1)
    covered = (ALTERATIONS["overlay"](images, np.random.default_rng(0)) != images).float().mean((1, 2, 3))
    assert covered.min() > 0.01
    assert covered.max() < 0.15


def test_grey_pictures_get_no_colour_cast_and_all_sorts_come_in_turn() -> None:
    assert {"colour cast", "two changes"} <= set(alterations(3))
    assert "colour cast" not in alterations(1)
    images = (textures(2 * len(alterations(1)) + 2, 1) * 255).byte().numpy()
    altered, sorts = altered_in_turn(images, np.random.default_rng(0))
    assert altered.shape == images.shape
    assert altered.dtype == np.uint8
    assert sorts == [*alterations(1), *alterations(1), *list(alterations(1))[:2]]
    np.testing.assert_array_equal(altered[sorts.index("flip")], images[sorts.index("flip"), :, :, ::-1])
