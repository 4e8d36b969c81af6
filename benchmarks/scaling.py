"""Time and memory of whole audits by the number of rows.

    python benchmarks/scaling.py audit images 1000 FOLDER     # a line in scaling.jsonl; then for other sizes and kinds
    python benchmarks/scaling.py plot docs/assets/scaling.png

`audit` runs `dataaudit run FOLDER` with its defaults, features anew, and notes wall time and the largest resident size
of any of its processes. Folders are written by the scripts beside this one. `plot` draws the last line of each kind and
size, and prints the slopes between neighbouring sizes, both axes logarithmic: 1 is time in proportion to rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from math import log
from pathlib import Path

import matplotlib.pyplot as plt

LINES = Path(__file__).with_suffix(".jsonl")


def audit(kind: str, rows: int, folder: Path, options: list[str]) -> None:
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "dataaudit", "run", str(folder), "--output", f"{output}/audit", *options]
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        code = os.waitstatus_to_exitcode(status)
        if code > 1:
            raise SystemExit(f"{' '.join(command)} ended with {code}")
        document = json.loads(Path(output, "audit", "audit.json").read_text(encoding="utf-8"))
    line = {
        "kind": kind,
        "rows": rows,
        "seconds": round(seconds, 1),
        "megabytes": round(usage.ru_maxrss * 1024 / 1e6),
        "lds": None if document["trust"] is None else round(document["trust"]["lds"], 3),
        "findings": len(document["findings"]),
    }
    with LINES.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(line)


def plot(path: Path) -> None:
    lines = map(json.loads, LINES.read_text(encoding="utf-8").splitlines())
    by_kind: dict[str, dict[int, dict[str, float]]] = defaultdict(dict)
    for line in lines:
        by_kind[line["kind"]][line["rows"]] = line
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
    for kind, by_rows in by_kind.items():
        sizes = sorted(by_rows)
        for axis, measure in zip(axes, ("seconds", "megabytes"), strict=True):
            axis.loglog(sizes, [by_rows[size][measure] for size in sizes], "o-", label=kind)
            axis.set(xlabel="rows", title=measure)
            for low, high in pairwise(sizes):
                ratio = by_rows[high][measure] / by_rows[low][measure]
                print(f"{kind}, {measure}, {low:,} to {high:,} rows: slope {log(ratio) / log(high / low):.2f}")
    axes[0].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    audited = commands.add_parser("audit")
    audited.add_argument("kind")
    audited.add_argument("rows", type=int)
    audited.add_argument("folder", type=Path)
    drawn = commands.add_parser("plot")
    drawn.add_argument("path", type=Path)
    arguments, options = parser.parse_known_args()
    if arguments.command == "audit":
        audit(arguments.kind, arguments.rows, arguments.folder, options)
    else:
        plot(arguments.path)
