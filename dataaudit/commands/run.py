"""`dataaudit run`."""

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..config import configured
from ..dataset import TASKS
from ..findings import Severity
from ..progress import terminal_track
from ..reporting import terminal

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("dataset", type=FILE)
@click.option("--output", type=FILE, help="Where results go. Default: DATASET-audit beside it.")
@click.option("--seed", type=int, help="Seed of splits, subsets and training. Default: 0.")
@click.option(
    "--runs",
    type=int,
    help="Models to train on random halves, at least 8. Default: 16 to 24, until predictions settle.",
)
@click.option("--jobs", type=int, help="Training runs in parallel. Default: one per core.")
@click.option(
    "--cluster",
    metavar="dask://HOST:PORT|ray://HOST:PORT|dask|ray",
    help="Where models are trained; dask or ray alone start a cluster on this machine. Default: here.",
)
@click.option(
    "--verify",
    type=int,
    help="Trainings per removal in the retraining tests, at least 3; 0 trains nothing beyond the pool. Default: 4.",
)
@click.option(
    "--brittle", type=int, help="Predictions whose support set is searched. Default: 20 of linear learners, 2 of nets."
)
@click.option("--review", type=int, help="Labels drawn for a reviewer, see `dataaudit review`. Default: 60.")
@click.option("--label", help="Column, field or array with the targets. Default: the usual names.")
@click.option("--task", type=click.Choice(TASKS), help="What the targets are. Default: what their values say.")
@click.option("--header/--no-header", default=None, help="Whether a table's first row names its columns.")
@click.option("--encoding", metavar="NAME", help="Encoding of text, such as cp1252. Default: UTF-8, else a said guess.")
@click.option(
    "--group",
    metavar="COLUMN|PATTERN",
    help="Column that says whose samples belong together, or for folders of images or texts a regular expression "
    "with one group: they are never parted, and audited for sharing splits.",
)
@click.option("--checks", metavar="A,B,...", help="Checks to make. Default: all.")
@click.option("--skip", metavar="A,B,...", help="Checks to leave out.")
@click.option(
    "--pred-probs",
    type=FILE,
    help="Your own model's class probabilities, out of sample (.npy, .npz, .parquet, .csv); used in place of ours.",
)
@click.option("--features", type=FILE, help="Features of your own, such as embeddings, in the same formats.")
@click.option("--learner", metavar="SPEC", help="What is trained: a recipe as in text:C=1, or package.module:name.")
@click.option("--rows", type=int, help="Maximum number of training rows; of more, a sample is drawn. Default: 100000.")
@click.option(
    "--budget",
    metavar="DURATION",
    help="Time the audit may take, as in 20m: fewer models, retraining tests and rows are fitted into it.",
)
@click.option(
    "--scores",
    type=click.Choice(["sample", "all"]),
    help="Audited samples that influence is computed on, where they are very many. Default: sample.",
)
@click.option(
    "--checkpoint",
    multiple=True,
    type=FILE,
    help="Trained weights of the learner's module, repeatable: attribute these models, train nothing.",
)
@click.option("--retrain", is_flag=True, help="With --checkpoint: allow checks to train models of the same module.")
@click.option("--unsafe-checkpoints", is_flag=True, help="Read checkpoints that can run code.")
@click.option(
    "--fail-on",
    type=click.Choice([str(severity) for severity in Severity]),
    help="Lowest severity that fails the verdict, for checks without a limit of their own. Default: high.",
)
@click.option("--min-trust-lds", type=float, help="Minimum attribution quality (LDS); below it the verdict fails.")
@click.option("--baseline", type=FILE, help="Accepted findings, see `dataaudit baseline`; only other findings fail.")
@click.option(
    "--previous",
    type=FILE,
    metavar="AUDIT",
    help="Folder of an audit of an earlier version of the dataset: what is still right of it is kept.",
)
@click.option("--config", type=FILE, help="Settings. Default: dataaudit.toml, or [tool.dataaudit] in pyproject.toml.")
@click.option("--set", multiple=True, metavar="KEY=VALUE", help="One setting, as in leakage.max_fraction=0.0.")
@click.option("--no-samples", is_flag=True, help="Show no picture, text or row of the data in the report.")
@click.option("--dry-run", is_flag=True, help="Show the layout and an estimate of the time, then stop.")
def run(dataset: Path, dry_run: bool, **options: Any) -> None:
    """Audit DATASET and write report.html, audit.json and more, as data for other programs.

    Flags override --set, which overrides settings from files. Exit codes: 0 passes, 1 the policy is not met, 2 usage or
    input, 3 a check could not run, 130 interrupted. After an interruption, run it again to continue.
    """
    config = configured(dataset, **options)
    track = terminal_track(Console(stderr=True))
    from .. import pipeline  # imports torch, which `--help` can do without
    from ..training.cluster import on_cluster
    from ..training.tasks import at_a_time

    with on_cluster(config.cluster, config.jobs):
        budget, data = pipeline.prepare(config, track, dry_run)
        layout = terminal.layout(data, budget.costs.of(budget.config))
        click.echo(layout, err=not dry_run)
        for sentence in budget.left_out():
            click.echo(sentence, err=not dry_run)
        if dry_run:
            return
        if config.cluster is not None:
            at_once = at_a_time(config.workers)
            click.echo(f"training on {config.cluster}, {at_once} model{'s' * (at_once != 1)} at a time", err=True)
        audit = pipeline.run(budget, data, track)
    click.echo(terminal.summary(audit, str(budget.config.directory / "report.html")))
    sys.exit(audit.verdict.exit_code)
