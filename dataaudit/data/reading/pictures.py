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
from ..images import GREY_MODES, decode, depth_of, header, is_deep, resized

OWN_SIZE = 48
"""Edge in pixels up to which images of one size are not resized."""
SMALL, LARGE = 32, 64
"""Edge of the square that other images are resized to: small where most are at most OWN_SIZE pixels, else large."""
NOT_LISTED = "an image that no metadata file lists"
"""A reason for ignoring an image that is also a finding."""
Result = TypeVar("Result")


@dataclass(frozen=True)
class ImageFile:
    """An image that the dataset names, with its split and its label in words.

    load_bytes   returns its bytes where it is not a file of its own; they are written to `path` while it is read
    """

    path: Path
    id: str
    split: Split
    label: str
    load_bytes: Callable[[], bytes] | None = None

    def read(self, reader: Callable[[Path], Result]) -> Result:
        """The result of `reader` on the file."""
        if self.load_bytes is None:
            return reader(self.path)
        self.path.write_bytes(self.load_bytes())
        try:
            return reader(self.path)
        finally:
            self.path.unlink()


@dataclass(frozen=True)
class Pictures:
    """The images that could be read.

    positions   of their files, ascending
    pixels      uint8 (n, channels, height, width)
    contents    hex digest of each one's pixels before resizing
    rejected    those that could not be read
    """

    positions: list[int]
    pixels: NDArray[np.uint8]
    contents: tuple[str, ...]
    rejected: tuple[UnreadableSample, ...]


def read_pictures(files: Sequence[ImageFile], notes: list[str], track: Track) -> Pictures:
    """Decode all files; the size and colour that they are converted to are added to the notes."""
    channels, height, width, is_any_deep = _working_shape(files, notes, track)
    depth = _depth(files, notes, track) if is_any_deep else None

    def read(path: Path) -> tuple[NDArray[np.uint8], str] | str:
        try:
            decoded = decode(path, depth)
        except DatasetError as error:
            return str(error)
        return resized(decoded, channels, height, width), decoded.digest

    results = _in_threads(read, files, track, "reading images")
    pictures = [result for result in results if not isinstance(result, str)]
    return Pictures(
        [position for position, result in enumerate(results) if not isinstance(result, str)],
        np.stack([pixels for pixels, _ in pictures]) if pictures else np.zeros((0, channels, height, width), np.uint8),
        tuple(digest for _, digest in pictures),
        tuple(
            UnreadableSample(file.id, file.split, file.label, result)
            for file, result in zip(files, results, strict=True)
            if isinstance(result, str)
        ),
    )


def working_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """(width, height) for all images: their own size if they share one, at most OWN_SIZE pixels; else a square."""
    if len(sizes) == 1 and max(next(iter(sizes))) <= OWN_SIZE:
        return next(iter(sizes))
    edge = SMALL if np.median([min(size) for size in sizes.elements()] or [0]) <= OWN_SIZE else LARGE
    return edge, edge


def common_depth(paths: Sequence[Path]) -> int | None:
    """Bits that the 16-bit images among these use, None if there are none; see `decode`."""
    deep = [path for path in paths if (head := header(path)) is not None and is_deep(head[1])]
    return max(map(depth_of, deep), default=0) or None


def _depth(files: Sequence[ImageFile], notes: list[str], track: Track) -> int | None:
    """Bits that the 16-bit images of the dataset use, one for all, so that the same value is the same grey."""
    depth = max(_in_threads(depth_of, files, track, "reading image depths"))
    if 0 < depth < 16:
        notes.append(f"values of 16-bit images use {depth} bits: scaled from 0 to {2**depth - 1:,}")
    return depth or None


def _working_shape(files: Sequence[ImageFile], notes: list[str], track: Track) -> tuple[int, int, int, bool]:
    """(channels, height, width) that the learner sees, and whether any image has 16 bits."""
    heads = [head for head in _in_threads(header, files, track, "reading image sizes") if head is not None]
    sizes = Counter(size for size, _ in heads)
    modes = Counter(mode for _, mode in heads)
    channels = 1 if all(mode in GREY_MODES for mode in modes) else 3
    width, height = working_size(sizes)
    common = ", ".join(f"{w}x{h} ({count})" for (w, h), count in sizes.most_common(3))
    summary = f"{len(sizes)} image sizes, most common" if len(sizes) > 1 else "one image size,"
    notes.append(f"{summary} {common}; modes {', '.join(sorted(modes))}")
    notes.append(f"the learner sees {width}x{height} {'grey' if channels == 1 else 'RGB'} pixels")
    return channels, height, width, any(map(is_deep, modes))


def _in_threads(read: Callable[[Path], Result], files: Sequence[ImageFile], track: Track, label: str) -> list[Result]:
    """Read every file; in threads, never on a cluster, since Pillow decodes outside the interpreter's lock."""
    work = Parallel(cpu_count(), require="sharedmem", return_as="generator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # decode() refuses such images
        return list(track(work(delayed(file.read)(read) for file in files), label, len(files)))
