"""`dataaudit evaluate`."""

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..config import AuditConfig
from ..dataset import TASKS
from ..progress import terminal_track
from ..reporting import terminal
from ..verdict import gate
from ..verdict.settings import read_settings

SHARED = ("output", "seed", "runs", "jobs", "label", "learner", "task", "group")
"""Options that `run` has, too, and that settings from files may say."""


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--backend", "backends", multiple=True, help="Attribution method, repeatable. Default: all that serve the learner."
)
@click.option("--output", type=click.Path(path_type=Path), help="Where results go. Default: DATASET-audit beside it.")
@click.option("--seed", type=int, help="Seed of splits, subsets and training. Default: 0.")
@click.option("--runs", type=int, help="Models to train on random halves, at least 8. Default: 24.")
@click.option("--jobs", type=int, help="Training runs in parallel. Default: one per core.")
@click.option("--label", help="Column, field or array with the targets. Default: the usual names.")
@click.option("--task", type=click.Choice(TASKS), help="What the targets are. Default: what their values say.")
@click.option("--group", metavar="COLUMN|PATTERN", help="Samples that belong together, as for `run`.")
@click.option("--learner", metavar="SPEC", help="What is trained: a recipe as in text:C=1, or package.module:name.")
@click.option(
    "--targets", type=int, default=6, show_default=True, help="Predictions whose most influential samples are removed."
)
@click.option("--leave-out", type=int, default=10, show_default=True, help="Training samples left out one by one.")
@click.option("--times", type=int, default=2, show_default=True, help="Trainings per removal.")
def evaluate(dataset: Path, backends: tuple[str, ...], targets: int, leave_out: int, times: int, **flags: Any) -> None:
    """Measure how well attribution methods predict the effect of DATASET's training samples, by training without them.

    Writes evaluation.html and evaluation.json. Models are shared with `run`. After an interruption, run it again to
    continue. Exit codes: 0 measured, 2 usage or input, 3 a method could not run, 130 interrupted.
    """
    settings = read_settings(dataset, None, ()).options
    shared = {name: settings[name] for name in SHARED if name in settings}
    config = AuditConfig(dataset, **shared | {name: value for name, value in flags.items() if value is not None})
    console = Console(stderr=True)
    track = terminal_track(console)
    from ..data.loading import load
    from ..evaluation import evaluate as evaluation
    from ..evaluation import report

    effort = evaluation.Effort(targets, leave_out, times)
    result = evaluation.evaluate(config, load(config, track), list(dict.fromkeys(backends)), effort, track)
    path = report.write_evaluation(result, config.directory)
    click.echo("\n".join(terminal.printable(line) for line in report.lines(result)))
    click.echo(f"report: {terminal.printable(str(path))}")
    sys.exit(gate.INCOMPLETE if any(measurement.error for measurement in result.measured) else 0)
