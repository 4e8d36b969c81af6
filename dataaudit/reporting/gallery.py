"""Findings as the cards of a page: how many are shown, and what of each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from markupsafe import Markup

from ..findings import Finding
from ..result import Audit, Changes, Check, Exhibit
from .cards import Column, card, differences, remedy_in_words, retraining_effect, shown_ids, status
from .exhibits import EXHIBIT_BYTES
from .plain_words import shown_by_retraining
from .review_sheet import drawn_ids
from .sanitizing import short
from .summary import accepted_in_words

MAX_ROWS = 3
"""Rows of a table that a card shows."""
ROW_BYTES = 1000
"""About what a row takes of a page."""
REMEDY_CHARACTERS = 20_000
"""Characters of a remedy's sample ids up to which the page can offer it."""
SIDE_TEXT_CHARACTERS = 180
"""Characters of a text that is shown next to the sample that a finding is about."""


@dataclass(frozen=True)
class PageBudget:
    """How much a page may show.

    cards      of one kind; and all together, the first ones of every kind coming first
    exhibits   characters that pictures, texts and values of samples may take together
    lines      of any other list
    rows       findings in brief, after those with cards
    """

    cards: int = 250
    all_cards: int = 1200
    exhibits: int = EXHIBIT_BYTES
    lines: int = 250
    rows: int = 4000

    def smaller(self, size: int, most: int) -> "PageBudget":
        """One that a page of fewer bytes may come of: with fewer rows, or with less of all else once there are none."""
        if self.rows:
            return replace(self, rows=max(0, self.rows - (size - most) // ROW_BYTES - 1))
        factor = min(0.8, 0.95 * most / size)
        return PageBudget(**{name: int(factor * part) for name, part in vars(self).items()})


@dataclass(frozen=True)
class SampleView:
    """A sample on a card. `left_out` says why there is nothing to see of it."""

    id: str
    caption: str
    picture: str = ""
    text: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Side:
    """Samples that stand together."""

    title: str
    large: bool
    samples: tuple[SampleView, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of a table as columns: (column's name, values, whether they differ)."""

    captions: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...], bool], ...]


@dataclass(frozen=True)
class Card:
    """A finding as a page shows it.

    about     the result of the retraining test, and what it is about
    effect    what happened when it was retrained, in words; empty if nothing was
    change    "new", "known" or "expired" since the baseline; empty without one
    accepted  who accepted it, and until when
    remedy    what to do about it, in words
    texts     whether the samples are texts
    picture, overlay, heat   of a heat map: the picture, what is laid over it, and what that says
    """

    id: str
    kind: str
    severity: str
    weight: int
    score: float
    message: str
    status: str
    about: str
    effect: str
    change: str
    accepted: str
    remedy: str
    figures: tuple[tuple[str, str], ...]
    sides: tuple[Side, ...]
    texts: bool
    rows: Rows | None
    differences: tuple[tuple[str, str], ...]
    margins: Mapping[str, Any] | None
    picture: str = ""
    overlay: str = ""
    heat: str = ""
    chart: str = ""


@dataclass(frozen=True)
class Row:
    """A finding in brief, that there is no room for a card of; see `Card`.

    text   of its first sample, or its values
    """

    id: str
    severity: str
    weight: int
    score: float
    message: str
    status: str
    about: str
    change: str
    remedy: str
    picture: str = ""
    text: str = ""


@dataclass(frozen=True)
class Group:
    """All findings of a kind; `explanation` holds (heading, text)."""

    kind: str
    title: str
    total: int
    left_out: int
    explanation: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...]
    rows: tuple[Row, ...]


def chosen(findings: Iterable[Finding], budget: PageBudget) -> dict[str, list[Finding]]:
    """The findings that have cards, by kind; the kind with the most severe finding first."""
    by_kind = _by_kind(findings)
    most = min(budget.cards, _fair_share([len(found) for found in by_kind.values()], budget.all_cards))
    return {kind: found[:most] for kind, found in by_kind.items()}


def _by_kind(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    return by_kind


def in_brief(
    findings: Iterable[Finding], shown: Mapping[str, list[Finding]], budget: PageBudget
) -> dict[str, list[Finding]]:
    """Those that follow the ones with cards, `shown`, by kind."""
    rest = {kind: found[len(shown[kind]) :] for kind, found in _by_kind(findings).items()}
    most = _fair_share([len(found) for found in rest.values()], budget.rows)
    return {kind: found[:most] for kind, found in rest.items()}


def shown_samples(findings: Iterable[Finding], budget: PageBudget, checks: Iterable[Check] = ()) -> list[str]:
    """Ids of the samples on the page, each once: those drawn for review, of every kind's first card, and so on, and of
    the findings in brief."""
    findings = list(findings)
    with_cards = chosen(findings, budget)
    rounds = zip_longest(*with_cards.values())
    on_cards = (id for round_ in rounds for finding in round_ if finding for id in shown_ids(finding))
    brief = (finding for of_kind in in_brief(findings, with_cards, budget).values() for finding in of_kind)
    firsts = (finding.sample_ids[0] for finding in brief if finding.sample_ids)
    return list(dict.fromkeys((*drawn_ids(checks)[: budget.lines], *on_cards, *firsts)))


def fitting(audit: Audit, wanted: Iterable[str], budget: PageBudget) -> dict[str, Exhibit]:
    """The exhibits of these samples that fit the budget, the first ones first."""
    exhibits, characters_left = {}, budget.exhibits
    for id in wanted:
        exhibit = audit.exhibits.get(id)
        if exhibit is not None and exhibit.size <= characters_left:
            exhibits[id] = exhibit
            characters_left -= exhibit.size
    return exhibits


def groups(audit: Audit, budget: PageBudget) -> tuple[tuple[Group, ...], int]:
    """The findings as cards, and how many samples on the page did not fit the budget."""
    wanted = shown_samples(audit.findings, budget, audit.checks)
    exhibits = fitting(audit, wanted, budget)
    totals = Counter(finding.kind for finding in audit.findings)
    with_cards = chosen(audit.findings, budget)
    brief = in_brief(audit.findings, with_cards, budget)
    shown = tuple(
        Group(
            kind,
            audit.title(kind),
            totals[kind],
            totals[kind] - len(found) - len(brief[kind]),
            tuple(_explanation(audit, kind)),
            tuple(_card(audit, finding, exhibits) for finding in found),
            tuple(_row(audit, finding, exhibits) for finding in brief[kind]),
        )
        for kind, found in with_cards.items()
    )
    readable = {row.get("id") for row in audit.samples}
    return shown, sum(id in readable and id not in exhibits for id in wanted)


def decidable(audit: Audit, shown: Sequence[Group]) -> dict[str, Any]:
    """What a decision about each card or row has to name, as plain data for the page's script."""
    shown_findings = {card.id for group in shown for card in group.cards}
    shown_findings |= {row.id for group in shown for row in group.rows}
    return {
        finding.id: {
            "fingerprint": finding.fingerprint,
            "kind": finding.kind,
            "message": short(finding.message, 400),
            "remedies": [
                {
                    "words": remedy_in_words(remedy, finding.kind),
                    "remedy": {"action": remedy.action, "sample_ids": list(remedy.sample_ids), "to": list(remedy.to)},
                }
                for remedy in finding.remedies
                if sum(map(len, remedy.sample_ids)) <= REMEDY_CHARACTERS
            ],
        }
        for finding in audit.findings
        if finding.id in shown_findings
    }


def _fair_share(sizes: Sequence[int], total: int) -> int:
    """The largest number of each with which all together stay within the total."""
    left, remaining = total, sorted(sizes)
    while remaining:
        share = left // len(remaining)
        if remaining[0] > share:
            return share
        left -= remaining.pop(0)
    return total


def _explanation(audit: Audit, kind: str) -> Iterator[tuple[str, str]]:
    check, _ = audit.kinds.get(kind, (kind, ""))
    sections = audit.explanations.get(check, {})
    yield from ((title, body) for title, body in sections.items() if title != "summary")


def _card(audit: Audit, finding: Finding, exhibits: Mapping[str, Exhibit]) -> Card:
    columns, figures = card(finding)
    retrained = retraining_effect(finding.verification)
    figures = [*([("Retraining test", retrained)] if retrained else []), *figures]
    change, accepted = _since_baseline(audit.changes, finding)
    rows = _side_by_side(columns, exhibits)
    sides = () if rows else tuple(_side(column, exhibits) for column in columns)
    heat_map = audit.heat_maps.get(finding.id) if audit.shows_samples else None
    picture = exhibits.get(heat_map.sample_id) if heat_map else None
    return Card(
        id=finding.id,
        kind=finding.kind,
        severity=str(finding.severity),
        weight=int(finding.severity),
        score=finding.score,
        message=short(finding.message, 320),
        status=finding.verification.status,
        about=status(finding),
        effect=shown_by_retraining(finding) or retrained,
        change=change,
        accepted=accepted,
        remedy=_remedies_in_words(finding),
        figures=tuple((short(term), short(value, 400)) for term, value in figures),
        sides=sides,
        texts=any(sample.text for side in sides for sample in side.samples),
        rows=rows,
        differences=tuple(differences(finding)) if audit.shows_samples else (),
        margins=finding.evidence.get("margins"),
        **(
            {"picture": Markup(picture.picture), "overlay": Markup(heat_map.uri), "heat": heat_map.words}
            if heat_map and picture
            else {}
        ),
    )


def _row(audit: Audit, finding: Finding, exhibits: Mapping[str, Exhibit]) -> Row:
    exhibit = Exhibit()
    if audit.shows_samples and finding.sample_ids:
        exhibit = exhibits.get(finding.sample_ids[0], exhibit)
    values = ", ".join(f"{name}: {value}" for name, value in exhibit.values)
    return Row(
        finding.id,
        str(finding.severity),
        int(finding.severity),
        finding.score,
        short(finding.message, 320),
        finding.verification.status,
        status(finding),
        _since_baseline(audit.changes, finding)[0],
        _remedies_in_words(finding),
        Markup(exhibit.picture),
        short(exhibit.text or values, SIDE_TEXT_CHARACTERS),
    )


def _since_baseline(changes: Changes | None, finding: Finding) -> tuple[str, str]:
    """What became of the finding since the baseline, and who has accepted it."""
    if changes is None:
        return "", ""
    if finding.id in changes.known:
        return "known", short(accepted_in_words(changes.known[finding.id]), 320)
    for expired in changes.expired:
        if expired.fingerprint == finding.fingerprint:
            return "expired", short(accepted_in_words(expired), 320)
    return "new", ""


def _side(column: Column, exhibits: Mapping[str, Exhibit]) -> Side:
    samples = tuple(_sample_view(id, caption, exhibits.get(id), column.large) for id, caption in column.samples)
    return Side(short(column.title, 60), column.large, samples)


def _sample_view(id: str, caption: str, exhibit: Exhibit | None, large: bool) -> SampleView:
    view = SampleView(short(id), short(caption, 90))
    if exhibit is None:
        return replace(view, left_out="not shown")
    if exhibit.picture:
        return replace(view, picture=Markup(exhibit.picture))
    if not exhibit.text:
        return replace(view, left_out="empty")
    text = exhibit.text
    if not large and len(text) > SIDE_TEXT_CHARACTERS:
        text = text[:SIDE_TEXT_CHARACTERS].rstrip() + " …"
    return replace(view, text=text)


def _remedies_in_words(finding: Finding) -> str:
    words = [remedy_in_words(remedy, finding.kind) for remedy in finding.remedies]
    return "; or ".join(words[:1] + [other[0].lower() + other[1:] for other in words[1:]])


def _side_by_side(columns: Sequence[Column], exhibits: Mapping[str, Exhibit]) -> Rows | None:
    """Rows of a table: what the finding is about, then others in turn. What differs in a pair comes first."""
    others = ([(column.title, *sample) for sample in column.samples] for column in columns if not column.large)
    samples = [(column.title, *sample) for column in columns if column.large for sample in column.samples]
    samples += [sample for round_ in zip_longest(*others) for sample in round_ if sample is not None]
    shown = [
        (f"{title}: {caption}" if title else caption, exhibits[id].values)
        for title, id, caption in samples
        if id in exhibits and exhibits[id].values
    ][:MAX_ROWS]
    if not shown:
        return None
    pair = len(shown) == 2
    lines = [
        (
            short(cells[0][0], 60),
            tuple(short(text, 200) for _, text in cells),
            pair and len({text for _, text in cells}) > 1,
        )
        for cells in zip(*(values for _, values in shown), strict=True)
    ]
    lines.sort(key=lambda line: not line[2])
    return Rows(tuple(short(caption, 90) for caption, _ in shown), tuple(lines))
