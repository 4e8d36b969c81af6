"""The dataset that an audit is about, read again as the audit read it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..data.loading import read_dataset
from ..dataset import Dataset, ReadOptions, Track
from ..errors import InputError

NAMED = ("task", "group", "header", "encoding")


def audited_dataset(audit: Mapping[str, Any], path: Path | None, track: Track) -> Dataset:
    """The dataset, from `path` or from where the audit found it.

    audit   as in audit.json

    Raises InputError where it is not there, or its content is another.
    """
    about = audit["dataset"]
    path = path or Path(about["path"])
    if not path.exists():
        raise InputError(
            f"{path}: expected the dataset that was audited, found nothing there; say where it lies by --dataset"
        )
    reading = about["reading"]
    named = {name: reading[name] for name in NAMED if name in reading}
    dataset = read_dataset(path, ReadOptions(reading["seed"], reading["label"], reading["rows"], **named), track)
    if dataset.fingerprint != about["fingerprint"]:
        raise InputError(
            f"{path}: expected the data that was audited, with the fingerprint {about['fingerprint'][:16]}…, found "
            f"{dataset.fingerprint[:16]}…: it is another dataset, or has changed; audit it again"
        )
    return dataset
