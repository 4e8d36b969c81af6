"""What an audit without options makes of public tables, one line for each.

    python benchmarks/public_tables.py FOLDER OUTPUT [--label titanic=Survived ...]

FOLDER holds CSV files as people have them; results go to a folder for each in OUTPUT. Only of files whose target has no
usual name is the label said. Of each: rows, task, columns by kind, findings by kind and severity, verdict, seconds; or
the error, which exits with 2.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

QUICK = ("--runs", "8", "--verify", "0")


def audited(table: Path, output: Path, label: str | None) -> str:
    """The line that tells what was found."""
    command = [sys.executable, "-m", "dataaudit", "run", str(table), "--output", str(output), *QUICK]
    start = time.perf_counter()
    done = subprocess.run([*command, *(("--label", label) if label else ())], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 1, 3):
        return f"{table.stem} | {done.stderr.strip().splitlines()[-1]}"
    audit = json.loads((output / "audit.json").read_text(encoding="utf-8"))
    dataset = audit["dataset"]
    columns = next(note for check in audit["checks"] if check["name"] == "columns" for note in check["notes"])
    counts = Counter(f"{finding['kind']} ({finding['severity']})" for finding in audit["findings"])
    found = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    read = f"{sum(dataset['sizes'].values()):,} rows, {dataset['task']}, {columns}"
    return f"{table.stem} | {read} | {found} | {audit['verdict']['status']} | {seconds:.0f} s"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--label", action="append", default=[], metavar="FILE=COLUMN")
    arguments = parser.parse_args()
    labels = dict(label.split("=", 1) for label in arguments.label)
    for path in sorted(arguments.folder.glob("*.csv")):
        print(audited(path, arguments.output / path.stem, labels.get(path.stem)), flush=True)
