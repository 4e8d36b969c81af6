"""findings.jsonl: all findings, one per line, as in audit.json."""

import json
from pathlib import Path

from ...files import replacing
from ...result import Audit, finding_document, plain


def write(audit: Audit, directory: Path) -> None:
    """Write findings.jsonl."""
    with replacing(directory / "findings.jsonl") as file:
        for finding in audit.findings:
            file.write(json.dumps(plain(finding_document(finding)), ensure_ascii=False, allow_nan=False) + "\n")
