"""`dataaudit init`."""

from pathlib import Path

import click

from ..errors import InputError
from ..files import replacing
from ..verdict.settings import FILE

TEMPLATE = """\
# Settings of `dataaudit run`. They hold for audits that are run from this folder; flags go before them.
# Remove the # before a line to change it; what is there is the default unless it says otherwise.

# --- what a verdict is judged by -----------------------------------------------------------------------------------

# The least severity of a finding that fails the verdict: info, low, medium, high or critical.
# fail_on = "high"

# The least score of trust (linear datamodeling score, at most 1) that the influences must reach. No limit by default.
# min_trust_lds = 0.2

# Findings that were accepted: they do not fail the verdict. `dataaudit baseline` records them. None by default.
# baseline = "dataaudit-baseline.json"

# Limits of one check, in place of fail_on; `dataaudit explain` lists the checks. None by default.
#   max_fraction   the share of the samples examined that may have to change, 0 to 1
#   max_findings   the number of findings
#   fail_on        the least severity that counts: low where there is a maximum
# leakage.max_fraction = 0.0
# mislabeled.max_fraction = 0.02
# duplicates.max_findings = 10
# image_quality.fail_on = "medium"

# --- how the audit is made ------------------------------------------------------------------------------------------

# seed = 0            # of splits, subsets and training
# runs = 24           # models to train on random halves, at least 8
# jobs = 2            # training runs at a time; one a core by default
# verify = 4          # trainings of every removal that findings are checked by; 0 trains nothing beyond the pool
# brittle = 2         # predictions whose support is searched; a table brittle is a limit of that check instead
# rows = 100000       # training rows at most; of more, a sample is drawn
# samples = true      # whether the report shows pictures, texts and rows of the data
# label = "species"   # the column, field or array that holds the targets; the usual names by default
# header = false      # whether the first row of a table in text names its columns; its cells tell by default
# encoding = "cp1252" # of text; UTF-8 by default, else a guess that is said
# learner = "image:epochs=20"     # a recipe; by the kind of data by default. Code is named by --learner alone
# output = "audit"    # where results go; beside the dataset by default

# How a dataset is laid out that does not speak for itself is said in a dataaudit.toml in the dataset's own folder,
# in a table [layout] with the keys format, label, split, text, drop, files, header and encoding.
"""


@click.command()
def init() -> None:
    """Write a commented dataaudit.toml into this folder, with every setting and its default."""
    path = Path(FILE)
    if path.exists():
        raise InputError(f"{path} is there already; move it away to have a new one")
    with replacing(path) as file:
        file.write(TEMPLATE)
    click.echo(f"wrote {path}: everything in it is a comment, and says the default")
