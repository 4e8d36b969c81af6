"""Features that distinguish some samples from others: words, columns, image regions, and the class.

Each feature's ranks among the samples are compared with what drawing as many at random would give, by the mean and the
variance of such draws: as many of each class, which shows differences beyond those of the class, and as many of any,
since a feature that nearly equals the class hardly varies within it. All p-values are adjusted together (Benjamini &
Hochberg 1995).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm, rankdata

from ..checks.proof import accepted_by_fdr
from ..data.features.words import words
from ..dataset import Dataset
from .comparison import Difference

MAX_SHOWN = 5
"""Most differences within classes, and as many across them."""
LEVEL = 0.05
GRID = 7
"""Cells of an image along each edge."""
VALUES = 20
"""Most frequent values of a categorical column."""
EXACT_FROM = 2.5
"""z from which a binary feature's p-value is exact: with few positives the normal distribution is not."""
FEWEST = 5
"""Texts a word must be in."""
WORDS, PLACES = 5000, 512
CHANNELS = {1: ("brightness",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class Feature:
    """Values (n,) as they are shown; `plant` begins the transformation that plants it."""

    what: str
    kind: str
    values: NDArray[np.float64]
    plant: str = ""


def set_apart(dataset: Dataset, rows: NDArray[np.int64], chosen: NDArray[np.bool_]) -> tuple[Difference, ...]:
    """The clearest differences between the chosen of these dataset rows and the others, clearest first."""
    strata = np.unique(dataset.strata[rows], return_inverse=True)[1]
    features = list(_features(dataset, rows))
    cases = [(feature, strata, True) for feature in features if feature.kind != "class" and strata.any()]
    cases += [(feature, np.zeros_like(strata), False) for feature in features]
    p_values = [_p_value(feature.values, chosen, groups) for feature, groups, _ in cases]
    accepted, adjusted = accepted_by_fdr(np.array(p_values), LEVEL)
    differences: list[Difference] = []
    for i in np.argsort(p_values, kind="stable"):
        feature, groups, within = cases[i]
        if accepted[i] and sum(difference.within == within for difference in differences) < MAX_SHOWN:
            inside, outside = _means(feature.values, chosen, groups)
            plant = _planting(feature, inside, outside)
            differences.append(
                Difference(feature.what, feature.kind, inside, outside, float(adjusted[i]), within, plant)
            )
    return tuple(differences)


def _p_value(values: NDArray[np.float64], chosen: NDArray[np.bool_], strata: NDArray[np.int64]) -> float:
    """Two-sided p-value of the chosen samples' ranks; for binary features exact where it is small."""
    ranks = rankdata(values)
    count = strata.max() + 1
    n, k = np.bincount(strata, minlength=count), np.bincount(strata[chosen], minlength=count)
    means = np.bincount(strata, ranks, count) / n
    spread = np.bincount(strata, np.square(ranks - means[strata]), count) / np.maximum(n - 1, 1)
    variance = float((k * (n - k) / n * spread).sum())
    if variance < 1e-9:
        return 1.0
    z = float(ranks[chosen].sum() - (k * means).sum()) / np.sqrt(variance)
    if abs(z) < EXACT_FROM or not np.isin(values, (0, 1)).all():
        return float(2 * norm.sf(abs(z)))
    positives = np.bincount(strata, values, count).astype(np.int64)
    odds = np.ones(1)
    for total, n_positive, n_drawn in zip(n, positives, k, strict=True):
        odds = np.convolve(odds, hypergeom.pmf(np.arange(n_drawn + 1), total, n_positive, n_drawn))
    observed = int(values[chosen].sum())
    return float(min(1, 2 * min(odds[: observed + 1].sum(), odds[observed:].sum())))


def _means(values: NDArray[np.float64], chosen: NDArray[np.bool_], strata: NDArray[np.int64]) -> tuple[float, float]:
    """Among the chosen, and among the others with the strata weighted as among the chosen."""
    count = strata.max() + 1
    n, k = np.bincount(strata, minlength=count), np.bincount(strata[chosen], minlength=count)
    sums = np.bincount(strata[~chosen], values[~chosen], count)
    comparable = (k > 0) & (n > k)
    outside = float((k * sums / np.maximum(n - k, 1))[comparable].sum() / max(k[comparable].sum(), 1))
    return float(values[chosen].mean()), outside


def _planting(feature: Feature, inside: float, outside: float) -> str:
    if feature.kind == "word":
        return feature.plant if inside > outside else ""
    if feature.kind == "column" and feature.plant:
        step = _step(feature.values)
        return f"{feature.plant}={step if inside > outside else -step:.3g}"
    return f"{feature.plant},value={inside:.0f}" if feature.kind == "region" else ""


def _step(values: NDArray[np.float64]) -> float:
    """A shift in standard deviations: one, or from either of a flag's two values to the other."""
    is_flag = len(np.unique(values)) == 2  # less would not reach a tree's threshold
    return float(np.ptp(values) / values.std()) if is_flag else 1.0


def _features(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[Feature]:
    if dataset.task == "classification":
        for number, name in enumerate(dataset.class_names):
            yield Feature(name, "class", (dataset.targets[rows] == number).astype(np.float64))
    by_modality = {"image": _regions, "text": _words, "table": _columns, "array": _places}
    yield from by_modality[dataset.modality](dataset, rows)


def _words(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[Feature]:
    texts = [words(str(dataset.inputs[row])) for row in rows]
    rows_of: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        for word in set(text):
            rows_of.setdefault(word, []).append(place)
    counts = Counter({word: len(places) for word, places in rows_of.items() if FEWEST <= len(places) < len(rows)})
    for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:WORDS]:
        values = np.zeros(len(rows))
        values[rows_of[word]] = 1
        yield Feature(word, "word", values, f"insert:{word}")
    yield Feature("number of words", "length", np.array([len(text) for text in texts], np.float64))


def _columns(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[Feature]:
    frame = dataset.frame.iloc[rows]
    for place, name in enumerate(frame):
        column = frame.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(np.float64, na_value=np.nan)
            finite = np.isfinite(values)
            if finite.any() and (values[finite] != values[finite][0]).any():
                yield Feature(str(name), "column", np.where(finite, values, values[finite].mean()), f"shift:{name}")
            continue
        for value in column.value_counts().index[:VALUES]:
            yield Feature(f"{name} = {value}", "value", np.asarray(column == value, np.float64))
    for place, name in enumerate(frame):
        missing = np.asarray(frame.iloc[:, place].isna(), np.float64)
        if 0 < missing.sum() < len(rows):
            yield Feature(f"{name} missing", "value", missing)


def _places(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[Feature]:
    flat = np.asarray(dataset.inputs)[rows].reshape(len(rows), -1).astype(np.float64)
    for place in range(min(flat.shape[1], PLACES)):
        yield Feature(f"value {place}", "column", flat[:, place], f"shift:{place}")


def _regions(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[Feature]:
    pixels = dataset.pixels[rows].astype(np.float64)
    names = CHANNELS.get(pixels.shape[1], tuple(f"channel {i}" for i in range(pixels.shape[1])))
    downs, rights = (np.array_split(np.arange(edge), min(GRID, edge)) for edge in pixels.shape[2:])
    for down in downs:
        for right in rights:
            cell = pixels[:, :, down[0] : down[-1] + 1, right[0] : right[-1] + 1]
            where = f"rows {down[0]}-{down[-1]}, columns {right[0]}-{right[-1]}"
            plant = f"patch:top={down[0]},left={right[0]},size={max(len(down), len(right))}"
            for channel, name in enumerate(names):
                yield Feature(f"{name} in {where}", "region", cell[:, channel].mean((1, 2)), plant)
            yield Feature(f"contrast in {where}", "contrast", cell.std((2, 3)).mean(1))
