"""Sets of labels in one cell: a list, zeros and ones for each label, or names with a separator between them."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

SEPARATORS = (";", "|")
MORE_SEPARATORS = (",", "/")
"""Only where the user says that there are sets: commas and slashes stand in names, too."""
RECURRING = 0.7
"""Words are sets if this share of the names in sets of several stand in other words, too."""


def are_lists(values: Sequence[Any]) -> bool:
    """Whether all values are lists, or JSON's spelling of one."""
    if all(isinstance(value, list | tuple | np.ndarray) for value in values):
        return True
    return all(
        isinstance(value, str) and value.lstrip().startswith("[") and parse_list(value) is not None for value in values
    )


def parse_list(value: str) -> list[Any] | None:
    """A list in JSON; None for anything else."""
    try:
        parsed = json.loads(value)
    except ValueError:
        return None
    return parsed if isinstance(parsed, list) else None


def set_separator(words: Sequence[str], is_known: bool = False) -> str:
    """What separates names in these words; "" where they are no sets.

    Words are sets if some have several names in them, and most of these recur in other words: "red;big", "big".

    is_known   the user says that they are: any separator that occurs will do
    """
    distinct = set(words)
    for separator in SEPARATORS + MORE_SEPARATORS * is_known:
        sets = {word: split_names(word, separator) for word in distinct}
        several = [names for names in sets.values() if len(names) > 1]
        if not several:
            continue
        if is_known:
            return separator
        holders: defaultdict[str, int] = defaultdict(int)
        for names in sets.values():
            for name in set(names):
                holders[name] += 1
        if np.mean([holders[name] > 1 for names in several for name in names]) >= RECURRING:
            return separator
    return ""


def split_names(word: str, separator: str) -> list[str]:
    """The names in a word, without blanks around them; what stands twice or is empty counts once or not at all."""
    return list(dict.fromkeys(name.strip() for name in word.split(separator) if name.strip()))
