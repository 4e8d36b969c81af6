"""How the tests of formats read a path: as a user would, without naming the format."""

from pathlib import Path

import numpy as np
import pandas as pd

from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import Dataset, silent

SENTENCES = [
    "the old ferry leaves the harbour before the sun is up",
    "a letter without a stamp was found behind the piano",
    "nobody remembers who planted the tall pear trees here",
    "she repaired the radio with a spoon and some patience",
]


def recognised(path: Path, label: str | None = None, seed: int = 0, rows: int = 100_000) -> Dataset:
    return load(AuditConfig(path, seed=seed, label=label, rows=rows), silent)


def texts(count: int) -> list[str]:
    """Different texts of several words."""
    return [f"{SENTENCES[number % 4]}, page {number}" for number in range(count)]


def columns(count: int, seed: int = 0) -> pd.DataFrame:
    """Two features and two classes in turn."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "width": rng.normal(size=count),
            "colour": rng.choice(["red", "blue"], count),
            "label": ["no", "yes"] * (count // 2),
        }
    )
