"""Where a training image gets its influence on a prediction from, as a picture to lay over it.

The influence of the image less that of itself blurred is shared out among its pixels by integrated gradients
(Sundararajan et al. 2017) of the score, in one model, with H and the loss's derivative by the outputs held. A map is
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

ASKED, SHOWN = 6, 3
"""Most findings of a kind that are asked, and that get a map: they show how the models see, not every case."""
ROWS = 512
"""Training samples that the curvature is taken from."""
PARAMETERS = 1_000_000
"""Of larger models the curvature would take long."""
STEPS = 8
SMOOTH, BLUR = 28, 3
"""The map is smoothed over this part of the image's edge; what is blurred is averaged over that one."""
MARKED, LEFT = 0.2, 0.5
"""Share of the pixels that count as marked, and most of the influence that may be left without them.

On Fashion-MNIST the median is 20 to 30 %; 50 % without as many pixels of the strongest edges, 70 % without those of
the map for another target, 80 % without random ones.
"""
HUE, STRONGEST = (255, 96, 0), 215


@dataclass(frozen=True)
class _Question:
    """What in a training image speaks for a class, or a number, of a target: dataset rows, and the class."""

    finding: Finding
    row: int
    target: int
    label: int


def heat_maps(
    dataset: Dataset, problem: Callable[..., Problem], findings: Sequence[Finding], edge: int
) -> tuple[dict[str, HeatMap], tuple[str, ...]]:
    """Maps by id of finding, at most `edge` wide and high; and why there are none, where that needs to be said.

    problem   `(labels, rows, most)` -> what these targets are attributed with
    """
    if dataset.modality != "image":
        return {}, ()
    try:
        asked = list(_questions(dataset, findings))
        return _answered(dataset, problem, asked, edge) if asked else {}, ()
    except Exception as error:  # a picture less is no reason to lose an audit
        return {}, (f"There are no heat maps: {str(error) or type(error).__name__}.",)


def _questions(dataset: Dataset, findings: Sequence[Finding]) -> Iterator[_Question]:
    """The copy and the sample that it leaks to; the strongest advocate of the suggested label, and the sample."""
    at = {id: row for row, id in enumerate(dataset.ids)}
    for kind in ("leakage", "mislabeled"):
        pairs = ((finding, _pair(finding)) for finding in findings if finding.kind == kind)
        known = ((finding, at[ids[0]], at[ids[1]]) for finding, ids in pairs if ids is not None)
        usable = ((finding, row, target) for finding, row, target in known if dataset.splits[row] == "train")
        for finding, row, target in itertools.islice(usable, ASKED):
            yield _Question(finding, row, target, _label(dataset, finding, target))


def _pair(finding: Finding) -> tuple[str, str] | None:
    """Training sample and target."""
    if finding.kind == "leakage":
        best = finding.evidence["copies"][0]
        return best["train_id"], best["test_id"]
    advocates = finding.evidence["for_suggested"]
    return (advocates[0]["id"], finding.sample_ids[0]) if advocates else None


def _label(dataset: Dataset, finding: Finding, target: int) -> int:
    """The class that is spoken for; 0 where there are no classes."""
    if dataset.task != "classification":
        return 0
    if finding.kind == "mislabeled":
        return dataset.class_names.index(finding.evidence["suggested_label"])
    return int(dataset.targets[target])


def _answered(
    dataset: Dataset, problem: Callable[..., Problem], asked: Sequence[_Question], edge: int
) -> dict[str, HeatMap]:
    labels = np.array([one.label for one in asked]) if dataset.task == "classification" else None
    whole: Problem = problem(labels=labels, rows=np.array([one.target for one in asked]), most=1)
    size = sum(parameter.numel() for parameter in whole.models[0]().parameters())
    if size > PARAMETERS:
        raise InputError(f"expected a model of at most {PARAMETERS:,} parameters, found {size:,}")
    position = {row: number for number, row in enumerate(dataset.rows("train"))}
    influence = InfluenceOfInput(_on_part(whole), plugins.get("backends", "influence").BACKEND())
    maps: dict[str, HeatMap] = {}
    shown = Counter[str]()
    for number, one in enumerate(asked):
        inputs, given = whole.train.batch(np.array([position[one.row]]))
        if inputs.ndim != 4:
            raise InputError(f"expected images as channels, rows and columns, found a shape of {tuple(inputs.shape)}")
        if shown[one.finding.kind] == SHOWN:
            continue
        shares, left = influence_by_pixel(influence, inputs, given, number)
        if left <= LEFT:
            shown[one.finding.kind] += 1
            what = repr(dataset.class_names[one.label]) if dataset.task == "classification" else "the prediction"
            maps[one.finding.id] = HeatMap(
                dataset.ids[one.row],
                dataset.ids[one.target],
                overlay(shares, _size(dataset, one.row, edge)),
                f"The pixels of this training image that carry its influence on {what}, in one of the models: with the "
                f"marked fifth of it blurred, {max(0.0, left):.0%} of the influence is left",
            )
    return maps


def influence_by_pixel(
    influence: InfluenceOfInput, image: Tensor, label: Tensor, target: int
) -> tuple[NDArray[np.float64], float]:
    """Shares (height, width) of the influence of an image (1, channels, height, width) on a target, smoothed.

    Also the part of the influence that is left if what they mark is blurred; 1 where there is none to share out.
    """
    height, width = image.shape[2:]
    influence = influence.held_at(image, label)
    window = (1, 1, max(3, height // BLUR), max(3, width // BLUR))
    blurred = torch.from_numpy(uniform_filter(image.numpy(), window))
    steps = torch.cat([blurred + (image - blurred) * (step + 0.5) / STEPS for step in range(STEPS)])
    slopes = influence.slopes(steps, label.repeat(STEPS, *[1] * (label.ndim - 1)), slice(target, target + 1))
    detail = (slopes[:, 0].mean(0) * (image - blurred)[0].numpy()).sum(0, dtype=np.float64)
    shares = np.asarray(gaussian_filter(detail, (height / SMOOTH, width / SMOOTH)))
    marked = torch.from_numpy(shares >= np.quantile(shares, 1 - MARKED))
    both = torch.cat([image, torch.where(marked, blurred, image)])
    full, without = influence.scores(both, torch.cat([label, label]))[:, target]
    return shares, float(without / full) if full > 0 else 1.0


def overlay(shares: NDArray[np.float64], size: tuple[int, int]) -> str:
    """One hue, the more opaque the larger the share, as a PNG's data URI; shares below zero are clear."""
    strength = np.clip(shares / max(float(np.quantile(shares, 0.99)), 1e-12), 0, 1)
    veil = Image.fromarray((strength * STRONGEST).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    picture = Image.new("RGB", size, HUE)
    picture.putalpha(veil)
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _on_part(problem: Problem) -> Problem:
    """The same with fewer training samples to take the curvature from."""
    chosen, train = problem.train.spread(ROWS), problem.train
    part = Samples(tuple(train.ids[i] for i in chosen), train.labels[chosen], lambda at: train.inputs(chosen[at]))
    return replace(problem, train=part, runs=None, doubts=None)


def _size(dataset: Dataset, row: int, edge: int) -> tuple[int, int]:
    """Width and height in the shape of the picture, its longer side `edge`."""
    shape: Any = decode(dataset.sources[row]).pixels.shape if dataset.sources else dataset.pixels[row].shape[1:]
    height, width = (max(1, round(edge * side / max(shape[:2]))) for side in shape[:2])
    return width, height
