"""Altered copies of texts stand out among texts of one topic and boilerplate, in any script and order of work."""

import numpy as np
import pytest

from dataaudit.checks.matching import texts as matching_texts
from dataaudit.checks.matching.matcher import search
from dataaudit.checks.matching.texts import TextMatcher, differing_words
from dataaudit.checks.planting.texts import ALTERATIONS
from dataaudit.dataset import silent

from ...written import docstrings, sentences

N_TRAIN = 300


def matched(texts: list[str], queries: int, base: int = N_TRAIN) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best base row, its score and its similarity for each of the last `queries` texts."""
    rows = np.arange(len(texts))
    matches = search(TextMatcher(texts), rows[-queries:], rows[:base], silent, "")
    return matches.base[:, 0], matches.score[:, 0], matches.similarity[:, 0]


@pytest.mark.parametrize("source", ["made up", "docstrings"])
@pytest.mark.parametrize("sort", ALTERATIONS)
def test_altered_copies_are_the_best_match_and_score_above_all_others(sort: str, source: str) -> None:
    texts = sentences(N_TRAIN + 60) if source == "made up" else list(docstrings()[: N_TRAIN + 60])
    rng = np.random.default_rng(3)
    copies = [ALTERATIONS[sort]([f"{word} " for word in text.split()], texts, rng) for text in texts[-60:-30]]
    base, score, similarity = matched([*copies, *texts[30:]], 60)
    found = base[:30] == np.arange(30)
    assert found.mean() > 0.95
    bar = np.quantile(score[30:], 0.9)  # real texts have a few relatives
    assert (score[:30] > bar)[found].mean() > 0.95
    assert np.median(similarity[:30]) > 0.75


def test_a_shared_topic_and_shared_boilerplate_are_no_copies() -> None:
    phrase = "this manual page was written for the distribution because the original program has none of its own"
    texts = [f"{phrase} {text}" for text in sentences(N_TRAIN + 40, length=(8, 12))]
    texts[5] = texts[-1].upper().replace(" ", "  ")
    base, score, similarity = matched(texts, 40)
    assert base[-1] == 5
    assert similarity[-1] > 0.95
    assert similarity[:-1].max() < 0.6
    assert score[-1] > score[:-1].max() + 1


@pytest.mark.parametrize(
    ("alphabet", "space"),
    [
        ("абвгдежзиклмнопрст", " "),
        ("的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出", ""),
        ("กขคงจชซญดตถทธนบปผพ", ""),
    ],
)
def test_other_scripts_with_and_without_spaces(alphabet: str, space: str) -> None:
    rng = np.random.default_rng(0)
    lexicon = ["".join(rng.choice(list(alphabet), rng.integers(1, 4))) for _ in range(400)]
    texts = [space.join(rng.choice(lexicon, 15)) for _ in range(N_TRAIN + 20)]
    middle = texts[-1]
    texts[7] = middle[: len(middle) // 3] + middle[len(middle) // 3 + 2 :]
    base, score, similarity = matched(texts, 20)
    assert base[-1] == 7
    assert similarity[-1] > 0.8
    assert score[-1] > score[:-1].max() + 1


def test_few_words_agree_by_chance_and_say_so() -> None:
    texts = ["good", "very good", "", "...", *sentences(N_TRAIN), "Good!", "very good.", "", sentences(1, seed=8)[0]]
    matcher = TextMatcher(texts)
    n = len(texts)
    matches = search(matcher, np.arange(n - 4, n), np.arange(n - 4), silent, "")
    assert matches.chance is not None
    assert np.isfinite(matches.score).all()
    assert (matches.chance[[0, 2]] > 1).all()
    assert (matches.chance[1] > 0.003).all()
    copy = search(TextMatcher([*texts, texts[-1].title()]), np.array([n]), np.arange(n), silent, "")
    assert copy.chance is not None
    assert copy.chance[0, 0] < 1e-6


def test_blocks_order_and_company_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*sentences(120, length=(1, 60)), *docstrings()[:60]]
    rows = np.arange(len(texts))
    matcher = TextMatcher(texts)
    whole = search(matcher, rows, rows, silent, "")
    assert not (whole.base == rows[:, None]).any()
    shuffled = np.random.default_rng(0).permutation(rows)
    monkeypatch.setattr(matching_texts, "QUERY_BLOCK", 7)
    monkeypatch.setattr(matching_texts, "PAIR_BLOCK", 5)
    again = search(matcher, shuffled, rows, silent, "")
    np.testing.assert_allclose(again.score, whole.score[shuffled], rtol=1e-6)
    np.testing.assert_array_equal(search(matcher, rows[:1], rows, silent, "").base, whole.base[:1])


def test_copies_of_what_too_many_texts_say_are_still_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """N-grams of many copies of one text are too common to compare by, but they are the rarest that these have."""
    texts = sentences(240, length=(20, 30))
    rng = np.random.default_rng(0)
    copies = [ALTERATIONS["words replaced"]([f"{word} " for word in texts[0].split()], texts, rng) for _ in range(60)]
    monkeypatch.setattr(matching_texts, "MAX_TEXTS", 30)
    rows = np.arange(300)
    found = TextMatcher([*texts, *copies]).nominate(rows[240:], rows, silent, "")
    is_copy = (found.base == 0) | (found.base >= 240)
    assert is_copy.any(1).mean() > 0.9
    monkeypatch.setattr(matching_texts, "FEWEST", 0)
    without = TextMatcher([*texts, *copies]).nominate(rows[240:], rows, silent, "")
    assert ((without.base == 0) | (without.base >= 240)).any(1).mean() < 0.9


def test_nearest_texts_are_those_of_all_cosines() -> None:
    texts = [*sentences(90, length=(1, 20)), "", "nothing like it", *docstrings()[:30]]
    matcher, rows = TextMatcher(texts), np.arange(122)
    base = np.delete(rows, [5, 60])
    found = matcher.nominate(rows, base, silent, "")
    cosines = (matcher._grams @ matcher._grams[base].T).toarray()
    cosines[rows[:, None] == base] = -1
    np.testing.assert_allclose(found.nearness, -np.sort(-cosines, 1)[:, : found.base.shape[1]], atol=1e-6)
    places = np.searchsorted(base, found.base)
    np.testing.assert_allclose(np.take_along_axis(cosines, places, 1), found.nearness, atol=1e-6)
    assert all(len(set(row)) == len(row) for row in found.base.tolist())


def test_shared_words_are_the_heaviest_in_order_by_the_plain_definition() -> None:
    """Against the textbook recursion, one cell at a time."""
    texts = sentences(40, length=(3, 15))
    matcher = TextMatcher(texts)
    words, start = matcher._words, matcher._start
    left, right = np.repeat(np.arange(20), 2), np.arange(40)
    shared = matcher._shared(left, right, silent, "")
    for i, j, found in zip(left, right, shared, strict=True):
        best = np.zeros((start[i + 1] - start[i] + 1, start[j + 1] - start[j] + 1))
        for a in range(1, len(best)):
            for b in range(1, best.shape[1]):
                left_word, right_word = start[i] + a - 1, start[j] + b - 1
                gain = (
                    words.after[left_word]
                    if words.before[left_word] == words.before[right_word]
                    else words.alone[left_word]
                )
                meet = best[a - 1, b - 1] + gain * (words.number[left_word] == words.number[right_word])
                best[a, b] = max(best[a - 1, b], best[a, b - 1], meet)
        assert found == pytest.approx(best[-1, -1])


def test_of_long_texts_the_words_that_say_most_are_compared() -> None:
    texts = sentences(60, length=(1500, 1600))
    copy = texts[3].split()
    texts.append(" ".join(copy[:600] + copy[700:]))
    base, _, similarity = matched(texts, 1, 60)
    assert base[0] == 3
    assert similarity[0] > 0.8


def test_tiny_bases_give_fewer_candidates() -> None:
    matcher = TextMatcher(sentences(5))
    assert search(matcher, np.arange(2), np.arange(2, 5), silent, "").base.shape == (2, 3)
    assert search(matcher, np.arange(1), np.arange(1), silent, "").base.shape == (1, 0)
    wordless = search(TextMatcher(["", "...", "😀"]), np.arange(1), np.arange(1, 3), silent, "")
    assert wordless.similarity.max() == 0


def test_copies_are_put_where_they_belong_and_nowhere_else() -> None:
    texts = sentences(50)
    matcher, sorts = TextMatcher(texts).with_copies(np.arange(40, 50), np.arange(10), np.random.default_rng(0))
    assert len(sorts) == 10
    assert matcher.texts[10:] == texts[10:]
    matches = search(matcher, np.arange(40, 50), np.arange(40), silent, "")
    assert (matches.base[:, 0] == np.arange(10)).mean() >= 0.9


def test_differences_are_the_words_that_differ_with_some_about_them() -> None:
    left = [*"abcdefghijklm", "Wrong", "n"]
    right = [*"abcdefghijklm", "right", "too", "N."]
    runs = differing_words(left, right)
    assert runs == [["equal", "a b c d … j k l m"], ["left", "Wrong"], ["right", "right too"], ["equal", "n"]]
    rng = np.random.default_rng(0)
    many = differing_words(*(list(rng.choice(list("abcdefgh"), 3000)) for _ in range(2)))
    assert sum(len(words.split()) for _, words in many) < 120
    assert many[-1] == ["equal", "…"]
