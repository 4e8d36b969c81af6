"""What scores cost as the training set grows: seconds per training sample, peak memory, without the matrix in memory.

    python benchmarks/attribution/scale.py [--sizes 5000 ...] [--targets 10000] [--models 2]

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
from tasks import FASHION_MNIST, read_idx

import dataaudit
from dataaudit.training.learners.image import network


def read_split(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 1, 28, 28) and labels of "train" or "t10k"."""
    images, labels = (read_idx(FASHION_MNIST / f"{name}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
    return torch.from_numpy(images.copy())[:, None], torch.from_numpy(labels.astype(np.int64))


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
    (x, y), (xt, yt) = read_split("train"), read_split("t10k")
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


def plot(figures: list[dict[str, float]], path: Path) -> None:
    """CPU time per training sample or target, and peak memory, by training samples; needs matplotlib."""
    from matplotlib import pyplot

    _, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3))
    sizes = [one["n"] for one in figures]
    left.plot(sizes, [one["milliseconds a sample"] for one in figures], "o-")
    left.set(xlabel="training samples", ylabel="ms a sample and model", ylim=(0, None))
    right.plot(sizes, [one["peak MB"] for one in figures], "o-", label="peak")
    right.plot(sizes, [4 * one["n"] * one["shapes"][0][0] / 2**20 for one in figures], "--", label="the matrix alone")
    right.set(xlabel="training samples", ylabel="MB", ylim=(0, None))
    right.legend()
    pyplot.tight_layout()
    pyplot.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 10_000, 20_000, 40_000, 60_000])
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=2)
    parser.add_argument("--plot", type=Path, help="picture to draw, with matplotlib")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.path, options.measure, options.targets, options.models)
        return
    with tempfile.TemporaryDirectory() as folder:
        trained(Path(folder), options.models)
        figures = []
        for n in options.sizes:
            arguments = [sys.executable, __file__, "--measure", str(n), "--path", folder]
            arguments += ["--targets", str(options.targets), "--models", str(options.models)]
            done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
            print(done.stdout, end="", flush=True)
            figures.append(json.loads(done.stdout))
        if options.plot:
            plot(figures, options.plot)


if __name__ == "__main__":
    main()
