"""cost.json: what the run took. Apart from audit.json, which does not depend on the machine's speed."""

import json
from dataclasses import asdict
from pathlib import Path

from ...files import replacing
from ...result import Audit, plain


def write(audit: Audit, directory: Path) -> None:
    """Write cost.json."""
    with replacing(directory / "cost.json") as file:
        json.dump(plain(asdict(audit.cost)), file, indent=2, allow_nan=False)
        file.write("\n")
