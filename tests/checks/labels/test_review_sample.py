"""What is drawn for review, and that intervals from it hold the truth as often as they say."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.checks.labels.review_sample import review_sample
from dataaudit.verdict.review import ReviewStratum, wrong_share

N, DRAWS = 2000, 150


def noisy(kind: str, rate: float, rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which labels are wrong, and the probabilities of it that models give."""
    wrong = rng.random(N) < rate
    if kind == "clean":
        return np.zeros(N, bool), rng.beta(1, 20, N)
    if kind == "random":
        return wrong, np.where(wrong, rng.beta(6, 1, N), rng.beta(1, 12, N))
    if kind == "confusable":
        return wrong, np.where(wrong, rng.beta(2, 1.5, N), rng.beta(1.2, 6, N))
    if kind == "unknown":
        return wrong, rng.random(N)
    hard = rng.beta(0.6, 4, N)  # noise that lives where samples are hard
    return rng.random(N) < np.minimum(1, hard * rate / hard.mean()), 0.7 * hard + 0.3 * rng.random(N)


@pytest.mark.parametrize("count", [30, 60, 120])
@pytest.mark.parametrize("kind", ["clean", "random", "confusable", "hard", "unknown"])
def test_the_interval_of_the_share_has_its_coverage(kind: str, count: int) -> None:
    rng, held, widths = np.random.default_rng(0), Counter[float](), []
    rates = [0.0] if kind == "clean" else [0.01, 0.2]
    for rate in rates:
        for draw in range(DRAWS):
            wrong, probability = noisy(kind, rate, rng)
            strata = review_sample(probability, np.full(N, "train"), count, draw)
            answers = {str(row): "suggested" if wrong[row] else "given" for s in strata for row in s.rows.tolist()}
            plain = [ReviewStratum(s.split, s.size, tuple(map(str, s.rows.tolist()))) for s in strata]
            share = wrong_share(plain, answers)  # type: ignore[arg-type]
            held[rate] += share.low - 1e-9 <= wrong.mean() <= share.high + 1e-9
            widths.append(share.high - share.low)
    assert min(held.values()) >= 0.93 * DRAWS - 2 * np.sqrt(DRAWS * 0.93 * 0.07)
    assert np.mean(widths) < {30: 0.28, 60: 0.19, 120: 0.13}[count]


def test_every_split_is_drawn_from_both_where_labels_look_wrong_and_where_not() -> None:
    rng = np.random.default_rng(0)
    probability = np.where(rng.random(N) < 0.1, rng.beta(6, 1, N), rng.beta(1, 30, N))
    splits = np.array(["train"] * 1600 + ["test"] * 400)
    strata = review_sample(probability, splits, 60, 0)
    drawn = np.concatenate([stratum.rows for stratum in strata])
    assert len(drawn) == len(set(drawn.tolist())) == 60
    by_split = Counter(splits[drawn].tolist())
    assert by_split["test"] >= 12
    suspected = probability > 0.5
    assert suspected[drawn].mean() > suspected.mean()
    assert (~suspected[drawn]).sum() >= 20
    assert sum(stratum.size for stratum in strata) == N


def test_the_same_seed_draws_the_same_and_few_labels_are_all_drawn() -> None:
    probability = np.random.default_rng(0).random(40)
    probability[:5] = np.nan
    one, other = (review_sample(probability, np.full(40, "train"), 20, 3) for _ in range(2))
    assert [s.rows.tolist() for s in one] == [s.rows.tolist() for s in other]
    everything = review_sample(probability, np.full(40, "train"), 60, 0)
    assert sum(len(s.rows) for s in everything) == 40
