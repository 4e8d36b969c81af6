"""Features by pretrained nets, computed once for each content and kept on disk as 16-bit numbers."""

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...config import AuditConfig
from ...errors import InputError
from ...files import rebuilding
from ...verdict.audit_file import read_audit

BATCH = 16
PART = 2048
"""Samples whose features are kept in one file: what an interruption costs at most."""


def computed_once(
    contents: Sequence[str], folder: Path | None, encode: Callable[[list[int]], Iterable[NDArray[np.float16]]]
) -> NDArray[np.float16]:
    """(n, d) features of samples with these contents; equal contents are computed once.

    folder   for what was computed, by content; without one it is kept in memory alone
    encode   features of the samples at these places, BATCH by BATCH
    """
    known = {} if folder is None else _stored(folder)
    keys = [hashlib.sha256(content.encode()).hexdigest() for content in contents]
    missing = {key: place for place, key in enumerate(keys) if key not in known}
    encoded = iter(encode(list(missing.values())))
    while new_keys := list(itertools.islice((key for key in missing if key not in known), PART)):
        features = np.concatenate(list(itertools.islice(encoded, PART // BATCH)))
        known |= zip(new_keys, features if folder is None else _keep(folder, new_keys, features), strict=True)
    return np.stack([known[key] for key in keys])


def beside(config: AuditConfig) -> Path:
    """A folder for features, beside the output directory, for all audits of this dataset."""
    name = "data" if config.data is not None else config.path.resolve().name
    return config.directory.resolve().with_name(f"{name}-features")


def of_audit(folder: Path) -> Path:
    """The folder of features beside an audit's output directory, whatever the dataset was called."""
    named = read_audit(folder)["dataset"]["name"]
    return folder.resolve().with_name(f"{named}-features")


def how_many(folder: Path, contents: Sequence[str]) -> int:
    """How many samples with these contents have features there, by whatever model."""
    keys = {hashlib.sha256(content.encode()).hexdigest() for content in contents}
    found = {key for part in folder.glob("*/*.npy") for key in np.load(part, mmap_mode="r")["key"].astype(str)}
    return len(keys & found)


def carry_over(previous: Path, folder: Path) -> None:
    """Take what a folder of an earlier audit's features has, and this one hasn't, without a copy where links can be."""
    for file in sorted(previous.glob("*/*.npy")):
        path = folder / file.parent.name / file.name
        if path.exists():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with rebuilding(path) as new:
                _link_or_copy(file, new)
        except OSError as error:
            raise InputError(f"{path}: features can't be taken over from {previous}: {error.strerror}") from error


def _link_or_copy(file: Path, new: Path) -> None:
    try:
        new.hardlink_to(file)
    except OSError:  # on another file system
        shutil.copyfile(file, new)


def digest_of(folder: Path) -> str:
    """The name of a model in a folder, by what is in it."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".safetensors", ".txt"):
            digest.update(file.name.encode())
            with file.open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def _stored(folder: Path) -> dict[str, NDArray[np.float16]]:
    """Features by content, mapped into memory."""
    known: dict[str, NDArray[np.float16]] = {}
    for file in sorted(folder.glob("*.npy")):
        part = np.load(file, mmap_mode="r")
        known |= zip(part["key"].astype(str).tolist(), np.asarray(part["features"]), strict=True)
    return known


def _keep(folder: Path, keys: Sequence[str], features: NDArray[np.float16]) -> NDArray[np.float16]:
    """Write a part, and map it into memory."""
    part = np.empty(len(keys), [("key", "S64"), ("features", "f2", features.shape[1:])])
    part["key"], part["features"] = keys, features
    path = folder / f"{keys[0][:32]}.npy"  # no other part has its first sample
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with rebuilding(path) as new:
            np.save(new, part)
    except OSError as error:
        raise InputError(
            f"{folder}: features can't be kept there, beside the output directory: {error.strerror}; name "
            "another --output"
        ) from error
    return np.asarray(np.load(path, mmap_mode="r")["features"])
