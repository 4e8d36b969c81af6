"""Texts as the pieces of words that BERT's uncased models read (Devlin et al. 2019; Wu et al. 2016)."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

LONGEST = 100
"""Characters of a word; a longer one is unknown."""
CACHED = 100_000
"""Words whose pieces are remembered: a text repeats those of others."""
_IDEOGRAPHS = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002b73f\U0002b740-\U0002b81f"
    "\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f"
)
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")


class _Table(dict[int, str]):
    """For str.translate: what becomes of a character."""

    def __missing__(self, code: int) -> str:
        self[code] = self.of(chr(code))
        return self[code]

    def of(self, sign: str) -> str:
        raise NotImplementedError


class _Clean(_Table):
    """White space becomes a space, ideographs stand alone, controls go."""

    def of(self, sign: str) -> str:
        if sign in "\t\n\r" or unicodedata.category(sign) == "Zs":
            return " "
        if _IDEOGRAPH.match(sign):
            return f" {sign} "
        return "" if sign == "\ufffd" or unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs") else sign


class _Split(_Table):
    """Accents and capitals go, punctuation stands alone: also what ASCII has besides letters and digits."""

    def of(self, sign: str) -> str:
        category = unicodedata.category(sign)
        if category == "Mn":
            return ""
        is_apart = category[0] == "P" or ("!" <= sign <= "~" and not sign.isalnum())
        return f" {sign} " if is_apart else sign.lower()


_CLEAN, _SPLIT = _Clean(), _Split()


class WordPiece:
    """The pieces of a vocabulary; `##` in front of one says that it goes on a word."""

    def __init__(self, vocabulary: Path) -> None:
        pieces = vocabulary.read_text(encoding="utf-8").splitlines()
        self.numbers = {piece: number for number, piece in enumerate(pieces)}
        self.unknown, self.start, self.end = (self.numbers[name] for name in ("[UNK]", "[CLS]", "[SEP]"))
        self._of_word = lru_cache(CACHED)(self._pieces)

    def __call__(self, text: str, limit: int) -> list[int]:
        """The numbers of a text's pieces, between those of its start and end: of its first ones, `limit` in all."""
        numbers = [self.start]
        for word in words(text):
            if len(numbers) >= limit - 1:
                break
            numbers += self._of_word(word)
        return [*numbers[: limit - 1], self.end]

    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST:
            return (self.unknown,)
        numbers = tuple(self._longest_first(word))
        return (self.unknown,) if self.unknown in numbers else numbers

    def _longest_first(self, word: str) -> Iterator[int]:
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                if (number := self.numbers.get(prefix + word[start:end])) is not None:
                    yield number
                    start = end
                    break
            else:
                yield self.unknown
                return


def words(text: str) -> list[str]:
    """Words in lower case and without accents; punctuation and ideographs each by themselves."""
    decomposed = unicodedata.normalize("NFD", text.translate(_CLEAN))
    return decomposed.translate(_SPLIT).split()
