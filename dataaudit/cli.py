"""The command line: parse, call, print, exit."""

import os
import sys
import traceback
from pathlib import Path

import click
from rich.console import Console

from . import __version__, gate, plugins, text
from .config import AuditConfig
from .errors import DataAuditError, InputError
from .findings import Severity
from .progress import terminal_track


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dataaudit")
def cli() -> None:
    """Audit a labelled dataset by asking what each training sample does to the model."""


@cli.command()
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
    from . import pipeline  # imports torch, which `--help` can do without

    data = pipeline.load(config, track)
    shown = text.layout(data, pipeline.estimate(config, data))
    click.echo(shown, err=not dry_run)
    if dry_run:
        return
    audit = pipeline.run(config, data, track)
    click.echo(text.summary(audit, str(config.directory / "report.html")))
    sys.exit(audit.verdict.exit_code)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--backend", "backends", multiple=True, help="Attribution method to measure, repeatable. Default: all.")
@click.option("--output", type=click.Path(path_type=Path), help="Where results go. Default: DATASET-audit beside it.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of splits, subsets and training.")
@click.option("--runs", type=int, default=24, show_default=True, help="Models to train on random halves, at least 8.")
@click.option("--jobs", type=int, help="Training runs at a time. Default: one a core.")
@click.option("--label", help="Column, field or array that holds the targets. Default: the usual names.")
@click.option("--learner", metavar="SPEC", help="What is trained: a recipe as in text:C=1, or package.module:name.")
@click.option("--targets", type=int, default=6, show_default=True, help="Predictions whose top samples are removed.")
@click.option("--leave-out", type=int, default=10, show_default=True, help="Training samples left out one by one.")
@click.option("--times", type=int, default=2, show_default=True, help="Trainings of every removal.")
def evaluate(
    dataset: Path,
    backends: tuple[str, ...],
    output: Path | None,
    seed: int,
    runs: int,
    jobs: int | None,
    label: str | None,
    learner: str | None,
    targets: int,
    leave_out: int,
    times: int,
) -> None:
    """Measure how well attribution methods say what DATASET's training samples do, by training without them.

    Writes evaluation.html and evaluation.json. Models are shared with `run`; run it again to go on after an
    interruption. Exit codes: 0 measured, 2 usage or input, 3 a method could not run, 130 interrupted.
    """
    config = AuditConfig(dataset, output, seed, runs, jobs, label=label, learner=learner)
    console = Console(stderr=True)
    track = terminal_track(console)
    from . import evaluate as evaluation
    from . import evaluation_report, pipeline

    effort = evaluation.Effort(targets, leave_out, times)
    names = list(dict.fromkeys(backends)) or plugins.names("backends")
    found = evaluation.evaluate(config, pipeline.load(config, track), names, effort, track)
    path = evaluation_report.write_evaluation(found, config.directory)
    click.echo("\n".join(text.printable(line) for line in evaluation_report.lines(found)))
    click.echo(f"report: {text.printable(str(path))}")
    sys.exit(gate.INCOMPLETE if any(one.error for one in found.measured) else 0)


@cli.command()
@click.argument("check", required=False)
def explain(check: str | None) -> None:
    """What CHECK finds, why it matters, how it is checked and what to do. Without CHECK: list the checks."""
    from .detection import explanation

    if check is None:
        for name in plugins.names("detectors"):
            click.echo(f"{name:<15} {explanation(plugins.get('detectors', name))['summary']}")
        return
    sections = explanation(plugins.get("detectors", check))
    click.echo(sections.pop("summary"))
    for title, body in sections.items():
        indent = "  "
        click.echo(f"\n{title}\n" + click.wrap_text(body, 100, indent, indent, preserve_paragraphs=True))


def main() -> None:
    """Entry point: library errors become messages and exit codes here and nowhere else."""
    # Threads that spin while they wait make an audit many times slower beside any other busy process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _stop("interrupted; run the same command again to go on", gate.INTERRUPTED)
    except KeyboardInterrupt:
        _stop("interrupted; run the same command again to go on", gate.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(gate.USAGE)
    except InputError as error:
        _stop(f"error: {error}", gate.USAGE)
    except DataAuditError as error:
        _stop(f"error: {error}", gate.INCOMPLETE)
    except Exception as error:  # a bug, or a machine that gave out: never to be taken for findings
        traceback.print_exc()
        _stop(f"error: the audit broke off: {type(error).__name__}: {error}", gate.INCOMPLETE)


def _stop(message: str, code: int) -> None:
    click.echo(text.printable(message), err=True)
    sys.exit(code)
