"""Texts as words and without what makes no difference, in any script."""

import pytest

from dataaudit.data.features.words import cleaned, words


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("What is the top-up limit?", "what is the top up limit"),
        ("It isn’t\nthere …", "IT ISNT  THERE"),
        ("ｆｕｌｌ width", "Full, width"),
        ("山水,火木。", "山水 火木"),
        ("Stra\u00dfe", "STRASSE"),
        ("cafe\u0301", "café"),
        ("love ❤\ufe0f", "love ❤"),
    ],
)
def test_what_makes_no_difference_is_left_out(left: str, right: str) -> None:
    assert cleaned(left) == cleaned(right) != ""


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("version 1.5", "version 15"),
        ("at -5 degrees", "at 5 degrees"),
        ("learn C++", "learn C"),
        ("learn C#", "learn C"),
        ("5 %", "5"),
        ("👍", "👎"),
        ("!", "?!"),
        ("कि", "की"),
    ],
)
def test_what_makes_a_difference_stays(left: str, right: str) -> None:
    assert cleaned(left) != cleaned(right)


@pytest.mark.parametrize("blank", ["", "  \n\t", "\u00a0", "\u200b"])
def test_blank_texts_are_empty(blank: str) -> None:
    assert cleaned(blank) == ""


def test_words_of_scripts_without_spaces_are_characters_and_marks_belong_to_their_word() -> None:
    assert words("山水 ABC") == ["山", "水", "abc"]
    assert words("हिन्दी भाषा।") == ["हिन्दी", "भाषा"]
    assert words("snake_case, isn't") == ["snake", "case", "isn", "t"]
