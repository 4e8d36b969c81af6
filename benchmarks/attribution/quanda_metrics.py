"""quanda's own metrics on dataaudit's scores, through its explainer interface, and on the scores of peers.

    python quanda_metrics.py --work attribution-work        # after run.py; where quanda is installed

Its linear datamodeling score on all halves of the ground truth (one training each); the share of the five samples with
the largest scores that are of the target's class; and how many different samples come first, over the targets.
"""

import argparse
import os
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import numpy as np
import tasks
import torch
from quanda.explainers.base import Explainer
from quanda.metrics.downstream_eval import ClassDetectionMetric
from quanda.metrics.ground_truth import LinearDatamodelingMetric
from quanda.metrics.heuristics import TopKCardinalityMetric
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import dataaudit

PEERS = ("traker-512-tuned", "dattri-trak-tuned", "kronfluence-ekfac-tuned", "captum-tracin")
MODELS = 5


class DataAudit(Explainer):  # type: ignore[misc]
    """dataaudit's default scores of several models, as quanda's explainers give theirs."""

    accepted_tasks = ["image_classification"]  # noqa: RUF012  (as quanda declares it)

    def __init__(self, models: list[nn.Module], train: tuple[Tensor, Tensor]) -> None:
        super().__init__(models[0], TensorDataset(*train))
        self._models, self._train = models, train

    def explain(self, test_data: Tensor, targets: Tensor) -> Tensor:
        """(n_target, n_train)."""
        scores = dataaudit.attribute(self._models, self._train, (test_data, targets)).scores()
        return torch.from_numpy(np.ascontiguousarray(scores.T))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("attribution-work"))
    work = parser.parse_args().work
    print("| task | scores | LDS | class of the top 5 | different top 1 |\n| --- | --- | --- | --- | --- |")
    for name in ("digits", "fashion", "glosses"):
        task = tasks.load(name)
        models = tasks.models(task, work, "full", MODELS)
        inputs, labels = task.target
        explained = {"dataaudit": DataAudit(models, task.train).explain(inputs, labels)}
        for peer in PEERS:
            path = work / name / "cells" / f"{peer}.{len(models)}.npy"
            if path.exists():
                explained[peer] = torch.from_numpy(np.load(path).T.copy())
        for method, explanations in explained.items():
            print(f"| {name} | {method} | {' | '.join(measured(task, work, models[0], explanations))} |", flush=True)


def measured(task: tasks.Task, work: Path, model: nn.Module, explanations: Tensor) -> list[str]:
    train, (inputs, labels) = TensorDataset(*task.train), task.target
    runs, logits = tasks.truth(task, work), tasks.truth_logits(task, work)
    datamodeling = LinearDatamodelingMetric(
        model,
        train,
        m=tasks.SUBSETS,
        subset_ids=[np.flatnonzero(mask).tolist() for mask in runs.subset_masks()],
        subset_ckpt_filenames=[""] * tasks.SUBSETS,
    )
    first = {subset: logits[subset * task.seeds] for subset in range(tasks.SUBSETS)}
    datamodeling.update(explanations, labels, inputs, subset_logits=first)
    of_class = ClassDetectionMetric(model, train)
    of_class.update(explanations, labels)
    different = TopKCardinalityMetric(model, train)
    different.update(explanations)
    return [f"{metric.compute()['score']:.3f}" for metric in (datamodeling, of_class, different)]


if __name__ == "__main__":
    main()
