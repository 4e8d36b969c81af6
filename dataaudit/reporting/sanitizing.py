"""Strings from the data made fit for a page: no invisible characters, limited length."""

import unicodedata

JOINERS = "\u200c\u200d"
"""Invisible, but part of how emoji and several scripts are written."""
KEPT = "\n\t"
PICTURES = 0x2400
"""From here on Unicode has pictures of the control characters."""


FORMULA = tuple("=+-@\t\r\n＝＋－＠")
CELL = 32_767
"""Characters that a cell of a spreadsheet can hold."""


def visible(text: str) -> str:
    """The text with its control characters, lone surrogates and marks of direction in sight; lines stay lines."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def short(text: str, most: int = 160) -> str:
    """The text on one line, cut in the middle if it is longer than `most`: names differ at their ends."""
    if len(text) > most:
        half = (most - 3) // 2
        text = f"{text[:half]} … {text[-half:]}"
    return visible("".join(chr(PICTURES + ord(character)) if character in KEPT else character for character in text))


def _shown(character: str) -> str:
    if character in KEPT or character in JOINERS:
        return character
    category, number = unicodedata.category(character), ord(character)
    if category == "Cc" and number < 0x20:
        return chr(PICTURES + number)
    if number == 0x7F:
        return "\u2421"
    if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and not 0xE0020 <= number <= 0xE007F):
        return f"[U+{number:04X}]"
    return character


def cell(text: str) -> str:
    """Text for a cell of a spreadsheet: no formula, and no longer than one can be."""
    shown = visible(text)
    shown = f"'{shown}" if shown.lstrip().startswith(FORMULA) or shown.startswith(FORMULA) else shown
    return shown if len(shown) <= CELL else shown[: CELL - 1] + "…"
