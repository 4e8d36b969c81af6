"""The YAML block at the head of a Hugging Face dataset card: only fields that the audit knows, the others as comments.

What is in `dataset_info` is enforced when the dataset is loaded, so it is written only where it is known in full: the
features of image folders whose samples were all read. Splits would need their size in bytes as Arrow files, too.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ..sanitizing import short
from .measures import sampled
from .value import total

TASKS = {
    ("image", "classification"): "image-classification", ("image", "multilabel"): "image-classification",
    ("text", "classification"): "text-classification", ("text", "multilabel"): "text-classification",
    ("table", "classification"): "tabular-classification", ("table", "multilabel"): "tabular-classification",
    ("table", "regression"): "tabular-regression",
}  # fmt: skip
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M")
BLANK = "To be filled in"


def front_matter(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The block's lines, with the lines of three dashes around it."""
    dataset = document["dataset"]
    lines = ["---", f"pretty_name: {quoted(short(dataset['name']))}"]
    task = TASKS.get((dataset["modality"], dataset["task"]))
    lines += ["task_categories:", f"- {task}"] if task else [f"# task_categories: {BLANK}"]
    if sampled(document):
        lines.append(f"# size_categories: {BLANK}: only a part of the samples was audited")
    else:
        lines += ["size_categories:", f"- {_size(total(document))}"]
    lines += [f"# license: {BLANK}", f"# language: {BLANK}", *_info(document), "---"]
    return tuple(lines)


def quoted(text: str) -> str:
    """Any text as a double-quoted YAML scalar on one line, which reads back as the same text."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in text) + '"'


def _size(count: int) -> str:
    return SIZES[min(len(SIZES) - 1, max(0, len(str(count)) - 3))]


def _info(document: Mapping[str, Any]) -> Iterator[str]:
    dataset = document["dataset"]
    whole = not (sampled(document) or dataset["unreadable"] or dataset["ignored"])
    if whole and dataset["format"] == "image_folder" and dataset["task"] == "classification":
        yield from ("dataset_info:", "  features:", "  - name: image", "    dtype: image")
        yield from ("  - name: label", "    dtype:", "      class_label:", "        names:")
        yield from (f"          '{number}': {quoted(name)}" for number, name in enumerate(dataset["classes"]))
