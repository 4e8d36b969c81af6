"""The labelling configuration of Label Studio that the tasks of an audit need, and the names that both use.

See https://labelstud.io/tags/ for the tags.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..errors import InputError
from .answers import CHOICES

SAMPLE, LABEL, DECISION, REASON = "sample", "label", "decision", "reason"
"""Names of the object that is labelled, and of the controls."""
MOST_INLINE = 20
"""Classes that are shown side by side; more are chosen from a list."""
HINTS = {
    "accept": "the finding is right: do what is written under accept",
    "remove": "the finding is right: take the sample out",
    "reject": "the finding is no fault: change nothing",
    "defer": "decide later, or can't tell",
}
UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold."""


def label_config(dataset: Mapping[str, Any]) -> str:
    """The configuration as XML, for samples and labels of this dataset, as audit.json describes it.

    Raises InputError for a name of a class that the configuration can't hold.
    """
    view = Element("View")
    SubElement(view, "Header", value="$message", size="4")
    SubElement(view, "Text", name="about", value="$about")
    columns = SubElement(view, "View", style="display: flex; gap: 2em")
    _sample(SubElement(columns, "View", style="flex: 3"), dataset["modality"])
    _questions(SubElement(columns, "View", style="flex: 2"), dataset)
    indent(view)
    return tostring(view, encoding="unicode") + "\n"


def _sample(view: Element, modality: str) -> None:
    if modality == "image":
        SubElement(view, "Image", name=SAMPLE, valueList="$images", zoom="true")
    elif modality == "table":
        SubElement(view, "Table", name=SAMPLE, value="$row")
    else:
        SubElement(view, "Text", name=SAMPLE, value="$text")


def _questions(view: Element, dataset: Mapping[str, Any]) -> None:
    if dataset["task"] == "regression":
        SubElement(view, "Header", value="The right number, if another", size="5")
        SubElement(view, "Number", name=LABEL, toName=SAMPLE, step="any")
    else:
        SubElement(view, "Header", value="The right label", size="5")
        _label_choices(view, dataset["classes"], multiple=dataset["task"] == "multilabel")
    SubElement(view, "Header", value="Or a decision, which counts more than a label filled in beforehand", size="5")
    choices = SubElement(view, "Choices", name=DECISION, toName=SAMPLE, choice="single", showInline="true")
    for choice in CHOICES:
        SubElement(choices, "Choice", value=choice, hint=HINTS[choice])
    SubElement(view, "TextArea", name=REASON, toName=SAMPLE, rows="1", maxSubmissions="1", placeholder="reason")


def _label_choices(view: Element, classes: Sequence[str], multiple: bool) -> None:
    looks = {"showInline": "true"} if len(classes) <= MOST_INLINE else {"layout": "select"}
    choices = SubElement(
        view, "Choices", {"name": LABEL, "toName": SAMPLE, "choice": "multiple" if multiple else "single", **looks}
    )
    for name in classes:
        if not name.strip() or UNFIT.search(name):
            raise InputError(
                f"Label Studio: the class {name!r} has no name that its configuration can hold; decide in report.html, "
                "or rename the class and audit again"
            )
        SubElement(choices, "Choice", value=name)
