"""Derivatives of influence by inputs, against finite differences of scores."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dataaudit.api import attribute, configured_backend, problem_of
from dataaudit.attribution.curvature.gauss_newton import Curvature, RawGradients
from dataaudit.attribution.perturbations import InfluenceOfInput, perturbation
from dataaudit.attribution.problem import Problem
from dataaudit.errors import InputError
from dataaudit.training.objectives import CLASSIFICATION, Objective

from .curvature.test_gauss_newton import samples


def net(outputs: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(2, 4, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, outputs)).double().eval()


def data(n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 2, 3, generator=generator, dtype=torch.float64), torch.arange(n) % 3


def slow_scores(model: nn.Module, objective: Objective, train: tuple[Tensor, Tensor],
                target: tuple[Tensor, Tensor], x: Tensor, y: Tensor, damping: float) -> Tensor:  # fmt: skip
    """(n_target,) scores of one sample, with H over `train`."""
    held = samples(*train)
    problem = Problem((lambda: model,), held, held, objective, None, {})
    gradients = RawGradients(problem, 0)
    matrix = Curvature(problem, gradients).matrix()
    matrix += damping * matrix.diagonal().mean() * torch.eye(len(matrix))
    order = gradients.features.parameters

    def gradient(function, one: Tensor, label: Tensor) -> Tensor:
        value = function(model(one[None]), label[None]).sum()
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, order)]).double()

    own = -gradient(objective.loss, x, y)
    return torch.stack([gradient(objective.output, z, w) @ torch.linalg.solve(matrix, own)
                        for z, w in zip(*target, strict=True)])  # fmt: skip


@pytest.mark.parametrize("own", [False, True], ids=["classification", "own"])
def test_it_is_the_slope_of_scores_with_the_curvature_held_fixed(own: bool) -> None:
    model, train, target = net(), data(20, 0), data(2, 1)
    objective = CLASSIFICATION
    settings = {}
    if own:
        objective = Objective("squared", lambda o, y: (o[:, 0] - y).square(), lambda o, y: o[:, 1] * o[:, 0])
        settings = {"loss": objective.loss, "output": objective.output}
    ours = perturbation(model, train, target, [4, 17, 4], solver="exact", damping=0.1, **settings)
    assert ours.shape == (3, 2, 2, 3)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours[0], ours[2])
    scale, step = np.abs(ours).max(), 1e-4
    for row, position in enumerate([4, 17]):
        x, y = train[0][position], train[1][position]
        for channel in range(2):
            for place in range(3):
                move = torch.zeros(2, 3, dtype=torch.float64)
                move[channel, place] = step
                after, before = (
                    slow_scores(model, objective, train, target, at, y, 0.1) for at in (x + move, x - move)
                )
                slope = ((after - before) / (2 * step)).numpy()
                np.testing.assert_allclose(ours[row, :, channel, place], slope, atol=2e-3 * scale)


def test_scores_as_functions_of_the_input_are_the_backends_own() -> None:
    model, train, target = net(), data(20, 0), data(2, 1)
    settings = {"solver": "exact", "damping": 0.1}
    influence = InfluenceOfInput(problem_of(model, train, target, None), configured_backend("influence", settings))
    ours = influence.scores(train[0][[4, 17]], train[1][[4, 17]])
    scores = attribute(model, train, target, backend="influence", **settings).scores()
    np.testing.assert_allclose(ours, scores[[4, 17]], rtol=1e-3)
    sample, label = train[0][[4]], train[1][[4]]
    fixed = influence.with_slope_fixed_at(sample, label)
    np.testing.assert_allclose(fixed.scores(sample, label), scores[[4]], rtol=1e-3)
    # Along the slopes they move to first order, and by other slopes than those of the loss that is not held.
    slopes = fixed.slopes(sample, label)
    step = 1e-3 * torch.from_numpy(slopes[:, 0]).double() / np.linalg.norm(slopes[:, 0])
    moved = fixed.scores(sample + step, label) - fixed.scores(sample - step, label)
    assert moved[0, 0] == pytest.approx(2e-3 * np.linalg.norm(slopes[:, 0]), rel=1e-2)
    assert not np.allclose(slopes, influence.slopes(sample, label), rtol=0.1)


@pytest.mark.parametrize("solver", ["cg", "arnoldi", "ekfac"])
def test_other_solvers_agree(solver: str) -> None:
    model, train, target = net(), data(60, 0), data(2, 1)
    exact = perturbation(model, train, target, [4, 17], solver="exact", damping=10.0)
    ours = perturbation(model, train, target, [4, 17], solver=solver, damping=10.0)
    assert np.corrcoef(ours.ravel(), exact.ravel())[0, 1] > 0.9


def test_what_has_no_derivatives_is_refused() -> None:
    model, train, target = net(), data(20, 0), data(2, 1)
    with pytest.raises(InputError, match="take 'exact'"):
        perturbation(model, train, target, [0], solver="newton")
    with pytest.raises(InputError, match="positions from 0 to 19, found 3 to 20"):
        perturbation(model, train, target, [3, 20])
    for positions in ([], [[1]], [0.5]):
        with pytest.raises(InputError, match=r"expected positions \(m,\)"):
            perturbation(model, train, target, positions)
    with pytest.raises(InputError, match="go together"):
        perturbation(model, train, target, [0], loss=CLASSIFICATION.loss)
    words = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 3)).eval()
    tokens = (torch.randint(0, 5, (20, 3)), torch.arange(20) % 3)
    with pytest.raises(InputError, match="floating-point inputs, found torch"):
        perturbation(words, tokens, tokens, [0])
