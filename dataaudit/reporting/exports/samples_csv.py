"""samples.csv: one row for every sample of the dataset, flagged or not, read or not."""

from pathlib import Path

import pandas as pd

from ...files import replacing
from ...result import Audit


def write(audit: Audit, directory: Path) -> None:
    """Write samples.csv; a figure that a sample doesn't have is empty."""
    with replacing(directory / "samples.csv") as file:
        pd.DataFrame(list(audit.samples)).to_csv(file, index=False, float_format="%.6g", lineterminator="\r\n")
