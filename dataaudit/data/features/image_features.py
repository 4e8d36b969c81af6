"""Features of images by a pretrained net, computed once for each picture and kept on disk.

Pictures are read from their files at the net's own resolution, not from the small ones that a net is trained on here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

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

Reader = Callable[[int], NDArray[np.uint8]]


def image_features(
    dataset: Dataset, source: str, store: Path | None = None, track: Track = silent
) -> NDArray[np.float16]:
    """(n, d) features by the net that `source` names, see `vision_model`; computed once for a dataset.

    `store` is a folder for what was computed, by content of the picture; without one it is kept in memory alone.

    Raises DatasetError for a dataset of another modality, InputError if the net can't be read.
    """
    everything = np.arange(len(dataset))
    return dataset.derive(_name(source), lambda: features_of_rows(dataset, everything, source, store, track))


def with_features(dataset: Dataset, source: str, features: NDArray[np.float16]) -> Dataset:
    """A part of a dataset, of which these are the features: they are not computed again for it."""
    dataset.derive(_name(source), lambda: features)
    return dataset


def _name(source: str) -> str:
    return f"image features {source}"


def features_of_rows(
    dataset: Dataset, rows: NDArray[np.int64], source: str, store: Path | None, track: Track
) -> NDArray[np.float16]:
    """(len(rows), d) the same for some of a dataset's rows; equal content is computed once."""
    if dataset.modality != "image":
        raise DatasetError(f"{dataset.root}: expected images, found a dataset of the modality {dataset.modality!r}")
    model = vision_model(source)
    # The same content is another picture to the net where only the small form of it is at hand.
    form = "" if dataset.sources else "-of-" + "x".join(map(str, dataset.pixels.shape[1:]))
    folder = None if store is None else store / f"{model.name}-{model.edge}{form}"

    read = _reader(dataset, model.edge)

    def encode(places: list[int]) -> Iterable[NDArray[np.float16]]:
        batches = [rows[places[start : start + kept.BATCH]] for start in range(0, len(places), kept.BATCH)]
        return track(_in_threads(partial(_encoded, model, read), batches), "features of images", len(batches))

    return kept.computed_once([dataset.contents[row] or f"row {row}" for row in rows], folder, encode)


def _encoded(model: VisionModel, read: Reader, rows: NDArray[np.int64]) -> NDArray[np.float16]:
    pixels = np.stack([read(row) for row in rows.tolist()])
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()  # the memory of channels_last, as it was read
    with torch.inference_mode():
        features: NDArray[np.float16] = model.encode(batch).half().numpy()
    return features


def _in_threads(
    encoded: Callable[[NDArray[np.int64]], NDArray[np.float16]], batches: Sequence[NDArray[np.int64]]
) -> Iterator[NDArray[np.float16]]:
    """A batch a core: one net's small operations gain little from several cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from Parallel(cpu_count(), require="sharedmem", return_as="generator")(map(delayed(encoded), batches))
    finally:
        torch.set_num_threads(threads)


def _reader(dataset: Dataset, edge: int) -> Reader:
    """Row -> (edge, edge, 3) RGB picture, squeezed to the edge."""
    depth = common_depth(dataset.sources)

    def read(row: int) -> NDArray[np.uint8]:
        if dataset.sources:
            pixels = decode(dataset.sources[row], depth, at_least=edge).pixels
        else:
            pixels = np.ascontiguousarray(dataset.pixels[row].transpose(1, 2, 0))
            pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
        picture = Image.fromarray(pixels).convert("RGB")
        return np.asarray(picture.resize((edge, edge), Image.Resampling.BILINEAR))

    return read
