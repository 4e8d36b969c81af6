"""What detectors are given and what they return."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..attribution.attribution import Attribution
from ..dataset import Dataset, Item, Track
from ..findings import Finding, Pair
from ..training.pool import Pool
from ..training.retraining import Retraining


@dataclass(frozen=True)
class Calibration:
    """How a detector did on faults of its kind that were planted into a copy of the data.

    planted, found     how many of each sort there were, and how many of them it reported
    reported, right    how many reports there were in all, and how many of them were planted faults; what it also
                       reports on the data as it is does not count
    threshold          set from the planted faults, for the detector to use on the data as it is; None for its default
    procedure          how they were planted, in words
    """

    planted: Mapping[str, int]
    found: Mapping[str, int]
    reported: int
    right: int
    procedure: str
    threshold: float | None = None

    @classmethod
    def of(
        cls, planted: Mapping[str, NDArray[np.int64]], reported: NDArray[np.int64], procedure: str, threshold: float
    ) -> "Calibration":
        """From the rows of each sort of fault, and those that are reported only since they were planted."""
        found = {sort: int(np.isin(rows, reported).sum()) for sort, rows in planted.items()}
        counts = {sort: len(rows) for sort, rows in planted.items()}
        return cls(counts, found, len(reported), sum(found.values()), procedure, threshold)


@dataclass(frozen=True)
class CheckContext:
    """The input of a check. Scores are for the dataset's training rows on `target_rows`, in order.

    pool          without runs as long as nothing is trained
    scores        None as long as there are no models
    scored        rows of the audited split that scores are on; None for all of them
    influences    (rows, labels) -> scores (n_train, len(rows)) of the training rows on the margins of these labels,
                  from a few of the pool's models; for rows of any split
    predictions   how many predictions a detector may examine by retraining
    review        how many labels are drawn for a reviewer
    calibration   this detector's, once it has one
    computed      results of `once`, by function
    """

    dataset: Dataset
    pool: Pool
    scores: Attribution | None
    seed: int
    track: Track
    influences: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]] | None = None
    predictions: int = 0
    review: int = 0
    calibration: Calibration | None = None
    computed: dict[Callable[..., Any], Any] = field(default_factory=dict, repr=False)
    scored: NDArray[np.int64] | None = None

    @property
    def target_rows(self) -> NDArray[np.int64]:
        """Dataset rows that scores are on, ascending."""
        return self.dataset.rows(self.dataset.target_split) if self.scored is None else self.scored

    @property
    def attribution(self) -> Attribution:
        """The scores, for checks that need models."""
        assert self.scores is not None
        return self.scores

    @property
    def has_predictions(self) -> bool:
        """Whether there are predictions out of sample, of the pool's models or given ones."""
        return len(self.pool) > 0 or self.dataset.pred_probs is not None

    def once(self, compute: Callable[["CheckContext"], Item]) -> Item:
        """`compute(self)`, done once for all stages of a check: calibration does not change what it depends on."""
        if compute not in self.computed:
            self.computed[compute] = compute(self)
        value: Item = self.computed[compute]
        return value


@dataclass(frozen=True)
class Detection:
    """What one detector reports.

    examined   samples looked at, of `total`
    columns    figures for every row of the dataset, for samples.csv, by column name
    figures    what the report may draw, as plain data
    skipped    why nothing was examined, empty where something was
    """

    findings: tuple[Finding, ...]
    examined: int
    total: int
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    pairs: tuple[Pair, ...] = ()
    notes: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    skipped: str = ""


class Detector(Protocol):
    """A plugin of `detectors`: a module with these names, whose docstring explains the check to the user.

    The docstring has the headings "What it finds", "Why it matters", "How it is checked" and "What to do".
    An exception in any function is shown as a check that could not run.

    KINDS    the report's title for each kind of finding it makes
    TASKS    the tasks that it is made for, all where it doesn't say
    NEEDS    "predictions" out of sample or trained "models", without which it can do nothing; the data alone where it
             doesn't say
    GAINS    True where it needs no models, and says more with them: it looks again once they are there, so what takes
             long belongs into `CheckContext.once`
    """

    KINDS: Mapping[str, str]

    def detect(self, context: CheckContext) -> Detection:
        """Examine the context."""


class Calibrating(Detector, Protocol):
    """A detector that can be tried on planted faults."""

    def calibrate(self, context: CheckContext, retrained: Callable[[NDArray[np.int64]], Pool]) -> Calibration | None:
        """Plant faults into a copy of the data and look for them; None where none can be planted.

        retrained   gives a small pool trained on labels (n,) other than the given ones
        """


class Verifying(Detector, Protocol):
    """A detector whose claims can be checked by training without the samples they are about.

    Models may be of a part of the training rows, see `proof_set`: what is removed is to be among `retraining.rows`, or
    made so by `retraining.including`.
    """

    def verify(self, context: CheckContext, detection: Detection, retraining: Retraining) -> Detection:
        """The detection with each claim confirmed, refuted or left open by retraining."""


def trainings(detector: object, times: int, searching: int, predictions: int) -> int:
    """About how many trainings `verify` takes, beside those without any removal: what the detector's own function of
    this name says, else those without the samples in question and without random ones.

    times         of every removal that a claim is confirmed with
    searching     of every removal that is tried in a search
    predictions   how many are examined
    """
    own = getattr(detector, "trainings", None)
    return int(own(times, searching, predictions)) if own else 2 * times


def explanation(detector: object) -> dict[str, str]:
    """A detector's docstring by heading, a line a paragraph; what stands before the first is under "summary"."""
    parts = (detector.__doc__ or "").split("\n## ")
    sections = dict(part.split("\n", 1) for part in parts[1:] if "\n" in part)
    texts = {"summary": parts[0], **{title.strip(): text for title, text in sections.items()}}
    return {
        title: "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
        for title, text in texts.items()
    }
