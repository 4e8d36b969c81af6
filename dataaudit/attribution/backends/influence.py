"""Influence functions (Koh & Liang 2017, eq. 2): what the output would be had a training sample been left out.

For a model at the optimum of sum_i L_i + n * l2 / 2 * |theta|^2,

    score(i, z) = grad f(z)^T (H + shift I)^-1 (-grad L_i),    shift = damping * trace(H) / d + n * l2

is the drop of f(z) when i is removed, to first order; H is the Gauss-Newton curvature of `curvature`. Solvers:

    exact     eigenvectors of H as an explicit matrix
    newton    the same with H less sample i's own curvature: a Newton step to the optimum without i (Pregibon 1981);
              near-exact for convex models, worse than exact for nets
    ekfac     Kronecker-factored eigenbasis with corrected eigenvalues (George et al. 2018; Grosse et al. 2023)
    arnoldi   the largest eigenvalues and their eigenvectors, all else left out (Schioppa et al. 2022)
    cg        conjugate gradients, a system for each target
    lissa     a stochastic recursion, a system for each target (Agarwal et al. 2017)
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...dataset import Track
from ...errors import InputError, NumericsError, SampleError
from ..attribution import Attribution, identity
from ..curvature.ekfac import eigenbasis
from ..curvature.gauss_newton import Curvature, RawGradients, stored
from ..curvature.inverse import Inverse, Iterative, Spectral, warn_unconverged
from ..curvature.solvers import Product, conjugate_gradients, lanczos, largest_eigenvalue, lissa, shifted
from ..ensemble import score_ensemble
from ..gradients.model_gradients import BLOCK
from ..problem import Problem
from ..regularisation import Scorer, Strengths

Solver = Literal["exact", "newton", "ekfac", "arnoldi", "cg", "lissa"]
SOLVERS = ("exact", "newton", "ekfac", "arnoldi", "cg", "lissa")
DAMPING, EKFAC_DAMPING, NEWTON_DAMPING = 3.0, 0.01, 1e-6
"""The first two are near the best LDS of small nets; newton is for convex models, where damping only blurs."""
PARAMETERS = 8192
"""Most parameters for an explicit matrix."""
POWER = 20
"""Steps of the power iterations that find LiSSA's scale."""


@dataclass(frozen=True)
class Influence:
    """Settings.

    solver       "exact", "newton", "ekfac", "arnoldi", "cg" or "lissa", see the module
    damping      added to the curvature, relative to its mean eigenvalue, unless the runs favour another; None for
                 the solver's default, EKFAC_DAMPING, NEWTON_DAMPING or DAMPING
    dampings     candidates
    l2           the training objective's own penalty, l2 / 2 * |theta|^2 beside the mean loss; damping may be 0 with it
    tolerance    relative residual at which cg stops, and above which cg, lissa and arnoldi warn
    iterations   most steps of cg, and arnoldi's products
    rank         most eigenvectors that arnoldi keeps
    depth        lissa's steps, each on `batch_size` samples; `repeats` of them are averaged
    seed         of random gradients, starting vectors and batches
    """

    solver: Solver = "ekfac"
    damping: float | None = None
    dampings: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0, 3.0, 10.0)
    l2: float = 0.0
    tolerance: float = 1e-3
    iterations: int = 200
    rank: int = 100
    depth: int = 2000
    batch_size: int = 64
    repeats: int = 2
    seed: int = 0

    needs = ("models",)

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise InputError(f"solver: expected one of {', '.join(SOLVERS)}; found {self.solver!r}")
        dampings = (self.strength, *self.dampings)
        if not self.l2 >= 0 or not all(damping > 0 or (damping == 0 and self.l2 > 0) for damping in dampings):
            raise InputError(
                "expected l2 >= 0 and positive dampings, or non-negative ones with a positive l2; "
                f"found damping {self.strength}, dampings {self.dampings} and l2 {self.l2}"
            )
        counts = self.iterations, self.rank, self.depth, self.batch_size, self.repeats
        if not self.tolerance > 0 or min(counts) < 1 or self.seed < 0:
            raise InputError(f"expected a positive tolerance, positive counts and no negative seed, found {self}")

    @property
    def strength(self) -> float:
        """The default damping, used unless the runs favour another."""
        if self.damping is not None:
            return self.damping
        return {"ekfac": EKFAC_DAMPING, "newton": NEWTON_DAMPING}.get(self.solver, DAMPING)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("influence", asdict(self), problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`.

        Warns where an iterative solver has not converged. Raises InputError for too many parameters for the solver,
        NumericsError if a gradient is not finite, naming model and sample.
        """
        return score_ensemble(
            problem,
            lambda numbers: (self._scorer(problem, number) for number in numbers),
            Strengths("damping", self.dampings, self.strength),
            self.identity(problem),
            path,
            track,
        )

    def inverse(self, curvature: Curvature) -> Inverse:
        """The inverse curvature; for newton the same as for exact.

        Raises InputError for too many parameters for the solver, NumericsError if there is no curvature.
        """
        generator = torch.Generator().manual_seed(self.seed)
        build = {
            "exact": self._exact,
            "newton": self._exact,
            "ekfac": self._ekfac,
            "arnoldi": self._arnoldi,
            "cg": self._cg,
            "lissa": self._lissa,
        }[self.solver]
        inverse = build(curvature, generator)
        if not inverse.mean > 0:
            raise NumericsError(
                "the curvature of the training loss is zero: the model's gradients may all be zero (a dead or "
                "saturated net), or the loss is linear in the model's outputs"
            )
        return inverse

    def shift(self, inverse: Inverse, damping: float, count: int) -> float:
        """What is added to each eigenvalue of H over `count` training samples."""
        return damping * inverse.mean + count * self.l2

    def _scorer(self, problem: Problem, number: int) -> Scorer:
        gradients = RawGradients(problem, number)
        curvature = Curvature(problem, gradients)
        try:
            inverse = self.inverse(curvature)
        except SampleError:
            for start in range(0, len(problem.train), BLOCK):
                gradients.train_range(start, start + BLOCK)  # the same error again, with the sample's name
            raise
        shift = partial(self.shift, inverse, count=len(problem.train))
        if self.solver == "newton":
            assert isinstance(inverse, Spectral)
            return _Newton(curvature, gradients, inverse, shift)
        return _FirstOrder(len(problem.train), gradients, inverse, shift)

    def _exact(self, curvature: Curvature, generator: torch.Generator) -> Inverse:
        if curvature.size > PARAMETERS:
            raise InputError(
                f"solver {self.solver!r}: expected at most {PARAMETERS} parameters, found {curvature.size}; 'ekfac', "
                "'arnoldi', 'cg' and 'lissa' take more"
            )
        values, vectors = torch.linalg.eigh(curvature.matrix())
        values = values.clamp(min=0)
        return Spectral(
            values,
            float(values.mean()),
            lambda rows: rows.double() @ vectors,
            lambda rotated: rotated.double() @ vectors.T,
        )

    def _ekfac(self, curvature: Curvature, generator: torch.Generator) -> Inverse:
        basis = eigenbasis(curvature, curvature.sampled_seeds(self.seed))
        return Spectral(basis.eigenvalues, float(basis.eigenvalues.mean()), basis.rotate, basis.back)

    def _arnoldi(self, curvature: Curvature, generator: torch.Generator) -> Inverse:
        trace = curvature.trace()
        values, vectors = lanczos(
            curvature.product, curvature.size, self.iterations, self.rank, generator, torch.float32
        )
        distances = (curvature.product(vectors.T.contiguous()).T - vectors * values).norm(dim=0)
        residual = float(distances.max() / values[0]) if len(values) else 0.0
        if not residual <= self.tolerance:
            warn_unconverged(residual, self.tolerance, "eigenvectors; more iterations or a smaller rank")
        return Spectral(
            values,
            trace / curvature.size,
            lambda rows: rows @ vectors,
            lambda rotated: rotated @ vectors.T,
            {
                "residual": residual,
                "eigenvectors": len(values),
                "trace_share": float(values.sum()) / trace if trace else 0.0,
            },
        )

    def _cg(self, curvature: Curvature, generator: torch.Generator) -> Inverse:
        def solve(product: Product, rhs: Tensor, shift: float) -> Tensor:
            return conjugate_gradients(shifted(product, shift), rhs, self.tolerance, self.iterations)

        return Iterative(curvature.product, solve, curvature.size, curvature.trace() / curvature.size, self.tolerance)

    def _lissa(self, curvature: Curvature, generator: torch.Generator) -> Inverse:
        order = torch.randperm(curvature.count, generator=generator).numpy()
        batches = np.array_split(order, -(-curvature.count // self.batch_size))
        # Batches are picked with equal chances, so their mean is H whatever their sizes.
        products: list[Product] = [partial(_times, curvature, batch, len(batches)) for batch in batches]
        largest = max(largest_eigenvalue(batch_product, curvature.size, POWER, generator) for batch_product in products)

        def solve(product: Product, rhs: Tensor, shift: float) -> Tensor:
            shifted_products = [shifted(batch_product, shift) for batch_product in products]
            return lissa(shifted_products, rhs, largest + shift, self.depth, self.repeats, generator)

        return Iterative(curvature.product, solve, curvature.size, curvature.trace() / curvature.size, self.tolerance)


def _times(curvature: Curvature, positions: Any, times: int, vectors: Tensor) -> Tensor:
    return times * curvature.product(vectors, positions)


class _FirstOrder:
    """One model's scores with the curvature of all training samples; left is their gradients, rotated."""

    def __init__(self, count: int, gradients: RawGradients, inverse: Inverse, shift: Callable[[float], float]) -> None:
        self._inverse, self._shift, self._targets = inverse, shift, gradients.target
        inverse.notes.update(gradients.notes)
        self.notes: Mapping[str, Any] = inverse.notes
        self._rows = stored(count, inverse.width)
        self.left: Tensor | None = self._rows
        for start in range(0, count, BLOCK):
            self._rows[start : start + BLOCK] = inverse.rotate(gradients.train_range(start, start + BLOCK))

    def targets(self, start: int, stop: int) -> Tensor:
        return self._inverse.rotate(self._targets(start, stop))

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return self._inverse.divide(targets, self._shift(strength))

    def self_influence(self, strength: float) -> Tensor | None:
        if isinstance(self._inverse, Iterative):
            return None
        shift = self._shift(strength)
        blocks = torch.split(self._rows, BLOCK)
        return torch.cat([(rows * self._inverse.divide(rows, shift)).sum(1) for rows in blocks])


class _Newton:
    """One model's scores with each training sample's own curvature taken off; solves give the scores themselves.

    With S = H + shift I, and a sample's Jacobian J, the loss's Hessian W and derivative r of -loss by the outputs,

        (S - J^T W J)^-1 J^T r = S^-1 J^T (I - W J S^-1 J^T)^-1 r

    (the push-through identity); for logistic regression it is eq. 4 of Pregibon 1981.
    """

    left: Tensor | None = None

    def __init__(
        self, curvature: Curvature, gradients: RawGradients, inverse: Spectral, shift: Callable[[float], float]
    ) -> None:
        self._inverse, self._shift, self._targets = inverse, shift, gradients.target
        self.notes: Mapping[str, Any] = gradients.notes
        count, outputs = curvature.count, curvature.outputs
        self._jacobian = stored(count, outputs, curvature.size)
        self._weight, self._slope = torch.empty(count, outputs, outputs), torch.empty(count, outputs)
        for positions in curvature.blocks(curvature.rows()):
            jacobian, weight, slope = curvature.jacobians(positions)
            rows = torch.from_numpy(positions)
            self._jacobian[rows] = inverse.rotate(jacobian.flatten(0, 1)).float().view(jacobian.shape)
            self._weight[rows], self._slope[rows] = weight.float(), slope.float()
        self._rows = curvature.rows()
        self._corrected: tuple[float, Tensor] | None = None

    def targets(self, start: int, stop: int) -> Tensor:
        return self._inverse.rotate(self._targets(start, stop))

    def solve(self, strength: float, targets: Tensor) -> Tensor:
        return self._inverse.divide(targets, self._shift(strength)) @ self._corrected_gradients(strength).T

    def self_influence(self, strength: float) -> Tensor:
        corrected = self._corrected_gradients(strength)
        influences = []
        for start in range(0, len(corrected), self._rows):
            rows = slice(start, start + self._rows)
            plain = torch.einsum("ncd,nc->nd", self._jacobian[rows], self._slope[rows])
            influences.append((plain * self._inverse.divide(corrected[rows], self._shift(strength))).sum(1))
        return torch.cat(influences).clamp(min=0)

    def _corrected_gradients(self, strength: float) -> Tensor:
        """(n, d) J^T (I - W J S^-1 J^T)^-1 r of each sample, rotated."""
        if self._corrected is None or self._corrected[0] != strength:
            corrected = stored(len(self._jacobian), self._jacobian.shape[2])
            for start in range(0, len(corrected), self._rows):
                rows = slice(start, start + self._rows)
                jacobian = self._jacobian[rows].double()
                spread = jacobian / (self._inverse.eigenvalues + self._shift(strength)) @ jacobian.mT
                leverage = self._weight[rows].double() @ spread
                system = torch.eye(leverage.shape[1], dtype=torch.float64) - leverage
                weights = torch.linalg.solve(system, self._slope[rows].double()[..., None])
                corrected[rows] = (jacobian.mT @ weights)[..., 0]
            self._corrected = strength, corrected
        return self._corrected[1]


BACKEND = Influence
