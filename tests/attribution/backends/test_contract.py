"""What every attribution backend must do, found by name and not listed here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dataaudit
from dataaudit import plugins
from dataaudit.attribution.backends import retrieval
from dataaudit.attribution.problem import Problem, Runs
from dataaudit.attribution.trust import trust
from dataaudit.dataset import silent
from dataaudit.errors import InputError, NumericsError
from dataaudit.training.pool import Pool

BACKENDS = plugins.names("backends")
OF_MODELS = [name for name in BACKENDS if "models" in plugins.get("backends", name).BACKEND.needs]

OF_RUNS = [name for name in BACKENDS if "runs" in plugins.get("backends", name).BACKEND.needs]


def net(seed: int, outputs: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, outputs)).eval()


def data(n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    return torch.randn(n, 5, generator=generator) + nn.functional.one_hot(labels, 5) * 2, labels


@pytest.mark.parametrize("name", BACKENDS)
def test_scores_of_a_pool_are_finite_repeatable_oriented_and_remember_what_they_are(
    name: str, small_pool: Pool, linear_pool: Pool, tree_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "weights_file", lambda: None)  # the pictures of these datasets are in memory alone
    backend = plugins.get("backends", name).BACKEND()
    pools = {"linear": linear_pool, "trees": tree_pool}
    problem = Problem.from_pool(pools.get(backend.needs[0], small_pool))
    scored = backend.attribute(problem, tmp_path / "a.h5", silent)
    scores = scored.scores()
    assert scores.shape == scored.shape == (60, 20)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    again = backend.attribute(problem, tmp_path / "b.h5", silent).scores()
    np.testing.assert_array_equal(scores, again)
    assert scored.held_out.shape == (8 if "linear" in backend.needs else 6, 20)
    assert np.isfinite(scored.held_out).all()
    assert scored.provenance["identity"] == json.loads(json.dumps(backend.identity(problem)))
    assert scored.provenance["identity"]["backend"] == name
    assert problem.runs is not None
    assert trust(problem.runs, scored.held_out) is not None


@pytest.mark.parametrize("name", OF_MODELS)
def test_a_sample_of_the_target_s_class_helps_and_one_of_another_hurts(name: str) -> None:
    model, train, target = net(0), data(45, 0), data(7, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(train[0]), train[1]).backward()
        optimizer.step()
    scores = dataaudit.attribute(model, train, target, backend=name).scores()
    same = train[1][:, None].numpy() == target[1][None].numpy()
    assert scores[same].mean() > max(0, scores[~same].mean())


@pytest.mark.parametrize("name", OF_MODELS)
def test_row_order_orders_the_scores_and_models_are_averaged(name: str) -> None:
    (x, y), target = data(30, 0), data(7, 1)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    first, second = (dataaudit.attribute(net(seed), (x, y), target, backend=name).scores() for seed in (0, 1))
    shuffled = dataaudit.attribute(net(0), (x[order], y[order]), target, backend=name).scores()
    tolerance = 2e-3 * np.abs(first).max()
    np.testing.assert_allclose(shuffled, first[order.numpy()], atol=tolerance)
    both = dataaudit.attribute([net(0), net(1)], (x, y), target, backend=name).scores()
    # Up to TRAK's product of two means.
    np.testing.assert_allclose(both, (first + second) / 2, atol=10 * tolerance)


@pytest.mark.parametrize("name", OF_MODELS)
def test_one_class_and_duplicate_rows_give_finite_scores_and_equal_ones_to_equal_rows(name: str) -> None:
    x, _ = data(20, 0)
    x[10:] = x[:10]
    labels = torch.zeros(20, dtype=torch.int64)
    scores = dataaudit.attribute(net(0), (x, labels), data(6, 1), backend=name).scores()
    assert np.isfinite(scores).all()
    if name != "knn_shapley":  # of two at the same distance one comes first
        np.testing.assert_allclose(scores[:10], scores[10:], atol=1e-3 * np.abs(scores).max())


@pytest.mark.parametrize("name", OF_MODELS)
def test_a_backend_of_models_refuses_runs_alone(name: str) -> None:
    runs = Runs(np.ones((8, 5), bool), np.zeros((8, 3), np.float32), np.arange(8))
    with pytest.raises(InputError, match=f"'{name}' needs the gradients of trained torch modules"):
        dataaudit.attribute(runs, backend=name)


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_backend_of_runs_refuses_models_alone(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' needs the outcomes of training on known subsets"):
        dataaudit.attribute(net(0), data(20, 0), data(6, 1), backend=name)


@pytest.mark.parametrize("name", OF_MODELS)
def test_a_sample_that_is_not_finite_is_named(name: str) -> None:
    (x, y), target = data(30, 0), data(7, 1)
    x[13, 2] = torch.nan
    with pytest.raises(NumericsError, match="'train#13' is not finite"):
        dataaudit.attribute(net(0), (x, y), target, backend=name)
