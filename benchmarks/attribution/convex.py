"""Every influence solver against actual leave-one-out on a convex model.

    python benchmarks/attribution/convex.py [--rows 1400] [--left-out 200]

Ten-class logistic regression on scikit-learn's digits, trained to the optimum at several penalties. The change of 200
targets' loss, and of their margin, when each of `left-out` training samples is left out: predicted, and after training
to the optimum without it. Pearson over all pairs.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import dataaudit
from dataaudit.training.objectives import CLASSIFICATION, margin

SOLVERS = {
    "newton": {},
    "exact": {},
    "cg": {"iterations": 400},
    "lissa": {"depth": 2_000},
    "arnoldi": {"iterations": 250, "rank": 200},
    "ekfac": {},
}


def optimum(x: Tensor, y: Tensor, l2: float, start: Tensor) -> Tensor:
    """Weights (10, d) that minimise the mean loss + l2 / 2 |w|^2, by Newton steps in float64."""
    weights, onehot = start.clone(), nn.functional.one_hot(y, 10).double()
    n, d = x.shape
    for _ in range(30):
        p = torch.softmax(x @ weights.T, 1)
        slope = (p - onehot).T @ x / n + l2 * weights
        if slope.norm() < 1e-10:
            break
        curvature = torch.zeros(10, d, 10, d, dtype=torch.float64)
        for a in range(10):
            for b in range(10):
                scale = p[:, a] * (float(a == b) - p[:, b]) / n
                curvature[a, :, b, :] = (x * scale[:, None]).T @ x
        flat = curvature.reshape(10 * d, 10 * d) + l2 * torch.eye(10 * d, dtype=torch.float64)
        weights = weights - torch.linalg.solve(flat, slope.flatten()).view(10, d)
    return weights


def minus_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """The attributed output where the change of the loss is asked for."""
    return -CLASSIFICATION.loss(outputs, labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1400)
    parser.add_argument("--left-out", type=int, default=200)
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(pixels))
    x = torch.from_numpy(np.c_[pixels[order] / 16, np.ones(len(order))])
    y = torch.from_numpy(labels[order]).long()
    train, target = slice(0, options.rows), slice(options.rows, options.rows + 200)
    print("| l2 | output | " + " | ".join(SOLVERS) + " |")
    print("|---|---|" + "---|" * len(SOLVERS))
    seconds = dict.fromkeys(SOLVERS, 0.0)
    for l2 in (1e-2, 1e-3, 1e-4):
        full = optimum(x[train], y[train], l2, torch.zeros(10, x.shape[1], dtype=torch.float64))
        left_out = np.linspace(0, options.rows - 1, options.left_out).astype(int)
        drops: dict[str, list[Tensor]] = {"loss": [], "margin": []}
        for one in left_out:
            rest = torch.arange(options.rows) != one
            # n - 1 mean losses under the same total penalty.
            scale = options.rows / (options.rows - 1)
            without = optimum(x[train][rest], y[train][rest], l2 * scale, full)
            before, after = x[target] @ full.T, x[target] @ without.T
            drops["loss"].append(minus_loss(before, y[target]) - minus_loss(after, y[target]))
            drops["margin"].append(margin(before, y[target]) - margin(after, y[target]))
        net = nn.Linear(x.shape[1], 10, bias=False)
        with torch.no_grad():
            net.weight.copy_(full)
        net.eval()
        for output, of in (("loss", minus_loss), ("margin", margin)):
            actual = torch.stack(drops[output]).numpy().ravel()
            cells = []
            for solver, settings in SOLVERS.items():
                start = time.process_time()
                scored = dataaudit.attribute(
                    net, (x[train].float(), y[train]), (x[target].float(), y[target]), "influence",
                    loss=CLASSIFICATION.loss, output=of, solver=solver, l2=l2, damping=0.0, **settings,
                )  # fmt: skip
                seconds[solver] += time.process_time() - start
                cells.append(f"{np.corrcoef(scored.scores()[left_out].ravel(), actual)[0, 1]:.4f}")
            print(f"| {l2:g} | {output} | " + " | ".join(cells) + " |", flush=True)
    print("| CPU s, all six | | " + " | ".join(f"{s:.0f}" for s in seconds.values()) + " |")


if __name__ == "__main__":
    main()
