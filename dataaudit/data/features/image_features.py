"""Features of images by a pretrained net, computed once for each picture and kept on disk.

Pictures are read from their files at the net's own resolution, not from the small ones that a net is trained on here.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from PIL import Image

from ...dataset import Dataset, Track, silent
from ...errors import DatasetError
from ..images import decode
from ..reading.pictures import common_depth
from . import kept
from .vision_models import VisionModel, vision_model

Item = TypeVar("Item")
Result = TypeVar("Result")
Pixels = NDArray[np.uint8]
Features = NDArray[np.float16]


class Elsewhere(Protocol):
    """Maps a function over items on other machines; the results come in order."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]: ...


def image_features(
    dataset: Dataset,
    source: str,
    store: Path | None = None,
    track: Track = silent,
    elsewhere: Elsewhere | None = None,
) -> Features:
    """(n, d) features by the net that `source` names, see `vision_model`; computed once for a dataset.

    store       a folder for what was computed, by content of the picture; without one it is kept in memory alone
    elsewhere   where they are computed, with files read here; None for here

    Raises DatasetError for a dataset of another modality, InputError if the net can't be read.
    """
    everything = np.arange(len(dataset))
    return dataset.derive(_name(source), lambda: features_of_rows(dataset, everything, source, store, track, elsewhere))


def with_features(dataset: Dataset, source: str, features: Features) -> Dataset:
    """A part of a dataset, of which these are the features: they are not computed again for it."""
    dataset.derive(_name(source), lambda: features)
    return dataset


def _name(source: str) -> str:
    return f"image features {source}"


def features_of_rows(
    dataset: Dataset,
    rows: NDArray[np.int64],
    source: str,
    store: Path | None,
    track: Track,
    elsewhere: Elsewhere | None = None,
) -> Features:
    """(len(rows), d) the same for some of a dataset's rows; equal content is computed once."""
    if dataset.modality != "image":
        raise DatasetError(f"{dataset.root}: expected images, found a dataset of the modality {dataset.modality!r}")
    model = vision_model(source)
    # The same content is another picture to the net where only the small form of it is at hand.
    form = "" if dataset.sources else "-of-" + "x".join(map(str, dataset.pixels.shape[1:]))
    folder = None if store is None else store / f"{model.name}-{model.edge}{form}"
    encoded = partial(_encoded, model, common_depth(dataset.sources))

    def encode(places: list[int]) -> Iterable[Features]:
        batches = [rows[places[start : start + kept.BATCH]] for start in range(0, len(places), kept.BATCH)]
        if elsewhere is None:
            results = _in_threads(lambda batch: encoded(_pictures(dataset, batch)), batches)
        else:
            results = elsewhere(encoded, (_pictures(dataset, batch) for batch in batches))
        return track(results, "features of images", len(batches))

    return kept.computed_once([dataset.contents[row] or f"row {row}" for row in rows], folder, encode)


def _pictures(dataset: Dataset, rows: NDArray[np.int64]) -> list[bytes | Pixels]:
    """Files as they are, or pixels (c, h, w) where there are none."""
    return [dataset.sources[row].read_bytes() if dataset.sources else dataset.pixels[row] for row in rows]


def _encoded(model: VisionModel, depth: int | None, pictures: Sequence[bytes | Pixels]) -> Features:
    pixels = np.stack([_squeezed(picture, depth, model.edge) for picture in pictures])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()  # the memory of channels_last, as it was read
    with torch.inference_mode():
        features: Features = model.encode(batch).half().numpy()
    return features


def _squeezed(picture: bytes | Pixels, depth: int | None, edge: int) -> Pixels:
    """(edge, edge, 3) RGB, squeezed to the edge."""
    if isinstance(picture, bytes):
        pixels = decode(io.BytesIO(picture), depth, at_least=edge).pixels
    else:
        pixels = np.ascontiguousarray(picture.transpose(1, 2, 0))
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    return np.asarray(Image.fromarray(pixels).convert("RGB").resize((edge, edge), Image.Resampling.BILINEAR))


def _in_threads(
    encoded: Callable[[NDArray[np.int64]], Features], batches: Sequence[NDArray[np.int64]]
) -> Iterator[Features]:
    """A batch a core: one net's small operations gain little from several cores."""
    with one_thread():
        yield from Parallel(cpu_count(), require="sharedmem", return_as="generator")(map(delayed(encoded), batches))


@contextmanager
def one_thread() -> Iterator[None]:
    """For each of the tasks that share the cores: what comes out must not depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
