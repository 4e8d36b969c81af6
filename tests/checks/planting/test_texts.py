"""Alterations change texts as they say, in any script, and repeat themselves."""

import numpy as np
import pytest

from dataaudit.checks.planting.texts import ALTERATIONS, altered, altered_in_turn
from dataaudit.data.features.words import words

from ...written import sentences

OTHERS = sentences(50, seed=5)


def change(text: str, sort: str, seed: int = 0) -> str:
    return altered(text, sort, OTHERS, np.random.default_rng(seed))


@pytest.mark.parametrize("sort", ALTERATIONS)
def test_every_alteration_keeps_many_words_and_is_the_same_for_the_same_seed(sort: str) -> None:
    for text in sentences(20):
        copy = change(f"Well: {text}!", sort)
        assert copy == change(f"Well: {text}!", sort)
        assert copy != f"Well: {text}!"
        kept = set(words(text)) & set(words(copy))
        assert len(kept) >= 0.25 * len(set(words(text)))


def test_alterations_do_what_they_say() -> None:
    text = "One, two; three. Four five six seven eight nine ten."
    originals = words(text)
    assert words(change(text, "case and punctuation")) == originals
    assert sorted(words(change(text, "words swapped"))) == sorted(originals)
    assert words(change(text, "words swapped")) != originals
    assert set(words(change(text, "words dropped"))) < set(originals)
    longer = words(change(text, "words inserted"))
    assert len(longer) > 10
    assert [word for word in longer if word in originals] == originals
    replaced = words(change(text, "words replaced"))
    assert len(replaced) == 10
    assert 0 < sum(a != b for a, b in zip(replaced, originals, strict=True)) <= 2
    cut = change(text, "truncated")
    assert text.startswith(cut)
    assert 5 <= len(words(cut)) <= 8
    assert words(change(text, "sentence before"))[-10:] == originals


@pytest.mark.parametrize("text", ["", "...", "good", "好", "да нет"])
@pytest.mark.parametrize("sort", ALTERATIONS)
def test_the_shortest_texts_keep_a_word_if_they_have_one(text: str, sort: str) -> None:
    assert bool(words(change(text, sort))) == bool(words(text))


def test_sorts_come_in_turn() -> None:
    texts = sentences(20)
    copies, sorts = altered_in_turn(texts, texts, np.random.default_rng(0))
    assert sorts == [*ALTERATIONS, *ALTERATIONS, *list(ALTERATIONS)[:4]]
    assert len(copies) == 20


def test_words_of_any_script() -> None:
    assert words("The CAT's “naïve” ﬁle") == ["the", "cat", "s", "naïve", "file"]
    assert words("我喜欢猫，ABC") == ["我", "喜", "欢", "猫", "abc"]
    assert words("Привет, МИР!") == ["привет", "мир"]
    assert words("สวัสดี")[0] == "ส"
    assert words(" \n…") == []
