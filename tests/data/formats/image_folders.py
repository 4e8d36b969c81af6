"""Small folders of images for tests, and what reading them gives."""

from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import integrity
from dataaudit.data.formats import image_folder
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.findings import Finding


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (8, 8), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], np.uint8)).convert(mode).save(path)
    return path


def pictures(folder: Path, count: int = 2, first: int = 0) -> None:
    for number in range(first, first + count):
        picture(folder / f"{number}.png", seed=number)


def two_classes(root: Path, *splits: str, count: int = 2) -> Path:
    """`cat` and `dog` with different pictures in each split; directly in the root if no split is named."""
    for number, folder in enumerate([root / split for split in splits] or [root]):
        pictures(folder / "cat", count, 100 * number)
        pictures(folder / "dog", count, 100 * number + 50)
    return root


def read(root: Path, seed: int = 0) -> Dataset:
    return image_folder.load(root, ReadOptions(seed), silent)


def findings(dataset: Dataset) -> list[Finding]:
    context = CheckContext(dataset, cast(Any, None), cast(Any, None), 0, silent)  # integrity looks at the dataset only
    return list(integrity.detect(context).findings)


def ignored(dataset: Dataset) -> dict[str, str]:
    return {item.path: item.reason for item in dataset.layout.ignored}
