"""review.csv: the labels drawn for a reviewer, in random order, with an empty column for the answers.

Answers that a reviewer has written into it are never lost: those to labels that are drawn again stay, and a file with
others is kept beside it.
"""

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ...files import replacing
from ...result import Audit
from ..review_sheet import drawn
from ..sanitizing import cell

Key = tuple[str, ...]


def write(audit: Audit, directory: Path) -> None:
    """Write review.csv if labels were drawn. An answer is given, suggested, neither or unsure."""
    path = directory / "review.csv"
    (directory / "reviewed_labels.csv").unlink(missing_ok=True)  # what answers made of an earlier audit's labels
    answers = _answers(path)
    rows = [
        {
            "id": cell(one.id),
            "split": one.split,
            "label": cell(one.label),
            "suggested_label": cell(one.suggested),
        }
        for one in drawn(audit)
    ]
    if not rows:  # none drawn, or not yet
        if not answers:
            path.unlink(missing_ok=True)
        return
    if answers.keys() - {_key(row) for row in rows}:
        path.rename(path.with_name(f"review-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.csv"))
    table = pd.DataFrame([row | {"answer": answers.get(_key(row), "")} for row in rows])
    with replacing(path) as file:
        table.to_csv(file, index=False, lineterminator="\r\n")


def _answers(path: Path) -> dict[Key, str]:
    """What is written into the file so far; something that is no key if it can't be read."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {_key(row): row["answer"] for row in csv.DictReader(file) if row.get("answer")}
    except (ValueError, KeyError, csv.Error):
        return {(): "unreadable"}


def _key(row: Mapping[str, str]) -> Key:
    """An answer is about a sample with this label, and the other one suggested."""
    return row["id"], row["label"], row["suggested_label"]
