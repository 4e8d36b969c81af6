"""The null claims nothing where there is nothing, and does not hide what is there."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.comparison.null import dealt, largest_by_chance, products, significance, top_value
from dataaudit.comparison.residuals import Rows, noise_free_lengths, principal, reliable, residuals, squares

ALPHA = 0.05


def pools(shared: NDArray[np.float64], noise: float, rng: np.random.Generator) -> list[Rows]:
    """The groups of an algorithm's two pools, six each."""
    return [(shared + noise * rng.standard_normal(shared.shape)).astype(np.float32) for _ in range(12)]


def least_p(a: Sequence[Rows], b: Sequence[Rows], rng: np.random.Generator) -> float:
    kept = np.logical_and.reduce([reliable(squares([np.mean(one, 0)])[0], squares(one)) for one in (a, b)])
    a, b = [one[kept] for one in a], [one[kept] for one in b]
    means = [np.mean(one[:6], 0) for one in (a, b)]
    lengths = [
        noise_free_lengths(squares([mean])[0], squares(one[:6])) for mean, one in zip(means, (a, b), strict=True)
    ]
    tops = [principal(residuals(means[i], means[1 - i], lengths[i], lengths[1 - i]), 1).values[0] for i in (0, 1)]
    chance = np.maximum(largest_by_chance(a, rng), largest_by_chance(b, rng))
    return float(significance(np.array(tops), chance).min())


@pytest.mark.parametrize(("noise_a", "noise_b"), [(1, 1), (4, 4), (1, 4)])
def test_algorithms_that_use_the_data_alike_are_rarely_told_apart_however_noisy_either_is(
    noise_a: float, noise_b: float
) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(60):
        shared = rng.standard_normal((30, 4)) @ rng.standard_normal((4, 60))
        found.append(least_p(pools(shared, noise_a, rng), pools(shared, noise_b, rng), rng))
    # At 5 %, more than 7 of 60 would be seen once in fifty times.
    assert sum(p <= ALPHA for p in found) <= 7


def test_a_shared_direction_that_only_one_uses_is_found() -> None:
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((30, 4)) @ rng.standard_normal((4, 60))
    own = shared.copy()
    own[:8] += 3 * rng.standard_normal(60)
    assert least_p(pools(own, 1, rng), pools(shared, 1, rng), rng) == 0.01


def test_groups_change_places_with_their_own_kind_only() -> None:
    for count in (4, 6):
        halves = dealt(count, np.random.default_rng(0))
        assert halves.shape == (99, 2 * count)
        kinds = np.arange(2 * count) % count % 2
        for kind in (0, 1):
            assert (halves[:, kinds == kind].sum(1) == count // 2).all()
        assert max(Counter(map(bytes, halves)).values()) <= (3 if count == 4 else 2)
        assert len({bytes(one) for one in halves}) > 30


def test_the_largest_value_is_that_of_the_whole_matrix() -> None:
    one = np.random.default_rng(0).standard_normal((80, 200)).astype(np.float32)
    gram = one @ one.T
    assert top_value(gram) == pytest.approx(np.linalg.eigvalsh(gram)[-1] / 80, rel=0.005)
    assert top_value(np.zeros((50, 50), np.float32)) == 0


def test_products_are_of_every_group_with_every_other() -> None:
    groups = [np.random.default_rng(i).standard_normal((3, 9)).astype(np.float32) for i in range(3)]
    found = products(groups)
    for i in range(3):
        for j in range(3):
            np.testing.assert_allclose(found[i, j], groups[i] @ groups[j].T, rtol=1e-5)


def test_significance_counts_the_comparison_itself() -> None:
    assert significance(np.array([5.0, 0.5, 2.0]), np.array([1.0, 2.0, 3.0])).tolist() == [0.25, 1.0, 0.75]
