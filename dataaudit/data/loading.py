"""From a path to a Dataset: by the format that its dataaudit.toml names, else by the one that matches it best."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import plugins
from ..config import AuditConfig
from ..dataset import Dataset, ReadOptions, Track
from ..errors import DatasetError
from .given import with_features, with_pred_probs
from .in_memory import own_names, read_in_memory
from .reading.folders import LAYOUT_FILE, endings
from .reading.groups import require_several_groups
from .reading.layout_file import read_layout

CONVERT = {
    ".xls": "save the sheet as CSV; ", ".ods": "save the sheet as CSV; ", ".zip": "unpack it and audit the folder; ",
    ".tgz": "unpack it and audit the folder; ", ".gz": "unpack it and audit the folder; ",
    ".7z": "unpack it and audit the folder; ", ".json": "write an object a line, as .jsonl; ",
}  # fmt: skip
"""What to do with files that are not read, by their ending."""


def load(config: AuditConfig, track: Track) -> Dataset:
    """Read the dataset that is to be audited, and what the user brings beside it; see `read_dataset` and `given`.

    Frames with an index of their own give it to their samples as ids.
    """
    names: Mapping[str, str] = {}
    if config.data is not None:
        dataset, names = read_in_memory(config.data, config.read_options, track), own_names(config.data)
    else:
        dataset = read_dataset(config.path, config.read_options, track)
    if config.features is not None:
        dataset = with_features(dataset, config.features, "--features", names)
    if config.pred_probs is not None:
        dataset = with_pred_probs(dataset, config.pred_probs, "--pred-probs", names)
    rejected = tuple(replace(sample, id=names.get(sample.id, sample.id)) for sample in dataset.rejected)
    return replace(dataset, ids=tuple(names.get(id, id) for id in dataset.ids), rejected=rejected) if names else dataset


def read_dataset(path: Path, options: ReadOptions, track: Track) -> Dataset:
    """Read the dataset in the format that its dataaudit.toml names, else in the one that matches it best.

    Raises InputError if no format matches, or several do equally, or training samples are all of one group.
    """
    layout = read_layout(path)
    formats = {name: plugins.get("formats", name) for name in plugins.names("formats")}
    if layout.format is not None and layout.format not in formats:
        raise DatasetError(
            f"{path / LAYOUT_FILE}: there is no format {layout.format!r}; there are: {', '.join(formats)}"
        )
    name = layout.format or _recognise(path, layout.files, formats)
    heeded = getattr(formats[name], "LAYOUT_KEYS", frozenset({"label", "task"}))
    unused = set(layout.keys) - {"format"} - heeded
    if unused:
        raise DatasetError(
            f"{path / LAYOUT_FILE}: the format {name} has no use for {', '.join(sorted(unused))}; take it out"
        )
    if options.group is not None and "group" not in heeded:
        raise DatasetError(f"{path}: the format {name} knows no groups of samples; leave --group out")
    reading = layout.reading(options)
    dataset: Dataset = formats[name].load(path, reading, track)
    require_several_groups(dataset)
    return dataset


def _recognise(path: Path, files: Mapping[Any, Sequence[Path]], formats: Mapping[str, Any]) -> str:
    """The format of a path, or of the files in it that are listed as its data."""
    data_files = [file for paths in files.values() for file in paths] or [path]
    matching = [name for name, module in formats.items() if all(module.matches(file) for file in data_files)]
    if not matching:
        expected = " ".join(f"({name}) {(module.__doc__ or '').splitlines()[0]}" for name, module in formats.items())
        advice = next((words for ending, words in CONVERT.items() if ending in endings(path)), "")
        raise DatasetError(f"{path}: found {endings(path)}; {advice}expected data in one of these formats: {expected}")
    strongest = max(formats[name].EVIDENCE for name in matching)
    best = [name for name in matching if strongest == formats[name].EVIDENCE]
    if len(best) > 1 and "image_folder" in best:
        raise DatasetError(
            f"{path}: ambiguous, it looks like {' and like '.join(best)}; if the file beside the images lists them, "
            "call it metadata.csv (or .jsonl) and give it the columns file_name, with the images' paths, and label; "
            "if the images are in folders named by class, move the file out of the dataset"
        )
    if len(best) > 1:
        raise DatasetError(
            f"{path}: ambiguous, it looks like {' and like '.join(best)}; move one of them out, or name the format in "
            f'{LAYOUT_FILE} in the folder: [layout] format = "{best[0]}"'
        )
    return best[0]
