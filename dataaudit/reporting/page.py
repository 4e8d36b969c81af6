"""Audit -> HTML: one page, laid out by templates that compute nothing, within a size whatever the audit."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..findings import Finding
from ..result import Audit, Check
from . import charts, gallery, review_sheet
from .gallery import Card, Group, PageBudget
from .sanitizing import short, visible
from .summary import Summary, summarize

MOST_BYTES = 5_000_000
FOLDERS = (Path(__file__).parents[1] / "templates", Path(__file__).parents[2] / "templates")
"""Where the templates are in a wheel, and in a checkout."""
SCRIPTS = ("estimate.js", "review.js", "naming.js", "report.js")
"""Parts of the page's script; the last one starts it."""
MARKS = {"PASS": "kept", "FAIL": "broken", "INCOMPLETE": "open"}
MAX_MARGIN_PLOTS = 20
CHANGES = (("expired", "Expired: accepted before, but no longer"), ("known", "Accepted"), ("gone", "No longer found"))
OPEN_CARDS = 4
"""Cards of a kind that are shown at once; the others are folded behind a line that says how many there are."""
MAX_STRING = 4000
"""Characters of any one string on the page."""


def shown_samples(findings: Sequence[Finding], checks: Sequence[Check]) -> list[str]:
    """Ids of the samples that the page shows, those that matter most first, each once."""
    return gallery.shown_samples(findings, PageBudget(), checks)


def render(audit: Audit) -> str:
    """The page, self-contained, with every string from the data escaped, of at most `MOST_BYTES`."""
    summary, budget = summarize(audit), PageBudget()
    charts = _charts(audit, summary)
    while True:
        html = page("report.html", _values(audit, summary, charts, budget))
        size = len(html.encode("utf-8", "replace"))
        if size <= MOST_BYTES or not any(vars(budget).values()):
            return html
        budget = budget.smaller(size, MOST_BYTES)


def page(template: str, values: dict[str, Any]) -> str:
    """A template in the page's style, filled in."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    """With the templates compiled once: an audit writes its page several times."""
    return Environment(
        loader=FileSystemLoader(FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_presentable,
    )


def _presentable(value: Any) -> Any:
    """Strings without invisible characters and of limited length; whole numbers in groups of three digits."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value if len(value) <= MAX_STRING else short(value, MAX_STRING))
    return f"{value:,}" if type(value) is int else value


def _charts(audit: Audit, summary: Summary) -> dict[str, Any]:
    """Every chart but those of single findings, as safe markup."""
    return {
        "trust": Markup(charts.of_trust(summary.trust)) if summary.trust else None,
        "planted": _marked_up(charts.of_planted(summary.planted)),
        "kinds": {line.kind: _marked_up(charts.of_kind(audit, line.kind)) for line in summary.kinds},
        "distributions": _marked_up(charts.distributions(audit)),
    }


def _marked_up(charts: Iterator[charts.Chart]) -> list[dict[str, str]]:
    return [{"caption": chart.caption, "svg": Markup(chart.svg)} for chart in charts]


def _values(audit: Audit, summary: Summary, charts: dict[str, Any], budget: PageBudget) -> dict[str, Any]:
    groups, samples_left_out = gallery.groups(audit, budget)
    groups = tuple(_with_margin_plots(groups))
    drawn = review_sheet.drawn(audit)
    wanted = gallery.shown_samples(audit.findings, budget, audit.checks)
    asked = review_sheet.questions(drawn[: budget.lines], gallery.fitting(audit, wanted, budget))
    data = {
        "dataset": {name: audit.dataset[name] for name in ("name", "fingerprint", "reading")},
        "findings": gallery.decidable(audit, groups),
    }
    if asked and audit.shows_samples:
        data["review"] = review_sheet.for_script(audit, drawn[: budget.lines], asked)
    data_json = json.dumps(data, separators=(",", ":"))
    script = "".join(map(_source, SCRIPTS))
    lists = _bounded_lists(summary, budget.lines)
    rules = _rules(lists["rules"]["shown"])
    return {
        "summary": summary,
        "name": short(summary.name, 120),
        "verdict": {"mark": MARKS[summary.status], "findings": len(audit.findings)},
        "rules": rules,
        "lists": lists,
        "changes": [(title, lists[name]) for name, title in CHANGES],
        "charts": charts,
        "groups": [
            {
                "group": group,
                "total": group.total,
                "open": group.cards[:OPEN_CARDS],
                "folded": group.cards[OPEN_CARDS:],
                "rows": group.rows,
                "charts": charts["kinds"][group.kind],
            }
            for group in groups
        ],
        "review": {"questions": asked, "drawn": len(drawn), "left_out": len(drawn) - len(asked)},
        "shown": sum(len(group.cards) + len(group.rows) for group in groups),
        "left_out": sum(group.left_out for group in groups),
        "samples_left_out": samples_left_out if audit.shows_samples else 0,
        "shows_samples": audit.shows_samples,
        "report": hashlib.sha256(data_json.encode()).hexdigest()[:16],
        "script": Markup(script),
        "script_digest": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "data": Markup(data_json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")),
    }


def _source(name: str) -> str:
    return next(path for path in (folder / name for folder in FOLDERS) if path.exists()).read_text(encoding="utf-8")


def _reasons_beyond_rules(summary: Summary) -> tuple[str, ...]:
    """The reasons of the verdict that the table of rules does not give already."""
    in_rules = tuple(
        f"{rule.check}: {rule.found}" if rule.check else rule.found for rule in summary.rules if rule.found
    )
    return tuple(reason for reason in summary.reasons if not reason.startswith(in_rules))


def _rules(lines: Sequence[Any]) -> dict[str, Any]:
    """Those that are broken or open, and those that are kept."""
    kept = [rule for rule in lines if rule.mark == "kept"]
    not_kept = sorted((rule for rule in lines if rule.mark != "kept"), key=lambda rule: rule.mark)
    return {"not_kept": not_kept, "kept": kept, "kept_words": f"{len(kept)} rule{'s' * (len(kept) != 1)} kept"}


def _bounded_lists(summary: Summary, most: int) -> dict[str, Any]:
    """Of every list without a bound of its own: as many lines as fit, and how many more there are."""
    changes = summary.changes
    lists: dict[str, Sequence[Any]] = {
        "reasons": _reasons_beyond_rules(summary),
        "rules": summary.rules,
        "notes": summary.notes,
        "classes": summary.classes,
        "ignored": summary.ignored,
        "coverage": tuple(replace(check, notes=_first(check.notes, most)) for check in summary.coverage),
        "planted": tuple(replace(planted, sorts=_first(planted.sorts, most)) for planted in summary.planted),
        "known": changes.known if changes else (),
        "expired": changes.expired if changes else (),
        "gone": changes.gone if changes else (),
    }
    return {name: {"shown": _first(lines, most), "more": max(0, len(lines) - most)} for name, lines in lists.items()}


def _first(lines: Sequence[Any], most: int) -> tuple[Any, ...]:
    """The first lines, with long strings in them cut."""
    return tuple(_cut(line) for line in islice(lines, most))


def _cut(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_cut, value))
    return short(value, 400) if isinstance(value, str) else value


def _with_margin_plots(groups: Sequence[Group]) -> Iterator[Group]:
    left = MAX_MARGIN_PLOTS
    for group in groups:
        cards: list[Card] = []
        for card in group.cards:
            drawn = card.margins is not None and left > 0
            left -= drawn
            chart = Markup(charts.of_margins(card.id, card.margins)) if drawn and card.margins else ""
            cards.append(replace(card, chart=chart))
        yield replace(group, cards=tuple(cards))
