"""Small datasets of tables, texts and arrays, with classes, numbers and sets of labels as targets."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dataaudit.dataset import Dataset, Layout, Modality, Task

WORDS = {"a": "apple pear plum cherry", "b": "hammer saw drill nail", "c": "river lake sea pond"}


def dataset_of(
    inputs: Any, targets: Any, n_train: int, modality: Modality, task: Task = "classification", names: str = "abc"
) -> Dataset:
    """The first rows are for training, the others for testing."""
    n, targets = len(inputs), np.asarray(targets)
    rows = inputs.itertuples(index=False) if isinstance(inputs, pd.DataFrame) else inputs
    return Dataset(
        root=Path("memory"),
        ids=tuple(f"table.csv#{i}" for i in range(n)),
        inputs=inputs,
        targets=targets,
        splits=np.array(["train"] * n_train + ["test"] * (n - n_train)),
        class_names=() if task == "regression" else tuple(names),
        contents=tuple(f"{hash(str(row)):x}" for row in rows),
        sources=(),
        layout=Layout("memory", "given"),
        modality=modality,
        task=task,
    )


def targets_of(signal: NDArray[np.float64], task: Task) -> NDArray[Any]:
    """(n,) or (n, 3) targets that follow signals (n, 3)."""
    if task == "classification":
        return np.asarray(signal.argmax(1))
    return signal @ np.array([3.0, -2.0, 1.0]) + 10 if task == "regression" else signal > 0.3


def make(modality: Modality, task: Task, n_train: int = 200, n_test: int = 80, seed: int = 0) -> Dataset:
    """Inputs that tell their targets, under a little noise."""
    rng = np.random.default_rng(seed)
    n = n_train + n_test
    signal = rng.normal(size=(n, 3))
    targets, noisy = targets_of(signal, task), signal + 0.25 * rng.normal(size=(n, 3))
    inputs: Any
    if modality == "table":
        inputs = pd.DataFrame(noisy, columns=["x", "y", "z"])
        inputs["size"] = rng.lognormal(0, 1.5, n)
        inputs["colour"] = rng.choice(["red", "green", "blue"], n)
    elif modality == "text":
        lists = [text.split() for text in WORDS.values()]
        inputs = np.array(
            [
                " ".join(rng.permutation([rng.choice(words) for words, count in zip(lists, part, strict=True)
                                          for _ in range(int(np.clip(3 + 3 * count, 1, 9)))] + ["the"]))
                for part in noisy
            ],
            object,
        )  # fmt: skip
    elif modality == "array":
        inputs = np.concatenate([noisy, rng.normal(size=(n, 5))], 1).astype(np.float32)
    else:
        inputs = np.clip(128 + 30 * np.repeat(np.repeat(noisy[:, None, :, None], 3, 2), 9, 3)
                         + rng.normal(0, 8, (n, 1, 9, 9)), 0, 255).astype(np.uint8)  # fmt: skip
    return dataset_of(inputs, targets, n_train, modality, task)
