import pytest

from dataaudit.reporting.sanitizing import short, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 猫 שלום 👩\u200d👧", "naïve 猫 שלום 👩\u200d👧"),
        ("nul\0 esc\x1b", "nul\u2400 esc\u241b"),
        ("del\x7f c1\x9b", "del\u2421 c1[U+009B]"),
        ("\u202eright", "[U+202E]right"),
        ("\ud800", "[U+D800]"),
        ("a\u2028b\ufeff", "a[U+2028]b[U+FEFF]"),
        ("lines\nstay\tso", "lines\nstay\tso"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown
    assert visible(text).encode()


def test_long_names_are_cut_in_the_middle_and_stay_on_one_line() -> None:
    assert short("a/b\nc") == "a/b\u240ac"
    cut = short("start" + "x" * 5000 + "end", 40)
    assert len(cut) <= 40
    assert cut.startswith("start")
    assert cut.endswith("end")
    assert " … " in cut
    assert short("x" * 40, 40) == "x" * 40
