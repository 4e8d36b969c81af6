"""Decisions about small datasets, as the report exports them, and what applying them gives."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from dataaudit.cleaning.apply import Applied, apply
from dataaudit.dataset import Dataset, silent

from ..data.formats.reading import recognised

AT = "2026-11-26T12:00:00.000Z"


def remedy(action: str, *ids: str, to: tuple[str, ...] | str = ()) -> dict[str, Any]:
    return {"action": action, "sample_ids": list(ids), "to": [to] if isinstance(to, str) else list(to)}


def decision(remedy: dict[str, Any] | None, number: int = 0, word: str = "accept") -> dict[str, Any]:
    fingerprint = hashlib.sha256(str(number).encode()).hexdigest()
    return {
        "finding": f"mislabeled-{fingerprint[:12]}", "fingerprint": fingerprint, "kind": "mislabeled",
        "message": "the label is wrong", "decision": word, "remedy": remedy, "reason": f"seen by eye, {number}",
        "reviewer": "R. Eviewer", "at": AT,
    }  # fmt: skip


def document(
    fingerprint: str, *decisions: dict[str, Any], label: str | None = None, rows: int = 100_000
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "dataset": {
            "name": "a", "fingerprint": fingerprint, "reading": {"seed": 0, "label": label, "rows": rows},
        },
        "signature": {"name": "R. Eviewer", "at": AT, "outcome": "approved", "comment": ""},
        "decisions": list(decisions),
    }  # fmt: skip


def decide(path: Path, *remedies: dict[str, Any], label: str | None = None, rows: int = 100_000) -> Path:
    """A file of accepted remedies, one finding each, about the dataset at `path`; it holds answers for review, too."""
    fingerprint = recognised(path, label, rows=rows).fingerprint
    decisions = [decision(item, number) for number, item in enumerate(remedies)]
    file = path.parent / "decisions.json"
    review = {"review": {"R. Eviewer": {"a": "given"}}}
    file.write_text(json.dumps(document(fingerprint, *decisions, label=label, rows=rows) | review))
    return file


def cleaned(path: Path, *remedies: dict[str, Any], label: str | None = None) -> tuple[Path, Dataset, dict[str, Any]]:
    """The new dataset, as it is read, and the record; the old one must not have changed."""
    before = tree(path)
    new = path.with_name(f"clean{path.suffix}")
    applied: Applied = apply(path, decide(path, *remedies, label=label), new, silent)
    assert tree(path) == before
    assert sorted(entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")) == []
    return new, recognised(new, label), json.loads(applied.record.read_text())


def tree(path: Path) -> dict[str, str]:
    """Every file, folder and link below a path, with what it holds."""
    if path.is_file():
        return {"": hashlib.sha256(path.read_bytes()).hexdigest()}
    contents = {}
    for folder, folders, names in os.walk(path):
        for name in [*folders, *names]:
            item = Path(folder) / name
            id = item.relative_to(path).as_posix()
            if item.is_symlink():
                contents[id] = f"-> {item.readlink()}"
            elif item.is_file():
                contents[id] = hashlib.sha256(item.read_bytes()).hexdigest()
            else:
                contents[id] = "folder" if item.is_dir() else "neither file nor folder"
    return contents


def samples(dataset: Dataset) -> list[tuple[str, str, str]]:
    """(split, label, content) of every sample, sorted."""
    rows = zip(dataset.splits, dataset.contents, strict=True)
    return sorted((str(split), dataset.label(row), content) for row, (split, content) in enumerate(rows))
