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
    known = read_baseline(output) if output.exists() else ()
    by_id = {one["id"]: one for one in document["findings"]}
    before = len(known)
    if decisions is not None:
        if findings:
            raise InputError("expected findings or --decisions, found both")
        kept = [one for one in read_decisions(decisions).decisions if one.decision in ("reject", "defer")]
        _known(decisions, [one.finding for one in kept], by_id)
        for one in kept:
            why = _reason(one.reason or reason, one.finding)
            known = accept([by_id[one.finding]], known, why, one.reviewer or by, today, expires)
        count = len(kept)
    else:
        _known(audit, list(findings), by_id)
        chosen = [by_id[id] for id in dict.fromkeys(findings)] if findings else document["findings"]
        known = accept(chosen, known, _reason(reason, "--reason"), by, today, expires)
        count = len(chosen)
    write_baseline(output, known)
    click.echo(terminal.printable(f"{output}: {count} findings accepted, {len(known)} in all, {before} before"))


def _known(where: Path, asked: list[str], by_id: dict[str, object]) -> None:
    unknown = [id for id in asked if id not in by_id]
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is no finding of the audit; findings.jsonl lists them")


def _reason(reason: str | None, where: str) -> str:
    if not reason or not reason.strip():
        raise InputError(f"{where}: a finding is accepted for a reason; give one by --reason")
    return reason.strip()
