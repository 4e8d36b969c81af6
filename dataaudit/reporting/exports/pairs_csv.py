"""pairs.csv: every test sample's best candidates among the training samples, flagged or not."""

from pathlib import Path

import pandas as pd

from ...files import replacing
from ...findings import Pair
from ...result import Audit


def write(audit: Audit, directory: Path) -> None:
    """Write pairs.csv."""
    with replacing(directory / "pairs.csv") as file:
        table = pd.DataFrame(list(audit.pairs), columns=list(Pair._fields))
        table.to_csv(file, index=False, float_format="%.6g", lineterminator="\r\n")
