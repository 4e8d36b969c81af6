"""Column quality: identifiers, constant, redundant and mixed-type columns, sentinel values, extreme values.

## What it finds
Identifiers, and those that come more than once; columns that hold one value or none, are mostly missing, or mix
numbers with words; redundant columns; numbers such as 0, -1 or 999 that stand for a missing value; single
numbers far beyond all others; columns that could be read in two ways.

## Why it matters
Identifiers are memorised, and one that comes twice is often one case entered twice. A word among numbers is
often a value that somebody failed to enter, and so is a blood pressure of 0: models take it for a number. A typing
error can outweigh all other rows.

## How it is checked
Identifiers are codes of which nearly every row has its own, running numbers, or named so. Columns are redundant if
they part the rows alike, which chance does not. A number stands for a missing value if people use it so, it lies
beyond all others at a gap, 3.5 deviations or more from their median, and more rows have it than even heavy tails
(Student's t, 8 degrees of freedom) would put there: false-discovery rate at most 1 %. A number is extreme if the gap
before it is too large for an exponential tail of the numbers and of their logarithms (Rényi's spacings; rate at most
0.1 %).

## What to do
Drop identifiers, empty columns and repeats; fix words among numbers; make codes for missing values empty cells;
look up extreme values where they were written down.
"""

from collections import Counter

from ...data.features.columns import UNUSED
from ...findings import Finding, Severity
from ..columns.extremes import extreme_findings
from ..columns.redundancy import redundancy_findings
from ..columns.repeated_ids import repeated_id_findings
from ..columns.sentinels import sentinel_findings, sentinels
from ..columns.structure import structure_findings
from ..columns.table import Table, column_finding
from ..detection import CheckContext, Detection

KINDS = {
    "id_column": "Identifier columns",
    "repeated_id": "Repeated identifiers",
    "constant_column": "Constant columns",
    "empty_column": "Empty columns",
    "sparse_column": "Columns with mostly missing values",
    "mixed_column": "Mixed-type columns",
    "redundant_columns": "Redundant columns",
    "sentinel_value": "Sentinel values",
    "extreme_value": "Extreme values",
    "ambiguous_column": "Ambiguous columns",
}


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    table = Table.of(dataset)
    if table is None:
        return Detection((), 0, len(dataset), skipped=f"made for tables, not for {dataset.modality}")
    codes = sentinels(table)
    left_out = {place: [sentinel.number for sentinel in found] for place, found in codes.items()}
    findings: list[Finding] = [
        *structure_findings(table),
        *repeated_id_findings(table),
        *redundancy_findings(table),
        *sentinel_findings(table, codes),
        *extreme_findings(table, left_out),
    ]
    findings += [
        column_finding("ambiguous_column", Severity.LOW, 1.0, doubt.column, doubt.words, {}, doubt.words)
        for doubt in dataset.layout.doubts
    ]
    return Detection(tuple(findings), len(dataset), len(dataset), notes=(_summary(table),))


def _summary(table: Table) -> str:
    counts = Counter(column.kind for column in table.columns)
    words = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    unused = [repr(column.name) for column in table.columns if column.kind in UNUSED]
    return f"columns: {words}" + (f"; not shown to models: {', '.join(unused)}" if unused else "")
