"""An audit by joblib's own processes, on a local Dask cluster and on a local Ray cluster.

    python benchmarks/cluster.py [DATASET] [--learner image] [--jobs 2] [--runs 8] [--verify 3]

A line for each: wall time with the start of the cluster, and whether audit.json is that of the processes here.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import dataaudit

GLOSSES = Path(__file__).parents[1] / "sample_data" / "glosses"


def timed(cluster: str | None, output: Path, dataset: Path, **options: Any) -> float:
    start = time.perf_counter()
    dataaudit.audit(dataset, output=output, cluster=cluster, **options)
    return time.perf_counter() - start


if __name__ == "__main__":  # workers import this file
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?", default=GLOSSES)
    parser.add_argument("--learner")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--verify", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        audits = {}
        for cluster in (None, "dask", "ray"):
            output = Path(folder) / str(cluster)
            seconds = timed(cluster, output, **vars(arguments))
            audits[cluster] = (output / "audit.json").read_bytes()
            same = "the same" if audits[cluster] == audits[None] else "another"
            print(f"{cluster or 'processes'}: {seconds:.0f} s, {same} audit.json", flush=True)
