"""P-values are calibrated and not spoilt by copies in the null; pairs are ranked, judged and grouped."""

import numpy as np
import pytest

from dataaudit.checks.matching.copies import (
    Judged,
    Null,
    Pairs,
    bh_threshold,
    connected,
    labels_agree,
    tail_probability,
)
from dataaudit.checks.matching.matcher import N_CANDIDATES, Candidates, Matches
from dataaudit.checks.proof import accepted_by_fdr
from dataaudit.data.features.chance import Repeats

from ...written import dataset_of


def pairs_of(scores: list[list[float]], base: list[list[int]], p_values: list[list[float]]) -> Pairs:
    score = np.array(scores, "f4")
    matches = Matches(np.array(base), np.full(score.shape, 0.9, "f4"), score, np.zeros(score.shape, bool))
    return Pairs.of(np.arange(len(score)), matches, np.array(p_values))


def test_exact_copies_come_first_each_of_them_and_once() -> None:
    pairs = pairs_of([[9, 2], [8, 3]], [[10, 11], [12, 13]], [[0.1, 0.6], [0.2, 0.5]])
    contents = np.array([0, 1, *[-1] * 8, 0, 2, 3, 4, 0])
    pairs = pairs.with_exact(contents, np.arange(10, 15), Repeats(1))
    assert list(zip(pairs.query, pairs.base, pairs.exact, pairs.rank, strict=True)) == [
        (0, 10, True, 1), (0, 14, True, 2), (0, 11, False, 3), (1, 12, False, 1), (1, 13, False, 2)
    ]  # fmt: skip
    assert (pairs.score[pairs.exact] > 24.9).all()


def test_pairs_are_judged_by_their_query_and_exact_copies_lend_no_credit_to_others() -> None:
    pairs = pairs_of([[9, 8], [9, 1], [9, 1]], [[10, 11]] * 3, [[0.001, 0.03], [0.06, 0.9], [0.5, 0.9]])
    accepted, q_values = pairs.judged(0.8)
    np.testing.assert_array_equal(accepted, [True, False, False, False, False, False])
    np.testing.assert_allclose(q_values, [0.003, 0.09, 0.09, 1, 0.5, 1])
    contents = np.arange(12)
    contents[2] = contents[11]
    both = pairs.with_exact(contents, np.arange(10, 12), Repeats(1))
    accepted, q_values = both.judged(0.8)
    assert list(both.base[accepted & both.exact]) == [11]
    assert (accepted & ~both.exact).sum() == 1
    assert q_values[accepted & ~both.exact] == pytest.approx(0.003)
    assert not (pairs.judged(0.95)[0]).any()
    assert pairs.judged(0.8, untested=100)[0].sum() == 0


def test_equal_rows_are_copies_unless_chance_explains_them_and_empty_ones_never() -> None:
    pairs = pairs_of([[9], [9], [9]], [[10], [11], [12]], [[0.5]] * 3)
    contents = np.arange(13) % 10
    contents[[2, 12]] = -1
    both = pairs.with_exact(contents, np.arange(10, 13), Repeats(2, 0.4, 0.001))
    np.testing.assert_array_equal(both.exact, [True, True, False])
    np.testing.assert_array_equal(both.judged(0.8)[0], [True, True, False])
    np.testing.assert_allclose(both.judged(0.8)[1][:2], 0.2)
    explained = pairs.with_exact(contents, np.arange(10, 13), Repeats(2, 1.2, 0.4))
    assert not explained.judged(0.8)[0].any()
    many = pairs.with_exact(np.zeros(40), np.arange(10, 40), Repeats(3, 3.0, 0.9))
    assert len(many.query) == 3 * N_CANDIDATES
    assert many.exact.all()


def test_what_two_matchers_found_is_each_pair_once_as_the_surest_has_it() -> None:
    by_text = pairs_of([[9, 2]], [[10, 11]], [[0.001, 0.6]])
    by_row = pairs_of([[3, 4]], [[12, 10]], [[0.002, 0.5]])
    parts = [
        Judged(by_text, np.array([True, False]), np.array([0.01, 0.9])),
        Judged(by_row, np.array([True, False]), np.array([0.02, 0.8])),
    ]
    pairs, accepted, q_values = Judged.union(parts)
    assert list(zip(pairs.base, accepted, q_values, pairs.rank, strict=True)) == [
        (10, True, 0.01, 1), (12, True, 0.02, 2), (11, False, 0.9, 3)
    ]  # fmt: skip
    assert Judged.union(parts[:1]) is parts[0]


def test_what_chance_explains_is_no_surer_than_that() -> None:
    candidates = Candidates(np.arange(2), np.array([[10, 11]] * 2), np.zeros((2, 2), "f4"))
    evidence, chance = np.array([[1.0, 3.0], [4.0, 2.0]]), np.array([[7.0, 0.2], [0.001, 0.5]])
    matches = Matches.ranked(candidates, np.array([[0.5, 0.9], [0.95, 0.3]]), evidence, chance)
    np.testing.assert_array_equal(matches.base, [[11, 10], [10, 11]])
    np.testing.assert_allclose(matches.score, [[5, 1], [6, 2]])
    pairs = Pairs.of(np.arange(2), matches, np.full((2, 2), 0.01))
    np.testing.assert_allclose(pairs.p_value, [0.2, 1, 0.01, 0.5])
    null = Null.of(matches, np.arange(2), 0.93)
    np.testing.assert_array_equal(null.scores, [5, 2])
    nothing = Null.of(matches, np.arange(2), 0.2)
    np.testing.assert_array_equal(nothing.p_values(matches.score, np.arange(2)), 1)


def test_numbers_agree_up_to_rounding_and_sets_of_labels_in_every_label() -> None:
    numbers = dataset_of(np.zeros((4, 2)), 2, "array", [1e6, 1e6 + 1e-4, 1e6 + 1, 0.0], "regression")
    assert labels_agree(numbers, [0, 1])
    assert not labels_agree(numbers, [0, 2])
    assert labels_agree(numbers, [3, 3])
    sets = dataset_of(np.zeros((3, 2)), 2, "array", [[True, False], [True, False], [True, True]], "multilabel")
    assert labels_agree(sets, [0, 1])
    assert not labels_agree(sets, [0, 1, 2])


def test_groups_are_connected_by_their_pairs_only() -> None:
    groups = connected(np.array([5, 1, 9, 7]), np.array([6, 2, 1, 6]))
    assert {tuple(group) for group in groups} == {(0, 3), (1, 2)}
    assert connected(np.zeros(0, int), np.zeros(0, int)) == []


def test_the_level_is_what_benjamini_and_hochberg_accept() -> None:
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(200), rng.random(20) * 1e-3])
    np.testing.assert_array_equal(p <= bh_threshold(p), accepted_by_fdr(p, 0.05)[0])


def test_tail_probabilities_are_calibrated_on_an_exponential_tail() -> None:
    rng = np.random.default_rng(0)
    null, scores = (rng.exponential(size=4000).astype("f4") for _ in range(2))
    p = tail_probability(null, scores)
    for rate in (0.1, 0.01):
        assert (p < rate).mean() == pytest.approx(rate, rel=0.5)
    assert (np.diff(p[np.argsort(scores)]) <= 1e-12).all()


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_copies_among_the_null_neither_hide_other_copies_nor_cause_false_alarms(share: float) -> None:
    rng = np.random.default_rng(0)
    null, scores = (rng.exponential(size=4000).astype("f4") for _ in range(2))
    null[: int(share * 4000)] += 20
    assert tail_probability(null, np.array([20.0], "f4"))[0] < 1e-4
    assert (tail_probability(null, scores) < 0.01).mean() < 0.012


def test_a_class_of_look_alikes_does_not_hide_copies_in_another() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(600) % 3
    null, scores = (rng.exponential(size=600).astype("f4") + 20 * (classes == 0) for _ in range(2))
    scores[1] = 15.0  # a copy in a class whose pictures are all unlike
    assert tail_probability(null, scores)[1] > 0.1
    p = Null(null, classes).p_values(scores[:, None], classes)[:, 0]
    assert p[1] < 1e-4
    assert (p < 0.01).mean() < 0.03


def test_benjamini_hochberg_by_hand() -> None:
    p = np.array([0.01, 0.5, 0.02, 0.9])
    accepted, q = accepted_by_fdr(p, 0.05)
    np.testing.assert_allclose(q, [0.04, 0.5 * 4 / 3, 0.04, 0.9])
    np.testing.assert_array_equal(accepted, [True, False, True, False])
