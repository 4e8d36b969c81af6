"""`dataaudit apply`."""

import shlex
from pathlib import Path

import click
from rich.console import Console

from ..progress import terminal_track
from ..reporting import terminal


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("decisions", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where to write the cleaned dataset.")
def apply(dataset: Path, decisions: Path, output: Path) -> None:
    """Write a copy of DATASET, in its own format, in which the remedies that DECISIONS accepts are applied.

    DECISIONS is the file that the report exports. DATASET is not changed. What was changed and why is recorded next to
    the new dataset, in NAME.changes.json. Exit codes: 0 written, 2 refused: nothing was written, 130 interrupted.
    """
    track = terminal_track(Console(stderr=True))
    from ..cleaning import apply as cleaning  # imports torch, which `--help` can do without

    applied = cleaning.apply(dataset, decisions, output, track)
    click.echo(", ".join(f"{word} {count:,}" for word, count in applied.counts.items()))
    for note in applied.notes:
        click.echo(f"note: {terminal.printable(note)}")
    click.echo(f"record: {terminal.printable(str(applied.record))}")
    click.echo("next: " + terminal.printable(shlex.join(["dataaudit", "run", str(output), *applied.options])))
