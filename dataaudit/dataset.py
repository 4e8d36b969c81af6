"""Dataset: what is audited, as every later stage sees it."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import DatasetError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Item = TypeVar("Item")


class Track(Protocol):
    """How long work reports itself: wraps an iterable, `for x in track(xs, "reading", total=n)`."""

    def __call__(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]: ...


def silent(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """A Track that says nothing."""
    return iter(items)


HIDDEN = "hidden"
STRAY = "not in a class folder"
NO_FILE = "a link to nothing or not a regular file"
EMPTY_CLASS = "an empty class: no image in it"
EMPTY_SPLIT = "an empty split: no image in it"
"""Reasons for ignoring a path that are findings, not only entries in the layout."""


@dataclass(frozen=True)
class Ignored:
    """A path that the format left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Rejected:
    """A sample that could not be read: it belongs to the dataset, but no model ever sees it."""

    id: str
    split: Split
    label: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """How the directory was understood, for the reader to check before anything is trained."""

    format: str
    split_origin: str
    ignored: tuple[Ignored, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Labelled samples in splits, sorted by id.

    ids          unique strings, paths relative to the dataset with `/`
    inputs       (n, ...) what the learner sees; for images uint8 (n, channels, height, width)
    targets      (n,) class numbers, indices into class_names
    splits       (n,) "train", "val" or "test"
    contents     n hex digests of each sample's decoded content, so equal content has an equal digest
    sources      where each sample can be read again, for pictures in the report
    """

    root: Path
    ids: tuple[str, ...]
    inputs: NDArray[np.uint8]
    targets: NDArray[np.int64]
    splits: NDArray[np.str_]
    class_names: tuple[str, ...]
    contents: tuple[str, ...]
    sources: tuple[Path, ...]
    layout: Layout
    rejected: tuple[Rejected, ...] = ()
    modality: str = "image"
    task: str = "classification"

    def __post_init__(self) -> None:
        n = len(self.ids)
        for name in ("inputs", "targets", "splits", "contents", "sources"):
            if len(getattr(self, name)) != n:
                raise DatasetError(f"{self.root}: {n} ids, but {len(getattr(self, name))} {name}")
        doubled = [id for id, count in Counter(self.ids).items() if count > 1]
        if doubled:
            raise DatasetError(
                f"{self.root}: the id {doubled[0]!r} stands for more than one sample; ids must be unique"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, split: Split) -> NDArray[np.int64]:
        """Positions of one split's samples, ascending."""
        return np.flatnonzero(self.splits == split)

    @property
    def target_split(self) -> Split:
        """The split whose predictions are attributed: test, or val where there is no test."""
        return "test" if len(self.rows("test")) else "val"

    def counts(self) -> dict[Split, dict[str, int]]:
        """Samples of each class in each split that is there."""
        return {
            split: {
                name: int(count)
                for name, count in zip(
                    self.class_names, np.bincount(self.targets[rows], minlength=len(self.class_names)), strict=True
                )
            }
            for split in SPLITS
            if len(rows := self.rows(split))
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every sample's id, split, class and content, and over the form the learner sees it in."""
        digest = hashlib.sha256(repr((self.modality, self.task, self.class_names, self.inputs.shape[1:])).encode())
        for id, split, target, content in zip(self.ids, self.splits, self.targets, self.contents, strict=True):
            digest.update(f"{id}\0{split}\0{target}\0{content}\n".encode())
        return digest.hexdigest()


def as_text(name: str) -> str:
    """A file name as valid Unicode; bytes that are not UTF-8 are shown as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def stratified_split(targets: Sequence[int] | NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Mark about `fraction` of each class, at least one sample of a class that has two or more."""
    rng = np.random.default_rng(seed)
    targets = np.asarray(targets)
    marked = np.zeros(len(targets), bool)
    for target in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == target))
        count = max(1, round(fraction * len(rows))) if len(rows) > 1 else 0
        marked[rows[:count]] = True
    return marked


class Format(Protocol):
    """A plugin of `formats`."""

    def matches(self, path: Path) -> bool:
        """Whether `path` looks like this format."""

    def load(self, path: Path, seed: int, track: Track) -> Dataset:
        """Read it. Raises DatasetError when it can't be audited as it is."""
