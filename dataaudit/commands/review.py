"""`dataaudit review`."""

from itertools import combinations
from pathlib import Path

import click

from ..errors import InputError
from ..reporting import terminal
from ..reporting.sanitizing import cell
from ..verdict.audit_file import read_audit
from ..verdict.review import WrongShare, agreement, joined, strata_of, wrong_share
from ..verdict.reviewers import read_reviews

EITHER = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("audit", type=EITHER)
@click.argument("answers", type=EITHER, nargs=-1, required=True)
def review(audit: Path, answers: tuple[Path, ...]) -> None:
    """How many labels are wrong, by the answers of reviewers to the labels that AUDIT drew.

    ANSWERS are copies of the audit's review.csv, one for each reviewer, with the column `answer` filled in: given,
    suggested, neither or unsure; or decisions.json as the report exports it. Exit codes: 0 estimated, 2 usage or input.
    """
    document = read_audit(audit)
    strata = strata_of(document)
    ids = {cell(id): id for stratum in strata for id in stratum.drawn}
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
    splits = list(dict.fromkeys(stratum.split for stratum in strata))
    click.echo(_line("wrong labels", wrong_share(strata, everyone)))
    for split in splits if len(splits) > 1 else ():
        click.echo(_line(f"  {split}", wrong_share([s for s in strata if s.split == split], everyone)))
    if unanswered := len(ids) - len(everyone):
        click.echo(f"note: {unanswered} of {len(ids)} labels have no answer yet; the intervals hold whatever they are")


def _line(name: str, share: WrongShare) -> str:
    unsure = f", {share.unsure} of them unsure" if share.unsure else ""
    return (
        f"{name}: {share.estimate:.1%} of {share.labels:,} (95 % CI {share.low:.1%} to {share.high:.1%}; "
        f"{share.reviewed} reviewed{unsure})"
    )
