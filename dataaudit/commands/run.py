"""`dataaudit run`."""

import sys
from pathlib import Path

import click
from rich.console import Console

from .. import text
from ..config import AuditConfig
from ..findings import Severity
from ..progress import terminal_track


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Where results go. Default: DATASET-audit beside it.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of splits, subsets and training.")
@click.option("--runs", type=int, default=24, show_default=True, help="Models to train on random halves, at least 8.")
@click.option("--jobs", type=int, help="Training runs at a time. Default: one a core.")
@click.option(
    "--fail-on",
    type=click.Choice([str(severity) for severity in Severity]),
    default=str(Severity.HIGH),
    show_default=True,
    help="Least severity that fails the verdict.",
)
@click.option(
    "--verify",
    type=int,
    default=4,
    show_default=True,
    help="Trainings of every removal that findings are checked by, at least 3; 0 trains nothing beyond the pool.",
)
@click.option("--brittle", type=int, default=2, show_default=True, help="Predictions whose support is searched.")
@click.option("--label", help="Column, field or array that holds the targets. Default: the usual names.")
@click.option("--learner", metavar="SPEC", help="What is trained: a recipe as in text:C=1, or package.module:name.")
@click.option("--rows", type=int, default=100_000, show_default=True, help="Training rows at most; else a sample.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Trained weights of the learner's module, repeatable: attribute these, train nothing.",
)
@click.option("--retrain", is_flag=True, help="With --checkpoint: let checks train models of the same module.")
@click.option("--unsafe-checkpoints", "any_code", is_flag=True, help="Read checkpoints that can run code.")
@click.option("--dry-run", is_flag=True, help="Show the layout and an estimate of the time, then stop.")
def run(
    dataset: Path,
    output: Path | None,
    seed: int,
    runs: int,
    jobs: int | None,
    fail_on: str,
    verify: int,
    brittle: int,
    label: str | None,
    learner: str | None,
    rows: int,
    checkpoints: tuple[Path, ...],
    retrain: bool,
    any_code: bool,
    dry_run: bool,
) -> None:
    """Audit DATASET and write report.html, audit.json, findings.jsonl, samples.csv, pairs.csv and scores.h5.

    Exit codes: 0 passes, 1 findings at or above --fail-on, 2 usage or input, 3 a check could not run, 130 interrupted.
    Run it again to go on after an interruption.
    """
    severity = Severity[fail_on.upper()]
    config = AuditConfig(
        dataset,
        output,
        seed,
        runs,
        jobs,
        verify,
        brittle,
        severity,
        label,
        learner,
        rows,
        checkpoints,
        retrain,
        any_code,
    )  # fmt: skip
    console = Console(stderr=True)
    track = terminal_track(console)
    from .. import pipeline  # imports torch, which `--help` can do without

    data = pipeline.load(config, track)
    shown = text.layout(data, pipeline.estimate(config, data))
    click.echo(shown, err=not dry_run)
    if dry_run:
        return
    audit = pipeline.run(config, data, track)
    click.echo(text.summary(audit, str(config.directory / "report.html")))
    sys.exit(audit.verdict.exit_code)
