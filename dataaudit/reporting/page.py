"""Audit -> HTML: one page, laid out by templates that compute nothing, within a size whatever the audit."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ..findings import Finding
from ..result import Audit
from . import charts, gallery
from .gallery import Card, Group, Room
from .sanitizing import short, visible
from .summary import Summary, summarize

MOST_BYTES = 5_000_000
FOLDERS = (Path(__file__).parents[1] / "templates", Path(__file__).parents[2] / "templates")
"""Of the templates in a wheel, and in a checkout."""
MARKS = {"PASS": "kept", "FAIL": "broken", "INCOMPLETE": "open"}
MARGIN_PLOTS = 20
CHANGED = (("expired", "Accepted before, but no longer"), ("known", "Accepted"), ("gone", "Not found again"))
OPEN = 4
"""Cards of a kind that stand open; the others are behind a line that says how many they are."""
LONGEST = 4000
"""Characters of any one string on the page."""


def shown_samples(findings: Sequence[Finding]) -> list[str]:
    """Ids of the samples that the page shows, those that matter most first, each once."""
    return gallery.shown_samples(findings, Room())


def render(audit: Audit) -> str:
    """The page, self-contained, with every string from the data escaped, of at most `MOST_BYTES`."""
    said, room = summarize(audit), Room()
    charts = _charts(audit, said)
    while True:
        shown = page("report.html", _values(audit, said, charts, room))
        size = len(shown.encode("utf-8", "replace"))
        if size <= MOST_BYTES or not any(vars(room).values()):
            return shown
        room = room.smaller(min(0.8, 0.95 * MOST_BYTES / size))


def page(template: str, values: dict[str, Any]) -> str:
    """A template of the page's own look, filled in."""
    environment = Environment(
        loader=FileSystemLoader(FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_presentable,
    )
    return environment.get_template(template).render(values)


def _presentable(value: Any) -> Any:
    """Strings without what can't be seen and without end, and whole numbers in groups of three digits."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value if len(value) <= LONGEST else short(value, LONGEST))
    return f"{value:,}" if type(value) is int else value


def _charts(audit: Audit, said: Summary) -> dict[str, Any]:
    """Every chart but those of single findings, safe to lay out."""
    return {
        "trust": Markup(charts.of_trust(said.trust)) if said.trust else None,
        "planted": _marked_up(charts.of_planted(said.planted)),
        "kinds": {line.kind: _marked_up(charts.of_kind(audit, line.kind)) for line in said.kinds},
        "distributions": _marked_up(charts.distributions(audit)),
    }


def _marked_up(charts: Iterator[charts.Chart]) -> list[dict[str, str]]:
    return [{"caption": chart.caption, "svg": Markup(chart.svg)} for chart in charts]


def _values(audit: Audit, said: Summary, charts: dict[str, Any], room: Room) -> dict[str, Any]:
    groups, samples_left_out = gallery.groups(audit, room)
    groups = tuple(_with_margin_plots(groups))
    data = {
        "dataset": {name: audit.dataset[name] for name in ("name", "fingerprint", "reading")},
        "findings": gallery.decidable(audit, groups),
    }
    told = json.dumps(data, separators=(",", ":"))
    script = _source("report.js")
    few = _few(said, room.lines)
    rules = _rules(few["rules"]["shown"])
    return {
        "said": said,
        "name": short(said.name, 120),
        "verdict": {"mark": MARKS[said.status], "findings": len(audit.findings)},
        "rules": rules,
        "few": few,
        "changed": [(title, few[name]) for name, title in CHANGED],
        "charts": charts,
        "groups": [
            {
                "group": group,
                "total": group.total,
                "open": group.cards[:OPEN],
                "folded": group.cards[OPEN:],
                "charts": charts["kinds"][group.kind],
            }
            for group in groups
        ],
        "cards": sum(len(group.cards) for group in groups),
        "left_out": sum(group.left_out for group in groups),
        "samples_left_out": samples_left_out if audit.shows_samples else 0,
        "shows_samples": audit.shows_samples,
        "report": hashlib.sha256(told.encode()).hexdigest()[:16],
        "script": Markup(script),
        "script_digest": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "data": Markup(told.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")),
    }


def _source(name: str) -> str:
    return next(path for path in (folder / name for folder in FOLDERS) if path.exists()).read_text(encoding="utf-8")


def _not_in_rules(said: Summary) -> tuple[str, ...]:
    """The reasons of the verdict that no rule in sight says already."""
    told = tuple(f"{rule.check}: {rule.found}" if rule.check else rule.found for rule in said.rules if rule.found)
    return tuple(reason for reason in said.reasons if not reason.startswith(told))


def _rules(lines: Sequence[Any]) -> dict[str, Any]:
    """Those that are broken or open, and those that are kept."""
    kept = [rule for rule in lines if rule.mark == "kept"]
    weighty = sorted((rule for rule in lines if rule.mark != "kept"), key=lambda rule: rule.mark)
    return {"weighty": weighty, "kept": kept, "kept_words": f"{len(kept)} rule{'s' * (len(kept) != 1)} kept"}


def _few(said: Summary, most: int) -> dict[str, Any]:
    """Of every list that has no bound: the lines that there is room for, and how many more there are."""
    changes = said.changes
    every: dict[str, Sequence[Any]] = {
        "reasons": _not_in_rules(said),
        "rules": said.rules,
        "notes": said.notes,
        "classes": said.classes,
        "ignored": said.ignored,
        "coverage": tuple(replace(one, notes=_some(one.notes, most)) for one in said.coverage),
        "planted": tuple(replace(one, sorts=_some(one.sorts, most)) for one in said.planted),
        "known": changes.known if changes else (),
        "expired": changes.expired if changes else (),
        "gone": changes.gone if changes else (),
    }
    return {name: {"shown": _some(lines, most), "more": max(0, len(lines) - most)} for name, lines in every.items()}


def _some(lines: Sequence[Any], most: int) -> tuple[Any, ...]:
    """With long strings in them cut."""
    return tuple(_cut(line) for line in islice(lines, most))


def _cut(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_cut, value))
    return short(value, 400) if isinstance(value, str) else value


def _with_margin_plots(groups: Sequence[Group]) -> Iterator[Group]:
    left = MARGIN_PLOTS
    for group in groups:
        cards: list[Card] = []
        for card in group.cards:
            drawn = card.margins is not None and left > 0
            left -= drawn
            chart = Markup(charts.of_margins(card.id, card.margins)) if drawn and card.margins else ""
            cards.append(replace(card, chart=chart))
        yield replace(group, cards=tuple(cards))
