"""The labels drawn for a reviewer, as review.csv and the page ask about them: in random order."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..result import Audit, Check, Exhibit
from .sanitizing import cell, short

LABEL_CHARACTERS = 90


@dataclass(frozen=True)
class Drawn:
    """A label to judge, the other one suggested, and the place of its stratum."""

    id: str
    split: str
    label: str
    suggested: str
    stratum: int


@dataclass(frozen=True)
class Question:
    """A drawn label as the page asks about it, without what would sway the answer.

    suggested   empty where nothing was suggested
    values      (column, value) of a row of a table; it, picture and text are empty where the sample is not shown
    """

    id: str
    label: str
    suggested: str
    picture: str
    text: str
    values: tuple[tuple[str, str], ...]


def strata(checks: Iterable[Check]) -> list[Mapping[str, Any]]:
    """The strata of the review sample; none where no labels were drawn."""
    return [stratum for check in checks for stratum in check.figures.get("review", ())]


def drawn_ids(checks: Iterable[Check]) -> list[str]:
    """The drawn samples, in the order of their ids' hashes."""
    return sorted((id for stratum in strata(checks) for id in stratum["drawn"]), key=_place)


def _place(id: str) -> bytes:
    return hashlib.sha256(cell(id).encode("utf-8", "surrogateescape")).digest()


def drawn(audit: Audit) -> list[Drawn]:
    """The drawn labels, in the same order."""
    asked = {
        id: (place, suggested)
        for place, stratum in enumerate(strata(audit.checks))
        for id, suggested in zip(stratum["drawn"], stratum["suggested"], strict=True)
    }
    rows = {row["id"]: row for row in audit.samples if row.get("id") in asked}
    return [
        Drawn(id, rows[id]["split"], rows[id]["label"], asked[id][1], asked[id][0])
        for id in drawn_ids(audit.checks)
        if id in rows
    ]


def questions(labels: Iterable[Drawn], exhibits: Mapping[str, Exhibit]) -> list[Question]:
    """What the page asks."""
    return [_question(label, exhibits.get(label.id, Exhibit())) for label in labels]


def _question(label: Drawn, exhibit: Exhibit) -> Question:
    return Question(
        short(label.id),
        short(label.label, LABEL_CHARACTERS),
        short(label.suggested, LABEL_CHARACTERS) if label.suggested != label.label else "",
        Markup(exhibit.picture),
        exhibit.text,
        tuple((short(name, 60), short(value, 200)) for name, value in exhibit.values),
    )


def for_script(audit: Audit, labels: Sequence[Drawn], asked: Sequence[Question]) -> dict[str, Any]:
    """The design of the sample and the labels, as plain data for the page's script."""
    return {
        "strata": [
            {"split": stratum["split"], "size": stratum["size"], "drawn": len(stratum["drawn"])}
            for stratum in strata(audit.checks)
        ],
        "samples": [
            {"id": label.id, "stratum": label.stratum, "label": question.label, "suggested": question.suggested}
            for label, question in zip(labels, asked, strict=True)
        ],
    }
