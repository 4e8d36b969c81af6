"""Altered copies of rows stand out; rows equal by chance are known to be."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from dataaudit.checks.matching import tables as matching_tables
from dataaudit.checks.matching.copies import bh_threshold
from dataaudit.checks.matching.matcher import N_CANDIDATES, search
from dataaudit.checks.matching.tables import TableMatcher
from dataaudit.checks.planting.tables import ALTERATIONS
from dataaudit.dataset import silent

from ...written import dataset_of, measured, sentences


def matcher_of(inputs: pd.DataFrame | np.ndarray) -> TableMatcher:
    modality = "table" if isinstance(inputs, pd.DataFrame) else "array"
    return TableMatcher.of(dataset_of(inputs, len(inputs) // 2, modality))


@pytest.mark.parametrize("sort", ALTERATIONS)
def test_altered_copies_are_the_best_match_and_score_above_all_others(sort: str) -> None:
    matcher = matcher_of(measured(360))
    altered = ALTERATIONS[sort](matcher.cells.take(np.arange(300, 330)), matcher.cells, np.random.default_rng(0))
    planted = TableMatcher(matcher.inputs, matcher.cells.with_rows(np.arange(30), altered))
    matches = search(planted, np.arange(300, 360), np.arange(300), silent, "")
    found = matches.base[:30, 0] == np.arange(30)
    assert found.all()
    assert (matches.score[:30, 0] > matches.score[30:, 0].max()).mean() > 0.9
    assert matches.chance is not None
    assert np.median(matches.chance[:30, 0]) < 1e-3
    assert np.median(matches.chance[30:, 0]) > 0.2


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_copies_in_real_tables_and_arrays_are_the_best_match(load: object) -> None:
    inputs = load().data.astype(np.float32)[:600]  # type: ignore[operator]
    n = len(inputs)
    matcher, sorts = matcher_of(inputs).with_copies(np.arange(n - 40, n), np.arange(40), np.random.default_rng(0))
    matches = search(matcher, np.arange(n - 40, n), np.arange(n - 40), silent, "")
    found = matches.base[:, 0] == np.arange(40)
    assert found.mean() >= 0.95
    assert len(Counter(sorts)) >= 4


def test_arrays_of_any_shape_are_flattened_and_many_values_are_drawn_from() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 6, 8, 9)).astype(np.float32)
    inputs[3] = inputs[150] + 0.01
    matcher = matcher_of(inputs)
    assert matcher.cells.numbers.shape == (200, 256)
    matches = search(matcher, np.arange(140, 200), np.arange(140), silent, "")
    assert matches.base[10, 0] == 3
    assert matches.score[10, 0] > np.delete(matches.score[:, 0], 10).max() + 2


def mixed(n: int, seed: int = 0) -> pd.DataFrame:
    """Numbers, counts, categories and codes that say enough to tell rows apart."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=n)
    numbers = {f"x{j}": np.round(rng.normal(size=n) + 0.5 * hidden, 2) for j in range(5)}
    words = {f"word{k}": rng.choice([f"w{i}" for i in range(k)], n) for k in (3, 4, 100)}
    return pd.DataFrame(
        {**numbers, "count": rng.poisson(4, n), **words, "rare": np.where(rng.random(n) < 0.9, 0, hidden)}
    )


@pytest.mark.parametrize("quick", [False, True])
def test_trees_find_the_planted_copies_that_a_search_of_all_rows_finds(quick: bool) -> None:
    n, m = 4000, 300
    rows, base = np.arange(n - m, n), np.arange(n - m)
    planted, sorts = matcher_of(mixed(n)).with_copies(rows, np.arange(m), np.random.default_rng(0))
    candidates = planted.nominate(rows, base, silent, "", quick)
    k = candidates.base.shape[1]
    of_all = planted._agreement(rows, np.broadcast_to(base, (m, len(base))))
    exact = (np.argsort(-of_all, 1, kind="stable")[:, :k] == np.arange(m)[:, None]).any(1)
    found = (candidates.base == np.arange(m)[:, None]).any(1)
    assert exact.mean() > 0.98
    assert found[exact].mean() >= 0.99, Counter(np.array(sorts)[exact & ~found])


def test_the_order_of_rows_makes_no_difference_to_copies() -> None:
    frame = mixed(1500)
    copies = frame.iloc[:40].copy()
    copies["x1"] += 0.01
    copies["word100"] = frame["word100"].iloc[40:80].to_numpy()
    frame = pd.concat([frame, copies], ignore_index=True)
    order = np.random.default_rng(0).permutation(len(frame))
    place = np.argsort(order)
    matcher, shuffled = (
        TableMatcher.of(dataset_of(rows, len(rows), "table"))
        for rows in (frame, frame.iloc[order].reset_index(drop=True))
    )
    everything, queries = np.arange(len(frame)), np.arange(1500, 1540)
    as_is = search(matcher, queries, everything, silent, "")
    again = search(shuffled, place[queries], everything, silent, "")
    np.testing.assert_array_equal(as_is.base[:, 0], np.arange(40))
    np.testing.assert_array_equal(order[again.base[:, 0]], np.arange(40))
    np.testing.assert_allclose(again.similarity[:, 0], as_is.similarity[:, 0], rtol=1e-5)


@pytest.mark.parametrize("columns", [3, 12, 40])
def test_coarse_tables_full_of_equal_rows_have_candidates_but_no_copies(columns: int) -> None:
    coarse = np.random.default_rng(0).integers(0, 3, (3000, columns))
    matcher = matcher_of(pd.DataFrame({f"c{j}": [f"w{v}" for v in values] for j, values in enumerate(coarse.T)}))
    matches = search(matcher, np.arange(2500, 3000), np.arange(2500), silent, "")
    assert matches.base.shape == (500, N_CANDIDATES)
    assert matches.chance is not None
    assert bh_threshold(matches.chance.min(1).clip(max=1)) == 0


def test_rows_are_equal_whatever_their_ids_texts_by_their_words_and_those_without_values_never() -> None:
    frame = measured(120).assign(note=sentences(120))
    frame.iloc[7, :-2], frame.loc[7, "note"] = frame.iloc[3, :-2], frame.loc[3, "note"].upper() + "!"
    frame.iloc[[20, 21], :-2] = np.nan
    frame.loc[[20, 21], "note"] = ""
    matcher = matcher_of(frame)
    assert matcher.contents[7] == matcher.contents[3]
    assert matcher.agreement(3, 7) == "equal after cleaning"
    assert matcher.agreement(3, 8) == matcher.agreement(20, 21) == "near"
    assert list(matcher.contents[[20, 21]]) == [-1, -1]
    assert len(np.unique(matcher.contents)) == 118
    np.testing.assert_array_equal(matcher.codes[3], matcher.codes[7])


def test_ids_constants_and_empty_columns_say_nothing() -> None:
    frame = measured(120)
    frame["same"] = 7
    kept = matcher_of(frame).cells.numbers.shape[1]
    assert kept == frame.shape[1] - 3
    nothing = matcher_of(frame[["nothing", "same", "id"]])
    np.testing.assert_array_equal(nothing.contents, -1)
    matches = search(nothing, np.arange(100, 120), np.arange(100), silent, "")
    assert matches.chance is not None
    assert (matches.chance >= 1).all()
    itself = search(nothing, np.arange(10), np.arange(10), silent, "")
    assert not (itself.base == np.arange(10)[:, None]).any()


def test_missing_values_and_mixed_columns_match_like_with_like() -> None:
    frame = measured(200)
    frame["mixed"] = [str(i % 50) if i % 3 else f"n/a {i % 20}" for i in range(200)]
    frame.iloc[4, :-4] = frame.iloc[190, :-4]
    frame.iloc[4, 2:4] = np.nan
    matches = search(matcher_of(frame), np.arange(180, 200), np.arange(180), silent, "")
    assert matches.base[10, 0] == 4
    assert np.isfinite(matches.score).all()


def test_blocks_and_order_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = measured(150)
    matcher = matcher_of(frame)
    rows = np.arange(150)
    whole = search(matcher, rows, rows, silent, "")
    assert not (whole.base == rows[:, None]).any()
    shuffled = np.random.default_rng(0).permutation(rows)
    monkeypatch.setattr(matching_tables, "QUERY_BLOCK", 7)
    monkeypatch.setattr(matching_tables, "CELL_BLOCK", 40)
    again = search(matcher, shuffled, rows, silent, "")
    np.testing.assert_allclose(again.score[:, 0], whole.score[shuffled, 0], rtol=1e-5)
    scaled = search(matcher_of(frame.assign(x0=frame["x0"] * 1024)), rows, rows, silent, "")
    np.testing.assert_allclose(scaled.score[:, 0], whole.score[:, 0], rtol=1e-5)


def test_the_share_of_rows_as_near_by_the_plain_definition() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=400)
    column = matcher_of(values[:, None])._columns[0]
    left, right = rng.integers(0, 400, (2, 200))
    left, right = left[left != right], right[left != right]
    distance = np.abs(values[left] - values[right])
    plain = [((np.abs(values - values[i]) <= d).sum() - 2) / 400 for i, d in zip(left, distance, strict=True)]
    share = column.as_near(left, right)
    far = np.array(plain) > 12 / 400
    np.testing.assert_allclose(share[far], np.array(plain)[far], atol=1.1 / 400)
    assert (share[~far] <= 13 / 400).all()


def test_tiny_bases_give_fewer_candidates() -> None:
    matcher = matcher_of(measured(6))
    assert search(matcher, np.arange(2), np.arange(2, 5), silent, "").base.shape == (2, 3)
    assert search(matcher, np.arange(1), np.arange(1), silent, "").base.shape == (1, 0)


def test_differences_name_the_columns_that_differ() -> None:
    frame = measured(50)
    frame.iloc[3] = frame.iloc[2]
    frame.loc[3, ["x1", "word"]] = [0.123456789, "blue"]
    frame.loc[2, "word"] = "red"
    assert matcher_of(frame).differences(2, 3) == [["x1", f"{frame['x1'][2]:.6g}", "0.123457"], ["word", "red", "blue"]]
    assert len(matcher_of(frame).differences(10, 20)) == 12
    arrays = np.zeros((30, 2, 2))
    arrays[7, 1, 0] = 2
    assert matcher_of(arrays).differences(6, 7) == [["1, 0", "0", "2"]]
