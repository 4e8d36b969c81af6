"""summary.md: what a pull request's comment or a job's summary shows, in GitHub's Markdown."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...files import replacing
from ...findings import Finding
from ...result import Audit
from ..sanitizing import short
from ..summary import Summary, counts_in_words, summarize

SYMBOLS = {"PASS": "✓", "FAIL": "✗", "INCOMPLETE": "?"}
MARKS = {"kept": "✓ kept", "broken": "✗ broken", "open": "? open"}
ORDER = ("broken", "open", "kept")
RULES, REASONS, FINDINGS = 30, 10, 15
"""Lines of each at most: with texts as hostile as can be, still less than the 65,536 characters of a comment."""
LINE, CELL = 240, 160
"""Characters of a text on its own line, and of one in a table."""


def write(audit: Audit, directory: Path) -> None:
    """Write summary.md."""
    with replacing(directory / "summary.md") as file:
        file.writelines(f"{line}\n" for line in _lines(audit, summarize(audit)))


def _lines(audit: Audit, summary: Summary) -> Iterator[str]:
    yield f"## {SYMBOLS[summary.status]} {summary.status}: {code(summary.name, CELL)}"
    yield from _listed("", summary.conclusions, REASONS)
    yield from _listed("", summary.reasons, REASONS)
    yield from _listed("**Based on**", summary.basis, REASONS)
    yield from _rules(summary)
    yield from _kinds(summary)
    yield from _findings(audit)
    yield ""
    yield (
        "The full report is `report.html` beside this file, a single page for any browser; all findings are in "
        "`findings.jsonl`."
    )


def _rules(summary: Summary) -> Iterator[str]:
    if summary.rules:
        yield from ("", "### Rules", "", "| rule | about | expected | found |", "| --- | --- | --- | --- |")
        rules = sorted(summary.rules, key=lambda rule: ORDER.index(rule.mark))
        for rule in rules[:RULES]:
            cells = (cell(text) for text in (rule.check or "attribution quality", rule.expects, rule.found))
            yield f"| {MARKS[rule.mark]} | {' | '.join(cells)} |"
        yield from _more(len(rules) - RULES)


def _kinds(summary: Summary) -> Iterator[str]:
    yield from ("", "### Findings", "", f"By severity: {counts_in_words(summary.severities)}.")
    if summary.changes:
        yield from ("", f"Since the baseline: {summary.changes.words}.")
    if summary.kinds:
        yield from ("", "| kind | findings | by severity |", "| --- | ---: | --- |")
        for line in summary.kinds:
            yield f"| {cell(line.title)} | {line.total:,} | {counts_in_words(line.severities)} |"


def _findings(audit: Audit) -> Iterator[str]:
    """The most severe that no baseline accepts."""
    known = audit.changes.known if audit.changes else {}
    found = [finding for finding in audit.findings if finding.id not in known]
    found.sort(key=lambda finding: -finding.severity)
    if found:
        yield from ("", "Most severe" + (", not accepted before:" if known else ":"), "")
        yield from map(_finding, found[:FINDINGS])
        yield from _more(len(found) - FINDINGS)


def _finding(finding: Finding) -> str:
    return f"- **{finding.severity}** {code(finding.message)} ({finding.verification.status}, {code(finding.id, CELL)})"


def _listed(title: str, texts: Iterable[str], most: int) -> Iterator[str]:
    lines = list(texts)
    if lines:
        yield from ("", title, "") if title else ("",)
        yield from (f"- {code(text)}" for text in lines[:most])
        yield from _more(len(lines) - most)


def _more(count: int) -> Iterator[str]:
    if count > 0:
        yield from ("", f"and {count:,} more.")


def code(text: str, most: int = LINE) -> str:
    """As code, the only place where GitHub links no names, numbers and addresses and where nothing is HTML."""
    shown = short(text, most)
    if not shown.strip():
        return "(empty)"
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence} {shown} {fence}" if "`" in shown or shown != shown.strip() else f"{fence}{shown}{fence}"


def cell(text: str) -> str:
    """As code in a table, where a bar would end the cell, escaped or not, depending on who reads it."""
    return code(text.replace("|", "¦"), CELL)
