"""`dataaudit init`."""

from pathlib import Path

import click

from ..errors import InputError
from ..files import replacing
from ..verdict.settings import FILE

TEMPLATE = """\
# Settings of `dataaudit run`. They apply to audits that are run from this folder; flags override them.
# Remove the # before a line to change it; each line gives the default unless it says otherwise.

# --- the policy: what the verdict depends on -----------------------------------------------------------------------

# The lowest severity of a finding that fails the verdict: info, low, medium, high or critical.
# fail_on = "high"

# The minimum attribution quality (linear datamodeling score, LDS, at most 1). No limit by default.
# min_trust_lds = 0.2

# Accepted findings: they do not fail the verdict. `dataaudit baseline` records them. None by default.
# baseline = "dataaudit-baseline.json"

# Limits of single checks, which replace fail_on; `dataaudit explain` lists the checks. None by default.
#   max_fraction   the share of the samples examined that may have to change, 0 to 1
#   max_findings   the number of findings
#   fail_on        the lowest severity that counts: low if there is a maximum
# leakage.max_fraction = 0.0
# mislabeled.max_fraction = 0.02
# duplicates.max_findings = 10
# image_quality.fail_on = "medium"

# Severities of leaks and duplicates by how the copies agree: equal, equal_without_ids, equal_after_cleaning, equal_text
# (beside other columns), equal_text_after_cleaning or near. By default leaks are high, duplicates low. Duplicates with
# conflicting labels stay medium.
# leakage.severity.near = "medium"
# duplicates.severity.equal_text_after_cleaning = "info"

# --- the audit -----------------------------------------------------------------------------------------------------

# seed = 0            # of splits, subsets and training
# runs = 24           # models to train on random halves, at least 8; 16 to 24 by default
# jobs = 2            # training runs in parallel; one per core by default
# cluster = "dask://10.0.0.1:8786"   # Dask or Ray cluster that models are trained on; this machine by default
# verify = 4          # trainings per removal in the retraining tests; 0 trains nothing beyond the pool
# brittle = 20        # support sets searched, by default 2 of nets; a table brittle sets a limit of that check instead
# review = 60         # labels drawn for a reviewer, see `dataaudit review`
# rows = 100000       # maximum number of training rows; of more, a sample is drawn
# scores = "all"      # influence on all audited samples however many they are; on a sample of very many by default
# budget = "20m"      # time the audit may take: what fits into it is done; none by default
# samples = true      # whether the report shows pictures, texts and rows of the data
# label = "species"   # column, field or array with the targets; the usual names by default
# task = "regression"  # what the targets are: or classification, multilabel; by default what their values say
# checks = ["leakage", "duplicates"]   # checks to make; all by default
# skip = ["drift"]      # checks to leave out; none by default
# pred_probs = "probs.npy"   # class probabilities of your own model, out of sample; none by default
# features = "embeddings.npy"   # features of your own; computed here by default
# group = "patient"   # column that says which samples belong together, or a pattern of paths; none by default
# header = false      # whether the first row of a table in text names its columns; by default its cells say
# encoding = "cp1252"  # of text; by default UTF-8, else a guess that is noted
# learner = "image:epochs=20"     # a recipe; by default that of the kind of data. Code can be named by --learner only
# output = "audit"    # where results go; next to the dataset by default

# If a dataset's layout can't be detected, describe it in a dataaudit.toml in the dataset's own folder, in a table
# [layout] with the keys format, label, task, split, text, drop, files, header, encoding and group.
"""


@click.command()
def init() -> None:
    """Write a commented dataaudit.toml into this folder, with every setting and its default."""
    path = Path(FILE)
    if path.exists():
        raise InputError(f"{path} exists already; move it away to write a new one")
    with replacing(path) as file:
        file.write(TEMPLATE)
    click.echo(f"wrote {path}: every setting is in it as a comment, with its default")
