"""Influence against exact leave-one-out on a convex model, and every solver against the explicit solution."""

import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import Tensor, nn

import dataaudit
from dataaudit.attribution.backends import influence
from dataaudit.attribution.curvature import gauss_newton, inverse
from dataaudit.errors import InputError, NumericsError
from dataaudit.training.objectives import margin
from dataaudit.training.pool import Pool

from ...fixtures import pool_scores

L2, CLASSES, FEATURES, TARGETS = 2e-3, 10, 16, 40


def loss(outputs: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, labels, reduction="none")


def gain(outputs: Tensor, labels: Tensor) -> Tensor:
    return -loss(outputs, labels)


def fitted(x: Tensor, y: Tensor, theta: Tensor, penalty: float) -> Tensor:
    """Newton's method to the optimum of the summed loss plus penalty / 2 * |theta|^2, theta being (classes, d)."""
    labels = nn.functional.one_hot(y, CLASSES).double()
    for _ in range(30):
        p = (x @ theta.T).softmax(1)
        slope = (p - labels).T @ x + penalty * theta
        weight = torch.diag_embed(p) - p[:, :, None] * p[:, None]
        hessian = torch.einsum("nab,ni,nj->aibj", weight, x, x).reshape(theta.numel(), theta.numel())
        step = torch.linalg.solve(hessian + penalty * torch.eye(theta.numel()), slope.flatten()).view_as(theta)
        theta = theta - step
        if step.abs().max() < 1e-8:
            return theta
    raise AssertionError("Newton's method has not converged")


@dataclass(frozen=True)
class Convex:
    """Multinomial logistic regression on digits at its optimum, and what leaving each sample out does.

    rises    (n_left_out, n_target) of the targets' losses; `drops` of their margins; of every third sample
    """

    net: nn.Module
    train: tuple[Tensor, Tensor]
    target: tuple[Tensor, Tensor]
    rises: NDArray[np.float64]
    drops: NDArray[np.float64]
    own: NDArray[np.float64]


@cache
def convex(n: int = 300) -> Convex:
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))[: n + TARGETS]
    reduced = PCA(FEATURES, random_state=0).fit_transform(pixels[order] / 16)
    x, y = torch.from_numpy(reduced), torch.from_numpy(digits[order])
    x_one = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], 1)
    theta = fitted(x_one[:n], y[:n], torch.zeros(CLASSES, FEATURES + 1, dtype=torch.float64), n * L2)
    net = nn.Linear(FEATURES, CLASSES).double()
    with torch.no_grad():
        net.weight.copy_(theta[:, :-1])
        net.bias.copy_(theta[:, -1])
    rises, drops, own = [], [], []
    before = x_one @ theta.T
    for left_out in range(0, n, 3):
        others = torch.arange(n) != left_out
        without = x_one @ fitted(x_one[:n][others], y[:n][others], theta, n * L2).T
        rise = loss(without, y) - loss(before, y)
        rises.append(rise[n:])
        own.append(rise[left_out])
        drops.append((margin(before, y) - margin(without, y))[n:])
    return Convex(
        net.eval(),
        (x[:n], y[:n]),
        (x[n:], y[n:]),
        torch.stack(rises).numpy(),
        torch.stack(drops).numpy(),
        torch.stack(own).numpy(),
    )


def attributed(problem: Convex, of_loss: bool = False, **settings: object) -> dataaudit.Attribution:
    objective = {"loss": loss, "output": gain} if of_loss else {}
    convex_settings = {"l2": L2, "damping": 0.0, **settings}
    return dataaudit.attribute(
        problem.net, problem.train, problem.target, backend="influence", **objective, **convex_settings
    )


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize(("solver", "least"), [("newton", 0.99), ("exact", 0.98), ("ekfac", 0.8), ("arnoldi", 0.93)])
def test_scores_predict_exact_leave_one_out(solver: str, least: float) -> None:
    problem = convex()
    for of_loss, actual in [(True, problem.rises), (False, problem.drops)]:
        scores = attributed(problem, of_loss, solver=solver).scores()
        assert scores.shape == (300, TARGETS)
        assert correlation(scores[::3], actual) > least


def test_newton_steps_have_the_scale_of_leave_one_out_too() -> None:
    problem = convex()
    for of_loss, actual in [(True, problem.rises), (False, problem.drops)]:
        predicted = attributed(problem, of_loss, solver="newton").scores()[::3]
        assert (predicted * actual).sum() / np.square(predicted).sum() == pytest.approx(1, abs=0.1)


def test_self_influence_predicts_the_rise_of_a_sample_s_own_loss() -> None:
    problem = convex()
    for solver, least in [("newton", 0.98), ("exact", 0.94), ("ekfac", 0.93), ("arnoldi", 0.93)]:
        own = attributed(problem, solver=solver).self_influence
        assert own is not None
        assert own.min() >= 0
        assert correlation(own[::3], problem.own) > least
    assert attributed(problem, solver="cg").self_influence is None


def test_conjugate_gradients_reach_the_exact_solution() -> None:
    problem = convex()
    exact = attributed(problem, solver="exact").scores()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        solved = attributed(problem, solver="cg", tolerance=1e-6)
    np.testing.assert_allclose(solved.scores(), exact, atol=1e-4 * np.abs(exact).max())
    assert 0 < solved.provenance["residual"] <= 1e-6


def test_arnoldi_with_every_eigenvector_is_exact() -> None:
    problem = convex()
    exact = attributed(problem, solver="exact").scores()
    whole = attributed(problem, solver="arnoldi", iterations=170, rank=170, tolerance=1e-2)
    np.testing.assert_allclose(whole.scores(), exact, atol=2e-2 * np.abs(exact).max())
    assert whole.provenance["trace_share"] == pytest.approx(1, abs=1e-3)


def small_net(seed: int, *layers: nn.Module) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(*(layers or (nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)))).eval()


def data(n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    return torch.randn(n, 5, generator=generator) + nn.functional.one_hot(labels, 5) * 2, labels


def scores_of(net: nn.Module, solver: str, **settings: object) -> NDArray[np.float32]:
    return dataaudit.attribute(net, data(40, 0), data(7, 1), backend="influence", solver=solver, **settings).scores()


@pytest.mark.parametrize("batch_size", [4, 40])
def test_lissa_converges_on_the_exact_solution(batch_size: int) -> None:
    net = small_net(0)
    exact = scores_of(net, "exact", damping=10.0)
    solved = scores_of(net, "lissa", damping=10.0, batch_size=batch_size, depth=200, tolerance=0.3)
    assert correlation(solved, exact) > 0.998
    if batch_size == 40:  # the whole training set: nothing is random
        np.testing.assert_allclose(solved, exact, atol=1e-2 * np.abs(exact).max())


@pytest.mark.parametrize(("solver", "few"), [("cg", {"iterations": 2}), ("lissa", {"depth": 5})])
def test_a_solver_that_has_not_converged_says_how_far_it_is(solver: str, few: dict[str, int]) -> None:
    net = small_net(0)
    with pytest.warns(UserWarning, match=r"has not converged: relative residual 0\.\d+, tolerance 0\.001"):
        scored = dataaudit.attribute(
            net, data(40, 0), data(7, 1), backend="influence", solver=solver, damping=0.01, **few
        )
    assert scored.provenance["residual"] > 1e-3


def test_arnoldi_says_that_its_eigenvectors_are_none_yet() -> None:
    with pytest.warns(UserWarning, match="more iterations or a smaller rank"):
        scores_of(small_net(0), "arnoldi", iterations=5, rank=5)


@pytest.mark.parametrize("solver", ["exact", "newton", "ekfac", "arnoldi", "cg"])
def test_neither_the_order_of_rows_nor_the_size_of_blocks_matters(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, (x, y) = small_net(0), data(40, 0)
    settings = {"backend": "influence", "solver": solver, "damping": 0.1, "iterations": 60, "rank": 20}
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    plain = dataaudit.attribute(net, (x, y), data(7, 1), **settings).scores()
    assert plain.shape == (40, 7)
    for module, name, size in [(influence, "BLOCK", 9), (gauss_newton, "ROWS", 17), (gauss_newton, "VECTORS", 3),
                               (gauss_newton, "BYTES", 999), (inverse, "SYSTEM_BYTES", 3000),
                               (gauss_newton, "MEMORY_BYTES", 100)]:  # fmt: skip
        monkeypatch.setattr(module, name, size)
    shuffled = dataaudit.attribute(net, (x[order], y[order]), data(7, 1), **settings).scores()
    np.testing.assert_allclose(shuffled, plain[order.numpy()], atol=3e-3 * np.abs(plain).max())


def test_a_pool_chooses_the_damping_and_scores_come_back_from_the_file(small_pool: Pool, tmp_path: Path) -> None:
    scored = pool_scores(small_pool, tmp_path / "own.h5", "influence", dampings=(0.01, 1.0))
    sweep = scored.provenance["lds_by_damping"]
    assert set(sweep) == {"0.01", "1.0"}
    assert scored.provenance["damping"] == 0.01  # two subsets don't speak clearly enough against the default
    scored.save(tmp_path / "scores.h5")
    again = dataaudit.Attribution.load(tmp_path / "scores.h5")
    np.testing.assert_array_equal(again.scores(), scored.scores())
    assert again.provenance["identity"]["settings"]["dampings"] == [0.01, 1.0]


def test_what_can_not_be_solved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = small_net(0)
    with pytest.raises(InputError, match="solver: expected one of exact, newton, ekfac"):
        scores_of(net, "magic")
    for settings in ({"damping": 0.0}, {"dampings": (0.1, -1.0)}, {"l2": -1.0}, {"damping": -0.1, "l2": 1.0}):
        with pytest.raises(InputError, match="positive dampings"):
            scores_of(net, "exact", **settings)
    with pytest.raises(InputError, match="positive counts"):
        scores_of(net, "lissa", batch_size=0)
    monkeypatch.setattr(influence, "PARAMETERS", 20)
    for solver in ("exact", "newton"):
        with pytest.raises(InputError, match=f"'{solver}': expected at most 20 parameters, found 57; 'ekfac'"):
            scores_of(net, solver)
    linear = {"loss": lambda outputs, labels: outputs[:, 0], "output": lambda outputs, labels: outputs[:, 1]}
    with pytest.raises(NumericsError, match="curvature of the training loss is zero"):
        scores_of(net, "ekfac", **linear)
