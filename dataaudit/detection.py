"""What detectors are given and what they return."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .attribution import Attribution
from .dataset import Dataset, Track
from .findings import Finding, Pair
from .pool import Pool


@dataclass(frozen=True)
class Case:
    """One audit's material. Scores are for the dataset's training rows on the rows of its target split, in order."""

    dataset: Dataset
    pool: Pool
    attribution: Attribution
    seed: int
    track: Track


@dataclass(frozen=True)
class Detection:
    """What one detector has to say.

    examined   samples looked at, of `total`
    columns    figures for every row of the dataset, for samples.csv, by column name
    """

    findings: tuple[Finding, ...]
    examined: int
    total: int
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    pairs: tuple[Pair, ...] = ()
    notes: tuple[str, ...] = ()


class Detector(Protocol):
    """A plugin of `detectors`: a module with this function, whose docstring explains the check to the user.

    The docstring has the headings "What it finds", "Why it matters", "How it is checked" and "What to do".
    """

    def detect(self, case: Case) -> Detection:
        """Examine the case. An exception is shown as a check that could not run."""


def accepted_by_fdr(p_values: NDArray[np.float64], rate: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which hypotheses are rejected at a false-discovery rate, and each one's q value (Benjamini & Hochberg 1995)."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    q = np.empty(count)
    q[order] = np.minimum.accumulate((p_values[order] * count / np.arange(1, count + 1))[::-1])[::-1].clip(max=1)
    return q <= rate, q


def explanation(detector: object) -> dict[str, str]:
    """A detector's docstring by heading, a line a paragraph; what stands before the first is under "summary"."""
    parts = (detector.__doc__ or "").split("\n## ")
    sections = dict(part.split("\n", 1) for part in parts[1:] if "\n" in part)
    texts = {"summary": parts[0], **{title.strip(): text for title, text in sections.items()}}
    return {
        title: "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
        for title, text in texts.items()
    }
