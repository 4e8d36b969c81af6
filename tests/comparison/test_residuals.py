"""Residuals against the naive formula, in both ways of computing them, and what they must not depend on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.comparison.residuals import (
    cosines,
    explained,
    noise_free_lengths,
    principal,
    reliable,
    residual_products,
    residuals,
    squares,
)


def rows(n_target: int, n_train: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n_target, n_train)).astype(np.float32)


def naive(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Shah et al. 2022, row by row, by the lengths as they are."""
    found = []
    for one, other in zip(a.astype(float), b.astype(float), strict=True):
        one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
        found.append(one - (one @ other) / (other @ other) * other)
    return np.array(found)


def lengths(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(rows.astype(float), axis=1))


@pytest.mark.parametrize(("n_target", "n_train"), [(7, 40), (40, 7), (20, 20)])
def test_residuals_and_their_components_are_the_naive_ones(n_target: int, n_train: int) -> None:
    a, b = rows(n_target, n_train, 0), rows(n_target, n_train, 1)
    found = residuals(a, b, lengths(a), lengths(b))
    wanted = naive(a, b)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose((found * b).sum(1), 0, atol=1e-4)
    parts = principal(found, 3)
    centred = wanted - wanted.mean(0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(parts.values, sizes[:3] ** 2 / n_target, rtol=1e-4)
    np.testing.assert_allclose(np.abs((parts.directions * directions[:3]).sum(1)), 1, atol=1e-3)
    np.testing.assert_allclose(parts.targets, centred @ parts.directions.T, atol=1e-4)


def test_products_of_residuals_need_only_products_of_the_rows() -> None:
    a, b = rows(9, 30, 0), rows(9, 30, 1)
    of_a, of_b = lengths(a), lengths(b)
    whole = residuals(a, b, of_a, of_b)
    centred = whole - whole.mean(0)
    found = residual_products(a @ a.T, b @ b.T, a @ b.T, of_a, of_b)
    np.testing.assert_allclose(found, centred @ centred.T, atol=1e-4)


def test_neither_the_scale_nor_the_order_of_rows_changes_anything_and_the_heavier_tail_is_up() -> None:
    a, b = rows(30, 50, 0), rows(30, 50, 1)
    a[:4] += 6 * rows(1, 50, 2)  # a few targets of a kind of their own: a heavy tail
    first = principal(residuals(a, b, lengths(a), lengths(b)), 2)
    order = np.random.default_rng(3).permutation(30)
    scaled = 5 * a[order]
    second = principal(residuals(scaled, 2 * b[order], 5 * lengths(a)[order], 2 * lengths(b)[order]), 2)
    np.testing.assert_allclose(second.targets, first.targets[order], atol=1e-4)
    np.testing.assert_allclose(second.directions, first.directions, atol=1e-4)
    assert set(np.argsort(-first.targets[:, 0])[:4]) == {0, 1, 2, 3}
    turned = principal(-residuals(a, b, lengths(a), lengths(b)), 1)
    np.testing.assert_allclose(turned.targets[:, 0], first.targets[:, 0], atol=1e-4)


def test_targets_that_nothing_influences_are_no_trouble() -> None:
    a, b = rows(12, 20, 0), rows(12, 20, 1)
    a[0] = b[1] = 0
    found = residuals(a, b, lengths(a), lengths(b))
    assert not found[0].any()
    np.testing.assert_allclose(found[1], a[1] / lengths(a)[1], atol=1e-6)
    assert np.isfinite(residual_products(a @ a.T, b @ b.T, a @ b.T, lengths(a), lengths(b))).all()
    assert cosines(a, b)[:2].tolist() == [0, 0]
    same = principal(residuals(a, a, lengths(a), lengths(a)), 3)
    assert not same.values.round(9).any()
    assert np.isfinite(same.directions).all()


def test_lengths_are_those_without_the_groups_noise() -> None:
    rng = np.random.default_rng(5)
    shared = rows(200, 400, 0)
    groups = [shared + 2 * rng.standard_normal(shared.shape).astype(np.float32) for _ in range(6)]
    whole, alone = squares([np.mean(groups, 0)])[0], squares(groups)
    found = noise_free_lengths(whole, alone)
    np.testing.assert_allclose(found, lengths(shared), rtol=0.15)
    assert np.median(np.sqrt(whole) / lengths(shared)) > 1.2
    assert reliable(whole, alone).all()
    noise = [rng.standard_normal(shared.shape).astype(np.float32) for _ in range(6)]
    assert not reliable(squares([np.mean(noise, 0)])[0], squares(noise)).any()


def test_what_a_component_explains_of_each() -> None:
    a, b = rows(30, 50, 0), rows(30, 50, 1)
    b[:, :10] = 0
    directions = np.eye(50)[:10]
    of_a, of_b = (explained(one, lengths(one), directions) for one in (a, b))
    assert 0.1 < of_a.sum() < 0.35
    assert not of_b.any()
    np.testing.assert_allclose(explained(a, lengths(a), np.eye(50)).sum(), 1)
