"""Image quality: blank, dark, overexposed, low-contrast or blurry images, and files of odd size or aspect ratio.

## What it finds
Images without any variation; images far darker, brighter, lower in contrast or blurrier than the rest of the dataset;
files whose size or aspect ratio is far from all others'.

## Why it matters
Such images show little of what their label says, and a file of odd size is distorted when it is resized.

## How it is checked
Blank: no channel varies by more than two of 255 levels. Every other fault must be an outlier, by medians and deciles,
both in the dataset and in its class (false-discovery rate, Benjamini-Hochberg, at most 5 %), and be bad in itself:

Dark: 99 % of the pixels below a fifth of full brightness. Overexposed: 95 % above 85 %. Low contrast: at most nine in a
hundred levels between the darkest and the brightest hundredth. Blurry: pixel-level detail below a tenth of the image's
contrast. Odd size: ten times the median area or a tenth of it, or twice the median aspect ratio or half of it.

So datasets that are dark by nature give no findings. All but size is judged at the size that the model sees.

## What to do
Look at the image. Take it again, fix it, or remove it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ...data.images import header
from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..proof import accepted_by_fdr

KINDS = {
    "blank": "Blank images",
    "dark": "Dark images",
    "bright": "Overexposed images",
    "low_contrast": "Low-contrast images",
    "blurred": "Blurry images",
    "odd_size": "Images of odd size or aspect ratio",
}
FALSE_DISCOVERY_RATE = 0.05
MIN_CLASS = 25
"""A class with fewer samples is measured by the whole dataset."""
BLANK_RANGE = 2
BLOCK_BYTES = 2**24


@dataclass(frozen=True)
class _Check:
    """A kind of fault: far out in `measure` on one side (sign 1: too large) and beyond `bar`.

    floor   least spread that the dataset is credited with, in the measure's unit
    """

    kind: str
    measure: str
    sign: int
    bar: float
    floor: float
    words: str


CHECKS = (
    _Check("dark", "brightest", -1, 0.2, 0.02, "is dark: 99 % of its pixels are below {:.0%} of full brightness"),
    _Check(
        "bright", "darkest", 1, 0.85, 0.02, "is overexposed: 95 % of its pixels are above {:.0%} of full brightness"
    ),
    _Check("low_contrast", "contrast", -1, 0.09, 0.02, "has low contrast: its pixels differ by {:.0%} of the range"),
    _Check("blurred", "sharpness", -1, 0.1, 0.02, "is blurry: its pixel-level detail is {:.1%} of its contrast"),
)
ALIKE = {"dark", "bright", "low_contrast"}
"""An image gets only the first of these: a dark one is low in contrast too."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    if dataset.modality != "image":
        return Detection((), 0, len(dataset), skipped=f"made for images, not for {dataset.modality}")
    measures, blank = _measures(dataset)
    findings = [
        _finding(dataset, int(row), "blank", 1.0, "is blank: its pixels are all alike", {})
        for row in np.flatnonzero(blank)
    ]
    nonblank = np.flatnonzero(~blank)
    classes = dataset.strata[nonblank]
    reported = np.zeros(len(dataset), bool)
    for check in CHECKS:
        values = measures[check.measure][nonblank]
        bad = check.sign * (values - check.bar) > 0
        deviations, q_values = _far_out(check.sign * values, classes, check.floor)
        for place in np.flatnonzero(bad & (q_values <= FALSE_DISCOVERY_RATE)):
            row, value = int(nonblank[place]), float(values[place])
            if check.kind in ALIKE and reported[row]:
                continue
            reported[row] |= check.kind in ALIKE
            evidence = {
                check.measure: value,
                "usual": float(np.median(values)),
                "deviations": float(deviations[place]),
                "q_value": float(q_values[place]),
            }
            findings.append(
                _finding(dataset, row, check.kind, float(deviations[place]), check.words.format(value), evidence)
            )
    sizes = _sizes(dataset)
    findings += _odd_sizes(dataset, sizes)
    unread = int(np.isnan(sizes[:, 0]).sum()) if dataset.sources else 0
    notes = (f"the size of {unread} files could not be read",) if unread else ()
    columns = measures | {"width": sizes[:, 0], "height": sizes[:, 1]}
    return Detection(tuple(findings), len(dataset), len(dataset), columns, notes=notes)


def _measures(dataset: Dataset) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.bool_]]:
    """Figures of every image's grey values, 0 to 1, and which images are blank."""
    n = len(dataset)
    measures = {name: np.empty(n, np.float32) for name in ("brightest", "darkest", "contrast", "sharpness")}
    blank = np.empty(n, bool)
    step = max(1, BLOCK_BYTES // max(1, 4 * int(np.prod(dataset.pixels.shape[1:]))))
    for start in range(0, n, step):
        block, span = dataset.pixels[start : start + step], slice(start, start + step)
        low, high = block.min((2, 3)).astype(np.int64), block.max((2, 3)).astype(np.int64)
        blank[span] = (high - low <= BLANK_RANGE).all(1)
        grey = block.mean(1, dtype=np.float32) / 255
        p1, p5, p99 = np.percentile(grey.reshape(len(grey), -1), [1, 5, 99], axis=1)
        measures["brightest"][span] = p99
        measures["darkest"][span] = p5
        measures["contrast"][span] = p99 - p1
        measures["sharpness"][span] = _sharpness(grey)
    return measures, blank


def _sharpness(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a blur over 3 x 3 pixels takes away, in units of the image's deviation."""
    height, width = grey.shape[1:]
    if min(height, width) < 3:
        return np.full(len(grey), np.nan, np.float32)
    shifted = [grey[:, i : height - 2 + i, j : width - 2 + j] for i in range(3) for j in range(3)]
    detail = np.square(shifted[4] - sum(shifted) / 9).mean((1, 2))
    return np.asarray(np.sqrt(detail / np.maximum(grey.var((1, 2)), 1e-6)), np.float32)


def _far_out(
    values: NDArray[np.floating], classes: NDArray[np.int64], floor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Robust deviations above the median, the lesser of those in the dataset and in the class; and q values."""
    deviations = _deviations(values, floor)
    for number in np.unique(classes):
        inside = classes == number
        if inside.sum() >= MIN_CLASS:
            deviations[inside] = np.minimum(deviations[inside], _deviations(values[inside], floor))
    return deviations, accepted_by_fdr(norm.sf(deviations), FALSE_DISCOVERY_RATE)[1]


def _deviations(values: NDArray[np.floating], floor: float) -> NDArray[np.float64]:
    if not len(values):
        return np.zeros(0)
    median, high = np.quantile(values, [0.5, 0.9])
    return np.asarray((values - median) / max(float(high - median) / norm.ppf(0.9), floor), np.float64)


def _sizes(dataset: Dataset) -> NDArray[np.float64]:
    """(n, 2) width and height as the files state them; NaN where they do not."""
    sizes = [header(source) for source in dataset.sources] or [None] * len(dataset)
    return np.array([size[0] if size else (np.nan, np.nan) for size in sizes], np.float64).reshape(-1, 2)


def _odd_sizes(dataset: Dataset, sizes: NDArray[np.float64]) -> list[Finding]:
    readable = np.flatnonzero(~np.isnan(sizes[:, 0]))
    if not len(readable):
        return []
    width, height = sizes[readable].T
    classes = dataset.strata[readable]
    odd = np.zeros(len(readable))
    least_q = np.ones(len(readable))
    for measure, bar in ((np.log(width * height), np.log(10)), (np.log(width / height), np.log(2))):
        for values in (measure, -measure):
            deviations, q_values = _far_out(values, classes, float(np.log(1.1)))
            far = (values - np.median(values) >= bar - 1e-9) & (q_values <= FALSE_DISCOVERY_RATE)
            odd = np.where(far, np.maximum(odd, deviations), odd)
            least_q = np.where(far, np.minimum(least_q, q_values), least_q)
    usual = [int(value) for value in np.median(sizes[readable], axis=0)]
    return [
        _finding(
            dataset, int(readable[place]), "odd_size", float(odd[place]),
            f"has an odd size or aspect ratio: {width[place]:.0f} x {height[place]:.0f} pixels, usual are "
            f"{usual[0]} x {usual[1]}",
            {
                "width": int(width[place]), "height": int(height[place]), "usual": usual,
                "deviations": float(odd[place]), "q_value": float(least_q[place]),
            },
        )
        for place in np.flatnonzero(odd)
    ]  # fmt: skip


def _finding(
    dataset: Dataset, row: int, kind: str, score: float, words: str, evidence: Mapping[str, object]
) -> Finding:
    return Finding(
        kind=kind,
        severity=Severity.MEDIUM if kind == "blank" else Severity.LOW,
        sample_ids=(dataset.ids[row],),
        score=score,
        message=f"{dataset.ids[row]} {words}",
        fingerprint=fingerprint(kind, [dataset.contents[row]]),
        evidence={
            "split": str(dataset.splits[row]),
            "label": dataset.label(row),
            **evidence,
        },
        remedies=(Remedy("remove", (dataset.ids[row],)),),
    )
