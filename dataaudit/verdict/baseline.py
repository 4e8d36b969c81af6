"""A baseline: accepted findings, matched by the content that they are about. They do not fail a verdict."""

import json
from collections.abc import Collection, Iterable, Mapping
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
    """The accepted findings of a baseline. Raises InputError for a file that is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: expected a baseline that `dataaudit baseline` wrote: {error}") from error
    if not isinstance(document, dict) or document.get("schema_version") != SCHEMA_VERSION:
        version = document.get("schema_version") if isinstance(document, dict) else type(document).__name__
        raise InputError(f"{path}: expected a baseline with schema_version {SCHEMA_VERSION}, found {version!r}")
    lines = document.get("accepted")
    if not isinstance(lines, list):
        raise InputError(f"{path}: expected a list under 'accepted', found {type(lines).__name__}")
    return tuple(_line(f"{path}: accepted[{i}]", line) for i, line in enumerate(lines))


def _line(where: str, line: Any) -> Accepted:
    if (
        not isinstance(line, dict)
        or set(line) != set(KEYS)
        or not all(isinstance(value, str) for value in line.values())
    ):
        raise InputError(f"{where}: expected the words {', '.join(KEYS)}, found {line!r:.200}")
    if line["expires"]:
        day(line["expires"], where)
    return Accepted(**line)


def accepted_by(audit: Mapping[str, Any]) -> tuple[Accepted, ...]:
    """What the baseline of an audit.json accepted, as far as it was about checks that ran."""
    changes = audit["changes"]
    return (
        ()
        if changes is None
        else tuple(Accepted(**entry) for entry in (*changes["known"].values(), *changes["expired"], *changes["gone"]))
    )


def write_baseline(path: Path, accepted: Iterable[Accepted]) -> None:
    """Write a baseline, sorted by finding, so that its versions can be compared."""
    lines = sorted((asdict(entry) for entry in accepted), key=lambda entry: (entry["id"], entry["fingerprint"]))
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
    """What was accepted earlier, and these findings of an audit.json; a later acceptance replaces an earlier one."""
    by_fingerprint = {entry.fingerprint: entry for entry in earlier}
    for finding in findings:
        by_fingerprint[finding["fingerprint"]] = Accepted(
            finding["fingerprint"], finding["id"], finding["message"], reason, by, recorded.isoformat(), expires
        )
    return tuple(by_fingerprint.values())


def compared(
    path: Path, accepted: Iterable[Accepted], findings: Iterable[Finding], sought: Collection[str], today: date
) -> Changes:
    """What changed since the baseline of that file.

    sought   kinds of findings whose check ran; others that are missing are not said to be gone
    """
    by_fingerprint = {finding.fingerprint: finding for finding in findings}
    by_id: dict[str, Accepted] = {}
    expired, gone = [], []
    for entry in accepted:
        if entry.fingerprint not in by_fingerprint:
            gone += [entry] * (entry.kind in sought)
        elif entry.expires and day(entry.expires, str(path)) < today:
            expired.append(entry)
        else:
            by_id[by_fingerprint[entry.fingerprint].id] = entry
    return Changes(as_text(str(path)), by_id, tuple(expired), tuple(gone))
