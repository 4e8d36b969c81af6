"""What a reviewer's answers to the review sample say of all labels.

The share of wrong labels is the stratified estimate (Horvitz and Thompson 1952); its interval joins those of the strata
(Clopper and Pearson 1934) by the method of variance estimates recovery (Zou and Donner 2008).
"""

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import InputError

Answer = Literal["given", "suggested", "neither", "unsure"]
"""Which label is right; unsure where the reviewer can't tell."""
ANSWERS: tuple[Answer, ...] = get_args(Answer)
LEVEL = 0.95


@dataclass(frozen=True)
class ReviewStratum:
    """Labels of one split, about equally likely wrong, of which some were drawn for review."""

    split: str
    size: int
    drawn: tuple[str, ...]


@dataclass(frozen=True)
class WrongShare:
    """The share of wrong labels among `labels` of them: an estimate and its 95 % interval.

    estimate   None while any stratum has no answer that tells whether a label is wrong; the interval holds all the same
    reviewed   labels with an answer
    unsure     of them those that the reviewer can't tell; they and those without an answer widen the interval
    """

    labels: int
    estimate: float | None
    low: float
    high: float
    reviewed: int
    unsure: int


def strata_of(audit: Mapping[str, Any]) -> list[ReviewStratum]:
    """The review sample of an audit as in audit.json. Raises InputError where none was drawn."""
    for check in audit["checks"]:
        if "review" in check["figures"]:
            return [
                ReviewStratum(stratum["split"], stratum["size"], tuple(stratum["drawn"]))
                for stratum in check["figures"]["review"]
            ]
    raise InputError("review: this audit drew no labels to review: the check mislabeled was not made, or said nothing")


def read_answers(path: Path, ids: Mapping[str, str]) -> dict[str, Answer]:
    """Answers by sample id, of review.csv with its column `answer` filled in; rows without an answer are left out.

    ids   the drawn samples' ids by what the file calls them

    Raises InputError for a file that is no such table, an unknown answer, or an id that was not drawn.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not readable as review.csv: {error}") from error
    if not rows or not {"id", "answer"} <= rows[0].keys():
        raise InputError(f"{path}: expected the columns id and answer, as review.csv has them")
    answers: dict[str, Answer] = {}
    for line, row in enumerate(rows, 2):
        id, word = ids.get(row["id"]), (row["answer"] or "").strip().lower()
        if id is None:
            raise InputError(f"{path}: line {line}: {row['id']!r} is not in this audit's review sample")
        if word and word not in ANSWERS:
            raise InputError(f"{path}: line {line}: expected {', '.join(ANSWERS)} or nothing, found {word!r}")
        if word and answers.setdefault(id, word) != word:
            raise InputError(f"{path}: line {line}: {id!r} has two answers")
    return answers


def joined(reviews: Sequence[Mapping[str, Answer]]) -> dict[str, Answer]:
    """The answers of several reviewers: unsure where they differ on whether the given label is right."""
    both: dict[str, Answer] = {}
    for review in reviews:
        for id, answer in review.items():
            earlier = both.setdefault(id, answer)
            if "unsure" in (earlier, answer) or (earlier == "given") != (answer == "given"):
                both[id] = "unsure"
    return both


def agreement(one: Mapping[str, Answer], other: Mapping[str, Answer]) -> tuple[int, float, float] | None:
    """(samples both answered, share of the same answers, Cohen's kappa (1960)); None where there are none."""
    common = [id for id in one if id in other]
    if not common:
        return None
    n = len(common)
    same = sum(one[id] == other[id] for id in common) / n
    counts, others = (Counter(review[id] for id in common) for review in (one, other))
    chance = sum(counts[answer] * others[answer] for answer in ANSWERS) / n**2
    return n, same, 1.0 if chance == 1 else (same - chance) / (1 - chance)


def wrong_share(strata: Sequence[ReviewStratum], answers: Mapping[str, Answer]) -> WrongShare:
    """The share of wrong labels in these strata together. Raises InputError without any label."""
    total = sum(stratum.size for stratum in strata)
    if not total:
        raise InputError("review: there is no label to estimate the share of")
    estimate: float | None = 0.0
    low = high = below = above = 0.0
    reviewed = unsure = 0
    for stratum in strata:
        given = [answers.get(id) for id in stratum.drawn]
        n, weight = len(given), stratum.size / total
        wrong = sum(answer in ("suggested", "neither") for answer in given)
        open_ = sum(answer in ("unsure", None) for answer in given)
        told = n - open_
        estimate = estimate + weight * wrong / told if told and estimate is not None else None
        lowest, highest = wrong / n, (wrong + open_) / n
        low, high = low + weight * lowest, high + weight * highest
        if n < stratum.size:
            below += (weight * (lowest - clopper_pearson(wrong, n)[0])) ** 2
            above += (weight * (clopper_pearson(wrong + open_, n)[1] - highest)) ** 2
        reviewed += sum(answer is not None for answer in given)
        unsure += given.count("unsure")
    low, high = max(0.0, low - math.sqrt(below)), min(1.0, high + math.sqrt(above))
    if estimate is not None:
        estimate = min(max(estimate, low), high)
    return WrongShare(total, estimate, low, high, reviewed, unsure)


@cache
def clopper_pearson(successes: int, n: int) -> tuple[float, float]:
    """The exact interval of a binomial share (Clopper and Pearson 1934)."""
    from scipy.stats import beta  # slow to import, and `--help` can do without

    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return low, high
