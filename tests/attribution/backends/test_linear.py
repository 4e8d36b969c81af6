"""Exact influence in linear models, against retraining."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dataaudit.attribution.backends import linear
from dataaudit.attribution.backends.linear import LinearInfluence
from dataaudit.attribution.curvature import linear_curvature
from dataaudit.attribution.problem import Linear, Problem, Samples
from dataaudit.attribution.scoring import influences, kept_or_new_scores
from dataaudit.attribution.trust import trust
from dataaudit.dataset import Task, silent
from dataaudit.errors import InputError, NumericsError
from dataaudit.training import scaling
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.objectives import OF_TASK
from dataaudit.training.pool import Pool, train_pool

from ...fixtures import pool_scores
from ...fixtures_tables import make

N, T, D, PENALTY = 40, 9, 6, 0.5
CASES: list[tuple[Task, int]] = [("classification", 2), ("classification", 3), ("classification", 5)]
CASES += [("regression", 1), ("multilabel", 3)]


def data(task: Task, outputs: int, n: int, seed: int, dense: bool = True) -> tuple[Tensor, Tensor]:
    """Inputs (n, D) and labels that partly follow them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, D)) if dense else rng.poisson(0.4, (n, D)).astype(float)
    signal = 1.5 * x[:, :outputs] + rng.normal(size=(n, outputs))
    labels: dict[Task, NDArray[Any]] = {
        "classification": signal.argmax(1),
        "regression": signal[:, 0].astype(np.float32),
        "multilabel": signal > 0.3,
    }
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(labels[task])


def fitted(task: Task, outputs: int, x: Tensor, labels: Tensor, weights: Tensor) -> nn.Module:
    """The minimiser of the weighted losses and the penalty."""
    model = nn.Linear(D, outputs).double()
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=500, tolerance_grad=1e-11, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        size = model.weight.square().sum() + model.bias.square().sum()
        value: Tensor = (weights * OF_TASK[task].loss(model(x.double()), labels)).sum() + PENALTY / 2 * size
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return model.eval()


def problem_of(task: Task, outputs: int, order: Tensor | None = None, dense: bool = True) -> Problem:
    (x, y), (targets, target_labels) = data(task, outputs, N, 0, dense), data(task, outputs, T, 1, dense)
    order = torch.arange(N) if order is None else order

    def samples(inputs: Tensor, labels: Tensor) -> Samples:
        ids = tuple(f"#{number}" for number in range(len(inputs)))
        return Samples(ids, labels.numpy(), lambda positions: inputs[positions])

    def fit(weight: float) -> nn.Module:
        return fitted(task, outputs, x[order], y[order], torch.full((N,), weight)).float()

    train = samples(x[order], y[order])
    target = samples(targets, target_labels)
    return Problem((), train, target, OF_TASK[task], None, {}, linear=Linear(outputs, PENALTY, fit))


def outcomes(task: Task, outputs: int, weights: Tensor, dense: bool = True) -> NDArray[np.float64]:
    """(T,) what is attributed, after training with these weights."""
    targets, labels = data(task, outputs, T, 1, dense)
    model = fitted(task, outputs, *data(task, outputs, N, 0, dense), weights)
    with torch.no_grad():
        return np.asarray(OF_TASK[task].output(model(targets.double()), labels).numpy())


class Scored(NamedTuple):
    scores: NDArray[np.float32]
    self_influence: NDArray[np.float32]
    provenance: Mapping[str, Any]


def attribute(problem: Problem, **settings: Any) -> Scored:
    with tempfile.TemporaryDirectory() as folder:
        scored = LinearInfluence(**settings).attribute(problem, Path(folder) / "scores.h5", silent)
        assert scored.self_influence is not None
        return Scored(scored.scores(), scored.self_influence, scored.provenance)


@pytest.fixture(params=["inverted", "by conjugate gradients", "by conjugate gradients in little memory"])
def solver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "inverted":
        for module in (linear, linear_curvature):
            monkeypatch.setattr(module, "PARAMETERS", 0)
    if "little memory" in request.param:
        monkeypatch.setattr(scaling, "MOST_NUMBERS", 0)
    return str(request.param)


@pytest.mark.parametrize(("task", "outputs"), CASES)
@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_scores_are_the_derivatives_by_each_sample_s_weight(
    task: Task, outputs: int, dense: bool, weight: float, solver: str
) -> None:
    scores = attribute(problem_of(task, outputs, dense=dense), weight=weight, tolerance=1e-6).scores
    assert scores.shape == (N, T)
    for row in range(0, N, 7):
        step = 1e-3 * torch.nn.functional.one_hot(torch.tensor(row), N)
        up, down = (outcomes(task, outputs, weight + sign * step, dense) for sign in (1, -1))
        np.testing.assert_allclose(scores[row], (up - down) / 2e-3, rtol=1e-3, atol=1e-4 * np.abs(scores).max())


@pytest.mark.parametrize("scale", [1.0, 1e5])
def test_scores_do_not_depend_on_blocks_nor_fail_over_large_inputs_that_repeat_each_other(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy((scale * rng.normal(size=(60, 3)) @ rng.normal(size=(3, 900))).astype(np.float32))
    y = torch.arange(60) % 3
    net = nn.Linear(900, 3)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    scores = []
    for block in (linear.BLOCK, 7):
        monkeypatch.setattr(linear, "BLOCK", block)
        samples = Samples(tuple(map(str, range(60))), y.numpy(), lambda positions: x[positions])
        problem = Problem(
            (), samples, samples, OF_TASK["classification"], None, {}, linear=Linear(3, 0.5, lambda _: net)
        )
        scores.append(attribute(problem, weight=1.0).scores)
    assert np.isfinite(scores[0]).all()
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-3, atol=1e-3 * np.abs(scores[0]).max())


def test_without_time_for_conjugate_gradients_scores_are_near_those_of_the_curvature_within_each_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = problem_of("classification", 3, dense=False)
    exact = attribute(problem, weight=1.0).scores.ravel()
    for module in (linear, linear_curvature):
        monkeypatch.setattr(module, "PARAMETERS", 0)
    monkeypatch.setattr(linear, "WORK", 0)
    by_output = attribute(problem, weight=1.0).scores.ravel()
    monkeypatch.setattr(scaling, "MOST_NUMBERS", 0)
    by_diagonal = attribute(problem, weight=1.0).scores.ravel()
    near, far = (np.corrcoef(exact, scores)[0, 1] for scores in (by_output, by_diagonal))
    assert near > 0.95
    assert near > far


@pytest.mark.parametrize(("task", "outputs"), CASES)
def test_leaving_one_out_moves_the_outputs_as_foretold(task: Task, outputs: int) -> None:
    scores = attribute(problem_of(task, outputs), weight=1.0).scores
    whole = outcomes(task, outputs, torch.ones(N))
    drops = [whole - outcomes(task, outputs, 1.0 - torch.nn.functional.one_hot(torch.tensor(i), N)) for i in range(N)]
    assert np.corrcoef(scores.ravel(), np.ravel(drops))[0, 1] > 0.97


@pytest.mark.parametrize(("task", "outputs"), CASES)
def test_self_influence_is_the_slope_of_a_sample_s_own_loss(task: Task, outputs: int, solver: str) -> None:
    problem = problem_of(task, outputs)
    own = attribute(problem, weight=1.0, tolerance=1e-6).self_influence
    x, y = data(task, outputs, N, 0)
    for row in range(0, N, 9):
        step = 1e-3 * torch.nn.functional.one_hot(torch.tensor(row), N)
        models = [fitted(task, outputs, x, y, 1 + sign * step) for sign in (1, -1)]
        with torch.no_grad():
            up, down = (float(OF_TASK[task].loss(model(x.double()), y)[row]) for model in models)
        assert own[row] == pytest.approx((down - up) / 2e-3, rel=5e-3, abs=1e-6)


def test_neither_row_order_nor_block_size_matters(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = attribute(problem_of("classification", 3), weight=0.4, tolerance=1e-6)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    shuffled = attribute(problem_of("classification", 3, order), weight=0.4, tolerance=1e-6)
    np.testing.assert_allclose(shuffled.scores, first.scores[order.numpy()], rtol=1e-3, atol=1e-5)
    monkeypatch.setattr(linear_curvature, "CHUNK_BYTES", 1)
    one_by_one = attribute(problem_of("classification", 3), weight=0.4, tolerance=1e-6)
    np.testing.assert_allclose(one_by_one.scores, first.scores, rtol=1e-3, atol=1e-5)
    assert one_by_one.self_influence == pytest.approx(first.self_influence, rel=1e-3)


def test_of_many_targets_the_parts_of_products_are_kept_and_give_the_same_scores(
    solver: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "T", 150)
    problem = problem_of("classification", 5)
    every = LinearInfluence(weight=0.4, tolerance=1e-6).attribute(problem, tmp_path / "scores.h5", silent)
    with h5py.File(every.path) as file:
        assert set(file["left/0"]) == {"by_output", "inputs"}
        assert "scores" not in file
    samples = problem.target
    for start in range(0, 150, 30):
        rows = np.arange(start, start + 30)
        inputs = partial(lambda rows, positions: samples.inputs(rows[positions]), rows)
        part = Samples(samples.ids[start : start + 30], samples.labels[rows], inputs)
        few = attribute(replace(problem, target=part), weight=0.4, tolerance=1e-6)
        np.testing.assert_allclose(every.scores(start, start + 30), few.scores, rtol=1e-3, atol=1e-5)
    assert every.self_influence == pytest.approx(few.self_influence, rel=1e-3)


def test_where_work_runs_out_scores_are_near_and_say_how_near(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = attribute(problem_of("classification", 5), weight=0.4)
    assert exact.provenance["residual"] < 1e-6
    for module in (linear, linear_curvature):
        monkeypatch.setattr(module, "PARAMETERS", 0)
    residuals = []
    for work in (0, 2 * 4 * T * N * 5 * (D + 1)):  # no step, and two
        monkeypatch.setattr(linear, "WORK", work)
        near = attribute(problem_of("classification", 5), weight=0.4)
        assert np.corrcoef(near.scores.ravel(), exact.scores.ravel())[0, 1] > 0.9
        residuals.append(near.provenance["residual"])
    assert 0.01 < residuals[1] < residuals[0] / 3


def test_the_weight_makes_one_curvature_stand_for_those_of_halves() -> None:
    """Ridge regression with few rows: the mean of H^-1 over random halves against H^-1 at the weight found."""
    problem = problem_of("regression", 1)
    weight = attribute(problem).provenance["weight"]
    x = torch.cat([data("regression", 1, N, 0)[0], torch.ones(N, 1)], 1).double()

    def inverse(weights: Tensor) -> Tensor:
        return torch.inverse((x.T * weights) @ x + PENALTY * torch.eye(D + 1))

    generator = torch.Generator().manual_seed(0)
    halves = [(torch.randperm(N, generator=generator) < N // 2).double() for _ in range(2000)]
    mean = torch.stack([inverse(half) for half in halves]).mean(0)

    def distance(candidate: float) -> float:
        return float((inverse(torch.full((N,), candidate).double()) - mean).norm() / mean.norm())

    assert 0.35 < weight < 0.47
    assert distance(weight) < distance(0.5) / 2


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_held_out_halves_are_foretold_no_worse_than_by_trak(task: Task, tmp_path: Path) -> None:
    pool = train_pool(make("text", task, 100, 25), learner_of(None, "text"), tmp_path, 24, 0, silent)
    runs = Problem.from_pool(pool).runs
    assert runs is not None
    reached = {}
    for backend in ("linear", "trak"):
        scored = pool_scores(pool, tmp_path / f"{backend}.h5", backend)
        measured = trust(runs, scored.held_out)
        assert measured is not None
        reached[backend] = measured.lds
        if backend == "linear":
            weight = scored.provenance["weight"]
            assert scored.provenance["slope"] == pytest.approx(4 * weight * (1 - weight), rel=0.3)
    assert reached["linear"] > 0.8
    assert reached["linear"] > reached["trak"] - 0.01


def test_it_is_what_an_audit_of_a_linear_learner_uses(linear_pool: Pool, small_pool: Pool, tmp_path: Path) -> None:
    scored = kept_or_new_scores(Problem.from_pool(linear_pool), tmp_path / "a.h5", silent)
    assert scored.provenance["identity"]["backend"] == "linear"
    other = kept_or_new_scores(Problem.from_pool(small_pool), tmp_path / "b.h5", silent)
    assert other.provenance["identity"]["backend"] == "trak"

    def problem(**choice: Any) -> Problem:
        return Problem.from_pool(linear_pool, **choice)

    target = linear_pool.dataset.rows("test")
    some = influences(problem, scored, silent, target[:3], linear_pool.dataset.targets[target[:3]])
    raw = some / np.linalg.norm(some), scored.scores(0, 3) / np.linalg.norm(scored.scores(0, 3))
    np.testing.assert_allclose(*raw, atol=1e-4)  # up to the slope, which is fitted on the targets at hand


def test_other_learners_and_broken_inputs_are_refused(small_pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'linear' serves audits by one of our linear learners"):
        pool_scores(small_pool, tmp_path / "none.h5", "linear")
    with pytest.raises(InputError, match="expected a positive weight"):
        LinearInfluence(weight=0)
    problem = problem_of("classification", 3)

    def broken(positions: NDArray[np.int64]) -> Tensor:
        inputs = problem.train.inputs(positions).clone()
        inputs[positions == 13] = torch.nan
        return inputs

    with pytest.raises(NumericsError, match="'#13' is not finite"):
        attribute(replace(problem, train=replace(problem.train, inputs=broken)))


def test_inputs_that_are_scaled_first_are_weighed_as_the_penalty_sees_them() -> None:
    plain = problem_of("classification", 3)
    linear_part = plain.linear
    assert linear_part is not None
    scales = torch.tensor([10.0, 0.1, 3.0, 1.0, 0.5, 2.0])

    def blown_up(samples: Samples) -> Samples:
        return replace(samples, inputs=lambda positions: samples.inputs(positions) * scales)

    class Unscaled(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs / scales

    def fit(weight: float) -> nn.Module:
        return nn.Sequential(Unscaled(), linear_part.fit(weight)).eval()

    scaled = replace(
        plain, train=blown_up(plain.train), target=blown_up(plain.target),
        linear=replace(linear_part, fit=fit, scaling=Unscaled()),
    )  # fmt: skip
    np.testing.assert_allclose(attribute(scaled).scores, attribute(plain).scores, rtol=1e-3, atol=1e-4)
