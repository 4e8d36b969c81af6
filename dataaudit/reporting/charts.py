"""Which charts the report has: what of an audit each of them draws, and in which words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..result import Audit
from .plots import bars, correlation, curve, histogram, scatter, shares, trust_meter
from .summary import Planted, Trust

DISTRIBUTIONS = (
    ("label_quality", "Label quality", "probability that the given label is right", ((0.5, "even chance"),), True),
    ("mean_influence", "Mean influence of a training sample", "on the predictions audited, in units of the margin",
     ((0.0, "none"),), True),
    ("self_influence", "Influence of a training sample on itself", "the larger, the less the others explain it", (),
     True),
    ("outlier_score", "How unlike its neighbours a sample is", "in robust deviations", (), True),
)  # fmt: skip
"""(column of samples.csv, title, what goes across, marks, whether counts grow by powers of ten)."""


@dataclass(frozen=True)
class Chart:
    """An inline SVG and what is written over it."""

    caption: str
    svg: str


def of_trust(trust: Trust) -> str:
    """The score of trust between guessing and perfect."""
    return trust_meter("chart-trust", trust.words, trust.lds, trust.low, trust.high, trust.ceiling)


def of_planted(planted: Sequence[Planted]) -> Iterator[Chart]:
    """By check: how many of every sort of planted fault were found, and how many of all reports were right."""
    for number, one in enumerate(planted):
        rows = [(sort, found, count) for sort, found, count, _ in one.sorts]
        rows += [("all of them", *one.found)] * (len(rows) > 1) + [("right, of those reported", *one.right)]
        title = f"{one.check}: planted faults found {one.recall}; reports that were right {one.precision}"
        yield Chart(f"{one.check}: planted faults that were found", shares(f"chart-planted-{number}", title, rows))


def of_kind(audit: Audit, kind: str) -> Iterator[Chart]:
    """Of the check that makes this kind: predicted against actual falls, and the sizes of the supports."""
    check, _ = audit.kinds.get(kind, (kind, ""))
    figures = next((one.figures for one in audit.checks if one.name == check), {})
    if "counterfactual" not in figures or len(figures["counterfactual"]["predicted"]) < 2:
        return
    predicted, actual = (figures["counterfactual"][side] for side in ("predicted", "actual"))
    words = f"Drop of the lead: predicted against actual, Pearson {correlation(predicted, actual)}"
    yield Chart(words, scatter(f"chart-{kind}-drops", words, predicted, actual, "predicted drop", "actual drop"))
    supports = figures["supports"]
    sizes = [one["size"] for one in supports if one["status"] == "confirmed"]
    edges = np.unique(np.geomspace(1, figures["most"], 5).round().astype(int))
    counts = [sum(low < size <= high for size in sizes) for low, high in zip([0, *edges], edges, strict=False)]
    labels = [f"≤ {edge}" for edge in edges] + [f"> {figures['most']}"]
    every = [*counts, len(supports) - len(sizes)]
    told = "Predictions by the size of their support"
    title = f"{told}: " + ", ".join(f"{label}: {count}" for label, count in zip(labels, every, strict=True))
    yield Chart(told, bars(f"chart-{kind}-supports", title, labels, every, "training samples removed (> : it held)"))


def of_margins(name: str, margins: Mapping[str, Any]) -> str:
    """The lead of a predicted class as training samples are removed."""
    title = "Lead of the predicted class over the best other, as training samples are removed"
    return curve(
        f"chart-{name}",
        title,
        margins["removed"],
        {
            "by influence": margins["lead"],
            "fresh seeds": (margins["fresh"]["removed"], margins["fresh"]["lead"]),
            "at random": (margins["random"]["removed"], margins["random"]["lead"]),
        },
        "training samples removed",
        "lead, in logits",
    )


def distributions(audit: Audit) -> Iterator[Chart]:
    """Of the figures that samples.csv has for every sample."""
    for column, title, across, marks, log in DISTRIBUTIONS:
        values = np.array([row.get(column, np.nan) for row in audit.samples], np.float64)
        if np.isfinite(values).any():
            yield Chart(title, histogram(f"chart-{column}", f"Distribution: {title}", values, across, marks, log))
