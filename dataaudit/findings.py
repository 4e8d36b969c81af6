"""Findings: what a detector claims about samples, and whether retraining confirms it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal, NamedTuple, get_args


class Severity(IntEnum):
    """How serious a finding is, in increasing order."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


Agreement = Literal[
    "equal", "equal without ids", "equal after cleaning", "equal text", "equal text after cleaning", "near"
]
"""How two samples that are copies agree, the most alike first: in every value; in all columns but ids and constant
ones; in their texts and words, too, but for case, punctuation, spaces and how characters are encoded; in their texts,
beside other columns that differ; in these after cleaning; or only nearly."""
AGREEMENTS: tuple[Agreement, ...] = get_args(Agreement)


@dataclass(frozen=True)
class Verification:
    """Whether retraining without the samples confirmed the claim.

    status     "consistent" where models trained without any suspects agree with the claim, as they would mostly do with
               a false one; "inconclusive" where the interval leaves both open; "unverified" where nothing was retrained
    measure    what `effect` is a change of, in words with its unit
    effect     the mean change over training seeds, each paired with the same seed's training on everything
    interval   95 %, of the effect
    random     the same change where as many random samples of the same classes were removed instead
    seeds      trainings behind each of the figures
    confidence mean probability of the given label that models give it which were trained on everything, without the
               samples, and without random ones; None where the measure is another
    """

    status: Literal["unverified", "confirmed", "consistent", "refuted", "inconclusive"] = "unverified"
    measure: str = ""
    effect: float | None = None
    interval: tuple[float, float] | None = None
    random: float | None = None
    seeds: int = 0
    confidence: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Remedy:
    """One way to correct the dataset if a finding is right.

    action       what happens to the samples: they are removed, get another label, or another split
    sample_ids   the samples that change: those that the finding names, or some of them
    to           the new label, set of labels or number, or the new split; empty for "remove"
    """

    action: Literal["remove", "relabel", "move"]
    sample_ids: tuple[str, ...]
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One claim about one or more samples.

    score        the detector's own measure, larger is worse; comparable within one kind only
    evidence     plain data (numbers, strings, lists, dicts) that the claim rests on
    fingerprint  from the samples' content, so it survives renaming and reordering
    remedies     corrections, the one to propose first; empty where no change of single samples corrects it
    """

    kind: str
    severity: Severity
    sample_ids: tuple[str, ...]
    score: float
    message: str
    fingerprint: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    verification: Verification = Verification()
    remedies: tuple[Remedy, ...] = ()

    @property
    def id(self) -> str:
        """Kind and the first digits of the fingerprint."""
        return f"{self.kind}-{self.fingerprint[:12]}"


class Pair(NamedTuple):
    """A candidate pair, flagged or not: one line of pairs.csv.

    similarity   correlation after alignment, 0 to 1
    influence    score of the training sample on the test sample's given label, in units of the margin
    score        larger is more surely a copy
    kind         an `Agreement`, or "candidate" for what is no copy
    ranked       1 for the test sample's best candidate
    """

    test_id: str
    train_id: str
    similarity: float
    influence: float
    score: float
    kind: str
    ranked: int


def fingerprint(kind: str, contents: Sequence[str], claim: str = "") -> str:
    """SHA-256 of a claim on samples, from their content digests in any order.

    claim   what else tells two claims about equal content apart, such as the label at fault
    """
    return hashlib.sha256("\n".join([kind, claim, *sorted(contents)]).encode()).hexdigest()
