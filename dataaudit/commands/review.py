"""`dataaudit review`."""

from itertools import combinations
from pathlib import Path

import click

from ..errors import InputError
from ..files import replacing
from ..reporting import terminal
from ..reporting.sanitizing import cell
from ..verdict.audit_file import read_audit
from ..verdict.recalibration import EXPECTED_FALSE, Share
from ..verdict.review import WrongShare, agreement, joined, strata_of
from ..verdict.reviewed import Review
from ..verdict.reviewed import review as reviewed
from ..verdict.reviewers import read_reviews

EITHER = click.Path(exists=True, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("audit", type=EITHER)
@click.argument("answers", type=EITHER, nargs=-1, required=True)
@click.option("--precision", default=1 - EXPECTED_FALSE, show_default=True, help="Of the labels reported.")
@click.option("--decisions", type=FILE, help="Also say how many labels stay wrong once these decisions are applied.")
def review(audit: Path, answers: tuple[Path, ...], precision: float, decisions: Path | None) -> None:
    """How many labels are wrong, by the answers of reviewers to the labels that AUDIT drew.

    ANSWERS are copies of the audit's review.csv, one for each reviewer, with the column `answer` filled in: given,
    suggested, neither or unsure; or decisions.json as the report exports it. The labels that are reported now, and
    every label's probability, go into reviewed_labels.csv in the audit's folder. Exit codes: 0 estimated, 2 usage or
    input.
    """
    document = read_audit(audit)
    ids = {cell(id): id for stratum in strata_of(document) for id in stratum.drawn}
    reviews = [review for path in answers for review in read_reviews(path, document, ids).items()]
    for (one, first), (other, second) in combinations(reviews, 2):
        if agreed := agreement(first, second):
            count, same, kappa = agreed
            names = terminal.printable(f"{one} and {other}")
            click.echo(f"{names}: {same:.0%} of {count} answers are the same, Cohen's kappa {kappa:.2f}")
    everyone = joined([review for _, review in reviews])
    if not everyone:
        raise InputError(
            f"{answers[0]}: there is no answer: write given, suggested, neither or unsure into the column answer of "
            "review.csv, or answer in the report and export decisions.json"
        )
    judged = reviewed(audit, everyone, precision=precision, decisions=decisions)
    for split, share in judged.wrong.items():
        click.echo(_line(f"  {split}" if split else "wrong labels", share))
    if unanswered := len(ids) - len(everyone):
        click.echo(f"note: {unanswered} of {len(ids)} labels have no answer yet; the intervals hold whatever they are")
    _relist(audit, judged)


def _relist(audit: Path, judged: Review) -> None:
    """Say which labels are reported now, and write them."""
    for split, left in judged.still_wrong.items():
        click.echo(_line(f"  {split}" if split else "still wrong after these decisions", left))
    known = int((judged.labels["reported"] & judged.labels["answer"].ne("")).sum())
    click.echo(f"reported now: {_expected(judged.reported)}, {known} of them by an answer")
    for share in judged.worth_a_look:
        click.echo(f"  of the next {_expected(share)}")
    path = (audit if audit.is_dir() else audit.parent) / "reviewed_labels.csv"
    table = judged.labels.copy()
    for column in ("id", "label", "suggested_label"):
        table[column] = table[column].map(cell)
    try:
        with replacing(path) as file:
            table.to_csv(file, index=False, float_format="%.6g", lineterminator="\r\n")
    except OSError as error:
        raise InputError(f"{path}: the labels can't be written there: {error.strerror}") from error
    click.echo(f"labels: {terminal.printable(str(path))}")


def _expected(share: Share) -> str:
    expected = f", {share.expected:.0%} of them wrong (95 % CI {share.low:.0%} to {share.high:.0%})"
    return f"{share.labels:,} labels{expected if share.labels else ''}"


def _line(name: str, share: WrongShare) -> str:
    unsure = f", {share.unsure} of them unsure" if share.unsure else ""
    estimate = "not yet known" if share.estimate is None else f"{share.estimate:.1%}"
    return (
        f"{name}: {estimate} of {share.labels:,} (95 % CI {share.low:.1%} to {share.high:.1%}; "
        f"{share.reviewed} reviewed{unsure})"
    )
