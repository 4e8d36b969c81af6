"""audit.json: the whole audit, versioned; its schema is published in audit.schema.json beside this file."""

import json
from pathlib import Path

from ..audit import Audit
from ..files import replacing

SCHEMA = Path(__file__).with_name("audit.schema.json")


def write(audit: Audit, directory: Path) -> None:
    """Write audit.json."""
    with replacing(directory / "audit.json") as file:
        json.dump(audit.document(), file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")
