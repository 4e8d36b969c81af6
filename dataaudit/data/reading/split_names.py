"""Names of splits: of folders, files and values, as in train2017, images_val, training_set, validation_matched."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...dataset import SPLITS, Split
from ...errors import DatasetError

SPLIT_NAMES: dict[str, Split] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val", "development": "val",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test", "holdout": "test",
}  # fmt: skip
ABBREVIATIONS: dict[str, Split] = {
    "tr": "train",
    "trn": "train",
    "va": "val",
    "te": "test",
    "tst": "test",
    "ts": "test",
}
"""Only where it is known that a split is meant, as in a column called `split`: elsewhere these may be languages."""
BESIDE = (
    "images|image|imgs|img|pictures|photos|pics|texts|dataset|data|files|file|folder|set|split|part|shard|of|rows|"
    "matched|mismatched|public|private|clean|other|seen|unseen|full|final"
)
"""Words that stand beside the name of a split without changing its meaning."""
PATTERN = re.compile(
    rf"(?:(?:{BESIDE}|\d)[-_. ]*)*?(?P<word>{'|'.join(sorted(SPLIT_NAMES, key=len, reverse=True))})"
    rf"(?:[-_. ]*(?:{BESIDE}|\d))*"
)


@dataclass(frozen=True)
class SplitName:
    """A name that stands for a split.

    word   the word in it that says which, as in "train" of train2017
    """

    name: str
    split: Split
    word: str

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but that word."""
        return self.name.strip().lower() == self.word


def parse_split(name: str) -> SplitName | None:
    """The split that a name stands for; None for any other name."""
    match = PATTERN.fullmatch(name.strip().lower())
    return SplitName(name, SPLIT_NAMES[match["word"]], match["word"]) if match else None


def split_of(name: str) -> Split | None:
    """The split of a name, see `parse_split`."""
    parsed = parse_split(name)
    return parsed.split if parsed else None


def splits_of(names: Sequence[str]) -> list[Split | None]:
    """The split of each of several names; what all begin with is no part of them: reviews_train and reviews_test."""
    return [parsed.split if parsed else None for parsed in _parse_all(names)]


def require_one_name_per_split(root: Path, names: Sequence[str], noun: str) -> None:
    """Raise DatasetError if two names stand for the same split and are no parts of it.

    Parts have the same word in them, and each something beside it: validation_matched and validation_mismatched.
    """
    parsed = list(zip(names, _parse_all(names), strict=True))
    for split in SPLITS:
        same = [
            (name, split_name) for name, split_name in parsed if split_name is not None and split_name.split == split
        ]
        are_parts = len({item.word for _, item in same}) == 1 and not any(item.is_plain for _, item in same)
        if len(same) > 1 and not are_parts:
            listed = " and ".join(name for name, _ in same)
            raise DatasetError(f"{root}: the {noun} {listed} both name the {split} split; merge them, or keep one")


def note_of_names(names: Sequence[str]) -> list[str]:
    """A note of the names that are more than the word for a split, none where there are no such."""
    parsed = list(zip(names, _parse_all(names), strict=True))
    listed = [f"{name} is {item.split}" for name, item in parsed if item is not None and not item.is_plain]
    return [f"splits by name: {', '.join(listed[:8])}{', ...' if len(listed) > 8 else ''}"] if listed else []


def _parse_all(names: Sequence[str]) -> list[SplitName | None]:
    parsed = [parse_split(name) for name in names]
    if any(parsed) or not names:
        return parsed
    letters = zip(min(names), max(names), strict=False)
    common = "".join(letter for letter, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], letters))
    start = max(common.rfind(separator) for separator in "-_. ") + 1
    return [parse_split(name[start:]) for name in names]
