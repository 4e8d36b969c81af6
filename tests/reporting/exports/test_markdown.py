"""summary.md says what a reader of a pull request needs, and nothing from the data is a link, a picture or HTML."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from dataaudit.findings import Severity
from dataaudit.reporting.exports import markdown
from dataaudit.result import Audit, Rule

from ...fixtures_audits import HOSTILE, audit_of, changes, found, wrong

COMMENT = 65_536
"""Characters that a comment on GitHub can have."""
OWN = {"heading", "paragraph", "bullet_list", "list_item", "strong", "table", "thead", "tbody", "tr", "th", "td"}


def tokens(text: str) -> Iterator[Token]:
    def every(some: Iterable[Token]) -> Iterator[Token]:
        for token in some:
            yield token
            yield from every(token.children or [])

    return every(MarkdownIt("commonmark", {"html": True}).enable("table").parse(text))


def summary(audit: Audit, directory: Path) -> str:
    markdown.write(audit, directory)
    return (directory / "summary.md").read_text(encoding="utf-8")


def test_it_says_verdict_rules_counts_trust_and_the_most_severe_findings(tmp_path: Path) -> None:
    known, grave = wrong("w"), found("leakage", "a", message="a has a copy")
    text = summary(audit_of([wrong("x"), known, grave], changes=changes([known])), tmp_path)
    for words in (
        "## ✗ FAIL: `photos`",
        "- `3 findings in photos`",
        "| ✗ broken | `leakage` | `no finding of leakage of severity high` | `1 found` |",
        "| ✓ kept | `columns` |",
        "By severity: 1 high, 2 medium.",
        "Since the baseline: 2 new, 1 known",
        "| `Wrong labels` | 2 | 2 medium |",
        "LDS 0.50",
        f"- **high** `a has a copy` (confirmed, `{grave.id}`)",
        "report.html",
    ):
        assert words in text
    assert text.index(grave.id) < text.index(wrong("x").id)
    assert known.id not in text
    assert "✓ PASS" in summary(audit_of([], "PASS"), tmp_path)


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: ascii(string)[:20])
def test_strings_from_the_data_are_code_and_nothing_else(string: str, tmp_path: Path) -> None:
    audit = audit_of([found("leakage", string, message=string), found(string, "a")], name=string)
    rules = (Rule(string, string, string, False), Rule("", string, string, None))
    verdict = replace(audit.verdict, rules=rules, reasons=(string,))
    text = summary(replace(audit, verdict=verdict, kinds={**audit.kinds, string: ("x", string)}), tmp_path)
    seen = list(tokens(text))
    types = {token.type.removesuffix("_open").removesuffix("_close") for token in seen}
    assert types <= OWN | {"inline", "text", "code_inline"}
    start = markdown.short(string, 20)[:6].replace("|", "").strip()
    assert not [token.content for token in seen if token.type == "text" and start and start in token.content]
    rows = [token for token in seen if token.type == "tr_open"]
    cells = [token for token in seen if token.type in ("td_open", "th_open")]
    assert (len(rows), len(cells)) == (3 + 3, 3 * 4 + 3 * 3)
    if string.isprintable() and len(string) < 100:
        assert string in [token.content for token in seen if token.type == "code_inline"]


@pytest.mark.parametrize(
    "string", ["`" * 5000, "|\\" * 5000, "猫" * 5000, "\x1b" * 5000], ids=lambda string: ascii(string)[:20]
)
def test_the_worst_audit_still_fits_a_comment(string: str, tmp_path: Path) -> None:
    findings = [
        found(f"{string}{number}", f"{number}", message=string, severity=Severity.CRITICAL) for number in range(50)
    ]
    audit = audit_of(findings, name=string)
    rules = tuple(Rule(string, string, string, False) for _ in range(100))
    audit = replace(audit, verdict=replace(audit.verdict, rules=rules, reasons=(string,) * 100))
    text = summary(audit, tmp_path)
    assert len(text) < COMMENT
    assert "and 70 more." in text
    assert "and 35 more." in text


def test_an_empty_text_is_said_to_be() -> None:
    assert markdown.code(" ") == "(empty)"
    assert markdown.code("`a") == "`` `a ``"
    assert markdown.cell("a|b") == "`a¦b`"
