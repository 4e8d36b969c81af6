"""A data card as a file: Markdown for a repository or a dataset's page, one self-contained HTML page, or Croissant."""

import json
from collections.abc import Iterator
from pathlib import Path

from markupsafe import Markup, escape

from ...errors import InputError
from ...files import replacing
from ..exports.markdown import cell, code
from ..page import page
from ..sanitizing import short
from .value import DataCard, Given, Line, Section, Table

ENDINGS = (".md", ".html", ".json")
LONGEST = 400
"""Characters of one part of a line that comes from the data."""


def write(card: DataCard, path: Path) -> None:
    """Write the card in the form that the path's ending says.

    Raises InputError for any other ending, and where the file can't be written.
    """
    forms = dict(zip(ENDINGS, (markdown, html, json_ld), strict=True))
    if path.suffix.lower() not in forms:
        raise InputError(f"--output {path}: expected a name that ends in .md, .html or .json, found {path.suffix!r}")
    text = forms[path.suffix.lower()](card)
    try:
        with replacing(path) as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"{path}: the card can't be written there: {error.strerror}") from error


def markdown(card: DataCard) -> str:
    """With Hugging Face's YAML block first, so that it can be a dataset's README.md."""
    return "\n".join(_markdown(card)) + "\n"


def html(card: DataCard) -> str:
    """Without scripts and links to elsewhere."""
    return page("data_card.html", {"card": card, "inline": _inline, "name": short(card.name, 120)})


def json_ld(card: DataCard) -> str:
    """As Croissant's tools read it; only what was measured, without the questions."""
    return json.dumps(card.croissant, indent=2, ensure_ascii=False) + "\n"


def _markdown(card: DataCard) -> Iterator[str]:
    yield from (*card.front, "", f"# Data card: {code(card.name, LONGEST)}")
    for line in card.lead:
        yield from ("", _line(line))
    for section in card.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {section.title}")
    known = [fact for fact in section.facts if fact.known]
    yield from [""] * bool(known)
    for fact in known:
        yield f"- {_line(fact.line)}"
        yield from (f"    - {_line(detail)}" for detail in fact.details)
    if section.table:
        yield from ("", *_table(section.table))
    for fact in section.facts:
        if not fact.known:
            yield from ("", f"> **Not measured:** {_line(fact.line)}")
    for question in section.questions:
        yield from ("", f"> **To be filled in:** {question}")


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.columns)} |"
    yield f"|{' --- |' * len(table.columns)}"
    for row in table.rows:
        yield f"| {' | '.join('<br>'.join(_line(line, in_table=True) for line in lines) for lines in row)} |"


def _line(line: Line, in_table: bool = False) -> str:
    def shown(part: str) -> str:
        if not isinstance(part, Given):
            return part
        return cell(part) if in_table else code(part, LONGEST)

    return "".join(map(shown, line))


def _inline(line: Line) -> Markup:
    """With what comes from the data as code, and everything escaped."""

    def shown(part: str) -> Markup:
        if not isinstance(part, Given):
            return escape(part)
        return Markup("<code dir=auto>{}</code>").format(short(part, LONGEST) if part.strip() else "(empty)")

    return Markup("").join(map(shown, line))
