"""`dataaudit compare`."""

from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from ..config import AuditConfig
from ..dataset import TASKS, Task
from ..errors import InputError
from ..progress import terminal_track
from ..reporting import terminal
from ..verdict.audit_file import is_audit


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--a", "a", required=True, metavar="SPEC|RUN", help="A: a learner as for `run`, or a finished run's folder."
)
@click.option("--b", "b", required=True, metavar="SPEC|RUN", help="B: likewise.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where results go. Default: DATASET-comparison beside it."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of splits, subsets and training.")
@click.option("--runs", type=int, default=24, show_default=True, help="Models in each of four pools, at least 16.")
@click.option("--jobs", type=int, help="Training runs in parallel. Default: one per core.")
@click.option("--label", help="Column, field or array with the targets. Default: the usual names.")
@click.option("--task", type=click.Choice(TASKS), help="What the targets are. Default: what their values say.")
@click.option("--group", metavar="COLUMN|PATTERN", help="Samples that belong together, as for `run`.")
@click.option("--rows", type=int, default=100_000, show_default=True, help="Maximum number of training rows.")
@click.option(
    "--transform",
    "transforms",
    multiple=True,
    metavar="SPEC",
    help="A change of the inputs to test, repeatable: as in patch:top=0,left=0,size=4, insert:word, "
    "shift:column=1.0, or package.module:function.",
)
@click.option("--alpha", type=float, default=0.05, show_default=True, help="Chance of any false claim.")
@click.option("--components", type=int, default=4, show_default=True, help="Components examined in each direction.")
def compare(
    dataset: Path,
    a: str,
    b: str,
    output: Path | None,
    seed: int,
    runs: int,
    jobs: int | None,
    label: str | None,
    task: Task | None,
    group: str | None,
    rows: int,
    transforms: tuple[str, ...],
    alpha: float,
    components: int,
) -> None:
    """Compare how two learning algorithms use DATASET: what A relies on that B does not, and vice versa.

    Writes comparison.html and comparison.json. After an interruption, run it again to continue. Exit codes: 0 compared,
    whether they differ or not, 2 usage or input, 3 it could not be done, 130 interrupted.
    """
    if not 0.01 <= alpha < 1:
        raise InputError(f"--alpha {alpha}: expected from 0.01 on, as there are 99 draws of chance, to below 1")
    if components < 1:
        raise InputError(f"--components {components}: expected one or more")
    config = AuditConfig(dataset, output, seed, runs, jobs, label=label, rows=rows, task=task, group=group)
    if output is None:
        path = dataset.resolve()
        config = replace(config, output=path.with_name(f"{path.name}-comparison"))
    track = terminal_track(Console(stderr=True))
    from ..comparison import report
    from ..comparison.compare import compare as compared
    from ..comparison.compare import estimate
    from ..comparison.pools import FEWEST, contender
    from ..comparison.transforms import transform_of
    from ..data.loading import load
    from ..reporting.exhibits import exhibits

    if runs < FEWEST:
        raise InputError(f"--runs {runs}: expected at least {FEWEST}, so that differences can be told from chance")
    if is_audit(config.directory):
        raise InputError(f"--output {config.directory}: a finished run is there; choose another folder")
    data = load(config, track)
    contenders = [contender(spec, data, name) for name, spec in (("a", a), ("b", b))]
    changes = [transform_of(spec, data) for spec in transforms]
    click.echo(terminal.layout(data, estimate(config, data, contenders)), err=True)
    comparison = compared(config, data, contenders, changes, alpha, components, track)
    shown_samples = exhibits(data, report.shown_samples(comparison))
    path = report.write_comparison(comparison, shown_samples, config.directory)
    click.echo("\n".join(terminal.printable(line) for line in report.lines(comparison)))
    click.echo(f"report: {terminal.printable(str(path))}")
