"""Findings as the cards of a page: what is shown of each, and of how many."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from markupsafe import Markup

from ..findings import Finding
from ..result import Audit, Changes, Exhibit
from .cards import Column, card, differences, remedy_in_words, seen_in_retraining, shown_ids, status
from .exhibits import EXHIBIT_BYTES
from .sanitizing import short
from .summary import accepted_in_words, title_of

SIDE_BY_SIDE = 3
"""Rows of a table that a card shows."""
REMEDY = 20_000
"""Characters of a remedy's sample ids up to which the page can offer it."""
ASIDE = 180
"""Characters of a text that stands beside the sample that a finding is about."""


@dataclass(frozen=True)
class Room:
    """How much a page may show.

    cards      of one kind; and all together, the first ones of every kind coming first
    exhibits   characters that pictures, texts and values of samples may take together
    lines      of any other list
    """

    cards: int = 250
    all_cards: int = 1200
    exhibits: int = EXHIBIT_BYTES
    lines: int = 250

    def smaller(self, factor: float) -> "Room":
        """The same by a factor below 1; in the end there is none."""
        return Room(*(int(factor * size) for size in (self.cards, self.all_cards, self.exhibits, self.lines)))


@dataclass(frozen=True)
class Shown:
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
    samples: tuple[Shown, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of a table as columns: (column's name, values, whether they differ)."""

    captions: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...], bool], ...]


@dataclass(frozen=True)
class Card:
    """A finding as a page shows it.

    about     what retraining said, and about what
    effect    seen in retraining, with its interval; empty where nothing was retrained
    measure   what the effect is of, and what a random removal did
    change    "new", "known" or "expired" since the baseline; empty without one
    accepted  who accepted it, and until when
    mend      what would mend it, in words
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
    measure: str
    change: str
    accepted: str
    mend: str
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
class Group:
    """All findings of a kind; `explanation` holds (heading, text)."""

    kind: str
    title: str
    total: int
    left_out: int
    explanation: tuple[tuple[str, str], ...]
    cards: tuple[Card, ...]


def chosen(findings: Iterable[Finding], room: Room) -> dict[str, list[Finding]]:
    """The findings that are shown, by kind; kinds in the order of the worst of each."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind, []).append(finding)
    each = min(room.cards, _fair_share([len(found) for found in by_kind.values()], room.all_cards))
    return {kind: found[:each] for kind, found in by_kind.items()}


def shown_samples(findings: Iterable[Finding], room: Room) -> list[str]:
    """Ids of the samples on the cards, each once: those of every kind's first card, of every second card, and so on."""
    turns = zip_longest(*chosen(findings, room).values())
    return list(dict.fromkeys(id for turn in turns for finding in turn if finding for id in shown_ids(finding)))


def groups(audit: Audit, room: Room) -> tuple[tuple[Group, ...], int]:
    """The findings as cards, and how many samples on them there was no room for."""
    exhibits, left = {}, room.exhibits
    wanted = shown_samples(audit.findings, room)
    for id in wanted:
        one = audit.exhibits.get(id)
        if one is not None and one.size <= left:
            exhibits[id] = one
            left -= one.size
    totals: dict[str, int] = {}
    for finding in audit.findings:
        totals[finding.kind] = totals.get(finding.kind, 0) + 1
    made = tuple(
        Group(
            kind,
            title_of(audit, kind),
            totals[kind],
            totals[kind] - len(found),
            tuple(_explanation(audit, kind)),
            tuple(_card(audit, finding, exhibits) for finding in found),
        )
        for kind, found in chosen(audit.findings, room).items()
    )
    readable = {row.get("id") for row in audit.samples}
    return made, sum(id in readable and id not in exhibits for id in wanted)


def decidable(audit: Audit, shown: Sequence[Group]) -> dict[str, Any]:
    """What a decision about each card has to name, as plain data for the page's script."""
    there = {card.id for group in shown for card in group.cards}
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
                if sum(map(len, remedy.sample_ids)) <= REMEDY
            ],
        }
        for finding in audit.findings
        if finding.id in there
    }


def _fair_share(sizes: Sequence[int], room: int) -> int:
    """The largest number of each that fits the room."""
    left, remaining = room, sorted(sizes)
    while remaining:
        share = left // len(remaining)
        if remaining[0] > share:
            return share
        left -= remaining.pop(0)
    return room


def _explanation(audit: Audit, kind: str) -> Iterator[tuple[str, str]]:
    check, _ = audit.kinds.get(kind, (kind, ""))
    sections = audit.explanations.get(check, {})
    yield from ((title, body) for title, body in sections.items() if title != "summary")


def _card(audit: Audit, finding: Finding, exhibits: Mapping[str, Exhibit]) -> Card:
    columns, figures = card(finding)
    effect, measure = seen_in_retraining(finding.verification)
    change, accepted = _since(audit.changes, finding)
    rows = _side_by_side(columns, exhibits)
    sides = () if rows else tuple(_side(column, exhibits) for column in columns)
    map_ = audit.heat_maps.get(finding.id) if audit.shows_samples else None
    mapped = exhibits.get(map_.sample_id) if map_ else None
    return Card(
        id=finding.id,
        kind=finding.kind,
        severity=str(finding.severity),
        weight=int(finding.severity),
        score=finding.score,
        message=short(finding.message, 320),
        status=finding.verification.status,
        about=status(finding),
        effect=effect,
        measure=measure,
        change=change,
        accepted=accepted,
        mend=_mend(finding),
        figures=tuple((short(term), short(value, 400)) for term, value in figures),
        sides=sides,
        texts=any(sample.text for side in sides for sample in side.samples),
        rows=rows,
        differences=tuple(differences(finding)) if audit.shows_samples else (),
        margins=finding.evidence.get("margins"),
        **(
            {"picture": Markup(mapped.picture), "overlay": Markup(map_.uri), "heat": map_.words}
            if map_ and mapped
            else {}
        ),
    )


def _since(changes: Changes | None, finding: Finding) -> tuple[str, str]:
    """What became of the finding since the baseline, and who has accepted it."""
    if changes is None:
        return "", ""
    if finding.id in changes.known:
        return "known", short(accepted_in_words(changes.known[finding.id]), 320)
    for one in changes.expired:
        if one.fingerprint == finding.fingerprint:
            return "expired", short(accepted_in_words(one), 320)
    return "new", ""


def _side(column: Column, exhibits: Mapping[str, Exhibit]) -> Side:
    samples = tuple(_shown(id, caption, exhibits.get(id), column.large) for id, caption in column.samples)
    return Side(short(column.title, 60), column.large, samples)


def _shown(id: str, caption: str, one: Exhibit | None, large: bool) -> Shown:
    known = Shown(short(id), short(caption, 90))
    if one is None:
        return replace(known, left_out="not shown")
    if one.picture:
        return replace(known, picture=Markup(one.picture))
    if not one.text:
        return replace(known, left_out="empty")
    return replace(known, text=one.text if large or len(one.text) <= ASIDE else one.text[:ASIDE].rstrip() + " …")


def _mend(finding: Finding) -> str:
    words = [remedy_in_words(remedy, finding.kind) for remedy in finding.remedies]
    return "; or ".join(words[:1] + [one[0].lower() + one[1:] for one in words[1:]])


def _side_by_side(columns: Sequence[Column], exhibits: Mapping[str, Exhibit]) -> Rows | None:
    """Rows of a table: what the finding is about, then others by turns. What differs in a pair comes first."""
    turns = zip_longest(*([(one.title, *sample) for sample in one.samples] for one in columns if not one.large))
    samples = [(one.title, *sample) for one in columns if one.large for sample in one.samples]
    samples += [sample for turn in turns for sample in turn if sample is not None]
    shown = [
        (f"{title}: {caption}" if title else caption, exhibits[id].values)
        for title, id, caption in samples
        if id in exhibits and exhibits[id].values
    ][:SIDE_BY_SIDE]
    if not shown:
        return None
    pair = len(shown) == 2
    lines = [
        (
            short(cells[0][0], 60),
            tuple(short(text, 200) for _, text in cells),
            pair and len({own for _, own in cells}) > 1,
        )
        for cells in zip(*(values for _, values in shown), strict=True)
    ]
    lines.sort(key=lambda line: not line[2])
    return Rows(tuple(short(caption, 90) for caption, _ in shown), tuple(lines))
