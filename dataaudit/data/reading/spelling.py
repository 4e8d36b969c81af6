"""The stored form of a label that a decision gives in words."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from .targets import Targets


def spell_label(label: Sequence[str], targets: Targets, stored: Mapping[int, Any]) -> Any:
    """The value that `read_targets` reads as this label.

    label     a class, the names of a set of labels, or a number
    targets   those of all rows
    stored    target as stored, by row: rows of the file that the value is for, then of files of the same kind
    """
    if targets.task == "classification":
        # Taken from a row with that class, since each file has its own way of writing "true", 1.0 or "01".
        class_index = targets.class_names.index(label[0])
        has_class = targets.usable & (targets.values == class_index)
        return next(value for row, value in stored.items() if has_class[row])
    usable = targets.usable
    example = next(value for row, value in stored.items() if usable[row])
    if targets.task == "regression":
        return _number(label[0], example)
    if targets.separator:
        joint = f"{targets.separator} " if f"{targets.separator} " in example else targets.separator
        return joint.join(name for name in targets.class_names if name in label)
    usable_values = {row: value for row, value in stored.items() if usable[row]}
    lists = {row: json.loads(value) if isinstance(value, str) else list(value) for row, value in usable_values.items()}
    spelling = _label_list(label, targets, lists)
    return json.dumps(spelling, ensure_ascii=False) if isinstance(example, str) else spelling


def spell_mark(is_set: bool, stored: Sequence[Any]) -> Any:
    """Zero or one, as other rows of the column spell it."""
    spelt = {str(value).strip(): value for value in stored}
    words = ("1", "1.0", "True", "true") if is_set else ("0", "0.0", "False", "false")
    return next((spelt[word] for word in words if word in spelt), int(is_set))


def _number(word: str, example: Any) -> Any:
    if isinstance(example, Decimal):
        return Decimal(word)
    value = float(word)
    number = int(value) if value.is_integer() and abs(value) < 2**53 else value
    return str(number) if isinstance(example, str) else number


def _label_list(label: Sequence[str], targets: Targets, lists: Mapping[int, list[Any]]) -> list[Any]:
    names = np.array(targets.class_names, object)
    is_indicator = any(
        {str(value) for value in values} != set(names[targets.values[row]]) for row, values in lists.items()
    )
    if is_indicator:
        length = len(next(iter(lists.values())))
        return [int(str(position) in label) for position in range(length)]
    spellings = {str(value): value for values in lists.values() for value in values}
    return [spellings.get(name, name) for name in targets.class_names if name in label]
