"""`dataaudit baseline`."""

from datetime import date
from pathlib import Path

import click

from ..errors import InputError
from ..reporting import terminal
from ..verdict.audit_file import read_audit
from ..verdict.baseline import accept, day, read_baseline, write_baseline
from ..verdict.decisions import read_decisions

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("audit", type=FILE)
@click.argument("findings", nargs=-1, metavar="[FINDING]...")
@click.option("--decisions", type=FILE, help="Instead of FINDINGs: those that a reviewer rejected or deferred.")
@click.option("--reason", help="Why they are accepted; with --decisions, for those that have no reason of their own.")
@click.option("--by", default="", help="Who accepts them. With --decisions: the reviewer of each.")
@click.option("--expires", default="", metavar="DATE", help="Last day of the acceptance, as in 2027-01-31.")
@click.option(
    "--output", type=FILE, default=Path("dataaudit-baseline.json"), show_default=True, help="The baseline file."
)
def baseline(
    audit: Path,
    findings: tuple[str, ...],
    decisions: Path | None,
    reason: str | None,
    by: str,
    expires: str,
    output: Path,
) -> None:
    """Record findings of AUDIT as accepted: `dataaudit run --baseline FILE` fails on other findings only.

    AUDIT is the folder of an audit, or its audit.json; FINDING is an id such as leakage-0123456789ab, by default all.
    Findings that are already in the baseline file stay in it.
    """
    document, today = read_audit(audit), date.today()
    if expires and day(expires, "--expires") < today:
        raise InputError(f"--expires {expires}: expected a day to come")
    accepted = read_baseline(output) if output.exists() else ()
    by_id = {finding["id"]: finding for finding in document["findings"]}
    before = len(accepted)
    if decisions is not None:
        if findings:
            raise InputError("expected findings or --decisions, found both")
        reviewed = [
            decision for decision in read_decisions(decisions).decisions if decision.decision in ("reject", "defer")
        ]
        _require_known(decisions, [decision.finding for decision in reviewed], by_id)
        for decision in reviewed:
            why = _reason(decision.reason or reason, decision.finding)
            accepted = accept([by_id[decision.finding]], accepted, why, decision.reviewer or by, today, expires)
        count = len(reviewed)
    else:
        _require_known(audit, list(findings), by_id)
        chosen = [by_id[id] for id in dict.fromkeys(findings)] if findings else document["findings"]
        accepted = accept(chosen, accepted, _reason(reason, "--reason"), by, today, expires)
        count = len(chosen)
    write_baseline(output, accepted)
    click.echo(terminal.printable(f"{output}: {count} findings accepted, {len(accepted)} in all, {before} before"))


def _require_known(where: Path, ids: list[str], by_id: dict[str, object]) -> None:
    unknown = [id for id in ids if id not in by_id]
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is no finding of the audit; findings.jsonl lists them")


def _reason(reason: str | None, where: str) -> str:
    if not reason or not reason.strip():
        raise InputError(f"{where}: a finding is accepted for a reason; give one by --reason")
    return reason.strip()
