"""Altered copies are found and aligned; look-alikes are not taken for copies."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dataaudit.checks.matching import pixels as pixels_module
from dataaudit.checks.matching.near_duplicates import FEW_WARPS, align, nominate, search
from dataaudit.checks.matching.pixels import Pixels, matching_pixels
from dataaudit.checks.matching.registration import blur, correlation, likeness, register, warp
from dataaudit.dataset import silent


def textures(n: int, channels: int = 1, seed: int = 0, edge: int = 28) -> Tensor:
    """Smooth random pictures, all unlike."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 7, 7, generator=generator)
    fine = torch.rand(n, channels, edge, edge, generator=generator)
    smooth = functional.interpolate(coarse, (edge, edge), mode="bicubic", align_corners=False)
    return (0.8 * smooth + 0.2 * fine).clamp(0, 1)


def pictures(images: Tensor) -> Pixels:
    """These pixels from 0 to 1 as a dataset has them."""
    return Pixels((images.clamp(0, 1) * 255).round().byte().numpy())


def shift(x: Tensor) -> Tensor:
    return warp(x, torch.tensor([[1.0, 1.0, 0.2, -0.15, 0.0]]).expand(len(x), 5))[0]


def crop(x: Tensor) -> Tensor:
    return warp(x, torch.tensor([[0.85, 0.82, 0.05, -0.04, 0.0]]).expand(len(x), 5))[0]


def turn(x: Tensor) -> Tensor:
    return warp(x, torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.12]]).expand(len(x), 5))[0]


def covered(x: Tensor) -> Tensor:
    """A dark patch over a ninth of it."""
    copy = x.clone()
    edge = x.shape[-1] // 3
    copy[..., 2 : 2 + edge, 2 : 2 + edge] = 0
    return copy


ALTERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "same": lambda x: x,
    "shift": shift,
    "crop": crop,
    "turn": turn,
    "mirror": lambda x: x.flip(-1),
    "covered": covered,
    "brightness": lambda x: 0.6 * x + 0.2,
    "blur": lambda x: blur(x),
    "noise": lambda x: x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)),
}


@pytest.mark.parametrize("name", ALTERATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_altered_copy_is_the_best_match_and_far_above_the_others(name: str, channels: int) -> None:
    base = textures(120, channels)
    queries = torch.cat([ALTERATIONS[name](base[:10]), textures(10, channels, seed=9)])
    matches = search(pictures(torch.cat([base, queries])), np.arange(120, 140), np.arange(120), silent, "")
    np.testing.assert_array_equal(matches.base[:10, 0], np.arange(10))
    assert matches.score[:10, 0].min() > matches.score[10:, 0].max()
    assert matches.similarity[:10, 0].min() > 0.9
    assert matches.mirrored[:10, 0].all() == (name == "mirror")


def test_a_row_never_matches_itself_and_order_does_not_matter() -> None:
    pixels = textures(60)
    pixels[30] = crop(pixels[:1])[0]
    rows = np.arange(60)
    matches = search(pictures(pixels), rows, rows, silent, "")
    assert not (matches.base == rows[:, None]).any()
    assert matches.base[0, 0] == 30
    assert matches.base[30, 0] == 0
    shuffled = np.random.default_rng(0).permutation(60)
    again = search(pictures(pixels), shuffled, rows, silent, "")
    np.testing.assert_allclose(again.score[:, 0], matches.score[shuffled, 0], atol=0.05)


def test_registration_recovers_a_known_warp_and_never_worsens_the_start() -> None:
    fixed_from = textures(6)
    truth = torch.tensor([[0.9, 0.95, 0.06, -0.05, 0.08]]).expand(6, 5)
    fixed = warp(fixed_from, truth)[0] * 0.7 + 0.1
    start = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0]]).expand(6, 5)
    found = register(fixed_from, fixed, start, steps=15)
    torch.testing.assert_close(found, truth, atol=0.01, rtol=0)
    for warps in (start, found):
        aligned, mask = warp(fixed_from, warps)
        warps_correlation = correlation(fixed, aligned, mask)
        assert (warps_correlation <= 1.0001).all()
    similarity, evidence = likeness(fixed_from, fixed, found)
    assert similarity.min() > 0.999
    assert evidence.min() > likeness(fixed_from, fixed, start)[1].max()


def test_blank_pictures_have_no_likeness_and_no_nan() -> None:
    pixels = torch.cat([torch.full((5, 1, 28, 28), 0.5), textures(20)])
    matches = search(pictures(pixels), np.arange(5), np.arange(5, 25), silent, "")
    assert np.isfinite(matches.score).all()
    assert matches.similarity.max() < 0.2


def test_tiny_bases_give_fewer_candidates() -> None:
    matches = search(pictures(textures(5)), np.array([0]), np.array([1, 2, 3]), silent, "")
    assert matches.base.shape == (1, 3)


def test_pictures_that_were_not_moved_are_found_with_two_warps_and_fewer_candidates() -> None:
    pixels = textures(80)
    pixels[70:] = pixels[:10].flip(-1)
    rows = np.arange(80)
    candidates = nominate(pictures(pixels), rows, rows, silent, "", FEW_WARPS, 3)
    assert candidates.base.shape == (80, 3)
    assert set(np.argsort(-candidates.nearness[:, 0])[:20]) == {*range(10), *range(70, 80)}
    matches = align(pictures(pixels), candidates.take(np.arange(10)), silent, "")
    np.testing.assert_array_equal(matches.base[:, 0], np.arange(70, 80))
    assert matches.mirrored[:, 0].all()


def test_large_pictures_are_matched_at_a_smaller_size() -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (3, 3, 96, 64)).astype(np.uint8)
    pixels = matching_pixels(inputs)
    torch.testing.assert_close(Pixels(inputs)[np.array([2, 0])], pixels[[2, 0]])
    assert pixels.shape == (3, 3, 48, 32)
    assert float(pixels[1, 2, 5, 7]) == pytest.approx(inputs[1, 2, 10:12, 14:16].mean() / 255, rel=1e-5)
    assert matching_pixels(inputs[:, :, :28, :28]).shape == (3, 3, 28, 28)


def test_pixels_are_the_same_in_blocks_and_images_replace_those_at_their_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, others = pictures(textures(50)), pictures(textures(2, seed=3))
    monkeypatch.setattr(pixels_module, "BLOCK", 7)
    torch.testing.assert_close(torch.cat([part for _, part in whole.blocks()]), whole[np.arange(50)])
    rows = np.random.default_rng(0).permutation(50)[:20]
    torch.testing.assert_close(torch.cat([part for _, part in whole.blocks(rows)]), whole[rows])
    changed = whole.with_images(np.array([4, 9]), others.inputs)
    torch.testing.assert_close(
        changed[np.array([9, 5])], torch.stack([others[np.array([1])][0], whole[np.array([5])][0]])
    )
    in_blocks = nominate(whole, rows, np.arange(50), silent, "")
    monkeypatch.undo()
    np.testing.assert_array_equal(nominate(whole, rows, np.arange(50), silent, "").base, in_blocks.base)
