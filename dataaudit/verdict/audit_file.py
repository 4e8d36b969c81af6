"""Reading back what an audit wrote."""

import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..result import SCHEMA_VERSION


def read_audit(path: Path) -> dict[str, Any]:
    """The document of an audit, from its audit.json or the folder that holds it (see exports/audit.schema.json).

    Raises InputError where there is none, or one of another version.
    """
    file = path / "audit.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        beside = path.with_name(f"{path.name}-audit")
        hint = f"; did you mean {beside}?" if (beside / "audit.json").is_file() else ""
        raise InputError(f"{file}: expected the audit.json of `dataaudit run`: {error}{hint}") from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{file}: expected an audit of schema_version {SCHEMA_VERSION}, found {version!r}; run the audit again "
            "with this version of dataaudit"
        )
    return dict(document)


def is_audit(path: Path) -> bool:
    """Whether `path` is an audit.json, or a folder that holds one."""
    return (path / "audit.json").is_file() if path.is_dir() else path.name == "audit.json"
