"""The examples of docs/architecture.md work as they stand there: a file in its folder, and nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dataaudit

from .test_walls import ROOMS

PACKAGE = Path(dataaudit.__file__).parent
ROOT = PACKAGE.parent
GUIDE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```python\n# (dataaudit/\S+\.py)\n(.*?)```", GUIDE, re.DOTALL))
TRY = """
import sys, numpy as np, torch, dataaudit
x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
net = torch.nn.Linear(4, 2).eval()
scores = dataaudit.attribute(net, (x, y), (x[:3], y[:3]), backend="same_label").scores()
assert np.array_equal(scores, y[:, None] == y[:3]), scores
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the guide's files put into their folders."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(PACKAGE, root / "dataaudit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "templates", root / "dataaudit" / "templates", dirs_exist_ok=True)
    for name, source in EXAMPLES.items():
        assert not (root / name).exists()
        (root / name).write_text(source, encoding="utf-8")
    return root


def python(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True)


def test_a_format_a_detector_and_an_export_are_one_file_each(extended: Path) -> None:
    words = {"fruit": ["apple", "pear", "plum"], "metal": ["iron", "zinc", "lead"]}
    lines = [
        f"{label}: {a} or {b} {n}" for label, names in words.items() for a in names for b in names for n in range(4)
    ]
    (extended / "shop").mkdir()
    (extended / "shop" / "train.lines").write_text("\n".join([*lines, "metal: IRON AND ZINC"]))
    (extended / "shop" / "test.lines").write_text("\n".join(f"{line} more" for line in lines[::3]))
    run = python(extended, "-m", "dataaudit", "run", "shop", "--runs", "8", "--verify", "0", "--jobs", "1")
    assert run.returncode in (0, 1), run.stderr
    audit = json.loads((extended / "shop-audit" / "audit.json").read_text(encoding="utf-8"))
    assert audit["dataset"]["format"] == "lines"
    shouting = [finding["sample_ids"] for finding in audit["findings"] if finding["kind"] == "shouting"]
    assert shouting == [[f"train.lines#{len(lines)}"]]
    assert f"train.lines#{len(lines)}" in (extended / "shop-audit" / "flagged.txt").read_text().splitlines()


def test_a_backend_is_one_file(extended: Path) -> None:
    run = python(extended, "-c", TRY)
    assert run.returncode == 0, run.stderr


def test_the_guide_names_every_room_in_the_order_of_the_walls() -> None:
    rooms = [name for names in ROOMS for name in names.split() if (PACKAGE / name).is_dir()]
    named = re.findall(r"^\| `(\w+)/`", GUIDE, re.MULTILINE)
    assert sorted(named) == sorted(rooms)
    files = re.findall(r"^\| `(\w+)/` \|.*\| (.*) \|$", GUIDE, re.MULTILINE)
    for room, places in files:
        assert all((PACKAGE / room / place).exists() for place in re.findall(r"`([^`]+)`", places))
