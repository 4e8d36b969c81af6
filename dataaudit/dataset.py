"""Dataset: what is audited, as every later stage sees it."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import DatasetError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Modality = Literal["image", "text", "table", "array"]
Task = Literal["classification", "regression", "multilabel"]
TASKS: tuple[Task, ...] = ("classification", "regression", "multilabel")
STRATA = 10
"""Groups of about equal size that regression targets are divided into."""
Item = TypeVar("Item")


class Track(Protocol):
    """Reports progress of long work: wraps an iterable, `for x in track(xs, "reading", total=n)`."""

    def __call__(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]: ...


def silent(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """A Track that reports nothing."""
    return iter(items)


HIDDEN = "hidden"
STRAY = "not in a class folder"
BESIDE_SPLITS = "beside the split folders"
NO_IMAGE = "not an image"
NO_FILE = "a link to nothing or not a regular file"
EMPTY_CLASS = "an empty class: no sample in it"
EMPTY_SPLIT = "an empty split: no sample in it"
UNREAD = "it may hold data, but is not read as part of this dataset"
NOT_A_SPLIT = "not named like a split"
OTHER_ARRAY = "an array that is not named like inputs or targets"
NESTED = "a column of lists or records"
"""Reasons for ignoring a path that are findings, not only entries in the layout."""
SAMPLED, UNUSED_COLUMNS = "sampled", "columns that are not used"
"""Beginnings of notes that are findings too, since they say what is not audited."""


@dataclass(frozen=True)
class IgnoredPath:
    """A path that the format left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class UnreadableSample:
    """A sample that could not be read: it belongs to the dataset, but no model ever sees it.

    content   digest of its raw content; empty where it is a file of its own
    """

    id: str
    split: Split
    label: str
    reason: str
    content: str = ""


@dataclass(frozen=True)
class UnsampledCopies:
    """Samples with equal content where the sample that is audited lacks one of them or both.

    leaked     test samples that equal a training sample, validation samples that equal one of either
    repeated   samples that equal an earlier one of their split
    leaks      ids of the first of these samples, each with that of one it equals
    repeats    likewise
    """

    leaked: int
    repeated: int
    leaks: tuple[tuple[str, str], ...]
    repeats: tuple[tuple[str, str], ...]


DRAWN = "made here"
"""Prefix of the origin of splits that are drawn here, not given by the data."""
PER_OTHER = 5
"""Training rows for each row of another split, at least, where rows are sampled."""


@dataclass(frozen=True)
class Doubt:
    """A column that was read in one of two ways, and what it says of both."""

    column: str
    words: str


@dataclass(frozen=True)
class Layout:
    """How the dataset was interpreted, for the reader to check before anything is trained.

    doubts   columns that could be read in another way as well, which are findings
    """

    format: str
    split_origin: str
    ignored: tuple[IgnoredPath, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def splits_drawn(self) -> bool:
        """Whether the splits were drawn here, so that they change with the samples."""
        return self.split_origin.startswith(DRAWN)


@dataclass(frozen=True)
class Groups:
    """Which samples belong together, as those of one patient, session or document do.

    name     the column, or the pattern of paths, that says so
    codes    (n,) position of each sample's group in `values`; -1 for a sample of none
    values   the groups' own names
    """

    name: str
    codes: NDArray[np.int64]
    values: tuple[str, ...]

    def take(self, rows: NDArray[np.int64] | Sequence[int]) -> "Groups":
        """The groups of these samples."""
        return replace(self, codes=self.codes[rows])

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """(n,) the same numbers for samples of one group; a sample of none has a number of its own."""
        return np.where(self.codes >= 0, self.codes, len(self.values) + np.arange(len(self.codes)))


@dataclass(frozen=True)
class Dataset:
    """Labelled samples in splits, in a fixed order.

    ids          unique strings: paths relative to the dataset with `/`, or `file#row` for rows of a file
    inputs       (n, ...) as read. image: uint8 (n, channels, height, width); text: str objects (n,); table: a frame
                 with a typed column a feature; array: floats (n, ...)
    targets      (n,) class numbers, indices into class_names; for regression (n,) float64; for multilabel (n, c) bool
    splits       (n,) "train", "val" or "test"
    class_names  empty for regression
    contents     n hex digests of each sample's decoded content, so equal content has an equal digest
    sources      where each image can be read again, for pictures in the report; empty for other modalities
    texts        columns of a table that are texts, whose words are features too
    beside       columns of a file of texts that are no features: ids, constant and empty ones; None if there are none
    derived      what was computed from inputs and features alone, see `derive`
    groups       which samples belong together, where the user says so
    unsampled    copies that the audited sample of too many samples does not show
    features     (n, d) by which samples are compared: the user's own, or those of the pretrained net that is learnt on
    pred_probs   (n, c) out-of-sample class probabilities of a model of the user's own, in place of the pool's
    """

    root: Path
    ids: tuple[str, ...]
    inputs: NDArray[Any] | pd.DataFrame
    targets: NDArray[Any]
    splits: NDArray[np.str_]
    class_names: tuple[str, ...]
    contents: tuple[str, ...]
    sources: tuple[Path, ...]
    layout: Layout
    rejected: tuple[UnreadableSample, ...] = ()
    modality: Modality = "image"
    task: Task = "classification"
    texts: tuple[str, ...] = ()
    beside: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    derived: dict[str, tuple[Any, Any, Any]] = field(default_factory=dict, compare=False, repr=False)
    groups: Groups | None = None
    unsampled: UnsampledCopies | None = None
    features: NDArray[np.floating[Any]] | None = field(default=None, compare=False, repr=False)
    pred_probs: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        n = len(self.ids)
        for name in ("inputs", "targets", "splits", "contents"):
            if len(getattr(self, name)) != n:
                raise DatasetError(f"{self.root}: {n} ids, but {len(getattr(self, name))} {name}")
        if self.groups is not None and len(self.groups.codes) != n:
            raise DatasetError(f"{self.root}: {n} ids, but {len(self.groups.codes)} groups")
        if self.beside is not None and len(self.beside) != n:
            raise DatasetError(f"{self.root}: {n} ids, but {len(self.beside)} rows beside them")
        if self.features is not None and len(self.features) != n:
            raise DatasetError(f"{self.root}: {n} ids, but {len(self.features)} rows of features")
        if len(self.sources) not in (0, n):
            raise DatasetError(f"{self.root}: {n} ids, but {len(self.sources)} sources")
        duplicates = [id for id, count in Counter(self.ids).items() if count > 1]
        if duplicates:
            raise DatasetError(
                f"{self.root}: the id {duplicates[0]!r} stands for more than one sample; ids must be unique"
            )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, split: Split) -> NDArray[np.int64]:
        """Positions of one split's samples, ascending."""
        return np.flatnonzero(self.splits == split)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The inputs of images, uint8 (n, channels, height, width)."""
        if self.modality != "image" or not isinstance(self.inputs, np.ndarray):
            raise DatasetError(f"{self.root}: expected images, found a dataset of the modality {self.modality!r}")
        return self.inputs

    @property
    def frame(self) -> pd.DataFrame:
        """The inputs of a table."""
        if not isinstance(self.inputs, pd.DataFrame):
            raise DatasetError(f"{self.root}: expected a table, found a dataset of the modality {self.modality!r}")
        return self.inputs

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any] | pd.DataFrame:
        """The inputs of these rows."""
        return self.inputs.iloc[rows] if isinstance(self.inputs, pd.DataFrame) else self.inputs[rows]

    def part(self, rows: NDArray[np.int64]) -> "Dataset":
        """The samples of these rows alone, for which nothing is derived yet."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            inputs=self.take(rows),
            targets=self.targets[rows],
            splits=self.splits[rows],
            contents=tuple(self.contents[row] for row in rows),
            sources=tuple(self.sources[row] for row in rows) if self.sources else (),
            beside=None if self.beside is None else self.beside.iloc[rows],
            groups=self.groups and self.groups.take(rows),
            features=None if self.features is None else self.features[rows],
            pred_probs=None if self.pred_probs is None else self.pred_probs[rows],
            derived={},
        )

    def derive(self, name: str, make: Callable[[], Item]) -> Item:
        """The result of `make`, computed once for these inputs; it depends on nothing but them, features and splits.

        Copies of the dataset with other targets share it, copies with other inputs or features don't.
        """
        cached = self.derived.get(name)
        if cached is None or cached[0] is not self.inputs or cached[1] is not self.features:
            cached = self.derived[name] = self.inputs, self.features, make()
        value: Item = cached[2]
        return value

    @cached_property
    def strata(self) -> NDArray[np.int64]:
        """(n,) groups within which samples are comparable: classes, tenths of the target, or sets of labels."""
        if self.task == "classification":
            return self.targets
        if self.task == "multilabel":
            groups: NDArray[np.int64] = np.unique(self.targets, axis=0, return_inverse=True)[1].reshape(-1)
            return groups
        edges = np.quantile(self.targets[self.rows("train")], np.linspace(0, 1, STRATA + 1)[1:-1])
        return np.searchsorted(edges, self.targets, side="right").astype(np.int64)

    def label(self, row: int | np.integer[Any]) -> str:
        """The target of one row in words."""
        return self.in_words(self.targets[row])

    def in_words(self, target: Any) -> str:
        """One target, given or predicted, in words."""
        if self.task == "classification":
            return self.class_names[int(target)]
        if self.task == "multilabel":
            return ", ".join(name for name, is_set in zip(self.class_names, target, strict=True) if is_set)
        return f"{target:.6g}"

    @property
    def target_split(self) -> Split:
        """The split whose predictions are attributed: test, or val where there is no test."""
        return "test" if len(self.rows("test")) else "val"

    def sizes(self) -> dict[Split, int]:
        """Samples in each split that is there."""
        return {split: count for split in SPLITS if (count := len(self.rows(split)))}

    def counts(self) -> dict[Split, dict[str, int]]:
        """Samples of each class in each split that is there; no classes for regression."""

        def count(targets: NDArray[Any]) -> list[int]:
            if self.task == "multilabel":
                return [int(total) for total in targets.sum(0)]
            return np.bincount(targets, minlength=len(self.class_names)).tolist() if self.class_names else []

        return {
            split: dict(zip(self.class_names, count(self.targets[self.rows(split)]), strict=True))
            for split in self.sizes()
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over every sample's id, split, class, group and content, and the form the learner sees it in."""
        if isinstance(self.inputs, pd.DataFrame):
            form: Any = [*zip(self.inputs, map(str, self.inputs.dtypes), strict=True), *self.texts]
        else:
            form = self.inputs.shape[1:]
        digest = hashlib.sha256(repr((self.modality, self.task, self.class_names, form)).encode())
        for id, split, target, content in zip(self.ids, self.splits, self.targets.tolist(), self.contents, strict=True):
            digest.update(f"{id}\0{split}\0{target}\0{content}\n".encode())
        if self.groups is not None:
            digest.update(self.groups.codes.tobytes())
        return digest.hexdigest()


def as_text(name: str) -> str:
    """A file name as valid Unicode; bytes that are not UTF-8 are shown as \\xNN."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def is_encoding(name: str) -> bool:
    """Whether there is an encoding of text of this name."""
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return True


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


@dataclass(frozen=True)
class ReadOptions:
    """How a dataset is to be read, where it can be read in more than one way.

    seed    of splits that are drawn, and of the sample of too many rows
    label   the column, array or field that holds the targets; None where the usual names decide
    max_rows   training rows that are kept at most; of more, a sample is drawn and noted
    split   the column that names each row's split; None where the usual names decide
    text    columns that are texts, whatever they look like
    drop    columns that are no features
    files   the files of each split; empty where their names decide
    header  whether the first row of a table in text names its columns; None where its cells tell
    encoding   of text; None where its bytes tell
    task    what the targets are; None where their values decide
    group   the column that says which samples belong together, or a regular expression of paths with one group
    """

    seed: int = 0
    label: str | None = None
    max_rows: int = 100_000
    split: str | None = None
    text: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    files: Mapping[Split | None, tuple[Path, ...]] = field(default_factory=dict)
    header: bool | None = None
    encoding: str | None = None
    task: Task | None = None
    group: str | None = None


def options_document(options: ReadOptions) -> dict[str, Any]:
    """What audits and decisions keep of them, as plain data: what the user names, beside seed, label and rows."""
    named = {name: getattr(options, name) for name in ("task", "group", "header", "encoding")}
    document = {"seed": options.seed, "label": options.label, "rows": options.max_rows}
    return document | {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class Edit:
    """The change of one sample: it is removed, or gets another label, another split or both.

    label      its new label in words: one, those of a set, or a number; None if it stays
    split      its new split; None if it stays
    findings   ids of the findings behind it, for messages
    """

    remove: bool = False
    label: tuple[str, ...] | None = None
    split: Split | None = None
    findings: tuple[str, ...] = ()


class Format(Protocol):
    """A plugin of `formats`.

    EVIDENCE   how much a match says: 3 for a file that describes the dataset, 2 for a layout that a tool left behind,
               1 for names and endings, 0 for what lies beside data of all kinds. The strongest match wins; two of equal
               strength are an error
    """

    EVIDENCE: int

    def matches(self, path: Path) -> bool:
        """Whether `path` looks like this format. Never raises."""

    def load(self, path: Path, reading: ReadOptions, track: Track) -> Dataset:
        """Read it. Raises DatasetError when it can't be audited as it is."""

    def rewrite(self, copy: Path, reading: ReadOptions, edits: Mapping[str, Edit]) -> Mapping[str, str]:
        """Make the edits, by id of sample, in a whole and private copy of a dataset that `load` has read.

        Optional: without it `dataaudit apply` refuses the format. The copy has the dataset's own name, so ids are the
        same; every label and split in `edits` is there. What no edit is about keeps its bytes wherever the format lets
        it, and nothing outside the copy is touched.

        Returns the new ids of edited samples that have files of their own and another place now. Raises DatasetError,
        naming the findings and another way, for an edit that can't be made.
        """
