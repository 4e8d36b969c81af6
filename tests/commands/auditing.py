"""Small image datasets that the command audits, and what an audit of one leaves."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

OUTPUTS = ["audit.json", "audit.sarif", "cost.json", "findings.csv", "findings.jsonl", "junit.xml", "metrics.json",
           "pairs.csv", "report.html", "samples.csv", "scores.h5", "summary.md"]  # fmt: skip


def picture(path: Path, seed: int, bright: bool, mode: str = "L") -> None:
    """Noise, brighter on the left or on the right."""
    pixels = np.random.default_rng(seed).integers(0, 100, (8, 8), np.uint8)
    pixels[:, slice(4) if bright else slice(4, 8)] += 150
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


def photos(root: Path, train: int = 4, test: int = 2, classes: tuple[str, str] = ("cat", "dog")) -> Path:
    for split, count, first in (("train", train, 0), ("test", test, 1000)):
        for number in range(first, first + count):
            picture(root / split / classes[0] / f"{number}.png", number, bright=False)
            picture(root / split / classes[1] / f"{number}.png", 5000 + number, bright=True)
    return root


def tree(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


def subprocess_run(*arguments: object) -> Ended:
    """The command, as a shell would run it."""
    command = [sys.executable, "-m", "dataaudit", *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="strict", check=False)
    return Ended(finished.returncode, finished.stdout, finished.stderr)


@dataclass(frozen=True)
class Audited:
    root: Path
    output: Path
    ended: Ended

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.output / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def audit(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.output / "audit.json").read_text(encoding="utf-8"))
        return document

    @property
    def findings(self) -> list[dict[str, Any]]:
        lines = (self.output / "findings.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return [json.loads(line) for line in lines]


QUICK = ("--runs", "8", "--jobs", "1", "--verify", "3", "--brittle", "1", "--learner", "linear")


def audited(root: Path) -> Audited:
    output = root.with_name("out")
    ended = subprocess_run("run", root, "--output", output, *QUICK)
    if "Traceback" in ended.err:
        pytest.fail(ended.err[-1000:])
    return Audited(root, output, ended)
