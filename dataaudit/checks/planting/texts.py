"""Altered copies of texts, such as leak between splits: for planting them where a detector should find them.

An alteration takes a text's words, each with the punctuation and space that follow it, other texts to take words from,
and a generator; it returns the altered text. A text of one word may come out as it was.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...data.features.words import WORD

Pieces = list[str]
Alteration = Callable[[Pieces, Sequence[str], np.random.Generator], str]
_PIECE = re.compile(rf"(?:{WORD.pattern})(?:(?!{WORD.pattern}).)*", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s*")


def typography(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """All in capitals or in small letters, punctuation left out, spaces made one."""
    bare = " ".join(WORD.findall("".join(pieces)))
    return bare.upper() if rng.integers(2) else bare.lower()


def swap(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """5 to 15 % of the words, at least one, change places with the next."""
    swapped = list(pieces)
    for i in _random_positions(len(pieces) - 1, rng.uniform(0.05, 0.15), rng):
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
    return "".join(_spaced(swapped))


def drop(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """5 to 20 % of the words, at least one, left out; one is kept."""
    dropped = set(_random_positions(len(pieces), rng.uniform(0.05, 0.2), rng)[: len(pieces) - 1])
    return "".join(piece for i, piece in enumerate(pieces) if i not in dropped)


def insert(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """As many as 5 to 20 % of the words, at least one, taken from other texts and put in."""
    places = set(_random_positions(len(pieces), rng.uniform(0.05, 0.2), rng))
    extended = [
        part for i, piece in enumerate(pieces) for part in ([_word(other_texts, rng)] * (i in places) + [piece])
    ]
    return "".join(_spaced(extended))


def substitute(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """5 to 20 % of the words, at least one, replaced by words of other texts, as by synonyms."""
    replaced = list(pieces)
    for i in _random_positions(len(pieces), rng.uniform(0.05, 0.2), rng):
        replaced[i] = _word(other_texts, rng)
    return "".join(_spaced(replaced))


def truncate(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """The first 50 to 80 %."""
    return "".join(pieces[: max(1, round(len(pieces) * rng.uniform(0.5, 0.8)))])


def prepend(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """Behind a sentence of another text of at most half its words."""
    sentence = _PIECE.findall(_SENTENCE_END.split(str(rng.choice(np.asarray(other_texts, object))))[0])
    return "".join(_spaced([*sentence[: max(1, len(pieces) // 2)], *pieces]))


def two_changes(pieces: Pieces, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """Two of the others, one after the other."""
    single = [change for change in ALTERATIONS.values() if change is not two_changes]
    for number in rng.choice(len(single), 2, replace=False):
        pieces = _PIECE.findall(single[number](pieces, other_texts, rng)) or pieces
    return "".join(pieces)


ALTERATIONS: Mapping[str, Alteration] = {
    "case and punctuation": typography,
    "words swapped": swap,
    "words dropped": drop,
    "words inserted": insert,
    "words replaced": substitute,
    "truncated": truncate,
    "sentence before": prepend,
    "two changes": two_changes,
}


def altered_in_turn(
    texts: Sequence[str], other_texts: Sequence[str], rng: np.random.Generator
) -> tuple[list[str], list[str]]:
    """Copies of texts, each altered by the next sort in turn, and the sorts' names. A text without words stays.

    other_texts   where inserted words and sentences are taken from
    """
    names = [list(ALTERATIONS)[i % len(ALTERATIONS)] for i in range(len(texts))]
    return [altered(text, name, other_texts, rng) for text, name in zip(texts, names, strict=True)], names


def altered(text: str, name: str, other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """A copy altered by one sort."""
    pieces = _PIECE.findall(text)
    return ALTERATIONS[name](pieces, other_texts, rng) if pieces else text


def _random_positions(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """Random positions, about this share of `count`, at least one if there is any."""
    chosen: list[int] = rng.permutation(count)[: max(1, round(share * count))].tolist() if count > 0 else []
    return chosen


def _word(other_texts: Sequence[str], rng: np.random.Generator) -> str:
    """A random word of a random text; none if that has none."""
    candidates = WORD.findall(other_texts[int(rng.integers(len(other_texts)))])
    return str(candidates[rng.integers(len(candidates))]) if candidates else ""


def _spaced(pieces: Pieces) -> Pieces:
    """Pieces with a space behind each that ends in a word."""
    return [f"{piece} " if WORD.fullmatch(piece) else piece for piece in pieces]
