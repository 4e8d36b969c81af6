"""decisions.json: what a reviewer decided about findings, read strictly. Its schema is decisions.schema.json.

The file comes from a browser or from an editor, so nothing in it is trusted: sample ids, labels and splits are plain
strings here, which the code that acts on them looks up in the dataset.
"""

import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NoReturn, cast, get_args

from ..dataset import SPLITS, TASKS, ReadOptions, as_text
from ..errors import InputError
from ..findings import Remedy
from .review import ANSWERS, Answer

SCHEMA_VERSION = 1
MOST_BYTES = 32 << 20
"""Largest size of a file of decisions; a larger one is refused unread."""
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
Word = Literal["accept", "reject", "defer"]
Outcome = Literal["approved", "not approved"]
Action = Literal["remove", "relabel", "move"]


@dataclass(frozen=True)
class Decision:
    """One reviewer's decision on one finding.

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
    """Who approved the decisions as a whole."""

    name: str
    at: str
    outcome: Outcome
    comment: str


@dataclass(frozen=True)
class Decisions:
    """A file of decisions.

    dataset       the audited dataset's name
    fingerprint   and its fingerprint, as read with `reading`
    sha256        of the file
    review        answers to the audit's review sample, by reviewer and sample id
    """

    path: Path
    dataset: str
    fingerprint: str
    reading: ReadOptions
    signature: Signature | None
    decisions: tuple[Decision, ...]
    sha256: str
    review: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)


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
    file = as_text(str(path))

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        duplicates = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
        if duplicates:
            raise InputError(f"{file}: the key {duplicates[0]!r} is there more than once in one object; keep one")
        return dict(pairs)

    def refuse(number: str) -> NoReturn:
        raise InputError(f"{file}: expected JSON, which has no number {number}")

    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=unique_keys, parse_constant=refuse)
    except RecursionError as error:
        raise InputError(
            f"{file}: expected decisions as the report exports them, found JSON nested too deep"
        ) from error
    except ValueError as error:  # Unicode's errors are ValueErrors too
        raise InputError(f"{file}: not readable as JSON in UTF-8: {error}; export it from the report again") from error


class _Record:
    """A JSON object at a path in the file, whose values are read by key and checked by type."""

    def __init__(self, file: str, path: str, content: Any) -> None:
        self.file = file
        self.path = path
        if not isinstance(content, dict):
            self.fail("", "an object", content)
        self.content: dict[str, Any] = content

    def fail(self, key: str, expected: str, found: Any) -> NoReturn:
        location = ".".join(part for part in (self.path, key) if part) or "the file"
        raise InputError(f"{self.file}: {location}: expected {expected}, found {_preview(found)}")

    def keys(self, *required: str, optional: Sequence[str] = ()) -> None:
        """Raise unless the object has these keys and no others; it need not have the optional ones."""
        allowed = (*required, *optional)
        location = f" in {self.path}" if self.path else ""
        for key in self.content:
            if key not in allowed:
                near = difflib.get_close_matches(key[:80], allowed, 1)
                hint = f", did you mean {near[0]!r}?" if near else f"; the keys are: {', '.join(allowed)}"
                raise InputError(f"{self.file}: there is no key {_preview(key)}{location}{hint}")
        for key in required:
            if key not in self.content:
                raise InputError(f"{self.file}: expected a key {key!r}{location}, found none")

    def text(self, key: str) -> str:
        return self._text(key, self.content[key])

    def _text(self, key: str, value: Any) -> str:
        if not isinstance(value, str):
            self.fail(key, "text", value)
        if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
            self.fail(key, "text of whole characters", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.content[key]
        if not isinstance(value, list):
            self.fail(key, "a list of texts", value)
        return tuple(self._text(f"{key}[{i}]", item) for i, item in enumerate(value))

    def one_of(self, key: str, words: Sequence[str]) -> str:
        value = self.content[key]
        if not isinstance(value, str) or value not in words:
            self.fail(key, " or ".join(map(repr, words)), value)
        return value

    def integer(self, key: str, minimum: int) -> int:
        value = self.content[key]
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            self.fail(key, f"a whole number of at least {minimum}", value)
        return value

    def truth(self, key: str) -> bool:
        value = self.content[key]
        if not isinstance(value, bool):
            self.fail(key, "true or false", value)
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

    def record(self, key: str) -> "_Record":
        return _Record(self.file, f"{self.path}.{key}" if self.path else key, self.content[key])


def _preview(value: Any) -> str:
    """The start of a value, on one line."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value if not isinstance(value, str) else value[:80])
    return text[:100]


def _decisions(document: _Record, path: Path, sha256: str) -> Decisions:
    version = document.content.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        document.fail("schema_version", f"{SCHEMA_VERSION}, which this version of dataaudit reads", version)
    document.keys("schema_version", "dataset", "signature", "decisions", optional=["review"])
    dataset = document.record("dataset")
    dataset.keys("name", "fingerprint", "reading")
    reading = dataset.record("reading")
    reading.keys("seed", "label", "rows", optional=["task", "group", "header", "encoding"])
    entries = document.content["decisions"]
    if not isinstance(entries, list):
        document.fail("decisions", "a list", entries)
    decisions = [_decision(_Record(document.file, f"decisions[{i}]", entry)) for i, entry in enumerate(entries)]
    for name, count in Counter(decision.finding for decision in decisions).items():
        if count > 1:
            raise InputError(
                f"{document.file}: decisions: the finding {name!r} is decided {count} times; keep one decision"
            )
    return Decisions(
        path=path,
        dataset=dataset.text("name"),
        fingerprint=dataset.fingerprint("fingerprint"),
        reading=_read_options(reading),
        signature=None if document.content["signature"] is None else _signature(document.record("signature")),
        decisions=tuple(decisions),
        sha256=sha256,
        review=_review(document.record("review")) if "review" in document.content else {},
    )


def _review(record: _Record) -> dict[str, dict[str, Answer]]:
    reviewers = {name: record.record(name) for name in record.content}
    return {
        name: {id: cast(Answer, answers.one_of(id, ANSWERS)) for id in answers.content}
        for name, answers in reviewers.items()
    }


def _read_options(record: _Record) -> ReadOptions:
    named: dict[str, Any] = {name: record.text(name) for name in ("group", "encoding") if name in record.content}
    if "task" in record.content:
        named["task"] = record.one_of("task", TASKS)
    if "header" in record.content:
        named["header"] = record.truth("header")
    label = None if record.content["label"] is None else record.text("label")
    return ReadOptions(record.integer("seed", 0), label, record.integer("rows", 1), **named)


def _signature(record: _Record) -> Signature:
    record.keys("name", "at", "outcome", "comment")
    outcome = cast(Outcome, record.one_of("outcome", get_args(Outcome)))
    return Signature(record.text("name"), record.moment("at"), outcome, record.text("comment"))


def _decision(record: _Record) -> Decision:
    record.keys("finding", "fingerprint", "kind", "message", "decision", "remedy", "reason", "reviewer", "at")
    return Decision(
        finding=record.text("finding"),
        fingerprint=record.fingerprint("fingerprint"),
        kind=record.text("kind"),
        message=record.text("message"),
        decision=cast(Word, record.one_of("decision", get_args(Word))),
        remedy=None if record.content["remedy"] is None else _remedy(record.record("remedy")),
        reason=record.text("reason"),
        reviewer=record.text("reviewer"),
        at=record.moment("at"),
    )


def _remedy(record: _Record) -> Remedy:
    record.keys("action", "sample_ids", "to")
    action = cast(Action, record.one_of("action", get_args(Action)))
    ids, to = record.texts("sample_ids"), record.texts("to")
    if not ids:
        record.fail("sample_ids", "the id of a sample", [])
    if action == "remove" and to:
        record.fail("to", "an empty list, since removed samples go nowhere", to)
    if action == "move" and (len(to) != 1 or to[0] not in SPLITS):
        record.fail("to", f"one of {', '.join(SPLITS)}", to[0] if len(to) == 1 else list(to))
    return Remedy(action, ids, to)
