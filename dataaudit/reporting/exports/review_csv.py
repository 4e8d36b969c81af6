"""review.csv: the labels drawn for a reviewer, in an order that says nothing, with an empty column for the answers."""

import hashlib
from pathlib import Path

import pandas as pd

from ...files import replacing
from ...result import Audit
from ..sanitizing import cell


def write(audit: Audit, directory: Path) -> None:
    """Write review.csv if labels were drawn. An answer is given, suggested, neither or unsure."""
    strata = [stratum for check in audit.checks for stratum in check.figures.get("review", ())]
    suggested = {id: name for s in strata for id, name in zip(s["drawn"], s["suggested"], strict=True)}
    path = directory / "review.csv"
    if not suggested:
        path.unlink(missing_ok=True)
        return
    rows = [
        {
            "id": cell(row["id"]),
            "split": row["split"],
            "label": cell(row["label"]),
            "suggested_label": cell(suggested[row["id"]]),
        }
        for row in audit.samples
        if row["id"] in suggested
    ]
    rows.sort(key=lambda row: hashlib.sha256(str(row["id"]).encode("utf-8", "surrogateescape")).digest())
    with replacing(path) as file:
        pd.DataFrame(rows).assign(answer="").to_csv(file, index=False, lineterminator="\r\n")
