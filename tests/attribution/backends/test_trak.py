"""TRAK's fast path against an explicit solve, and against exact leave-one-out on a convex model."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dataaudit
from dataaudit.attribution.attribution import Attribution
from dataaudit.attribution.backends import trak
from dataaudit.attribution.backends.trak import GIVEN_RIDGE, POOL_RIDGE, Trak, _Kernel, _Weighting
from dataaudit.attribution.gradients.passes import Passed
from dataaudit.attribution.gradients.per_sample import GradientFeatures
from dataaudit.attribution.problem import Problem
from dataaudit.attribution.regression.soft_threshold import soft_threshold
from dataaudit.dataset import Dataset, silent
from dataaudit.errors import InputError, NumericsError
from dataaudit.training.objectives import CLASSIFICATION, margin
from dataaudit.training.pool import Pool

from ...fixtures import SmallLearner

EVERYTHING = 10**9


def kernel_of(phi: Tensor, targets: Tensor, weights: Tensor | None = None) -> _Kernel:
    of_one = torch.ones(len(phi)) if weights is None else weights
    passed = Passed(phi.clone(), of_one, lambda start, stop: targets[start:stop], {})
    return _Kernel(passed, _Weighting("loss" if weights is None else "output", 0.0, 1.0), weights)


def scores_of(kernel: _Kernel, ridge: float, n_targets: int) -> Tensor:
    solved = kernel.solve(ridge, kernel.targets(0, n_targets))
    return solved.T if kernel.left is None else kernel.left @ solved.T


@pytest.mark.parametrize("weighted", [False, True], ids=["loss", "output"])
@pytest.mark.parametrize(("n", "d"), [(7, 12), (40, 6)], ids=["dual", "primal"])
def test_kernel_solves_match_the_explicit_formula(n: int, d: int, weighted: bool) -> None:
    torch.manual_seed(0)
    phi, targets = torch.randn(n, d), torch.randn(5, d)
    weights = torch.rand(n) if weighted else None
    kernel = kernel_of(phi, targets, weights)
    ridge = 0.3
    shift = ridge * phi.square().sum(1).mean()
    inverse = torch.linalg.inv(phi.T @ phi + shift * torch.eye(d))
    q = torch.ones(n) if weights is None else weights
    torch.testing.assert_close(
        scores_of(kernel, ridge, 5), q[:, None] * (phi @ inverse @ targets.T), rtol=1e-3, atol=1e-5
    )
    own = q.square() * ((phi @ inverse) * phi).sum(1)
    torch.testing.assert_close(kernel.self_influence(ridge), own, rtol=1e-3, atol=1e-5)


def test_all_zero_gradients_are_an_error() -> None:
    phi = torch.zeros(5, 4)
    with pytest.raises(NumericsError, match="dead or saturated"):
        scores_of(kernel_of(phi, phi), 0.1, 1)


def test_scores_are_lazy_complete_and_oriented_train_by_target(small_pool: Pool, tmp_path: Path) -> None:
    scored = Trak().attribute(Problem.from_pool(small_pool), tmp_path / "scores.h5", silent)
    assert scored.shape == (60, 20)
    full = scored.scores()
    assert full.dtype == np.float32
    assert np.isfinite(full).all()
    assert full.std() > 0
    np.testing.assert_array_equal(full[:, 3:9], scored.scores(3, 9))
    np.testing.assert_allclose(np.concatenate([block for _, block in scored.blocks()], 1), full)
    positions, values = scored.top(4)
    np.testing.assert_allclose(values[:, 0], full.max(0))
    np.testing.assert_allclose(np.take_along_axis(full, positions.T, 0).T, values)
    weights = np.random.default_rng(0).random((3, 60)).astype(np.float32)
    np.testing.assert_allclose(scored.sums(weights), weights @ full, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scored.sums_over_targets(), full.sum(1), rtol=1e-4, atol=1e-5)
    again = Attribution.load(tmp_path / "scores.h5")
    np.testing.assert_array_equal(again.scores(), full)
    np.testing.assert_array_equal(again.self_influence, scored.self_influence)
    assert again.train_ids == small_pool.dataset.ids[:60]
    assert again.provenance["identity"] == Trak().identity(Problem.from_pool(small_pool))


def test_one_coordinate_system_or_another_hardly_matters(small_pool: Pool, tmp_path: Path) -> None:
    exact = Trak(dimensions=EVERYTHING, ridges=(0.3,)).attribute(
        Problem.from_pool(small_pool), tmp_path / "a.h5", silent
    )
    fewer = Trak(dimensions=256, ridges=(0.3,)).attribute(Problem.from_pool(small_pool), tmp_path / "b.h5", silent)
    correlation = np.corrcoef(exact.scores().ravel(), fewer.scores().ravel())[0, 1]
    assert correlation > 0.97


def test_a_supporting_sample_scores_higher_than_an_opposing_one(small_pool: Pool, tmp_path: Path) -> None:
    dataset = small_pool.dataset
    scored = Trak().attribute(Problem.from_pool(small_pool), tmp_path / "scores.h5", silent)
    train, test = dataset.targets[dataset.rows("train")], dataset.targets[dataset.rows("test")]
    same = train[:, None] == test[None, :]
    assert scored.scores()[same].mean() > scored.scores()[~same].mean()
    assert scored.held_out.shape == (6, 20)


def test_a_sample_that_breaks_the_gradient_is_named(small_pool: Pool, tmp_path: Path) -> None:
    class Broken(SmallLearner):
        def tensors(self, dataset: Dataset, rows: np.ndarray) -> torch.Tensor:
            pixels = super().tensors(dataset, rows)
            pixels[rows == 5] = torch.nan
            return pixels

    with pytest.raises(NumericsError, match=r"model 0: the gradient of '0005.png' is not finite"):
        Trak().attribute(Problem.from_pool(replace(small_pool, learner=Broken(epochs=4))), tmp_path / "s.h5", silent)
    assert not (tmp_path / "s.h5").exists()


@dataclass(frozen=True)
class Convex:
    """Multinomial logistic regression without a bias, trained to the optimum."""

    l2: float

    def fit(self, x: torch.Tensor, y: torch.Tensor) -> nn.Linear:
        layer = nn.Linear(x.shape[1], 3, bias=False)
        nn.init.zeros_(layer.weight)
        optimizer = torch.optim.LBFGS(
            layer.parameters(), max_iter=200, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
        )

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(layer(x), y, reduction="sum")
            loss = loss + self.l2 * layer.weight.square().sum() / 2
            loss.backward()
            return loss

        optimizer.step(closure)
        return layer


def test_scores_rank_like_exact_leave_one_out_on_a_convex_model() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(80, 5), torch.randint(0, 3, (80,))
    x += torch.nn.functional.one_hot(y, 5).float() * 1.5
    model = Convex(l2=1.0)
    full = model.fit(x[:60], y[:60])

    def margins(layer: nn.Linear) -> torch.Tensor:
        log_p = torch.log_softmax(layer(x[60:]), 1)[torch.arange(20), y[60:]]
        return (log_p - torch.log1p(-log_p.exp())).detach()

    drops = torch.stack(
        [margins(full) - margins(model.fit(*(v[torch.arange(60) != i] for v in (x[:60], y[:60])))) for i in range(60)]
    )
    features = GradientFeatures(full, CLASSIFICATION, x[:60], y[:60], EVERYTHING, energy_per_side=1.0)
    kernel = kernel_of(features(x[:60], y[:60], "loss")[0], features(x[60:], y[60:], "output")[0])
    scores = scores_of(kernel, 0.3, 20)
    assert np.corrcoef(scores.flatten().numpy(), drops.flatten().numpy())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("gradient", "inside", "outside"), [("tempered", 0.25, 0.25), ("output", 0, 1), ("loss", 1, 0)]
)
def test_weights_have_the_exponents_that_the_setting_names(gradient: str, inside: float, outside: float) -> None:
    torch.manual_seed(0)
    nets = [nn.Linear(4, 3).eval() for _ in range(2)]
    x, y, z = torch.randn(9, 4), torch.arange(9) % 3, torch.randn(5, 4)

    def output_gradients(net: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
        rows = []
        for one, label in zip(inputs, labels, strict=True):
            value = margin(net(one[None]), label[None]).sum()
            rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(value, list(net.parameters()))]))
        return torch.stack(rows)

    means, doubts = [], []
    for net in nets:
        doubt = torch.sigmoid(-margin(net(x), y)).detach()
        phi = output_gradients(net, x, y) * doubt[:, None] ** inside
        gram = phi.T @ phi
        gram += 0.5 * phi.square().sum(1).mean() * torch.eye(len(gram))
        means.append(phi @ torch.linalg.solve(gram, output_gradients(net, z, y[:5]).T))
        doubts.append(doubt)
    expected = torch.stack(means).mean(0) * torch.stack(doubts).mean(0)[:, None] ** outside
    scored = dataaudit.attribute(nets, (x, y), (z, y[:5]), gradient=gradient)
    np.testing.assert_allclose(scored.scores(), expected, atol=0.05 * float(expected.abs().max()))


def test_default_ridges_of_pools_and_of_given_models(small_pool: Pool, tmp_path: Path) -> None:
    in_pool = Trak(ridges=()).attribute(Problem.from_pool(small_pool), tmp_path / "a.h5", silent)
    assert in_pool.provenance["ridge"] == POOL_RIDGE
    fixed = Trak(ridges=(), ridge=2.0).attribute(Problem.from_pool(small_pool), tmp_path / "b.h5", silent)
    assert fixed.provenance["ridge"] == 2.0
    given = nn.Linear(4, 3).eval(), (torch.randn(9, 4), torch.arange(9) % 3), (torch.randn(2, 4), torch.arange(2))
    assert dataaudit.attribute(*given, backend="trak").provenance["ridge"] == GIVEN_RIDGE


def test_a_pool_of_many_rows_has_a_larger_ridge_and_the_coordinates_that_matter(
    small_pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = Problem.from_pool(small_pool)
    monkeypatch.setattr(trak, "POOL_ROWS", len(problem.train) / 16)
    many = Trak(ridges=()).attribute(problem, tmp_path / "many.h5", silent).provenance
    assert many["ridge"] == 8 * POOL_RIDGE
    assert 0.99 <= many["energy"] < 1
    given = Trak().attribute(replace(problem, runs=None), tmp_path / "given.h5", silent).provenance
    assert given["ridge"] == GIVEN_RIDGE
    assert given["coordinates"] > many["coordinates"]


def test_tempering_is_for_classifiers_and_each_task_has_its_own_way() -> None:
    net, x = nn.Linear(4, 1).eval(), torch.randn(9, 4)
    regression = (x, torch.randn(9)), (x[:3], torch.randn(3))
    np.testing.assert_array_equal(
        dataaudit.attribute(net, *regression, backend="trak").scores(),
        dataaudit.attribute(net, *regression, gradient="output").scores(),
    )
    with pytest.raises(InputError, match="'tempered' needs the error probability of a classifier"):
        dataaudit.attribute(net, *regression, gradient="tempered")
    with pytest.raises(InputError, match="expected 'tempered', 'loss' or 'output', found 'margin'"):
        dataaudit.attribute(net, *regression, gradient="margin")


def test_a_soft_threshold_keeps_the_share_and_shrinks_it() -> None:
    scores = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    kept = soft_threshold(scores, 0.1)
    assert [int(n) for n in (kept != 0).sum(0)] == [20, 20, 20]
    alive = kept != 0
    assert (np.sign(kept[alive]) == np.sign(scores[alive])).all()
    shrunk = (np.abs(scores) - np.abs(kept))[:, 0][alive[:, 0]]
    np.testing.assert_allclose(shrunk, shrunk[0], rtol=1e-4)
    np.testing.assert_array_equal(soft_threshold(scores, 1.0), scores)


def test_sparse_scores_are_cross_validated_on_the_runs(small_pool: Pool, tmp_path: Path) -> None:
    problem = Problem.from_pool(small_pool)
    sparse = Trak(sparse=True).attribute(problem, tmp_path / "sparse.h5", silent)
    dense = Trak().attribute(problem, tmp_path / "dense.h5", silent)
    share = sparse.provenance["share_kept"]
    assert set(sparse.provenance["lds_by_share_kept"]) == {"1.0", "0.5", "0.2", "0.1", "0.05", "0.02"}
    np.testing.assert_allclose(sparse.scores(), soft_threshold(dense.scores(), share), rtol=1e-4, atol=1e-6)
    assert sparse.held_out.shape == (6, 20)
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == ["dense.h5", "sparse.h5"]
    assert not list(tmp_path.glob("*.fold"))
    with pytest.raises(InputError, match="expected at least 6 of them, as in audits"):
        dataaudit.attribute(
            nn.Linear(4, 3).eval(),
            (torch.randn(9, 4), torch.arange(9) % 3),
            (torch.randn(3, 4), torch.arange(3)),
            sparse=True,
        )
