"""Make a SARIF file that GitHub shows rightly of another: `python alerts.py audit.sarif alerts.sarif`.

GitHub opens an alert for every result, whether it is suppressed or no longer found, so those are left out.
"""

import json
import sys
from pathlib import Path


def main(source: Path, target: Path) -> None:
    """Copy what is to become an alert."""
    log = json.loads(source.read_text(encoding="utf-8"))
    for run in log["runs"]:
        run["results"] = [
            result
            for result in run["results"]
            if not result.get("suppressions") and result.get("baselineState") != "absent"
        ]
    target.write_text(json.dumps(log, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
