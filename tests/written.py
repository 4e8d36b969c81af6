"""Texts, tables and arrays in memory that tests of copies share."""

import ast
import hashlib
import sysconfig
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dataaudit.data.features.columns import UNUSED, describe
from dataaudit.dataset import Dataset, Layout, Modality, Task

VOCABULARY = 3000


def sentences(n: int, seed: int = 0, length: tuple[int, int] = (8, 40), topics: int = 3) -> list[str]:
    """Made-up texts, their words of Zipf frequencies and a third of them of the text's topic, i % topics of text i."""
    rng = np.random.default_rng(seed)
    spelt = np.random.default_rng(99)
    words = ["".join(spelt.choice(list("abcdefghiklmnoprstu"), spelt.integers(2, 9))) for _ in range(VOCABULARY)]
    common = 1 / np.arange(1, VOCABULARY + 1)
    own = [np.where(np.arange(VOCABULARY) % topics == topic, common, 0) for topic in range(topics)]
    texts = []
    for i in range(n):
        count = int(rng.integers(*length))
        weights = 2 / 3 * common / common.sum() + own[i % topics] / own[i % topics].sum() / 3
        texts.append(" ".join(words[place] for place in rng.choice(VOCABULARY, count, p=weights / weights.sum())))
    return texts


@cache
def docstrings() -> tuple[str, ...]:
    """Different docstrings of five words or more of modules of the standard library, at most 100 a module."""
    found: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)]
        texts = [text for node in nodes if (text := ast.get_docstring(node)) and len(text.split()) >= 5]
        found |= dict.fromkeys(texts[:100])
    return tuple(found)


def dataset_of(
    inputs: Any, n_train: int, modality: Modality, targets: Any = None, task: Task = "classification"
) -> Dataset:
    """Two classes in turn if no targets are given."""
    n, values = len(inputs), inputs
    if isinstance(inputs, pd.DataFrame):
        columns = describe(inputs, np.arange(n_train))
        values = inputs[[column.name for column in columns if column.kind not in UNUSED]].to_numpy(object)
    return Dataset(
        root=Path(),
        ids=tuple(f"rows#{i}" for i in range(n)),
        inputs=inputs if isinstance(inputs, pd.DataFrame | np.ndarray) else np.array(inputs, object),
        targets=np.arange(n) % 2 if targets is None else np.asarray(targets),
        splits=np.array(["train"] * n_train + ["test"] * (n - n_train)),
        class_names=() if task == "regression" else ("a", "b"),
        contents=tuple(hashlib.sha256(repr(value).encode()).hexdigest() for value in np.asarray(values).tolist()),
        sources=(),
        layout=Layout("memory", "given"),
        modality=modality,
        task=task,
    )


def measured(n: int, seed: int = 0, columns: int = 12) -> pd.DataFrame:
    """Columns of numbers that hang together, one of words, one with gaps, one without values and one of ids."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 4)) @ rng.normal(size=(4, columns)) + 0.7 * rng.normal(size=(n, columns))
    frame = pd.DataFrame(np.exp(numbers / 3), columns=[f"x{j}" for j in range(columns)])
    frame["word"] = rng.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1])
    frame["gaps"] = np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))
    frame["nothing"] = np.nan
    frame["id"] = np.arange(n)
    return frame
