"""What scores cost as the training set grows: seconds per training sample, peak memory, without the matrix in memory.

    python benchmarks/attribution_scale.py [--sizes 5000 ...] [--targets 10000] [--models 2]

Fashion-MNIST under the default image learner, trained once on all rows and scored on the first n of them; each size in
a process of its own. For every size: scores kept, the 100 largest for every target, and the sums over five subsets.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from fashion_mnist import read_split

import dataaudit
from dataaudit.learners.image import network


def trained(path: Path, models: int) -> None:
    """Networks of the default learner after two epochs: scoring costs the same however good they are."""
    x, y = read_split("train")
    for seed in range(models):
        torch.manual_seed(seed)
        net = network(1, 28, 10)
        net.get_submodule("0").mean.fill_(float(x.float().mean()))
        net.get_submodule("0").std.fill_(float(x.float().std()))
        optimizer = torch.optim.AdamW(net.parameters(), 0.005)
        for _ in range(2):
            for rows in torch.randperm(len(x)).split(128):
                loss = torch.nn.functional.cross_entropy(net(x[rows].float()), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        torch.save(net.state_dict(), path / f"{seed}.pt")


def measure(path: Path, n: int, n_targets: int, models: int) -> None:
    """One size, in this process; prints its figures as JSON."""
    (x, y), (xt, yt) = read_split("train"), read_split("test")
    nets = []
    for seed in range(models):
        net = network(1, 28, 10)
        net.load_state_dict(torch.load(path / f"{seed}.pt", weights_only=True))
        nets.append(net.eval())
    start = time.perf_counter()
    scored = dataaudit.attribute(nets, (x[:n].float(), y[:n]), (xt[:n_targets].float(), yt[:n_targets]))
    scoring = time.perf_counter() - start
    positions, _ = scored.top(100)
    top = time.perf_counter() - start - scoring
    subsets = (np.random.default_rng(0).random((5, n)) < 0.5).astype(np.float32)
    sums = scored.sums(subsets)
    print(
        json.dumps(
            {
                "n": n,
                "seconds": round(scoring, 1),
                "milliseconds a sample": round(1000 * scoring / (n + n_targets) / models, 3),
                "top 100 seconds": round(top, 1),
                "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "file MB": scored.path.stat().st_size >> 20,
                "coordinates": scored.provenance["coordinates"],
                "shapes": [positions.shape, sums.shape],
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 40_000, 60_000])
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.path, options.measure, options.targets, options.models)
        return
    with tempfile.TemporaryDirectory() as folder:
        trained(Path(folder), options.models)
        for n in options.sizes:
            arguments = [sys.executable, __file__, "--measure", str(n), "--path", folder]
            arguments += ["--targets", str(options.targets), "--models", str(options.models)]
            subprocess.run(arguments, check=True)


if __name__ == "__main__":
    main()
