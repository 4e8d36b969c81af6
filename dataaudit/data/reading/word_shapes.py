"""Words that differ only in their digits, read at once: a million dates are written in a handful of ways."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LONGEST = 64
"""Characters; longer words are neither numbers nor dates."""
DIGITS = str.maketrans("023456789", "111111111")
EXACT = 15
"""Decimal digits that float64 holds exactly."""


@dataclass(frozen=True)
class Shape:
    """Words alike but for their digits.

    text     such a word with 1 for every digit
    places   (m,) where these words stand among all
    digits   int16 (m, length), the digit of each character; anything where there is none
    """

    text: str
    places: NDArray[np.int64]
    digits: NDArray[np.int16]

    def whole(self, span: tuple[int, int]) -> NDArray[np.int64]:
        """(m,) the whole number in these characters; 0 for an empty span."""
        return self._joined(range(*span)).astype(np.int64)

    def decimal(self, span: tuple[int, int], mark: str) -> NDArray[np.float64]:
        """(m,) the number in these characters, rounded as Python rounds; marks but the decimal one are skipped."""
        columns = [place for place in range(*span) if self.text[place] == "1"]
        point = self.text.find(mark, *span)
        decimals = sum(place > point for place in columns) if point >= 0 else 0
        if len(columns) <= EXACT:
            return np.asarray(self._joined(columns) / 10.0**decimals)
        return np.array([float(f"{''.join(map(str, row))}e-{decimals}") for row in self.digits[:, columns].tolist()])

    def _joined(self, columns: Sequence[int]) -> NDArray[np.int64]:
        number = np.zeros(len(self.places), np.int64)
        for column in columns:
            number = number * 10 + self.digits[:, column]
        return number


def shapes(words: Sequence[str]) -> list[Shape]:
    """The words by shape, without those that are too long or have digits of another script."""
    codes, texts = pd.factorize(np.array([word.translate(DIGITS) for word in words], object))
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    cells = np.array(words, object)
    return [
        Shape(text, places, _digits(cells[places], len(text)))
        for text, places in zip(texts, groups, strict=True)
        if len(text) <= LONGEST and not any(character.isdecimal() and character != "1" for character in text)
    ]


def _digits(words: NDArray[np.object_], length: int) -> NDArray[np.int16]:
    characters = words.astype(f"U{max(1, length)}").view(np.uint32).reshape(len(words), -1)
    return characters[:, :length].astype(np.int16) - ord("0")
