"""Outliers: samples unlike everything in the training split.

## What it finds
Samples of any split that resemble no training sample: pictures of something else, scrambled or synthetic ones; texts in
another language; rows with values that never occur together.

## Why it matters
In training, outliers teach nothing about the task or something wrong; in a test split they measure what was never
learnt.

## How it is checked
The outlier score is the mean distance to the nearest training samples by descriptors that use no labels: oriented
gradients of images, n-grams of texts, encoded columns of tables, standardised values of arrays; or the features of a
pretrained net where the learner is on them. Images are also
measured by whitened pixels, with what their principal components leave unexplained, and by how rough or smooth the
picture is. Distances count in robust deviations of the bulk of the dataset (medians and upper quantiles of logarithms),
so that a few outliers do not hide each other. The p-values of these measures are combined (Fisher), the sum is compared
with its own bulk again, and a sample is reported at a false-discovery rate (Benjamini-Hochberg) of at most 5 %.
One that is as near to one training sample as most are to theirs has a copy there, which is named.

## What to do
Look at the sample. Remove what does not belong. If it does belong, such cases are too rare in training: collect more.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from ...dataset import Dataset
from ...findings import Finding, Remedy, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..labels.label_views import descriptors
from ..matching.pixels import Pixels
from ..proof import accepted_by_fdr

KINDS = {"outlier": "Outliers"}
FALSE_DISCOVERY_RATE = 0.05
NEIGHBOURS = 10
COMPONENTS = 100
MIN_ROWS = 50
"""Training rows needed to estimate the bulk."""
TAILS = np.array([0.9, 0.95])
"""Quantiles that the spread is read from, the wider of the two; one sample in twenty may be an outlier."""
REFERENCE = 20_000
"""Training rows, drawn at random, that samples are compared with at most."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset, train = context.dataset, context.dataset.rows("train")
    if len(train) < MIN_ROWS:
        reason = f"{len(train)} training samples are too few to say what is usual: {MIN_ROWS} are needed"
        return Detection((), 0, len(dataset), skipped=reason)
    reference = np.sort(np.random.default_rng(context.seed).permutation(train)[:REFERENCE])
    features = descriptors(dataset)
    distance, nearest, to_nearest = _distances(features, reference)
    view = "gradients" if dataset.modality == "image" and dataset.features is None else "descriptors"
    deviations = {view: _deviations(np.log(distance + 1e-9))}
    tails = [norm.logsf(deviations[view])]
    if dataset.modality == "image":
        pixels, roughness = _pixel_views(dataset, reference)
        deviations |= {"pixels": _deviations(pixels), "roughness": _deviations(roughness)}
        tails += [norm.logsf(deviations["pixels"]), np.log(2) + norm.logsf(np.abs(deviations["roughness"]))]
    # The cube root of a sum of log p-values is close to normal (Wilson & Hilferty 1931).
    score = _deviations(np.cbrt(-np.sum(tails, axis=0)))
    accepted, q_values = accepted_by_fdr(norm.sf(score), FALSE_DISCOVERY_RATE)
    flagged = np.flatnonzero(accepted)
    # As near to one training sample as most are to theirs, far as the others are: a copy of it.
    has_copy = to_nearest <= np.median(to_nearest)
    findings = tuple(
        _finding(
            dataset,
            int(row),
            int(nearest[row]),
            bool(has_copy[row]),
            float(score[row]),
            float(q_values[row]),
            deviations,
        )
        for row in flagged[np.argsort(-score[flagged], kind="stable")]
    )
    sampled = f"compared with {len(reference)} of the {len(train)} training samples, drawn at random"
    notes = (sampled,) if len(reference) < len(train) else ()
    return Detection(findings, len(dataset), len(dataset), {"outlier_score": score}, notes=notes)


def _distances(
    features: NDArray[np.float32], reference: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """(n,) mean distance to the nearest reference rows other than the row itself, the nearest of them, and how near."""
    k = min(NEIGHBOURS, len(reference) - 1)
    search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(features[reference])
    distances, places = search.kneighbors(features)
    is_self = reference[places] == np.arange(len(features))[:, None]
    is_self[~is_self.any(1), -1] = (
        True  # no reference row, or one hidden by copies of itself: drop the farthest instead
    )
    neighbours = reference[places][~is_self].reshape(len(features), k)
    to_neighbours = distances[~is_self].reshape(len(features), k)
    return to_neighbours.mean(1), neighbours[:, 0], to_neighbours[:, 0]


def _pixel_views(dataset: Dataset, reference: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) log squared distance of whitened pixels to the neighbours plus the unexplained rest; (n,) log roughness."""
    pixels = Pixels(dataset.pixels)
    reference_pixels = pixels[reference].numpy().reshape(len(reference), -1)
    with np.errstate(invalid="ignore"):  # images that are all alike have no variance to take shares of
        pca = PCA(min(COMPONENTS, *reference_pixels.shape), random_state=0).fit(reference_pixels)
    n, width = len(dataset), reference_pixels.shape[1]
    projected, centred = np.empty((n, pca.n_components_), np.float32), np.empty(n)
    roughness, grain = np.empty(n), (0.5 / 255) ** 2
    for rows, part in pixels.blocks():
        images = part.numpy()
        flat = images.reshape(len(images), -1)
        projected[rows] = pca.transform(flat)
        centred[rows] = np.square(flat - pca.mean_).sum(1)
        steps = np.square(np.diff(images, axis=2)).mean((1, 2, 3)) + np.square(np.diff(images, axis=3)).mean((1, 2, 3))
        roughness[rows] = np.log((steps + grain) / (images.var((1, 2, 3)) + grain))
    residual = np.maximum(centred - np.square(projected).sum(1), 0)
    # Directions of less than average variance are not blown up, they are mostly noise.
    floor = max(float(centred[reference].mean()) / width, 1e-9)
    whitened = np.asarray(projected / np.sqrt(pca.explained_variance_ + floor), np.float32)
    distance = np.square(_distances(whitened, reference)[0])
    unexplained = residual / (float(residual[reference].mean()) / width + floor)
    return np.log(distance + unexplained + 1e-9), roughness


def _deviations(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distances from the median in units of a normal's deviation, each side by its own TAILS; 0 without a spread."""
    median, normal = np.median(values), norm.ppf(TAILS)
    above = ((np.quantile(values, TAILS) - median) / normal).max()
    below = ((median - np.quantile(values, 1 - TAILS)) / normal).max()
    spread = np.where(values > median, above, below)
    return np.where(spread > 1e-6, (values - median) / np.maximum(spread, 1e-6), 0.0)


def _finding(
    dataset: Dataset,
    row: int,
    nearest: int,
    has_copy: bool,
    score: float,
    q: float,
    deviations: dict[str, NDArray[np.float64]],
) -> Finding:
    resembles = f"no training sample but {dataset.ids[nearest]}" if has_copy else "no training sample"
    return Finding(
        kind="outlier",
        severity=Severity.LOW,
        sample_ids=(dataset.ids[row],),
        score=score,
        message=f"{dataset.ids[row]} resembles {resembles}: outlier score {score:.1f} (robust deviations)",
        fingerprint=fingerprint("outlier", [dataset.contents[row]]),
        evidence={
            "split": str(dataset.splits[row]),
            "label": dataset.label(row),
            "q_value": q,
            "deviations": {name: float(values[row]) for name, values in deviations.items()},
            "nearest_train_id": dataset.ids[nearest],
        },
        remedies=(Remedy("remove", (dataset.ids[row],)),),
    )
