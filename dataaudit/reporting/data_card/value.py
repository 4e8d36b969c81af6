"""What a data card holds, before it is Markdown or HTML."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...verdict.decisions import Decisions
from ...verdict.review import WrongShare


class Given(str):
    """Text that comes from the data or from a reviewer; it is shown as code, so that it means nothing to a renderer."""


Line = tuple[str, ...]
"""A sentence in parts."""


@dataclass(frozen=True)
class Measured:
    """One thing that an audit may measure: the figure and what it is made of, or why there is none.

    known   False where nothing was measured; `line` then says why, and how it could be
    """

    line: Line
    details: tuple[Line, ...] = ()
    known: bool = True


def unknown(*line: str) -> Measured:
    """What was not measured."""
    return Measured(line, known=False)


@dataclass(frozen=True)
class Table:
    """Rows of cells, each of some lines; the first cell of a row names it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[Line, ...], ...], ...]


@dataclass(frozen=True)
class Section:
    """Facts first, then what the owner is asked."""

    title: str
    facts: tuple[Measured, ...] = ()
    table: Table | None = None
    questions: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataCard:
    """A whole card.

    front       the lines of the YAML block that Hugging Face reads
    croissant   the description that Croissant's tools read
    lead        what the card is, and what it is not
    """

    name: str
    front: tuple[str, ...]
    croissant: Mapping[str, Any]
    lead: tuple[Line, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Told:
    """What people said of an audit.

    answers       each reviewer, and how many labels they judged
    wrong         the share of wrong labels by their answers, of all and by split; empty without answers
    still_wrong   the same once the decisions are applied; empty without answers or decisions
    decisions     about the audited data, still to be applied
    record        of the cleaning that made the audited data, as `dataaudit apply` writes it
    """

    answers: tuple[tuple[str, int], ...] = ()
    wrong: Mapping[str, WrongShare] = field(default_factory=dict)
    still_wrong: Mapping[str, WrongShare] = field(default_factory=dict)
    decisions: Decisions | None = None
    record: Mapping[str, Any] | None = None


def counted(number: int, singular: str, plural: str = "") -> str:
    """As in "1 sample" and "2 samples"."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def findings(document: Mapping[str, Any], *kinds: str) -> Iterator[Mapping[str, Any]]:
    """The findings of these kinds in an audit's document."""
    return (finding for finding in document["findings"] if finding["kind"] in kinds)


def total(document: Mapping[str, Any]) -> int:
    """All samples that were audited."""
    return sum(document["dataset"]["sizes"].values())
