"""`dataaudit card`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..cleaning.record import read_record
from ..errors import InputError
from ..reporting import terminal
from ..reporting.data_card.value import Told
from ..reporting.sanitizing import cell
from ..verdict.audit_file import read_audit
from ..verdict.decisions import read_decisions
from ..verdict.review import joined, strata_of
from ..verdict.reviewed import review as reviewed
from ..verdict.reviewers import read_reviews

EITHER = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("audit", type=EITHER)
@click.argument("answers", type=EITHER, nargs=-1, metavar="[ANSWERS]...")
@click.option("--decisions", type=FILE, help="What was decided about the data of AUDIT, and by whom.")
@click.option("--changes", type=FILE, help="NAME.changes.json of the cleaning that made the data of AUDIT.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="card.md, card.html or card.json. Default: card.md in the audit.",
)
def card(
    audit: Path, answers: tuple[Path, ...], decisions: Path | None, changes: Path | None, output: Path | None
) -> None:
    """Write a data card of AUDIT: facts that were measured, and blanks for what only the owner knows.

    ANSWERS, as for `dataaudit review`, give the share of wrong labels with its interval. The card follows Datasheets
    for Datasets and names the points of Article 10 of the EU AI Act; as Markdown it is a Hugging Face dataset card. It
    is no legal advice. As JSON it is a Croissant description with the responsible-AI fields that were measured, and
    without blanks. Exit codes: 0 written, 2 usage or input.
    """
    from ..reporting.data_card.croissant import OWNERS
    from ..reporting.data_card.sections import data_card
    from ..reporting.data_card.writing import write

    document, path = read_audit(audit), output or (audit if audit.is_dir() else audit.parent) / "card.md"
    told = replace(_answered(audit, document, answers, decisions), record=_record(audit, document, changes))
    write(data_card(document, told), path)
    click.echo(f"card: {terminal.printable(str(path))}")
    if path.suffix.lower() == ".json":
        click.echo(
            f"note: Croissant also requires {', '.join(OWNERS)}, which only the owner of the data knows: add them"
        )


def _answered(audit: Path, document: Mapping[str, Any], answers: tuple[Path, ...], path: Path | None) -> Told:
    """What the files of answers and decisions say of this audit."""
    decisions = None if path is None else read_decisions(path)
    if decisions is not None and decisions.fingerprint != document["dataset"]["fingerprint"]:
        raise InputError(f"{path}: expected decisions about the data of {audit}, found ones about other data")
    if not answers:
        return Told(decisions=decisions)
    ids = {cell(id): id for stratum in strata_of(document) for id in stratum.drawn}
    reviews = [
        (name if file.suffix.lower() == ".json" else file.name, review)
        for file in answers
        for name, review in read_reviews(file, document, ids).items()
    ]
    everyone = joined([review for _, review in reviews])
    if not everyone:
        raise InputError(
            f"{answers[0]}: there is no answer: write given, suggested, neither or unsure into the column answer of "
            "review.csv, or answer in the report and export decisions.json"
        )
    judged = reviewed(audit, everyone, decisions=path)
    by = tuple((name, len(review)) for name, review in reviews)
    return Told(by, judged.wrong, judged.still_wrong, decisions)


def _record(audit: Path, document: Mapping[str, Any], path: Path | None) -> Mapping[str, Any] | None:
    """The record of the cleaning that made the audited data."""
    record = None if path is None else read_record(path)
    if record is not None and record["dataset"]["after"] != document["dataset"]["fingerprint"]:
        raise InputError(f"{path}: expected the cleaning that made the data of {audit}, found one that made other data")
    return record
