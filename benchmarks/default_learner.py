"""Accuracy and time of one model of the default image learner, trained on a whole image folder.

python benchmarks/default_learner.py FASHION_MNIST_FOLDER [--threads 2]
"""

import argparse
import time
from pathlib import Path

import torch

from dataaudit.data.formats import image_folder
from dataaudit.dataset import ReadOptions, silent
from dataaudit.training.learners.image import ImageLearner

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    start = time.perf_counter()
    dataset = image_folder.load(arguments.folder, ReadOptions(), silent)
    read = time.perf_counter()
    learner = ImageLearner()
    model = learner.fit(dataset, dataset.rows("train"), seed=0)
    trained = time.perf_counter()
    test = dataset.rows("test")
    accuracy = (learner.outputs(model, dataset, test).argmax(1) == dataset.targets[test]).mean()
    print(f"{len(dataset):,} images read in {read - start:.0f} s")
    print(f"trained on {len(dataset.rows('train')):,} in {trained - read:.0f} s with {arguments.threads} threads")
    print(f"test accuracy {accuracy:.2%} on {len(test):,}")
