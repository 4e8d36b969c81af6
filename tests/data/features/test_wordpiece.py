"""Words are cut into the longest pieces that a vocabulary has."""

from pathlib import Path

import pytest

from dataaudit.data.features.minilm import VOCABULARY, weights_file
from dataaudit.data.features.wordpiece import WordPiece, words

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "run", "##ning", "!", "##n", "##u", "a"]
TEXTS = [
    "Größe ÇA va? naïve Ångström ẞ İstanbul ΣΊΣΥΦΟΣ",
    "中文和English混合 日本語テキスト 한국어 문장",
    "a\u200bb\u00adc\x00d \ufffde\u2028f\u3000g\x85h",
    "$100 ^_^ `x` <tag> €5 50°C ½ ² ﬁ Ⅳ ①",
    "x" * 100 + " " + "y" * 101,
    "नमस्ते दुनिया สวัสดี 😀 👩‍👩‍👧",
    "",
    "  \t\n",
    "word " * 400,
]


@pytest.fixture
def pieces_of(tmp_path: Path) -> WordPiece:
    (tmp_path / VOCABULARY).write_text("\n".join(PIECES), "utf-8")
    return WordPiece(tmp_path / VOCABULARY)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Unaffable  running!", ["un", "##aff", "##able", "run", "##ning", "!"]),
        ("unrun", ["[UNK]"]),  # a word of which a part is unknown is unknown
        ("ünrun un", ["[UNK]", "un"]),
        ("a" * 101, ["[UNK]"]),
        ("", []),
    ],
)
def test_the_longest_piece_comes_first(pieces_of: WordPiece, text: str, pieces: list[str]) -> None:
    assert [PIECES[number] for number in pieces_of(text, 20)] == ["[CLS]", *pieces, "[SEP]"]


def test_a_long_text_is_cut_and_still_ended(pieces_of: WordPiece) -> None:
    assert [PIECES[number] for number in pieces_of("running " * 50, 6)] == [
        "[CLS]", "run", "##ning", "run", "##ning", "[SEP]"
    ]  # fmt: skip


def test_names_of_special_pieces_in_a_text_are_words_like_any_other() -> None:
    assert words("[SEP] end") == ["[", "sep", "]", "end"]


def test_pieces_are_those_of_the_reference_implementation() -> None:
    tokenizers, file = pytest.importorskip("tokenizers"), weights_file()
    if file is None:
        pytest.skip("needs the extra `text`")
    reference = tokenizers.Tokenizer.from_file(str(file.with_name("tokenizer.json")))
    reference.no_padding()
    reference.enable_truncation(256)
    pieces_of = WordPiece(file.with_name(VOCABULARY))
    assert [pieces_of(text, 256) for text in TEXTS] == [entry.ids for entry in reference.encode_batch(TEXTS)]
