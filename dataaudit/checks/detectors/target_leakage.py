"""Target leakage: columns of a table that give the label away.

## What it finds
Columns that alone predict the label nearly always, by their value, by a common value such as 0, or by being empty;
pairs of columns that do so together, as the sides of a difference do; identifiers in the order of the labels; columns
whose missing values come with a split or with a label.

## Why it matters
A column that is written down after the label, or made from it, makes every measured figure wrong and the model
useless on new rows.

## How it is checked
On up to 5,000 training rows the label is predicted from one column at a time, out of sample: by a tree, a monotone
function (numbers), and by what most rows have that share its gap, its commonest or one of its few values. The share
of the guesser's errors that is avoided is the column's skill (for numbers R²). A column gives the label away if its
skill is surely at least 95 %, or 80 % and measured 85 % where a part of the column is enough, and all other columns
together (extremely randomised trees) make surely three times its errors, others that give it away not counted; or if
it has one value for each label. Surely is an interval of 95 %: exact for counts of errors, else by resampling rows.
Where half of the columns do as well the data are easy, and nothing is reported.

Of the first 30 columns that do not tell the label alone pairs are tried in the same way, with their sum, difference,
product and ratio, whether they are equal, and which values come together. A pair gives the label away if its skill is
surely at least 95 %, and either column alone, and all columns but one of the two, make surely three times its errors:
an honest strong pair has substitutes among the other columns.

Missing values against splits and labels: Fisher's exact, chi-square and Mann-Whitney tests, false-discovery rate
(Benjamini-Hochberg) at most 1 %, and at least ten points or a correlation of 0.3.

## What to do
Ask whether the value of the column is known before the label is; if not, drop it. Find out why values are missing.
"""

import numpy as np

from ...findings import Finding
from ..columns.column_skill import labels_of
from ..columns.gaps import gap_findings
from ..columns.label_leaks import leak_findings
from ..columns.table import Table
from ..detection import CheckContext, Detection

KINDS = {
    "label_leak": "Target leakage",
    "telling_gaps": "Informative missing values",
}
ROWS = 5000
"""Training rows, drawn at random, that labels are predicted on at most."""
MIN_ROWS = 50


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    table = Table.of(dataset)
    if table is None:
        return Detection((), 0, len(dataset), skipped=f"made for tables, not for {dataset.modality}")
    train = dataset.rows("train")
    findings: list[Finding] = []
    known: list[tuple[str, str]] = []
    notes = []
    if len(train) < MIN_ROWS:
        notes.append(f"{len(train)} training rows are too few to test for target leakage")
    else:
        rows = np.sort(np.random.default_rng(context.seed).permutation(train)[:ROWS])
        for label in labels_of(dataset):
            leaks = list(leak_findings(table, rows, label))
            findings += leaks
            known += [(str(leak.evidence["column"]), label.name) for leak in leaks if "column" in leak.evidence]
    findings += gap_findings(table, known)
    return Detection(tuple(findings), len(dataset), len(dataset), notes=tuple(notes))
