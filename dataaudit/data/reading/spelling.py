"""How a file would spell a target that a decision gives in words."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from .targets import Targets


def spelt(label: Sequence[str], targets: Targets, stored: Mapping[int, Any]) -> Any:
    """The value that `read_targets` reads as this label.

    label     words that the targets know: a class, some names of a set, or a number
    targets   those of all rows
    stored    by row, what a file holds as its target: rows of the file that the value is for, then of files like it
    """
    if targets.task == "classification":
        # Taken from a row that has it, for a file says "true", 1.0 or "01" in its own way.
        wanted = targets.class_names.index(label[0])
        fitting = targets.usable & (targets.values == wanted)
        return next(value for row, value in stored.items() if fitting[row])
    usable = targets.usable
    example = next(value for row, value in stored.items() if usable[row])
    if targets.task == "regression":
        return _number(label[0], example)
    known = {row: value for row, value in stored.items() if usable[row]}
    lists = {row: json.loads(value) if isinstance(value, str) else list(value) for row, value in known.items()}
    found = _set(label, targets, lists)
    return json.dumps(found, ensure_ascii=False) if isinstance(example, str) else found


def _number(word: str, example: Any) -> Any:
    if isinstance(example, Decimal):
        return Decimal(word)
    value = float(word)
    number = int(value) if value.is_integer() and abs(value) < 2**53 else value
    return str(number) if isinstance(example, str) else number


def _set(label: Sequence[str], targets: Targets, lists: Mapping[int, list[Any]]) -> list[Any]:
    names = np.array(targets.class_names, object)
    marks = any({str(one) for one in found} != set(names[targets.values[row]]) for row, found in lists.items())
    if marks:
        length = len(next(iter(lists.values())))
        return [int(str(place) in label) for place in range(length)]
    spellings = {str(one): one for found in lists.values() for one in found}
    return [spellings.get(name, name) for name in targets.class_names if name in label]
