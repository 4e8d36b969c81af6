"""Linear systems and eigenvectors of a symmetric matrix that is known by its products with vectors.

Vectors are rows: a product takes (m, d) to (m, d).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]


def shifted(product: Product, shift: float) -> Product:
    """The product of A + shift I, given that of A."""
    return lambda vectors: product(vectors) + shift * vectors


def conjugate_gradients(
    product: Product, rhs: Tensor, tolerance: float, iterations: int, precondition: Product = torch.clone
) -> Tensor:
    """Solve for each row of `rhs` (m, d), until its residual is `tolerance` of its norm (Hestenes & Stiefel 1952).

    Rows are solved together, each with its own step sizes; converged rows cost nothing more. `precondition` is about
    the inverse of the product.
    """
    solution, residual, direction = torch.zeros_like(rhs), rhs.clone(), precondition(rhs)
    inner = (residual * direction).sum(1)
    goal = (tolerance / 2) ** 2 * rhs.square().sum(1)  # the true residual is a little above the one carried along
    for _ in range(iterations):
        active = torch.nonzero(residual.square().sum(1) > goal)[:, 0]
        if not len(active):
            break
        step_direction = direction[active]
        image = product(step_direction)
        step = inner[active] / (step_direction * image).sum(1)
        solution[active] += step[:, None] * step_direction
        residual[active] -= step[:, None] * image
        conditioned = precondition(residual[active])
        new_inner = (residual[active] * conditioned).sum(1)
        direction[active] = conditioned + (new_inner / inner[active])[:, None] * step_direction
        inner[active] = new_inner
    return solution


def largest_eigenvalue(product: Product, size: int, iterations: int, generator: torch.Generator) -> float:
    """Power iteration: a lower bound on the largest eigenvalue, soon more than half of it."""
    vector = torch.randn(1, size, generator=generator)
    for _ in range(iterations):
        vector = product(vector / vector.norm().clamp(min=torch.finfo(vector.dtype).tiny))
    return float(vector.norm())


def lissa(
    products: Sequence[Product], rhs: Tensor, scale: float, depth: int, repeats: int, generator: torch.Generator
) -> Tensor:
    """Solve with the mean of `products`, one of them at random in each of `depth` steps (Agarwal et al. 2017).

    The recursion is Koh & Liang 2017, section 3, with u = scale * solution: u <- rhs + (I - A_s / scale) u. Each
    repeat gives the mean of the second half of its steps, around which they fluctuate, and repeats are averaged. It
    can't diverge while no product has an eigenvalue above 2 * scale.
    """
    total = torch.zeros_like(rhs)
    for _ in range(repeats):
        solution, mean = rhs / scale, torch.zeros_like(rhs)
        for step, choice in enumerate(torch.randint(len(products), (depth,), generator=generator).tolist()):
            solution = solution + (rhs - products[choice](solution)) / scale
            if step >= depth // 2:
                mean += solution / (depth - depth // 2)
        total += mean / repeats
    return total


def relative_residual(product: Product, solution: Tensor, rhs: Tensor) -> float:
    """Largest |rhs - A solution| / |rhs| over the rows."""
    norms = rhs.norm(dim=1)
    distances = (rhs - product(solution)).norm(dim=1)
    return float((distances[norms > 0] / norms[norms > 0]).max()) if bool((norms > 0).any()) else 0.0


def lanczos(
    product: Product, size: int, steps: int, rank: int, generator: torch.Generator, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The largest `rank` eigenvalues (k,) float64, descending, and eigenvectors (d, k), after `steps` products.

    Arnoldi's iteration on a symmetric matrix (Lanczos 1950), every vector orthogonalised against all others. Fewer
    come where the matrix has fewer positive eigenvalues.
    """
    steps = min(steps, size)
    basis = torch.empty(steps, size, dtype=dtype)
    tridiagonal = torch.zeros(steps, steps, dtype=torch.float64)
    vector = torch.randn(size, generator=generator, dtype=dtype)
    largest = 0.0
    for step in range(steps):
        basis[step] = vector / vector.norm()
        vector = product(basis[step : step + 1])[0]
        tridiagonal[step, step] = basis[step] @ vector
        for _ in range(2):  # a single pass leaves rounding errors that grow into copies of the largest eigenvalues
            vector = vector - (basis[: step + 1] @ vector) @ basis[: step + 1]
        off_diagonal = float(vector.norm())
        largest = max(largest, abs(float(tridiagonal[step, step])), off_diagonal)
        if step + 1 == steps or off_diagonal <= 10 * torch.finfo(dtype).eps * largest:
            break
        tridiagonal[step, step + 1] = tridiagonal[step + 1, step] = off_diagonal
    values, vectors = torch.linalg.eigh(tridiagonal[: step + 1, : step + 1])
    values, vectors = values.flip(0), vectors.flip(1)
    count = int((values[:rank] > torch.finfo(dtype).eps * largest).sum())
    return values[:count], basis[: step + 1].T @ vectors[:, :count].to(dtype)
