"""Image files as a dataset: one size for all, unreadable ones rejected."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from PIL import Image

from ...dataset import Split, Track, UnreadableSample
from ...errors import DatasetError
from ..images import GREY_MODES, decode, header, resized

OWN_SIZE = 48
"""Edge in pixels up to which images of one size are left as they are."""
SMALL, LARGE = 32, 64
"""Edge of the square that other images are brought to: small where most are at most OWN_SIZE pixels, else large."""
NOT_LISTED = "an image that no metadata file lists"
"""Reason for ignoring one that is a finding."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class ImageFile:
    """An image that the dataset names, with its split and its label in words.

    stored   gives its bytes where they lie in no file of their own; `path` is then where they are put while it is read
    """

    path: Path
    id: str
    split: Split
    label: str
    stored: Callable[[], bytes] | None = None

    def read(self, how: Callable[[Path], Result]) -> Result:
        """What `how` makes of the file."""
        if self.stored is None:
            return how(self.path)
        self.path.write_bytes(self.stored())
        try:
            return how(self.path)
        finally:
            self.path.unlink()


@dataclass(frozen=True)
class Pictures:
    """What could be read.

    kept       positions of the files that could be, ascending
    pixels     uint8 (kept, channels, height, width)
    contents   hex digest of each one's pixels as they were before they were brought to size
    rejected   the others
    """

    kept: list[int]
    pixels: NDArray[np.uint8]
    contents: tuple[str, ...]
    rejected: tuple[UnreadableSample, ...]


def read_pictures(files: Sequence[ImageFile], notes: list[str], track: Track) -> Pictures:
    """Decode all files; what size and colour they are brought to is added to the notes."""
    channels, height, width = _working_shape(files, notes, track)

    def read(path: Path) -> tuple[NDArray[np.uint8], str] | str:
        try:
            decoded = decode(path)
        except DatasetError as error:
            return str(error)
        return resized(decoded, channels, height, width), decoded.digest

    found = _in_threads(read, files, track, "reading images")
    pictures = [item for item in found if not isinstance(item, str)]
    return Pictures(
        [at for at, item in enumerate(found) if not isinstance(item, str)],
        np.stack([pixels for pixels, _ in pictures]) if pictures else np.zeros((0, channels, height, width), np.uint8),
        tuple(digest for _, digest in pictures),
        tuple(
            UnreadableSample(file.id, file.split, file.label, item)
            for file, item in zip(files, found, strict=True)
            if isinstance(item, str)
        ),
    )


def working_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """(width, height) for all images: their own size if they share one, at most OWN_SIZE pixels; else a square."""
    if len(sizes) == 1 and max(next(iter(sizes))) <= OWN_SIZE:
        return next(iter(sizes))
    edge = SMALL if np.median([min(size) for size in sizes.elements()] or [0]) <= OWN_SIZE else LARGE
    return edge, edge


def _working_shape(files: Sequence[ImageFile], notes: list[str], track: Track) -> tuple[int, int, int]:
    heads = [head for head in _in_threads(header, files, track, "reading image sizes") if head is not None]
    sizes = Counter(size for size, _ in heads)
    modes = Counter(mode for _, mode in heads)
    channels = 1 if all(mode in GREY_MODES for mode in modes) else 3
    width, height = working_size(sizes)
    common = ", ".join(f"{w}x{h} ({count})" for (w, h), count in sizes.most_common(3))
    found = f"{len(sizes)} image sizes, most common" if len(sizes) > 1 else "one image size,"
    notes.append(f"{found} {common}; modes {', '.join(sorted(modes))}")
    notes.append(f"the learner sees {width}x{height} {'grey' if channels == 1 else 'RGB'} pixels")
    return channels, height, width


def _in_threads(read: Callable[[Path], Result], files: Sequence[ImageFile], track: Track, label: str) -> list[Result]:
    """Read every file; in threads, since Pillow decodes outside the interpreter's lock."""
    work = Parallel(cpu_count(), prefer="threads", return_as="generator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode() refuses such images
        return list(track(work(delayed(file.read)(read) for file in files), label, len(files)))
