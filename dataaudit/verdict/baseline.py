"""A baseline: findings that somebody has accepted, by the content that they are about. They do not fail a verdict."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

from ..dataset import as_text
from ..errors import InputError
from ..files import replacing
from ..findings import Finding
from ..result import Accepted, Changes

SCHEMA_VERSION = 1
KEYS = [field.name for field in fields(Accepted)]


def read_baseline(path: Path) -> tuple[Accepted, ...]:
    """What a baseline accepts. Raises InputError for a file that is none."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: expected a baseline that `dataaudit baseline` wrote: {error}") from error
    if not isinstance(whole, dict) or whole.get("schema_version") != SCHEMA_VERSION:
        found = whole.get("schema_version") if isinstance(whole, dict) else type(whole).__name__
        raise InputError(f"{path}: expected a baseline with schema_version {SCHEMA_VERSION}, found {found!r}")
    lines = whole.get("accepted")
    if not isinstance(lines, list):
        raise InputError(f"{path}: expected a list under 'accepted', found {type(lines).__name__}")
    return tuple(_line(f"{path}: accepted[{place}]", line) for place, line in enumerate(lines))


def _line(where: str, line: Any) -> Accepted:
    if not isinstance(line, dict) or set(line) != set(KEYS) or not all(isinstance(own, str) for own in line.values()):
        raise InputError(f"{where}: expected the words {', '.join(KEYS)}, found {line!r:.200}")
    if line["expires"]:
        day(line["expires"], where)
    return Accepted(**line)


def write_baseline(path: Path, accepted: Iterable[Accepted]) -> None:
    """Write a baseline, sorted by finding, so that versions of it can be compared."""
    lines = sorted((asdict(one) for one in accepted), key=lambda one: (one["id"], one["fingerprint"]))
    with replacing(path) as file:
        json.dump({"schema_version": SCHEMA_VERSION, "accepted": lines}, file, indent=2, ensure_ascii=False)
        file.write("\n")


def day(text: str, where: str) -> date:
    """A date as in 2027-01-31. Raises InputError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{where}: expected a day as in 2027-01-31, found {text!r}") from error


def accept(
    findings: Iterable[Mapping[str, Any]],
    earlier: Iterable[Accepted],
    reason: str,
    by: str,
    recorded: date,
    expires: str,
) -> tuple[Accepted, ...]:
    """What was accepted earlier, and these findings of an audit.json; of one finding the later word holds."""
    known = {one.fingerprint: one for one in earlier}
    for finding in findings:
        known[finding["fingerprint"]] = Accepted(
            finding["fingerprint"], finding["id"], finding["message"], reason, by, recorded.isoformat(), expires
        )
    return tuple(known.values())


def compared(path: Path, accepted: Iterable[Accepted], findings: Iterable[Finding], today: date) -> Changes:
    """What changed since the baseline of that file."""
    of = {finding.fingerprint: finding for finding in findings}
    known: dict[str, Accepted] = {}
    expired, gone = [], []
    for one in accepted:
        if one.fingerprint not in of:
            gone.append(one)
        elif one.expires and day(one.expires, str(path)) < today:
            expired.append(one)
        else:
            known[of[one.fingerprint].id] = one
    return Changes(as_text(str(path)), known, tuple(expired), tuple(gone))
