"""`dataaudit diff`."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from ..config import AuditConfig
from ..errors import InputError
from ..progress import terminal_track
from ..reporting import terminal
from ..verdict import diff as differences
from ..verdict import gate
from ..verdict.audit_file import is_audit, read_audit

EITHER = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("old", metavar="A", type=EITHER)
@click.argument("new", metavar="B", type=EITHER)
@click.option("--label", help="For datasets: column, field or array with the targets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, in full.")
def diff(old: Path, new: Path, label: str | None, as_json: bool) -> None:
    """What changed from A to B: two audits (folders or audit.json), or two versions of a dataset.

    Findings and samples are matched by content, not by name or position. Exit codes: 0 nothing new, 1 B has findings
    that A does not have, or the datasets differ, 2 usage or input.
    """
    if is_audit(old) != is_audit(new):
        audit, other = (old, new) if is_audit(old) else (new, old)
        raise InputError(f"{audit} is an audit, {other} is none: expected two audits, or two datasets")
    change: differences.AuditChange | list[differences.SampleChange]
    if is_audit(old):
        change = differences.compare_audits(read_audit(old), read_audit(new))
        lines, differ = differences.audit_lines(change), bool(change.new)
    else:
        from ..data.loading import load

        track = terminal_track(Console(stderr=True))
        change = differences.compare_datasets(*(load(AuditConfig(path, label=label), track) for path in (old, new)))
        lines, differ = differences.dataset_lines(change), bool(change)
    if as_json:
        click.echo(json.dumps(differences.document(change), ensure_ascii=True, indent=2))
    else:
        click.echo("\n".join(terminal.printable(line) for line in lines))
    sys.exit(gate.FINDINGS if differ else gate.PASS)
