"""Altered copies are found and aligned; look-alikes are not taken for copies."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dataaudit.dataset import silent
from dataaudit.detection import accepted_by_fdr
from dataaudit.near_duplicates import by_class, search, tail_probability
from dataaudit.registration import blur, correlation, likeness, register, warp


def textures(n: int, channels: int = 1, seed: int = 0, edge: int = 28) -> Tensor:
    """Smooth random pictures, all unlike."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 7, 7, generator=generator)
    fine = torch.rand(n, channels, edge, edge, generator=generator)
    smooth = functional.interpolate(coarse, (edge, edge), mode="bicubic", align_corners=False)
    return (0.8 * smooth + 0.2 * fine).clamp(0, 1)


def shift(x: Tensor) -> Tensor:
    return warp(x, torch.tensor([[1.0, 1.0, 0.2, -0.15]]).expand(len(x), 4))[0]


def crop(x: Tensor) -> Tensor:
    return warp(x, torch.tensor([[0.85, 0.82, 0.05, -0.04]]).expand(len(x), 4))[0]


ALTERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "same": lambda x: x,
    "shift": shift,
    "crop": crop,
    "mirror": lambda x: x.flip(-1),
    "brightness": lambda x: 0.6 * x + 0.2,
    "blur": lambda x: blur(x),
    "noise": lambda x: x + 0.02 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)),
}


@pytest.mark.parametrize("name", ALTERATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_altered_copy_is_the_best_match_and_far_above_the_others(name: str, channels: int) -> None:
    base = textures(120, channels)
    queries = torch.cat([ALTERATIONS[name](base[:10]), textures(10, channels, seed=9)])
    matches = search(torch.cat([base, queries]), np.arange(120, 140), np.arange(120), silent, "")
    np.testing.assert_array_equal(matches.base[:10, 0], np.arange(10))
    assert matches.score[:10, 0].min() > matches.score[10:, 0].max()
    assert matches.similarity[:10, 0].min() > 0.9
    assert matches.mirrored[:10, 0].all() == (name == "mirror")


def test_a_row_never_matches_itself_and_order_does_not_matter() -> None:
    pixels = textures(60)
    pixels[30] = crop(pixels[:1])[0]
    rows = np.arange(60)
    matches = search(pixels, rows, rows, silent, "")
    assert not (matches.base == rows[:, None]).any()
    assert matches.base[0, 0] == 30
    assert matches.base[30, 0] == 0
    shuffled = np.random.default_rng(0).permutation(60)
    again = search(pixels, shuffled, rows, silent, "")
    np.testing.assert_allclose(again.score[:, 0], matches.score[shuffled, 0], atol=0.05)


def test_registration_recovers_a_known_warp_and_never_worsens_the_start() -> None:
    fixed_from = textures(6)
    truth = torch.tensor([[0.9, 0.95, 0.06, -0.05]]).expand(6, 4)
    fixed = warp(fixed_from, truth)[0] * 0.7 + 0.1
    start = torch.tensor([[1.0, 1.0, 0.0, 0.0]]).expand(6, 4)
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
    matches = search(pixels, np.arange(5), np.arange(5, 25), silent, "")
    assert np.isfinite(matches.score).all()
    assert matches.similarity.max() < 0.2


def test_tiny_bases_give_fewer_candidates() -> None:
    matches = search(textures(5), np.array([0]), np.array([1, 2, 3]), silent, "")
    assert matches.base.shape == (1, 3)


def test_tail_probabilities_are_calibrated_on_an_exponential_tail() -> None:
    rng = np.random.default_rng(0)
    null, scores = (rng.exponential(size=4000).astype("f4") for _ in range(2))
    p = tail_probability(null, scores)
    for level in (0.1, 0.01):
        assert (p < level).mean() == pytest.approx(level, rel=0.5)
    assert (np.diff(p[np.argsort(scores)]) <= 1e-12).all()


def test_copies_among_the_null_neither_hide_other_copies_nor_cause_false_alarms() -> None:
    rng = np.random.default_rng(0)
    null, scores = (rng.exponential(size=4000).astype("f4") for _ in range(2))
    null[:200] += 20
    assert tail_probability(null, np.array([20.0], "f4"))[0] < 1e-4
    assert (tail_probability(null, scores) < 0.01).mean() < 0.01


def test_a_class_of_look_alikes_does_not_hide_copies_in_another() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(600) % 3
    null, scores = (rng.exponential(size=600).astype("f4") + 20 * (classes == 0) for _ in range(2))
    scores[1] = 15.0  # a copy in a class whose pictures are all unlike
    assert tail_probability(null, scores)[1] > 0.1
    p = tail_probability(*by_class(null, classes, scores, classes))
    assert p[1] < 1e-4
    assert (p < 0.01).mean() < 0.03


def test_benjamini_hochberg_by_hand() -> None:
    p = np.array([0.01, 0.5, 0.02, 0.9])
    accepted, q = accepted_by_fdr(p, 0.05)
    np.testing.assert_allclose(q, [0.04, 0.5 * 4 / 3, 0.04, 0.9])
    np.testing.assert_array_equal(accepted, [True, False, True, False])
