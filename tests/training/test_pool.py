"""Subsets, resuming, refusing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from dataaudit.attribution.problem import Problem
from dataaudit.attribution.trust import noise_ceiling
from dataaudit.data.in_memory import read_in_memory
from dataaudit.dataset import Dataset, Groups, ReadOptions, silent
from dataaudit.errors import InputError, NumericsError, StaleError
from dataaudit.training import training
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import Pool, lowest_skill, planned, train_pool
from dataaudit.training.training import Plan, read_outputs, read_states, train_runs

from ..fixtures import MakeDataset, SmallLearner

QUICK = SmallLearner(epochs=2, batch_size=16)


def test_every_training_row_is_in_half_of_each_block_and_no_other_row_is_in_any(small_pool: Pool) -> None:
    train = small_pool.dataset.splits == "train"
    np.testing.assert_array_equal(small_pool.masks[:, train].sum(0), 4)
    assert not small_pool.masks[:, ~train].any()


def test_halves_are_of_groups_where_there_are_some(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    codes = np.arange(len(dataset)) // 4
    grouped = replace(dataset, groups=Groups("patient", codes, tuple(map(str, range(codes.max() + 1)))))
    train = dataset.rows("train")
    for run in range(8):
        mask = planned(grouped, 0, run)[0].mask
        assert all(len(set(mask[train][codes[train] == code])) == 1 for code in np.unique(codes[train]))
        assert abs(mask.sum() - len(train) / 2) <= 4
    np.testing.assert_array_equal(planned(grouped, 0, 0)[0].mask[train], ~planned(grouped, 0, 1)[0].mask[train])


def test_repeated_subsets_are_trained_on_the_same_rows_with_other_seeds(small_pool: Pool) -> None:
    first, again = (int(run) for run in np.flatnonzero(small_pool.subsets == small_pool.subsets[0]))
    np.testing.assert_array_equal(small_pool.masks[first], small_pool.masks[again])
    assert small_pool.seeds[first] != small_pool.seeds[again]
    assert len(np.unique(small_pool.subsets)) == 6
    assert len({mask.tobytes() for mask in small_pool.masks}) == 6


def test_without_seeds_every_run_has_rows_of_its_own_and_the_ceiling_is_one(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    pool = train_pool(make_dataset(), LinearLearner(), tmp_path, 8, 0, silent)
    train = pool.dataset.rows("train")
    assert len({mask.tobytes() for mask in pool.masks}) == len(np.unique(pool.subsets)) == 8
    np.testing.assert_array_equal(pool.masks[:, train].sum(0), 4)
    runs = Problem.from_pool(pool).runs
    assert runs is not None
    assert noise_ceiling(runs, runs.distinct()) == 1


def test_held_out_predictions_are_reliable_as_far_as_other_runs_say_the_same(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    dataset, rng = make_dataset(2000, 20, classes=2), np.random.default_rng(0)
    train, rows = dataset.rows("train"), np.arange(len(dataset))
    masks = np.stack([planned(dataset, 0, run, seedless=True)[0].mask for run in range(16)])
    own = rng.normal(size=len(dataset))

    def pool_of(noise: float) -> Pool:
        outputs = np.zeros((16, len(dataset), 2), np.float32)
        outputs[:, rows, dataset.targets] = own + noise * rng.normal(size=(16, len(own)))
        return replace(Pool.empty(dataset, LinearLearner(), tmp_path), masks=masks, outputs=outputs)

    steady, noisy = pool_of(0.1), pool_of(1.0)
    assert steady.reliability > 0.99
    assert steady.is_settled
    assert not noisy.is_settled
    fit, held_out = 1 / (1 + np.exp(-noisy.margins(train, dataset.targets[train]))), ~masks[:, train]
    first, second = ((fit[part] * held_out[part]).sum(0) / 4 for part in (slice(0, 8), slice(8, 16)))
    r = np.corrcoef(first, second)[0, 1]
    assert abs(noisy.reliability - 2 * r / (1 + r)) < 0.02  # Spearman-Brown, from half of the runs to all


def test_kept_outputs_are_those_of_the_kept_model(small_pool: Pool) -> None:
    rows = np.arange(len(small_pool.dataset))
    outputs = small_pool.learner.outputs(small_pool.model(3), small_pool.dataset, rows)
    np.testing.assert_allclose(outputs, small_pool.outputs[3], rtol=1e-4, atol=1e-4)


def test_snapshots_are_of_the_same_training_the_final_model_last_and_problems_know_their_runs(small_pool: Pool) -> None:
    assert small_pool.snapshots.tolist() == [2] * 8
    early = small_pool.learner.outputs(small_pool.model(3, 1), small_pool.dataset, np.arange(10))
    assert np.abs(early - small_pool.outputs[3, :10]).max() > 1e-3
    problem = Problem.from_pool(small_pool)
    assert problem.run_of.tolist() == [*range(8), *range(8)]
    for number in (5, 13):
        made = small_pool.learner.outputs(problem.models[number](), small_pool.dataset, np.arange(10))
        kept = small_pool.learner.outputs(small_pool.model(5, number // 8), small_pool.dataset, np.arange(10))
        np.testing.assert_array_equal(made, kept)


def test_chosen_rows_are_trained_on_once_and_only_outputs_are_kept(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    mask = dataset.splits == "train"
    mask[:10] = False
    plans = [Plan("without-ten", mask, 3)]
    assert train_runs(dataset, QUICK, tmp_path / "checks", 0, plans, False, silent) == 0
    assert train_runs(dataset, QUICK, tmp_path / "checks", 0, plans, False, silent) == 1
    expected = QUICK.outputs(QUICK.fit(dataset, np.flatnonzero(mask), 3), dataset, np.arange(len(dataset)))
    np.testing.assert_allclose(read_outputs(tmp_path / "checks", "without-ten"), expected, rtol=1e-4, atol=1e-5)
    assert read_states(tmp_path / "checks", "without-ten") == []


def test_out_of_sample_probabilities_leave_out_the_models_that_saw_the_row(small_pool: Pool) -> None:
    row = 7
    unseen = small_pool.outputs[~small_pool.masks[:, row], row]
    expected = torch.softmax(torch.from_numpy(unseen), 1).mean(0)
    np.testing.assert_allclose(small_pool.probabilities[row], expected, rtol=1e-5)
    np.testing.assert_allclose(small_pool.probabilities.sum(1), 1, rtol=1e-6)


def test_margins_are_the_log_odds_of_the_given_label(small_pool: Pool) -> None:
    rows = np.array([2, 61])
    p = torch.softmax(torch.from_numpy(small_pool.outputs[:, rows]).double(), 2).numpy()
    own = np.take_along_axis(p, small_pool.dataset.targets[rows][None, :, None], 2)[..., 0]
    np.testing.assert_allclose(
        small_pool.margins(rows, small_pool.dataset.targets[rows]), np.log(own / (1 - own)), rtol=1e-3, atol=1e-3
    )


def test_a_pool_cut_off_goes_on_and_ends_the_same(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    whole = train_pool(dataset, QUICK, tmp_path / "whole", 8, 0, silent)
    train_pool(dataset, QUICK, tmp_path / "cut", 8, 0, silent)
    for run in (1, 4, 5):
        (tmp_path / "cut" / f"run-{run:05d}.pt").unlink()
    (tmp_path / "cut" / "run-00004.tmp").write_bytes(b"half a file")
    resumed = train_pool(dataset, QUICK, tmp_path / "cut", 8, 0, silent)
    assert resumed.resumed == 5
    np.testing.assert_array_equal(resumed.outputs, whole.outputs)


def test_more_runs_keep_those_there_are(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    few = train_pool(dataset, QUICK, tmp_path / "pool", 8, 0, silent)
    more = train_pool(dataset, QUICK, tmp_path / "pool", 12, 0, silent)
    assert more.resumed == 8
    np.testing.assert_array_equal(more.outputs[:8], few.outputs)
    np.testing.assert_array_equal(more.masks[:8], few.masks)


def changed_label(dataset: Dataset) -> Dataset:
    targets = dataset.targets.copy()
    targets[0] = (targets[0] + 1) % 3
    return replace(dataset, targets=targets)


def test_what_no_longer_matches_is_refused_with_the_reason(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, directory = make_dataset(), tmp_path / "pool"
    train_pool(dataset, QUICK, directory, 8, 0, silent)
    before = {path.name: path.stat().st_mtime_ns for path in directory.iterdir()}
    with pytest.raises(StaleError, match=r"data was '.*', is now .*or --budget sample other rows.*remove .*pool to"):
        train_pool(changed_label(dataset), QUICK, directory, 8, 0, silent)
    with pytest.raises(StaleError, match="recipe was"):
        train_pool(dataset, replace(QUICK, epochs=3), directory, 8, 0, silent)
    with pytest.raises(StaleError, match="seed was 0, is now 1"):
        train_pool(dataset, QUICK, directory, 8, 1, silent)
    monkeypatch.setattr(training, "VERSION", "99")
    with pytest.raises(StaleError, match=r"dataaudit was '.*', is now '99'"):
        train_pool(dataset, QUICK, directory, 8, 0, silent)
    assert {path.name: path.stat().st_mtime_ns for path in directory.iterdir()} == before


def test_a_manifest_tells_what_the_runs_are_of(small_pool: Pool) -> None:
    manifest = json.loads((small_pool.directory / "manifest.json").read_text())
    assert manifest["data"] == small_pool.dataset.fingerprint
    assert manifest["recipe"]["learner"] == "image"


def test_too_few_runs_are_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 8"):
        train_pool(make_dataset(), QUICK, tmp_path / "pool", 7, 0, silent)


class Poisoned(SmallLearner):
    """A learner whose output for one row is not a number."""

    def outputs(self, model: object, dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        outputs = super().outputs(model, dataset, rows)
        outputs[rows == 9] = np.nan
        return outputs


def test_a_model_that_returns_nan_is_named_with_the_sample(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with pytest.raises(NumericsError, match=r"run-0000\d: the model's output for '0009.png' is not finite"):
        train_pool(make_dataset(), Poisoned(epochs=1, batch_size=16), tmp_path / "pool", 8, 0, silent)
    assert not list((tmp_path / "pool").glob("run-*.pt"))


@pytest.mark.parametrize(
    ("n", "wrong", "low", "high"), [(36, 0, 0.75, 0.9), (2000, 0, 0.99, 1), (2000, 100, 0.8, 0.95)]
)
def test_surely_avoided_errors_are_fewer_where_few_samples_tell(n: int, wrong: int, low: float, high: float) -> None:
    targets = np.arange(n) % 3
    frame = pd.DataFrame({"x": np.arange(n) / 7, "y": np.array(["a", "b", "c"])[targets]})
    dataset = read_in_memory(frame, ReadOptions(label="y"), silent)
    targets = dataset.targets
    predicted = targets.copy()
    predicted[:wrong] = (targets[:wrong] + 1) % 3
    assert low < lowest_skill(dataset, predicted, np.arange(n)) < high
    exact = replace(dataset, targets=np.linspace(0, 1, n), class_names=(), task="regression")
    assert lowest_skill(exact, exact.targets, np.arange(n)) == 1
    off = exact.targets + np.where(np.arange(n) % 2, 0.1, -0.1)
    assert 0.7 < lowest_skill(exact, off, np.arange(n)) < 1 - 0.01 * 12 * 0.9
