"""Whether removing what is claimed to be harmful helps, and whether clean data is left alone.

python benchmarks/harmful.py perceptron 0.1 WORK
python benchmarks/harmful.py perceptron 0 WORK

Fashion-MNIST subsets, a share of the training labels flipped to a random other class, a pool of 8 runs. Every draw has
its own subset, flips and seeds; a line a draw.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import torch
from brittle import Perceptron, fashion

from dataaudit.attribution.attribution import Attribution
from dataaudit.attribution.backends.trak import Trak
from dataaudit.attribution.problem import Problem
from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import harmful
from dataaudit.checks.planting.labels import planted_flips
from dataaudit.dataset import silent
from dataaudit.training.learners.image import ImageLearner
from dataaudit.training.pool import train_pool
from dataaudit.training.retraining import Retraining

LEARNERS = {"perceptron": Perceptron(epochs=20, learning_rate=0.003), "image": ImageLearner()}


def draw(learner: str, share: float, number: int, n_train: int, n_test: int, times: int, work: Path) -> str:
    dataset = fashion(number, n_train, n_test)
    planted = np.zeros(n_train, bool)
    if share:
        targets, planted = planted_flips(dataset, share, number)
        dataset = replace(dataset, targets=targets)
    folder = work / f"{learner}-{n_train}-{share:g}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    pool = train_pool(dataset, LEARNERS[learner], folder / "pool", 8, number, silent)
    if not (folder / "scores.h5").exists():
        Trak().attribute(Problem.from_pool(pool), folder / "scores.h5", silent)
    case = CheckContext(dataset, pool, Attribution.load(folder / "scores.h5"), number, silent)
    retraining = Retraining(dataset, LEARNERS[learner], folder / "retrained", number, times, silent)
    detection = harmful.verify(case, harmful.detect(case), retraining)
    words = f"draw {number}: {detection.notes[-1]}"
    if detection.findings:
        position = {id: i for i, id in enumerate(dataset.ids)}
        group = [position[id] for id in detection.findings[0].sample_ids]
        words += f"; CLAIMED, {planted[group].mean():.0%} of the group flipped"
    return words


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learner", choices=LEARNERS)
    parser.add_argument("share", type=float)
    parser.add_argument("work", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--times", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with joblib.parallel_config(n_jobs=1):
        for number in range(arguments.first, arguments.first + arguments.draws):
            line = draw(
                arguments.learner,
                arguments.share,
                number,
                arguments.train,
                arguments.test,
                arguments.times,
                arguments.work,
            )
            print(line, flush=True)
