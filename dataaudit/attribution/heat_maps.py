"""Heat maps: which pixels of a training image carry its influence on a prediction.

The influence of the image less that of its blurred version is attributed to pixels by integrated gradients
(Sundararajan et al. 2017) of the score, in one model, with H and the loss's derivative by the outputs fixed. A map is
kept only if blurring the fifth of the image that it marks takes at least half of the influence away.
"""

import base64
import io
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from .. import plugins
from ..data.images import decode
from ..dataset import Dataset
from ..errors import InputError
from ..findings import Finding
from ..result import HeatMap
from .perturbations import InfluenceOfInput
from .problem import Problem, Samples

MAX_CANDIDATES, MAX_MAPS = 6, 3
"""Most findings of a kind that are tried, and that get a map: the maps are examples."""
ROWS = 512
"""Training samples that the curvature is taken from."""
PARAMETERS = 1_000_000
"""Largest model: the curvature of larger ones would take long."""
STEPS = 8
SMOOTH, BLUR = 28, 3
"""Fractions of the image's edge: the map is smoothed over 1/SMOOTH, the image blurred over 1/BLUR."""
MARKED_SHARE, MAX_REMAINING = 0.2, 0.5
"""Share of the pixels that count as marked, and most of the influence that may be left without them.

On Fashion-MNIST the median is 20 to 30 %; 50 % without as many pixels of the strongest edges, 70 % without those of
the map for another target, 80 % without random ones.
"""
HUE, STRONGEST = (255, 96, 0), 215


@dataclass(frozen=True)
class _Candidate:
    """A map to draw: dataset rows of the training image and the target, and the class whose output is explained."""

    finding: Finding
    row: int
    target: int
    label: int


def heat_maps(
    dataset: Dataset, problem: Callable[..., Problem], findings: Sequence[Finding], edge: int
) -> tuple[dict[str, HeatMap], tuple[str, ...]]:
    """Maps by id of finding, at most `edge` wide and high; and notes on why there are none.

    problem   `(labels, rows, max_models)` -> what these targets are attributed with
    """
    if dataset.modality != "image":
        return {}, ()
    try:
        candidates = list(_candidates(dataset, findings))
        return _draw_maps(dataset, problem, candidates, edge) if candidates else {}, ()
    except Exception as error:  # an audit must not fail over its pictures
        return {}, (f"There are no heat maps: {str(error) or type(error).__name__}.",)


def _candidates(dataset: Dataset, findings: Sequence[Finding]) -> Iterator[_Candidate]:
    """The copy and the sample that it leaks to; the strongest advocate of the suggested label, and the sample."""
    row_of = {id: row for row, id in enumerate(dataset.ids)}
    for kind in ("leakage", "mislabeled"):
        pairs = ((finding, _pair(finding)) for finding in findings if finding.kind == kind)
        located = ((finding, row_of[ids[0]], row_of[ids[1]]) for finding, ids in pairs if ids is not None)
        usable = ((finding, row, target) for finding, row, target in located if dataset.splits[row] == "train")
        for finding, row, target in itertools.islice(usable, MAX_CANDIDATES):
            yield _Candidate(finding, row, target, _label(dataset, finding, target))


def _pair(finding: Finding) -> tuple[str, str] | None:
    """Training sample and target."""
    if finding.kind == "leakage":
        best = finding.evidence["copies"][0]
        return best["train_id"], best["test_id"]
    advocates = finding.evidence["for_suggested"]
    return (advocates[0]["id"], finding.sample_ids[0]) if advocates else None


def _label(dataset: Dataset, finding: Finding, target: int) -> int:
    """The class whose output is explained; 0 where there are no classes."""
    if dataset.task != "classification":
        return 0
    if finding.kind == "mislabeled":
        return dataset.class_names.index(finding.evidence["suggested_label"])
    return int(dataset.targets[target])


def _draw_maps(
    dataset: Dataset, problem: Callable[..., Problem], candidates: Sequence[_Candidate], edge: int
) -> dict[str, HeatMap]:
    labels = np.array([candidate.label for candidate in candidates]) if dataset.task == "classification" else None
    full_problem: Problem = problem(
        labels=labels, rows=np.array([candidate.target for candidate in candidates]), max_models=1
    )
    if not full_problem.models:
        raise InputError("trees have no gradients by pixels")
    size = sum(parameter.numel() for parameter in full_problem.models[0]().parameters())
    if size > PARAMETERS:
        raise InputError(f"expected a model of at most {PARAMETERS:,} parameters, found {size:,}")
    position = {row: number for number, row in enumerate(dataset.rows("train"))}
    influence = InfluenceOfInput(_with_fewer_samples(full_problem), plugins.get("backends", "influence").BACKEND())
    maps: dict[str, HeatMap] = {}
    n_drawn = Counter[str]()
    for number, candidate in enumerate(candidates):
        inputs, label = full_problem.train.batch(np.array([position[candidate.row]]))
        if inputs.ndim != 4:
            raise InputError(
                "expected a model of pixels, as channels, rows and columns; this one is given "
                f"{' x '.join(map(str, inputs.shape[1:]))} numbers for each image"
            )
        if n_drawn[candidate.finding.kind] == MAX_MAPS:
            continue
        shares, remaining = influence_by_pixel(influence, inputs, label, number)
        if remaining <= MAX_REMAINING:
            n_drawn[candidate.finding.kind] += 1
            output = (
                repr(dataset.class_names[candidate.label]) if dataset.task == "classification" else "the prediction"
            )
            maps[candidate.finding.id] = HeatMap(
                dataset.ids[candidate.row],
                dataset.ids[candidate.target],
                overlay(shares, _size(dataset, candidate.row, edge)),
                f"The pixels of this training image that carry its influence on {output}, in one of the models: "
                f"with the marked fifth of it blurred, {max(0.0, remaining):.0%} of the influence is left",
            )
    return maps


def influence_by_pixel(
    influence: InfluenceOfInput, image: Tensor, label: Tensor, target: int
) -> tuple[NDArray[np.float64], float]:
    """Shares (height, width) of the influence of an image (1, channels, height, width) on a target, smoothed.

    Also the share of the influence that remains with the marked pixels blurred; 1 where there is none.
    """
    height, width = image.shape[2:]
    influence = influence.with_slope_fixed_at(image, label)
    window = (1, 1, max(3, height // BLUR), max(3, width // BLUR))
    blurred = torch.from_numpy(uniform_filter(image.numpy(), window))
    steps = torch.cat([blurred + (image - blurred) * (step + 0.5) / STEPS for step in range(STEPS)])
    slopes = influence.slopes(steps, label.repeat(STEPS, *[1] * (label.ndim - 1)), slice(target, target + 1))
    detail = (slopes[:, 0].mean(0) * (image - blurred)[0].numpy()).sum(0, dtype=np.float64)
    shares = np.asarray(gaussian_filter(detail, (height / SMOOTH, width / SMOOTH)))
    marked = torch.from_numpy(shares >= np.quantile(shares, 1 - MARKED_SHARE))
    pair = torch.cat([image, torch.where(marked, blurred, image)])
    full, blurred_score = influence.scores(pair, torch.cat([label, label]))[:, target]
    return shares, float(blurred_score / full) if full > 0 else 1.0


def overlay(shares: NDArray[np.float64], size: tuple[int, int]) -> str:
    """One hue, the more opaque the larger the share, as a PNG's data URI; shares below zero are clear."""
    strength = np.clip(shares / max(float(np.quantile(shares, 0.99)), 1e-12), 0, 1)
    veil = Image.fromarray((strength * STRONGEST).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    picture = Image.new("RGB", size, HUE)
    picture.putalpha(veil)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _with_fewer_samples(problem: Problem) -> Problem:
    """The problem with at most ROWS training samples, for the curvature."""
    chosen, train = problem.train.spread(ROWS), problem.train
    part = Samples(
        tuple(train.ids[i] for i in chosen), train.labels[chosen], lambda positions: train.inputs(chosen[positions])
    )
    return replace(problem, train=part, runs=None, doubts=None)


def _size(dataset: Dataset, row: int, edge: int) -> tuple[int, int]:
    """Width and height in the shape of the picture, its longer side `edge`."""
    shape: Any = decode(dataset.sources[row]).pixels.shape if dataset.sources else dataset.pixels[row].shape[1:]
    height, width = (max(1, round(edge * side / max(shape[:2]))) for side in shape[:2])
    return width, height
