"""decisions.json: what a reviewer decided about findings, read strictly. Its schema is decisions.schema.json.

The file comes from a browser or from an editor, so nothing in it is taken on trust: sample ids, labels and splits are
words here, to be looked up in the dataset by whoever acts on them.
"""

import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NoReturn, cast, get_args

from ..dataset import SPLITS, as_text
from ..errors import InputError
from ..findings import Remedy

SCHEMA_VERSION = 1
MOST_BYTES = 32 << 20
"""Of a file of decisions; a larger one is refused unread."""
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
Word = Literal["accept", "reject", "defer"]
Outcome = Literal["approved", "not approved"]
Action = Literal["remove", "relabel", "move"]


@dataclass(frozen=True)
class Decision:
    """What one reviewer makes of one finding.

    finding, fingerprint, kind, message   of the finding
    decision   accept: it is right, and `remedy` is to be applied, if there is one; reject: it is no fault; defer: later
    """

    finding: str
    fingerprint: str
    kind: str
    message: str
    decision: Word
    remedy: Remedy | None
    reason: str
    reviewer: str
    at: str


@dataclass(frozen=True)
class Signature:
    """Who stands for the decisions as a whole."""

    name: str
    at: str
    outcome: Outcome
    comment: str


@dataclass(frozen=True)
class Decisions:
    """A file of decisions.

    dataset       the audited dataset's name
    fingerprint   and its fingerprint, as read with `seed`, `label` and `rows`
    sha256        of the file
    """

    path: Path
    dataset: str
    fingerprint: str
    seed: int
    label: str | None
    rows: int
    signature: Signature | None
    decisions: tuple[Decision, ...]
    sha256: str


def read_decisions(path: Path) -> Decisions:
    """Read a file of decisions.

    Raises InputError, naming the file and the key, for anything but what the schema describes.
    """
    raw = _bytes(path)
    return _decisions(_Record(as_text(str(path)), "", _parsed(path, raw)), path, hashlib.sha256(raw).hexdigest())


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(
                f"{as_text(str(path))}: expected decisions.json as the report exports it, found no such file"
            )
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{as_text(str(path))}: not readable: {error}") from error
    if len(raw) > MOST_BYTES:
        raise InputError(
            f"{as_text(str(path))}: expected decisions of at most {MOST_BYTES >> 20} MiB, found more; is it another?"
        )
    return raw


def _parsed(path: Path, raw: bytes) -> Any:
    shown = as_text(str(path))

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        doubled = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        if doubled:
            raise InputError(f"{shown}: the key {doubled[0]!r} is there more than once in one object; keep one")
        return dict(pairs)

    def refuse(number: str) -> NoReturn:
        raise InputError(f"{shown}: expected JSON, which has no number {number}")

    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=once, parse_constant=refuse)
    except RecursionError as error:
        raise InputError(
            f"{shown}: expected decisions as the report exports them, found JSON nested too deep"
        ) from error
    except ValueError as error:  # Unicode's errors are ValueErrors too
        raise InputError(f"{shown}: not readable as JSON in UTF-8: {error}; export it from the report again") from error


class _Record:
    """A JSON object at a place in the file, whose values are taken by key and type."""

    def __init__(self, file: str, place: str, found: Any) -> None:
        self.file = file
        self.place = place
        if not isinstance(found, dict):
            self.fail("", "an object", found)
        self.found: dict[str, Any] = found

    def fail(self, key: str, expected: str, found: Any) -> NoReturn:
        where = ".".join(part for part in (self.place, key) if part) or "the file"
        raise InputError(f"{self.file}: {where}: expected {expected}, found {_shown(found)}")

    def keys(self, *known: str) -> None:
        """Raise unless the object has these keys and no others."""
        inside = f" in {self.place}" if self.place else ""
        for key in self.found:
            if key not in known:
                near = difflib.get_close_matches(key[:80], known, 1)
                hint = f", did you mean {near[0]!r}?" if near else f"; the keys are: {', '.join(known)}"
                raise InputError(f"{self.file}: there is no key {_shown(key)}{inside}{hint}")
        for key in known:
            if key not in self.found:
                raise InputError(f"{self.file}: expected a key {key!r}{inside}, found none")

    def text(self, key: str) -> str:
        return self._text(key, self.found[key])

    def _text(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            self.fail(key, "text", value)
        if not value.isprintable() and any("\ud800" <= one <= "\udfff" for one in value):
            self.fail(key, "text of whole characters", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.found[key]
        if not isinstance(value, list):
            self.fail(key, "a list of texts", value)
        return tuple(self._text(f"{key}[{at}]", one) for at, one in enumerate(value))

    def one_of(self, key: str, words: Sequence[str]) -> str:
        value = self.found[key]
        if not isinstance(value, str) or value not in words:
            self.fail(key, " or ".join(map(repr, words)), value)
        return value

    def whole(self, key: str, least: int) -> int:
        value = self.found[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fail(key, f"a whole number of at least {least}", value)
        return value

    def fingerprint(self, key: str) -> str:
        value = self.text(key)
        if not FINGERPRINT.fullmatch(value):
            self.fail(key, "64 hexadecimal digits", value)
        return value

    def moment(self, key: str) -> str:
        value = self.text(key)
        try:
            datetime.fromisoformat(value)
        except ValueError:
            self.fail(key, "a moment as in 2026-11-26T12:00:00.000Z", value)
        return value

    def inner(self, key: str) -> "_Record":
        return _Record(self.file, f"{self.place}.{key}" if self.place else key, self.found[key])


def _shown(value: Any) -> str:
    """The start of a value, in one line."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = json.dumps(value if not isinstance(value, str) else value[:80])
    return shown[:100]


def _decisions(whole: _Record, path: Path, sha256: str) -> Decisions:
    version = whole.found.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        whole.fail("schema_version", f"{SCHEMA_VERSION}, which this version of dataaudit reads", version)
    whole.keys("schema_version", "dataset", "signature", "decisions")
    dataset = whole.inner("dataset")
    dataset.keys("name", "fingerprint", "reading")
    reading = dataset.inner("reading")
    reading.keys("seed", "label", "rows")
    listed = whole.found["decisions"]
    if not isinstance(listed, list):
        whole.fail("decisions", "a list", listed)
    decisions = [_decision(_Record(whole.file, f"decisions[{at}]", one)) for at, one in enumerate(listed)]
    for name, count in Counter(one.finding for one in decisions).items():
        if count > 1:
            raise InputError(
                f"{whole.file}: decisions: the finding {name!r} is decided {count} times; keep one decision"
            )
    return Decisions(
        path=path,
        dataset=dataset.text("name"),
        fingerprint=dataset.fingerprint("fingerprint"),
        seed=reading.whole("seed", 0),
        label=None if reading.found["label"] is None else reading.text("label"),
        rows=reading.whole("rows", 1),
        signature=None if whole.found["signature"] is None else _signature(whole.inner("signature")),
        decisions=tuple(decisions),
        sha256=sha256,
    )


def _signature(found: _Record) -> Signature:
    found.keys("name", "at", "outcome", "comment")
    outcome = cast(Outcome, found.one_of("outcome", get_args(Outcome)))
    return Signature(found.text("name"), found.moment("at"), outcome, found.text("comment"))


def _decision(found: _Record) -> Decision:
    found.keys("finding", "fingerprint", "kind", "message", "decision", "remedy", "reason", "reviewer", "at")
    return Decision(
        finding=found.text("finding"),
        fingerprint=found.fingerprint("fingerprint"),
        kind=found.text("kind"),
        message=found.text("message"),
        decision=cast(Word, found.one_of("decision", get_args(Word))),
        remedy=None if found.found["remedy"] is None else _remedy(found.inner("remedy")),
        reason=found.text("reason"),
        reviewer=found.text("reviewer"),
        at=found.moment("at"),
    )


def _remedy(found: _Record) -> Remedy:
    found.keys("action", "sample_ids", "to")
    action = cast(Action, found.one_of("action", get_args(Action)))
    ids, to = found.texts("sample_ids"), found.texts("to")
    if not ids:
        found.fail("sample_ids", "the id of a sample", [])
    if action == "remove" and to:
        found.fail("to", "an empty list, since removed samples go nowhere", to)
    if action == "move" and (len(to) != 1 or to[0] not in SPLITS):
        found.fail("to", f"one of {', '.join(SPLITS)}", to[0] if len(to) == 1 else list(to))
    return Remedy(action, ids, to)
