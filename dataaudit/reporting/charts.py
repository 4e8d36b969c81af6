"""The charts of the report: which figures of an audit each of them draws, and its captions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..result import Audit
from .plots import bars, correlation, curve, histogram, scatter, shares, trust_meter
from .summary import Planted, Trust

DISTRIBUTIONS = (
    ("label_quality", "Label quality", "probability that the given label is right", ((0.5, "even chance"),), True),
    ("mean_influence", "Mean influence of a training sample", "on the audited predictions, in units of the margin",
     ((0.0, "none"),), True),
    ("self_influence", "Self-influence of a training sample", "the larger, the less the others explain it", (), True),
    ("support_estimate", "Estimated support of a prediction", "training samples whose removal would flip it", (), True),
    ("outlier_score", "Outlier score", "robust deviations", (), True),
)  # fmt: skip
"""(column of samples.csv, title, label of the x axis, marks, whether the y axis is logarithmic)."""


@dataclass(frozen=True)
class Chart:
    """An inline SVG and its caption."""

    caption: str
    svg: str


def of_trust(trust: Trust) -> str:
    """The linear datamodeling score on a scale from chance to perfect."""
    return trust_meter("chart-trust", trust.words, trust.lds, trust.low, trust.high, trust.ceiling)


def of_planted(planted: Sequence[Planted]) -> Iterator[Chart]:
    """By check: the recall of every sort of planted fault, and the precision of all reports."""
    for number, check in enumerate(planted):
        rows = [(sort, found, count) for sort, found, count, _ in check.sorts]
        rows += [("recall, all sorts", *check.found)] * (len(rows) > 1) + [("precision of the reports", *check.right)]
        title = f"{check.check}: recall of planted faults {check.recall}; precision of the reports {check.precision}"
        yield Chart(f"{check.check}: planted faults found", shares(f"chart-planted-{number}", title, rows))


def of_kind(audit: Audit, kind: str) -> Iterator[Chart]:
    """Of the check that makes this kind: drops in margin, predicted and actual, sizes of support sets, and shares."""
    check, _ = audit.kinds.get(kind, (kind, ""))
    figures = next((ran.figures for ran in audit.checks if ran.name == check), {})
    if "counterfactual" not in figures or len(figures["counterfactual"]["predicted"]) < 2:
        return
    predicted, actual = (figures["counterfactual"][side] for side in ("predicted", "actual"))
    words = f"Drop in margin, predicted and actual: Pearson {correlation(predicted, actual)}"
    yield Chart(words, scatter(f"chart-{kind}-drops", words, predicted, actual, "predicted drop", "actual drop"))
    supports = figures["supports"]
    sizes = [support["size"] for support in supports if support["status"] == "confirmed"]
    edges = np.unique(np.geomspace(1, figures["most"], 5).round().astype(int))
    counts = [sum(low < size <= high for size in sizes) for low, high in zip([0, *edges], edges, strict=False)]
    labels = [f"≤ {edge}" for edge in edges] + [f"> {figures['most']}"]
    counts.append(len(supports) - len(sizes))
    caption = "Predictions by size of their support set"
    title = f"{caption}: " + ", ".join(f"{label}: {count}" for label, count in zip(labels, counts, strict=True))
    yield Chart(caption, bars(f"chart-{kind}-supports", title, labels, counts, "training samples removed (>: no flip)"))
    yield from _of_shares(kind, figures.get("shares", ()))


def _of_shares(kind: str, deciding: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    """Of predictions drawn at random, those that few training samples decide."""
    if deciding:
        rows = [(f"{one['share']:.1%} ({one['most']:,})", one["flip"], one["drawn"]) for one in deciding]
        caption = "Predictions drawn at random that flip without at most so many training samples"
        yield Chart(caption, shares(f"chart-{kind}-shares", caption, rows))


def of_margins(name: str, margins: Mapping[str, Any]) -> str:
    """The margin of a predicted class as training samples are removed."""
    title = "Margin of the predicted class over the runner-up, as training samples are removed"
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
        "margin, in logits",
    )


def distributions(audit: Audit) -> Iterator[Chart]:
    """Of figures that samples.csv has for every sample."""
    for column, title, x_label, marks, log in DISTRIBUTIONS:
        values = np.array([row.get(column, np.nan) for row in audit.samples], np.float64)
        if np.isfinite(values).any():
            yield Chart(title, histogram(f"chart-{column}", f"Distribution: {title}", values, x_label, marks, log))
