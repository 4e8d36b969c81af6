"""audit.sarif: findings as SARIF 2.1.0, within the limits of GitHub's code scanning."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...files import replacing
from ...findings import Finding, Severity
from ...result import Accepted, Audit, finding_document, plain
from ..sanitizing import short

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
FILES, ROWS = ("image_folder", "image_metadata"), ("table", "json_lines", "croissant")
"""Formats whose ids are paths of files, and those whose ids are `file#row`. Of others, the dataset is the place."""
RESULTS = 5_000
"""GitHub takes 25,000 a run and keeps as many as these."""
LOCATIONS = 100
"""Of a result; GitHub takes 1,000 and shows as many as these."""
MESSAGE, DESCRIPTION = 1_000, 1_024
"""Characters."""
CHARACTERS = 20_000_000
"""Of all results; GitHub takes 10 MB compressed, and random names compress to a half."""
ROOT = {"uriBaseId": "%SRCROOT%"}


def write(audit: Audit, directory: Path) -> None:
    """Write audit.sarif."""
    with replacing(directory / "audit.sarif") as file:
        json.dump(log(audit), file, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def log(audit: Audit) -> dict[str, Any]:
    """The content of audit.sarif."""
    gone = audit.changes.gone if audit.changes else ()
    kinds = sorted({*audit.kinds, *(finding.kind for finding in audit.findings), *map(_kind, gone)})
    index = {kind: number for number, kind in enumerate(kinds)}
    results, left_out = _within_limits(_results(audit, index), len(audit.findings) + len(gone))
    driver = {
        "name": "dataaudit",
        "semanticVersion": audit.reproduce["versions"]["dataaudit"],
        "rules": [_rule(audit, kind) for kind in kinds],
    }
    invocation = {
        "executionSuccessful": audit.verdict.status != "INCOMPLETE",
        "exitCode": audit.verdict.exit_code,
        "arguments": audit.reproduce["arguments"],
        "toolExecutionNotifications": [*_broken(audit), *left_out],
    }
    run: dict[str, Any] = plain(
        {
            "tool": {"driver": driver},
            "invocations": [invocation],
            "originalUriBaseIds": {
                "%SRCROOT%": {"description": {"text": "The folder that dataaudit was run in: the repository's root."}}
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": {"verdict": audit.verdict.status, "reasons": audit.verdict.reasons},
        }
    )
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(audit: Audit, kind: str) -> dict[str, Any]:
    check = audit.kinds[kind][0] if kind in audit.kinds else kind
    sections = dict(audit.explanations.get(check, {}))
    summary = sections.pop("summary", audit.title(kind))
    help = {"text": summary, "markdown": summary}
    for title, body in sections.items():
        help["text"] += f"\n\n{title}\n\n{body}"
        help["markdown"] += f"\n\n## {title}\n\n{body}"
    return {
        "id": kind,
        "name": "".join(word.capitalize() for word in re.findall(r"\w+", audit.title(kind))),
        "shortDescription": {"text": short(audit.title(kind), DESCRIPTION)},
        "fullDescription": {"text": short(summary, DESCRIPTION)},
        "help": help,
        "defaultConfiguration": {"level": "warning"},
        "properties": {"tags": ["data quality", check]},
    }


def _results(audit: Audit, index: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """The most severe first, and last what was not found again."""
    for finding in sorted(audit.findings, key=lambda finding: -finding.severity):
        yield _result(audit, finding, index)
    for accepted in audit.changes.gone if audit.changes else ():
        kind = _kind(accepted)
        yield {
            "ruleId": kind,
            "ruleIndex": index[kind],
            "level": "note",
            "message": {"text": _message(accepted.message)},
            "locations": [_location(audit, None)],
            "partialFingerprints": _fingerprints(accepted.fingerprint),
            "baselineState": "absent",
        }


def _result(audit: Audit, finding: Finding, index: Mapping[str, int]) -> dict[str, Any]:
    document = finding_document(finding)
    first, *others = finding.sample_ids or (None,)
    result = {
        "ruleId": finding.kind,
        "ruleIndex": index[finding.kind],
        "level": LEVELS[finding.severity],
        "message": {"text": _message(finding.message)},
        "locations": [_location(audit, first)],
        "partialFingerprints": _fingerprints(finding.fingerprint),
        "properties": {
            **{name: document[name] for name in ("id", "score", "severity", "verification", "remedies")},
            "samples": len(finding.sample_ids),
        },
    }
    if others:
        result["relatedLocations"] = [
            {"id": number, **_location(audit, id), "message": {"text": _message(id)}}
            for number, id in enumerate(others[: LOCATIONS - 1], 1)
        ]
    if audit.changes is not None:
        known = audit.changes.known.get(finding.id)
        before = known or finding.id in {expired.id for expired in audit.changes.expired}
        result["baselineState"] = "unchanged" if before else "new"
        if known:
            result["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": _message(known.reason), "properties":
                 {name: value for name, value in asdict(known).items() if name in ("by", "recorded", "expires")}}
            ]  # fmt: skip
    return result


def _location(audit: Audit, id: str | None) -> dict[str, Any]:
    """Where a sample lies, or the dataset if there is no sample, or none that is a file or a row of one.

    A line is named only where the file was seen to have it: see `line_numbers`.
    """
    root, format = Path(audit.dataset["path"]), audit.dataset["format"]
    if id is None:
        return {"physicalLocation": {"artifactLocation": _artifact(root, "")}}
    name, row = id, ""
    if format not in FILES:
        name, _, row = id.rpartition("#") if format in ROWS else ("", "", id)
    only_file = row and name == root.name
    physical: dict[str, Any] = {"artifactLocation": _artifact(root, "" if only_file else name)}
    if id in audit.lines:
        physical["region"] = {"startLine": audit.lines[id]}
    logical = {"logicalLocations": [{"fullyQualifiedName": id, "kind": "element"}]} if row else {}
    return {"physicalLocation": physical, **logical}


def _artifact(root: Path, name: str) -> dict[str, str]:
    """A file of the dataset, relative to where dataaudit was run as far as the dataset was named so."""
    path = root.as_posix() if not name else f"{root.as_posix().rstrip('/')}/{name}"
    if root.is_absolute():
        return {"uri": f"file://{'' if path.startswith('/') else '/'}{quote(path)}"}
    # A first part such as "a:b" would be read as a scheme, so the colon is escaped too.
    return {"uri": quote(path.removeprefix("./")), **ROOT}


def _fingerprints(digest: str) -> dict[str, str]:
    """By content. GitHub tells alerts apart by the second, and makes one of the file's lines where it is missing."""
    return {"dataaudit/v1": digest, "primaryLocationLineHash": digest[:16] + ":1"}


def _kind(accepted: Accepted) -> str:
    return accepted.id.rpartition("-")[0] or accepted.id


def _message(text: str) -> str:
    """One line. Brackets before parentheses would be a link, and braces a place to fill."""
    shown = short(text, MESSAGE).replace("](", "] (")
    return shown.replace("{", "{{").replace("}", "}}") or "no message"


def _broken(audit: Audit) -> list[dict[str, Any]]:
    return [
        {"level": "error", "descriptor": {"id": check.name}, "message": {"text": _message(
            f"The check {check.name} {'could not run' if check.status == 'error' else 'was not run'}: {check.reason}")}}
        for check in audit.checks if check.status in ("error", "not run")
    ]  # fmt: skip


def _within_limits(results: Iterator[dict[str, Any]], total: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """As many as the limits allow, and a notification of the rest."""
    kept: list[dict[str, Any]] = []
    characters = 0
    for result in results:
        characters += len(json.dumps(plain(result)))
        if len(kept) == RESULTS or characters > CHARACTERS:
            words = f"{total - len(kept):,} of {total:,} results, the least severe, were left out: see findings.jsonl."
            return kept, [{"level": "warning", "message": {"text": words}}]
        kept.append(result)
    return kept, []
