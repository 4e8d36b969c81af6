"""What the answers to an audit's review sample say of its labels: how many are wrong, which, and how many stay so."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from .audit_file import read_audit
from .decisions import read_decisions
from .recalibration import EXPECTED_FALSE, Share, recalibration, worth_a_look
from .residual import residual_share
from .review import ANSWERS, Answer, ReviewStratum, WrongShare, strata_of, wrong_share

LABEL_ERRORS = ("mislabeled", "doubtful_label")
COLUMNS = ("id", "split", "label", "other_label", "label_quality")
"""Of samples.csv."""


@dataclass(frozen=True)
class Review:
    """What the answers say.

    wrong          the share of wrong labels, of all of them and by split
    labels         a row for each label, the likeliest wrong first: id, split, label, suggested_label, label_quality as
                   recalibrated (1 minus the probability that the label is wrong), reported, answer
    reported       how many labels are reported, and which share of them is expected to be wrong
    worth_a_look   the same of the next ones that nobody has judged
    still_wrong    the share of wrong labels once decisions are applied; empty without decisions
    """

    wrong: Mapping[str, WrongShare]
    labels: pd.DataFrame
    reported: Share
    worth_a_look: tuple[Share, ...]
    still_wrong: Mapping[str, WrongShare]


def review(
    audit: str | Path,
    answers: Mapping[str, Any],
    *,
    precision: float = 1 - EXPECTED_FALSE,
    decisions: str | Path | None = None,
) -> Review:
    """What a reviewer's answers to the labels that an audit drew say of all its labels.

    audit       its folder
    answers     by sample id: "given", "suggested", "neither" or "unsure"; nothing where there is none yet
    precision   share of the labels reported that is to be wrong at least
    decisions   decisions.json, as `dataaudit apply` takes it; labels whose finding it rejects are reported no more

    Raises InputError where the audit drew no labels or its samples.csv is missing, for a sample that was not drawn, any
    other answer, and decisions about other data.
    """
    document = read_audit(Path(audit))
    strata = strata_of(document)
    answers = {id: _answer(id, word) for id, word in answers.items() if word != "" and not pd.isna(word)}
    if unknown := answers.keys() - {id for stratum in strata for id in stratum.drawn}:
        raise InputError(f"review: {min(unknown)!r} is not in this audit's review sample")
    if not 0 < precision < 1:
        raise InputError(f"--precision {precision}: expected a share between 0 and 1")
    samples = _samples(Path(audit))
    still_wrong, cleared = {}, set[str]()
    if decisions is not None:
        decided = read_decisions(Path(decisions))
        if decided.fingerprint != document["dataset"]["fingerprint"]:
            raise InputError(f"{decisions}: expected decisions about the data of {audit}, found ones about other data")
        still_wrong = by_split(strata, lambda some: residual_share(some, answers, samples, decided.decisions))
        label_errors = {one["id"]: one["sample_ids"] for one in document["findings"] if one["kind"] in LABEL_ERRORS}
        rejected = [one.finding for one in decided.decisions if one.decision == "reject"]
        cleared = {id for finding in rejected for id in label_errors.get(finding, ())}
    labels, reported, next_ones = _judged(samples, answers, cleared, 1 - precision)
    return Review(by_split(strata, lambda some: wrong_share(some, answers)), labels, reported, next_ones, still_wrong)


def _answer(id: str, word: Any) -> Answer:
    if word not in ANSWERS:
        raise InputError(f"review: {id!r}: expected {', '.join(ANSWERS)} or nothing, found {word!r}")
    answer: Answer = word
    return answer


def by_split(
    strata: Sequence[ReviewStratum], estimate: Callable[[Sequence[ReviewStratum]], WrongShare]
) -> dict[str, WrongShare]:
    """Of all strata, under "", and of each split where there are several."""
    splits = list(dict.fromkeys(stratum.split for stratum in strata))
    shares = {split: estimate([stratum for stratum in strata if stratum.split == split]) for split in splits}
    return {"": estimate(strata), **(shares if len(splits) > 1 else {})}


def _samples(audit: Path) -> pd.DataFrame:
    """samples.csv of the audit by id; unreadable samples have no other label."""
    path = (audit if audit.is_dir() else audit.parent) / "samples.csv"
    types = dict.fromkeys(COLUMNS[:-1], str) | {"label_quality": float}
    try:
        table = pd.read_csv(path, dtype=types, usecols=COLUMNS, keep_default_na=False, na_values={"label_quality": ""})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected the samples.csv that `dataaudit run` writes: {error}") from error
    return table.set_index("id")


def _judged(
    samples: pd.DataFrame, answers: Mapping[str, Answer], cleared: Set[str], expected_false: float
) -> tuple[pd.DataFrame, Share, tuple[Share, ...]]:
    """See `Review`: labels, reported, worth_a_look.

    Labels that were cleared, since they looked wrong, say nothing of others: they don't take part in recalibration.
    """
    quality = samples["label_quality"].to_numpy(float)
    with np.errstate(divide="ignore"):
        log_odds = np.log1p(-quality) - np.log(quality)
    answer = pd.Series(answers, dtype=object).reindex(samples.index).fillna("").to_numpy(str)
    known = np.isin(answer, ("given", "suggested", "neither"))
    wrong = known & (answer != "given")
    judged = known & np.isfinite(quality)
    posterior = recalibration(log_odds[judged], wrong[judged])
    is_cleared = ~known & samples.index.isin(cleared)
    open_ = np.flatnonzero(~known & ~is_cleared & np.isfinite(quality))
    ranked = open_[np.argsort(-log_odds[open_], kind="stable")]
    count = posterior.count(log_odds[ranked], expected_false)
    p = np.where(known | is_cleared, wrong, np.nan)
    p[ranked] = posterior.wrong(log_odds[ranked])
    reported = wrong.copy()
    reported[ranked[:count]] = True
    label, other = samples["label"].to_numpy(str), samples["other_label"].to_numpy(str)
    table = pd.DataFrame({
        "id": samples.index,
        "split": samples["split"].to_numpy(),
        "label": label,
        "suggested_label": np.where(answer == "neither", "", np.where(reported | (p > 0.5), other, label)),
        "label_quality": 1 - p,
        "reported": reported,
        "answer": answer,
    })  # fmt: skip
    table = table.iloc[np.lexsort((-np.nan_to_num(log_odds, nan=-np.inf), -np.nan_to_num(p, nan=-1.0)))]
    share = posterior.share(log_odds[ranked[:count]], int(wrong.sum()))
    return table.reset_index(drop=True), share, worth_a_look(posterior, log_odds[ranked[count:]])
