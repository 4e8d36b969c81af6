"""audit.json: the whole audit, versioned; its schema is published in audit.schema.json beside this file."""

import json
from pathlib import Path
from typing import Any

from ...files import replacing
from ...result import Audit
from ..summary import summarize

SCHEMA = Path(__file__).with_name("audit.schema.json")


def document(audit: Audit) -> dict[str, Any]:
    """The content of audit.json."""
    return {**audit.document(), "summary": summarize(audit).headline()}


def write(audit: Audit, directory: Path) -> None:
    """Write audit.json."""
    with replacing(directory / "audit.json") as file:
        json.dump(document(audit), file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")
