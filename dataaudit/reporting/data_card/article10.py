"""What an audit measures of what Article 10(2) and (3) of the EU AI Act (Regulation (EU) 2024/1689) name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import measures, told
from .value import Line, Measured, Section, Table, Told

COLUMNS = ("Article 10", "asks for", "measured by this audit", "for the owner")
ABOUT = (
    "Article 10(2) names what the data governance of high-risk AI systems is to concern in particular, 10(3) what "
    "their training, validation and testing data are to be. “Asks for” is a summary: the wording of the law counts. "
    "Paragraphs 4 and 5 (the setting of use, special categories of personal data) are not covered.",
    "The details of each figure are in the sections above. This is no legal advice.",
)
NOTHING: Line = ("Not measured; for the owner.",)


@dataclass(frozen=True)
class Point:
    """One point of the Article: what it asks for in brief, what was measured of it, what is left to the owner."""

    name: str
    asks: str
    measured: tuple[Measured, ...]
    owner: str


def section(document: Mapping[str, Any], said: Told) -> Section:
    """The Article point by point."""
    points = _points(document, said)
    some = [point.name for point in points if _known(point)]
    none = [point.name for point in points if not _known(point)]
    tally = f"Measured in part: {', '.join(some) or 'none'}. Not measured: {', '.join(none) or 'none'}."
    return Section(
        "EU AI Act, Article 10",
        facts=tuple(Measured((text,)) for text in (*ABOUT, tally)),
        table=Table(COLUMNS, tuple(_row(point) for point in points)),
    )


def _row(point: Point) -> tuple[tuple[Line, ...], ...]:
    lines = tuple(one.line if one.known else ("Not measured: ", *one.line) for one in point.measured)
    return ((point.name,),), ((point.asks,),), lines or (NOTHING,), ((f"To be filled in: {point.owner}",),)


def _known(point: Point) -> bool:
    return any(one.known for one in point.measured)


def _points(document: Mapping[str, Any], said: Told) -> tuple[Point, ...]:
    gaps = measures.missing_values(document), measures.stand_ins(document), measures.telling_gaps(document)
    errors = told.label_errors(said), measures.label_suspects(document)
    classes = measures.balance(document), measures.imbalance(document)
    return (
        Point("10(2)(a)", "the relevant design choices", (), "what was chosen, and why: classes, splits, features"),
        Point(
            "10(2)(b)",
            "how data are collected and where they come from; of personal data, what they were first collected for",
            (),
            "collection, origin, original purpose",
        ),
        Point(
            "10(2)(c)",
            "preparation, such as annotation, labelling, cleaning, updating, enrichment and aggregation",
            (*told.changes(said), told.residual(said)),
            "how labels were made, and all preparation before this audit",
        ),
        Point(
            "10(2)(d)",
            "assumptions, above all on what the data are to measure and represent",
            (),
            "what a label and a feature stand for",
        ),
        Point(
            "10(2)(e)",
            "an assessment of the availability, quantity and suitability of the data that are needed",
            (measures.sizes(document), measures.performance(document)),
            "how much is needed, and whether these data suit the purpose",
        ),
        Point(
            "10(2)(f)",
            "possible biases that may affect health and safety, harm fundamental rights or lead to discrimination",
            (*classes, measures.weak_groups(document)),
            "whom these classes and groups stand for, and what a bias would do to them; the audit knows of no "
            "protected attribute and does not assess harm",
        ),
        Point(
            "10(2)(g)",
            "measures to detect, prevent and mitigate the biases found",
            (),
            "what is done about them, and how its effect is checked",
        ),
        Point(
            "10(2)(h)",
            "gaps or shortcomings that stand in the way of compliance, and how they can be addressed",
            (
                measures.unreadable(document),
                measures.absent(document),
                *gaps,
                measures.duplicates(document),
                measures.leaks(document),
                measures.groups(document),
                *errors,
            ),
            "which of them matter, and how they are addressed",
        ),
        Point(
            "10(3)",
            "data that are relevant, sufficiently representative and, as far as possible, free of errors and complete "
            "for the purpose, with fitting statistical properties, also as to the persons the system is used on",
            (*errors, *gaps, *classes, measures.drift(document)),
            "relevance to the purpose, and whether the data represent the persons and settings of use: shift is "
            "measured between the splits only",
        ),
    )
