"""The LASSO against scikit-learn's, the corrected prior against brute force, both on problems with known answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import Lasso

import dataaudit
from dataaudit import plugins
from dataaudit.attribution import store
from dataaudit.attribution.attribution import Attribution
from dataaudit.attribution.backends.datamodels import Datamodels
from dataaudit.attribution.problem import Problem, Runs
from dataaudit.attribution.regression import lasso, prior_regression, run_rows
from dataaudit.attribution.regression.run_rows import folds_of, rows_of, splits_of
from dataaudit.attribution.trust import lds, trust
from dataaudit.dataset import Track, silent
from dataaudit.errors import InputError
from dataaudit.training.pool import Pool

N, T = 40, 7


def halves(count: int, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(n) < n // 2 for _ in range(count)])


def planted(n: int = N, sparse: int | None = 4, seed: int = 1) -> np.ndarray:
    """(n, T) true weights."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((n, T))
    return weights if sparse is None else weights * np.stack([rng.permutation(n) < sparse for _ in range(T)], 1)


def simulated(runs: int, weights: np.ndarray, noise: float, seed: int = 0) -> Runs:
    """Linear outcomes 3 + X w + noise; the last two subsets are trained on twice."""
    masks = halves(runs - 2, len(weights), seed)
    masks = np.concatenate([masks, masks[-2:]])
    subsets = np.r_[np.arange(runs - 2), runs - 4, runs - 3]
    error = noise * np.random.default_rng([seed, 1]).standard_normal((runs, weights.shape[1]))
    return Runs(masks, (3 + masks @ weights + error).astype(np.float32), subsets)


def on_new_subsets(scores: np.ndarray, weights: np.ndarray) -> float:
    masks = halves(200, len(weights), seed=99)
    return float(np.nan_to_num(lds(masks @ weights, masks @ scores)).mean())


def fitted(runs: Runs, path: Path) -> Attribution:
    return Datamodels().attribute(Problem.from_runs(runs), path / "scores.h5", silent)


@pytest.mark.parametrize(("runs", "n"), [(30, N), (300, N), (300, 9)], ids=["few runs", "more runs", "squeezed"])
def test_weights_are_those_of_scikit_learns_lasso(runs: int, n: int) -> None:
    data = simulated(runs, planted(n), 0.5)
    whole, _ = splits_of(rows_of(data, folds_of(data), None))
    penalties = np.array([0.2, 0.05, 0.02])
    for target in range(T):
        ours = lasso.solve(whole, target, penalties)
        for at, penalty in enumerate(penalties):
            theirs = Lasso(penalty, tol=1e-10, max_iter=100_000).fit(data.masks, data.margins[:, target])
            np.testing.assert_allclose(ours[:, at], theirs.coef_, atol=2e-3)


def test_the_chosen_penalty_is_the_one_with_the_least_error_on_held_out_runs() -> None:
    data = simulated(120, planted(), 0.5)
    folds = folds_of(data)
    whole, splits = splits_of(rows_of(data, folds, None))
    of_run = folds[np.searchsorted(data.distinct(), data.subsets)]
    one = lasso.fit(whole, splits, 0)
    largest = np.abs(whole.contrasts.T @ whole.outputs[:, 0]).max() / 120

    def error(penalty: float) -> float:
        total = 0.0
        for fold in range(len(splits)):
            held = of_run == fold
            theirs = Lasso(penalty, tol=1e-8, max_iter=100_000).fit(data.masks[~held], data.margins[~held, 0])
            total += float(((theirs.predict(data.masks[held]) - data.margins[held, 0]) ** 2).sum())
        return total

    errors = [error(float(largest * share)) for share in lasso.PATH]
    assert one.penalty == pytest.approx(largest * lasso.PATH[int(np.argmin(errors))], rel=1e-3)


def test_planted_weights_are_found_and_pure_noise_gives_next_to_nothing(tmp_path: Path) -> None:
    weights = planted()
    scored = fitted(simulated(300, weights, 0.3), tmp_path)
    assert scored.shape == (N, T)
    np.testing.assert_allclose(scored.scores(), weights, atol=0.15)
    assert (scored.scores()[weights == 0] == 0).mean() > 0.5
    assert scored.provenance["held_out_correlation"]["mean"] > 0.9
    noise = fitted(simulated(300, 0 * weights, 1.0), tmp_path)
    assert np.abs(noise.scores()).sum(0).mean() < 0.5
    assert abs(noise.provenance["held_out_correlation"]["mean"]) < 0.15


def test_held_out_correlation_of_each_target_rises_with_runs(tmp_path: Path) -> None:
    quality = []
    for runs in (25, 100, 400):
        data = simulated(runs, planted(sparse=10), 0.5)
        quality.append(np.nan_to_num(lds(data.subset_margins(), fitted(data, tmp_path).held_out)))
    assert quality[0].shape == (T,)
    assert quality[0].mean() < quality[1].mean() < quality[2].mean()


def test_held_out_predictions_are_honest(tmp_path: Path) -> None:
    """They correlate with the runs they predict no better than scores do with new runs, and not at all for noise."""
    weights = planted(sparse=None)
    data = simulated(150, weights, 2.0)
    scored = fitted(data, tmp_path)
    fresh = simulated(400, weights, 2.0, seed=5)
    on_fresh = lds(fresh.subset_margins(), fresh.subset_masks() @ scored.scores()).mean()
    measured = trust(data, scored.held_out)
    assert measured is not None
    assert measured.lds == pytest.approx(on_fresh, abs=0.12)


def test_any_number_of_runs_fits_in_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = simulated(400, planted(12), 0.5)
    results, parts = [], []
    for block in (10_000, 64, 20):
        monkeypatch.setattr(run_rows, "BLOCK", block)
        parts.append(rows_of(data, folds_of(data), data.subset_margins() * 0.5))
        results.append(fitted(data, tmp_path))
    assert all(len(rows.ones) == 12 + 3 for rows in parts[0])
    for rows, others in zip(parts[0], parts[2], strict=True):
        for name in ("contrasts", "outputs", "prior"):
            ours, theirs = getattr(rows, name), getattr(others, name)
            np.testing.assert_allclose(rows.contrasts.T @ ours, others.contrasts.T @ theirs, atol=1e-8)
        np.testing.assert_allclose((rows.outputs * rows.prior).sum(0), (others.outputs * others.prior).sum(0))
    for other in results[1:]:
        np.testing.assert_allclose(other.scores(), results[0].scores(), atol=1e-5)
        np.testing.assert_allclose(other.held_out, results[0].held_out, atol=1e-5)


def test_masks_may_be_on_disk(tmp_path: Path) -> None:
    data = simulated(60, planted(12), 0.5)
    np.save(tmp_path / "masks.npy", data.masks)
    mapped = replace(data, masks=np.load(tmp_path / "masks.npy", mmap_mode="r"))
    np.testing.assert_array_equal(fitted(mapped, tmp_path).scores(), fitted(data, tmp_path).scores())


def test_the_order_and_the_numbers_of_runs_do_not_matter(tmp_path: Path) -> None:
    data = simulated(80, planted(), 0.5)
    order = np.random.default_rng(3).permutation(80)
    shuffled = Runs(data.masks[order], data.margins[order], 1000 - data.subsets[order])
    first, second = fitted(data, tmp_path), fitted(shuffled, tmp_path)
    np.testing.assert_allclose(first.scores(), second.scores(), atol=1e-5)
    np.testing.assert_allclose(first.held_out, second.held_out[::-1], atol=1e-5)


def test_folds_split_neither_a_subset_nor_it_and_its_complement() -> None:
    masks = halves(20, N)
    runs = Runs(np.concatenate([masks, ~masks, masks[:4]]), np.zeros((44, 1), np.float32), np.arange(44))
    folds = folds_of(runs)
    np.testing.assert_array_equal(folds[:20], folds[20:40])
    np.testing.assert_array_equal(folds[:4], folds[40:])
    assert np.bincount(folds).min() > 0


def test_too_few_distinct_subsets_are_refused(tmp_path: Path) -> None:
    masks = halves(2, N)
    runs = Runs(np.concatenate([masks, ~masks]), np.zeros((4, 3), np.float32), np.arange(4))
    with pytest.raises(InputError, match=r"at least 3 distinct subsets .* found 2"):
        fitted(runs, tmp_path)


def test_a_target_that_never_changes_scores_zero(tmp_path: Path, prior_of: Callable[[np.ndarray], None]) -> None:
    weights = planted()
    data = simulated(60, weights, 0.5)
    data.margins[:, 2] = 1.7
    prior_of(weights)
    for scored in (fitted(data, tmp_path), corrected(data, tmp_path)):
        assert np.isfinite(scored.scores()).all()
        assert scored.scores()[:, 1].any()
        assert not scored.scores()[:, 2].any()
        assert not scored.held_out[:, 2].any()


def test_runs_go_through_the_front_door_and_come_back_from_a_file(tmp_path: Path) -> None:
    data = simulated(60, planted(), 0.5)
    scored = dataaudit.attribute(data, backend="datamodels")
    assert scored.shape == (N, T)
    assert scored.self_influence is None
    assert scored.provenance["method"] == "LASSO"
    assert scored.held_out.shape == (58, T)
    scored.save(tmp_path / "kept.h5")
    again = Attribution.load(tmp_path / "kept.h5")
    np.testing.assert_array_equal(again.scores(), scored.scores())
    assert again.provenance == scored.provenance


@pytest.fixture
def prior_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[np.ndarray], None]:
    """Makes a backend "known" of given scores that don't depend on the runs."""
    get = plugins.get

    def register(tau: np.ndarray) -> None:
        class Known:
            needs = ("models",)

            def identity(self, problem: Problem) -> dict[str, str]:
                return {"backend": "known"}

            def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
                assert problem.runs is not None
                with store.writing(path, problem.train.ids, problem.target.ids) as file:
                    file.add(0, tau.astype(np.float32))
                    held_out = (problem.runs.subset_masks() - 0.5) @ tau
                    file.finish(None, held_out, {"identity": self.identity(problem), "slope": 1.0})
                return Attribution.load(path)

        known = SimpleNamespace(BACKEND=Known)
        monkeypatch.setattr(plugins, "get", lambda group, name: known if name == "known" else get(group, name))

    return register


def corrected(runs: Runs, path: Path) -> Attribution:
    problem = replace(Problem.from_runs(runs), models=(lambda: None,))  # type: ignore[arg-type]
    return Datamodels(prior="known").attribute(problem, path / "corrected.h5", silent)


@pytest.mark.parametrize("runs", [20, 150])
@pytest.mark.parametrize("kind", ["good", "useless", "wrong scale", "wrong scale by target"])
def test_corrected_scores_are_as_good_as_the_better_parent(
    runs: int, kind: str, tmp_path: Path, prior_of: Callable[[np.ndarray], None]
) -> None:
    rng = np.random.default_rng(4)
    weights = planted(sparse=None) * np.exp(rng.standard_normal((N, T)))
    tau = weights + np.abs(weights) * rng.standard_normal((N, T))
    if kind == "useless":
        weights, tau = planted(sparse=2), rng.standard_normal((N, T))
    elif kind == "wrong scale":
        tau *= -1000
    elif kind == "wrong scale by target":
        tau *= np.geomspace(0.3, 3, T)
    prior_of(tau)
    data = simulated(runs, weights, 1.0)
    ours = on_new_subsets(corrected(data, tmp_path).scores(), weights)
    by_prior = abs(on_new_subsets(tau, weights))
    by_runs = on_new_subsets(fitted(data, tmp_path).scores(), weights)
    assert ours > max(by_prior, by_runs) - 0.03


@pytest.mark.parametrize(("runs", "n"), [(30, N), (300, 9)], ids=["dual", "primal, squeezed"])
def test_corrections_are_the_posterior_mean(runs: int, n: int) -> None:
    """Against the formula of Bayesian linear regression on the runs as they are, in weights, slope and intercept."""
    rng = np.random.default_rng(0)
    weights = planted(n, sparse=None)
    data = simulated(runs, weights, 1.0)
    tau = weights + rng.standard_normal((n, T))
    # Held-out predictions are not quite linear in the masks.
    prior = ((data.subset_masks() - 0.5) @ tau + 0.1 * rng.standard_normal((runs - 2, T))).astype(np.float32)
    whole, _ = splits_of(rows_of(data, folds_of(data), prior))
    target, slope, noise = 3, 0.8, 0.5
    ours = prior_regression.correct(whole, target, tau[:, target], slope, [noise])

    h = prior[np.searchsorted(data.distinct(), data.subsets), target].astype(np.float64)
    h -= h.mean()
    size = np.abs(tau[:, target])
    variance = size / size.mean() + prior_regression.FLOOR
    variance *= 4 / variance.sum()
    design = np.column_stack([np.ones(runs), h, data.masks - 0.5])
    precision = 1 / np.r_[1e12, prior_regression.SLOPE / np.mean(h**2), variance]
    residual = data.margins[:, target] - slope * h
    mean = np.linalg.solve(design.T @ design / noise + np.diag(precision), design.T @ residual / noise)
    np.testing.assert_allclose(ours.slopes[0], slope + mean[1], atol=1e-5)
    np.testing.assert_allclose(ours.weights[:, 0], mean[2:], atol=1e-5)


def test_gradient_scores_of_a_pool_are_corrected_by_its_runs(small_pool: Pool, tmp_path: Path) -> None:
    problem = Problem.from_pool(small_pool)
    scored = Datamodels().attribute(problem, tmp_path / "scores.h5", silent)
    assert scored.shape == (60, 20)
    assert np.isfinite(scored.scores()).all()
    assert scored.held_out.shape == (6, 20)
    assert scored.provenance["identity"] == Datamodels().identity(problem)
    assert scored.provenance["identity"]["prior_identity"]["backend"] == "trak"
    alone = Datamodels(prior=None).attribute(problem, tmp_path / "alone.h5", silent)
    assert alone.provenance["method"] == "LASSO"
    assert alone.provenance["identity"]["prior_identity"] == {}


def test_a_prior_that_is_no_prior_is_refused(tmp_path: Path) -> None:
    problem = replace(Problem.from_runs(simulated(20, planted(), 0.5)), models=(lambda: None,))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="scores by trained models, found 'datamodels'"):
        Datamodels(prior="datamodels").attribute(problem, tmp_path / "scores.h5", silent)
