"""The search for the smallest flipping set, against worlds whose answer is known."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.checks.support import ROUNDS, Question, search, share_come_true


def world(lead: float, each: float, most: int, scale: float = 1.0, noise: float = 0.0) -> tuple[Question, list[float]]:
    """A question whose lead truly falls by `each` a sample, and scores that say `scale` times that."""
    return Question(lead, np.cumsum(np.full(most, each * scale, np.float32))), [lead, each, noise]


def play(worlds: Sequence[tuple[Question, list[float]]], seed: int = 0) -> int:
    """Search, answering truly; how many rounds it took."""
    rng, rounds = np.random.default_rng(seed), 0

    def outcomes(asked: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
        nonlocal rounds
        rounds += 1
        truth = [worlds[i][1] for i, _ in asked]
        means = [lead - each * k for (lead, each, _), (_, k) in zip(truth, asked, strict=True)]
        spread = np.array([noise for _, _, noise in truth])[:, None]
        return (np.array(means)[:, None] + spread * rng.normal(size=(len(asked), 2))).astype(np.float32)

    search([question for question, _ in worlds], outcomes)
    return rounds


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("least", [1, 7, 40, 95])
def test_the_least_number_is_found_within_the_precision_whatever_the_scores_scale(least: int, scale: float) -> None:
    question, truth = world(lead=least - 0.5, each=1.0, most=100, scale=scale)
    assert play([(question, truth)]) <= ROUNDS
    assert question.flipping is not None
    assert least <= question.flipping <= least + max(3, 0.35 * least)
    assert question.holding < least


def test_what_can_not_be_flipped_is_tried_at_the_most_and_then_left() -> None:
    question, truth = world(lead=500.0, each=1.0, most=100)
    play([(question, truth)])
    assert question.flipping is None
    assert question.holding == 100
    assert set(question.tried) == {100}


def test_scores_that_promise_too_much_are_learnt_from_and_all_questions_share_the_lesson() -> None:
    worlds = [world(lead=20.0, each=1.0, most=80, scale=4.0) for _ in range(5)]
    play(worlds)
    questions = [question for question, _ in worlds]
    assert share_come_true(questions) == pytest.approx(0.25, rel=0.05)
    assert all(question.flipping and 20 <= question.flipping <= 26 for question in questions)


def test_a_flip_needs_every_seed() -> None:
    question = Question(3.0, np.cumsum(np.ones(10, np.float32)))
    question.tried[4] = np.array([-1.0, 0.5], np.float32)
    question.tried[6] = np.array([-1.0, -0.5], np.float32)
    assert question.flipping == 6
    assert question.holding == 4
    assert question.changes == [(4.0, 3.25), (6.0, 3.75)]


def test_noise_does_not_keep_it_going() -> None:
    worlds = [world(lead=10.0, each=0.5, most=60, noise=2.0) for _ in range(20)]
    assert play(worlds) <= ROUNDS
    found = [question.flipping for question, _ in worlds]
    assert sum(size is not None for size in found) >= 15
