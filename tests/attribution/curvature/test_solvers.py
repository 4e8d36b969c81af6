"""Solvers against dense matrices whose answers are known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dataaudit.attribution.curvature.solvers import (
    conjugate_gradients,
    lanczos,
    largest_eigenvalue,
    lissa,
    relative_residual,
)


def matrix(values: Tensor, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = len(values)
    basis = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]
    return basis * values @ basis.T


def product(a: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda vectors: vectors @ a.to(vectors)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_conjugate_gradients_solve_each_row_and_leave_zero_at_zero() -> None:
    a = matrix(torch.logspace(-2, 1, 30, dtype=torch.float64))
    right = torch.randn(5, 30, generator=generator(), dtype=torch.float64)
    right[2] = 0
    solution = conjugate_gradients(product(a), right, 1e-8, 200)
    torch.testing.assert_close(solution, torch.linalg.solve(a, right.T).T, rtol=0, atol=1e-5)
    assert relative_residual(product(a), solution, right) < 1e-8
    assert relative_residual(product(a), conjugate_gradients(product(a), right, 1e-8, 3), right) > 0.01
    assert relative_residual(product(a), torch.zeros_like(right), right) == pytest.approx(1)
    assert relative_residual(product(a), right[2:3], right[2:3]) == 0


def test_rows_that_are_done_are_multiplied_no_more() -> None:
    sizes = []

    def counting(vectors: Tensor) -> Tensor:
        sizes.append(len(vectors))
        return vectors * torch.arange(1, 5)

    right = torch.eye(4, dtype=torch.float64)
    right[3] = 1
    conjugate_gradients(counting, right, 1e-6, 100)
    assert sizes == [4, 1, 1, 1]


def test_lanczos_finds_the_largest_eigenvalues_and_orthonormal_vectors() -> None:
    values = torch.logspace(-3, 2, 60, dtype=torch.float64)
    a = matrix(values)
    found, vectors = lanczos(product(a), 60, 40, 8, generator(), torch.float64)
    torch.testing.assert_close(found, values.flip(0)[:8], rtol=1e-6, atol=0)
    torch.testing.assert_close(a @ vectors, vectors * found, rtol=0, atol=1e-4)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lanczos_stops_where_the_matrix_has_no_more_to_give(dtype: torch.dtype) -> None:
    values = torch.zeros(30, dtype=torch.float64)
    values[:3] = torch.tensor([5.0, 2.0, 1.0])
    found, vectors = lanczos(product(matrix(values)), 30, 30, 10, generator(), dtype)
    torch.testing.assert_close(found[:3], values[:3], rtol=1e-4, atol=0)
    assert bool((found[3:] < 1e-4).all())
    assert vectors.shape == (30, len(found))
    assert len(lanczos(product(torch.zeros(4, 4)), 4, 4, 2, generator(), dtype)[0]) == 0


def test_power_iteration_gives_more_than_half_of_the_largest_eigenvalue_and_no_more_than_it() -> None:
    for seed in range(5):
        a = matrix(torch.cat([torch.full((20,), 3.0), torch.tensor([4.0])]).double(), seed)
        assert 2 < largest_eigenvalue(product(a), 21, 20, generator()) <= 4.0001


def test_lissa_solves_with_the_mean_of_products_and_does_not_diverge_up_to_twice_its_scale() -> None:
    shared = matrix(torch.linspace(1, 4, 10, dtype=torch.float64))
    parts = [shared + 0.2 * matrix(torch.linspace(-1, 1, 10, dtype=torch.float64), seed) for seed in range(1, 7)]
    mean = torch.stack(parts).mean(0)
    right = torch.randn(3, 10, generator=generator(), dtype=torch.float64)
    truth = torch.linalg.solve(mean, right.T).T
    products = [product(part) for part in parts]
    few = lissa(products, right, 5.0, 50, 1, generator())
    many = lissa(products, right, 5.0, 400, 10, generator())
    assert float((many - truth).norm() / truth.norm()) < 0.02
    assert (many - truth).norm() < (few - truth).norm()
    edge = max(float(torch.linalg.eigvalsh(part).max()) for part in parts) / 2
    assert float((lissa(products, right, edge * 1.02, 2000, 1, generator()) - truth).norm() / truth.norm()) < 0.2
