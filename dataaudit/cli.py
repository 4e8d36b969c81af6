"""The entry point of the command line: errors become messages and exit codes here and nowhere else."""

import os
import sys
import traceback

import click

from .commands.apply import apply
from .commands.baseline import baseline
from .commands.card import card
from .commands.compare import compare
from .commands.completion import completion
from .commands.decisions import decisions
from .commands.diff import diff
from .commands.evaluate import evaluate
from .commands.explain import explain
from .commands.init import init
from .commands.review import review
from .commands.run import run
from .errors import DataAuditError, InputError
from .reporting import terminal
from .verdict import gate
from .versions import VERSION


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="dataaudit")
def cli() -> None:
    """Audit a labelled dataset by measuring what each training sample does to the model."""


for command in (run, review, decisions, card, apply, baseline, compare, diff, evaluate, explain, init, completion):
    cli.add_command(command)


def main() -> None:
    """Entry point: library errors become messages and exit codes here and nowhere else."""
    # Busy-waiting threads make an audit many times slower beside any other busy process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _stop("interrupted; run the same command again to continue", gate.INTERRUPTED)
    except KeyboardInterrupt:
        _stop("interrupted; run the same command again to continue", gate.INTERRUPTED)
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
    click.echo(terminal.printable(message), err=True)
    sys.exit(code)
