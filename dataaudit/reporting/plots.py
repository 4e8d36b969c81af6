"""The kinds of charts, drawn by matplotlib: each function gives inline SVG in the colours of the page."""

import io
import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks.proof import proportion_interval
from .inline_svg import BLUE, FAIL, INK, LINE, OPEN, PASS, SOFT, inline, single_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

MAX_DOTS = 1500
"""Dots in one chart."""
LABEL_LETTERS = 28
"""Characters of a label, before it is cut."""
BINS = 40
WIDE, SQUARE = (440, 220), (320, 250)
ROW, MAX_ROWS = 24, 24
"""Height of a row, and how many rows a chart may have."""
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)), (0, (1, 1.5)), (0, (10, 3)))
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "path.simplify": False,
    "svg.fonttype": "none",
}


ROOM_FOR_PERFECT = 0.7
"""A ceiling above it, written below the line, leaves no room for the words at the line's end."""


def trust_meter(name: str, title: str, lds: float, low: float, high: float, ceiling: float | None) -> str:
    """A score between chance, 0, and perfect, 1, with its 95 % interval and its noise ceiling."""
    with _chart(name, title, (440, 76)) as (axes, svg):
        if not math.isfinite(lds):
            _empty(axes)
        else:
            axes.plot([0, 1], [0, 0], color=LINE, linewidth=9, solid_capstyle="round", clip_on=False)
            axes.plot([low, high], [0, 0], color=BLUE, alpha=0.45, linewidth=9, solid_capstyle="butt", clip_on=False)
            _dots(axes, [lds], [0], 12, BLUE)
            axes.text(lds, 0.5, f"{lds:.2f}", ha="center", va="bottom", color=BLUE, fontsize=13)
            ends = [(0, "0 chance", "left"), (1, "1 perfect", "right")]
            if ceiling is not None:
                axes.plot([ceiling, ceiling], [-0.55, 0.55], color=FAIL, linewidth=2)
                near = abs(ceiling - lds) < 0.1
                if near and ceiling > ROOM_FOR_PERFECT:
                    ends.pop()
                axes.text(ceiling, -0.6 if near else 0.6, f"ceiling {ceiling:.2f}",
                          ha="center", va="top" if near else "bottom", color=FAIL)  # fmt: skip
            axes.set_xlim(min(0.0, low, lds) - 0.02, 1.02)
            axes.set_ylim(-1.6, 1.6)
            for place, words, side in ends:
                axes.text(place, -0.6, words, ha=side, va="top", color=SOFT)
            axes.set_axis_off()
    return svg.text


def shares(name: str, title: str, rows: Sequence[tuple[str, int, int]]) -> str:
    """For every (label, part, whole) the share with its 95 % interval (Wilson 1927), and both counts."""
    rows = [row for row in rows if row[2] > 0][:MAX_ROWS]
    with _chart(name, title, (440, 40 + ROW * max(1, len(rows)))) as (axes, svg):
        if not rows:
            _empty(axes)
        else:
            at = np.arange(len(rows))
            bounds = np.array([proportion_interval(part, whole) for _, part, whole in rows])
            axes.hlines(at, bounds[:, 0], bounds[:, 1], color=BLUE, alpha=0.45, linewidth=5)
            _dots(axes, [part / whole for _, part, whole in rows], at, 8, BLUE)
            axes.set_yticks(at, [_fitted(label) for label, _, _ in rows], color=INK)
            for y, (_, part, whole) in zip(at, rows, strict=True):
                axes.text(1.03, float(y), f"{part} of {whole}", va="center", color=SOFT)
            axes.set_xlim(0, 1)
            axes.set_ylim(len(rows) - 0.4, -0.6)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
            axes.grid(axis="x")
            axes.spines[:].set_visible(False)
    return svg.text


def intervals(
    name: str, title: str, rows: Sequence[tuple[str, float, tuple[float, float], Sequence[float]]], x_label: str
) -> str:
    """For every (label, value, interval, others) the value with its interval, over small dots of the others."""
    from matplotlib.ticker import MaxNLocator

    rows = [row for row in rows if np.isfinite([row[1], *row[2], *row[3]]).all()][:MAX_ROWS]
    with _chart(name, title, (440, 60 + ROW * max(1, len(rows)))) as (axes, svg):
        if not rows:
            _empty(axes)
        else:
            axes.axvline(0, color=SOFT, linewidth=1)
            for y, (_, value, (low, high), others) in enumerate(rows):
                _dots(axes, others, np.full(len(others), y), 4, SOFT, 0.6)
                axes.hlines([y], [low], [high], color=BLUE, alpha=0.45, linewidth=5)
                _dots(axes, [value], [y], 8, BLUE)
            spread = [part for _, value, ends, others in rows for part in (value, *ends, *others, 0.0)]
            margin = max(1e-9, 0.05 * (max(spread) - min(spread)))
            axes.set_xlim(min(spread) - margin, max(spread) + margin)
            axes.set_xticks(MaxNLocator(5).tick_values(*axes.get_xlim())[1:-1])
            axes.set_yticks(range(len(rows)), [_fitted(label) for label, *_ in rows], color=INK)
            axes.set_ylim(len(rows) - 0.4, -0.6)
            axes.set_xlabel(_fitted(x_label, 60))
            _plain_numbers(axes.xaxis)
            axes.spines["left"].set_visible(False)
            axes.grid(axis="x")
    return svg.text


def histogram(
    name: str,
    title: str,
    values: ArrayLike,
    x_label: str,
    marks: Sequence[tuple[float, str]] = (),
    log: bool = False,
) -> str:
    """How often values occur; marks are vertical lines with a label. `log`: the y axis is logarithmic."""
    finite = _finite(values)
    with _chart(name, title, WIDE) as (axes, svg):
        if not len(finite):
            _empty(axes)
        else:
            spread_out = np.ptp(finite) > 1e-9 * np.abs(finite).max()
            counts, edges = np.histogram(finite, min(BINS, len(np.unique(finite))) if spread_out else 1)
            axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
            if log:
                axes.set_yscale("symlog", linthresh=1)
            axes.set_ylim(0, counts.max() * (1.6 if log else 1.06))
            _draw_marks(axes, marks)
            _label_axes(axes, x_label, "samples")
            axes.grid(axis="y")
    return svg.text


def bars(name: str, title: str, labels: Sequence[str], counts: Sequence[float], x_label: str) -> str:
    """One bar for each label, with its number on top."""
    with _chart(name, title, WIDE) as (axes, svg):
        if not labels:
            _empty(axes)
        else:
            heights = np.nan_to_num(np.asarray(counts, np.float64), posinf=0, neginf=0)
            axes.bar(np.arange(len(labels)), heights, 0.7, color=BLUE)
            for at, height in enumerate(heights):
                axes.text(at, height, f"{height:,.6g}", ha="center", va="bottom", color=INK)
            axes.set_xticks(np.arange(len(labels)), [_fitted(label, 96 // len(labels) + 4) for label in labels])
            axes.set_ylim(0, max(1.0, heights.max() * 1.12))
            axes.set_xlabel(_fitted(x_label, 60))
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
    return svg.text


def scatter(
    name: str, title: str, x: ArrayLike, y: ArrayLike, x_label: str, y_label: str, identity: bool = False
) -> str:  # fmt: skip
    """A dot for each pair; `identity` draws the line on which both are equal."""
    pairs = np.stack([np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()], 1)
    pairs = pairs[np.isfinite(pairs).all(1)]
    pairs = pairs[np.linspace(0, len(pairs) - 1, min(MAX_DOTS, len(pairs))).astype(int)]
    with _chart(name, title, SQUARE) as (axes, svg):
        if not len(pairs):
            _empty(axes)
        else:
            axes.axhline(0, color=LINE)
            axes.axvline(0, color=LINE)
            if identity:
                ends = [float(pairs.min()), float(pairs.max())]
                axes.plot(ends, ends, color=SOFT, linestyle=DASHES[1], linewidth=1)
            _dots(axes, pairs[:, 0], pairs[:, 1], 6 if len(pairs) <= 60 else 3.2, BLUE, 0.6)
            axes.update_datalim(pairs)
            axes.autoscale_view()
            _label_axes(axes, x_label, y_label)
    return svg.text


def curve(
    name: str,
    title: str,
    x: ArrayLike,
    series: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    zero: bool = True,
) -> str:
    """A line for each series, with its own dashes: heights over `x`, or over its own places, (places, heights)."""
    from matplotlib.ticker import MaxNLocator

    with _chart(name, title, WIDE) as (axes, svg):
        lines = {}
        for number, (label, values) in enumerate(series.items()):
            places, heights = values if isinstance(values, tuple) else (x, values)
            points = np.stack([np.asarray(places, np.float64), np.asarray(heights, np.float64)], 1)
            points = points[np.isfinite(points).all(1)]
            if len(points):
                colour = (BLUE, FAIL, PASS, OPEN, INK, SOFT)[number % 6]
                lines[label] = axes.plot(*points.T, color=colour, linestyle=DASHES[number % 6], linewidth=1.8)[0]
                _dots(axes, points[:, 0], points[:, 1], 5, colour)
        if not lines:
            _empty(axes)
        else:
            if zero:
                axes.axhline(0, color=SOFT, linewidth=1)
            _label_axes(axes, x_label, y_label)
            axes.grid(axis="y")
            if not np.mod(x, 1).any():
                axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
            legend = axes.legend(
                lines.values(), ["line"] * len(lines), loc="lower left", bbox_to_anchor=(0, 1), ncols=3
            )
            for text, label in zip(legend.get_texts(), lines, strict=True):
                text.set_text(_fitted(label))
    return svg.text


def correlation(x: ArrayLike, y: ArrayLike) -> str:
    """Pearson's, in words."""
    first, second = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    defined = len(first) > 1 and first.std() > 0 and second.std() > 0
    return signed(float(np.corrcoef(first, second)[0, 1])) if defined else "undefined"


def signed(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "undefined"


class _Svg:
    """The chart once it is drawn."""

    text = ""


@contextmanager
def _chart(name: str, title: str, size: tuple[int, int]) -> Iterator[tuple["Axes", _Svg]]:
    """Axes to draw on; when the block ends the chart's SVG is there."""
    svg, svg_id, logger = _Svg(), re.sub(r"[^\w-]", "-", name), logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # that no cache can be written, or a glyph is missing, is no matter here
    try:
        import matplotlib
        from matplotlib.figure import Figure

        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matplotlib.rcdefaults()
            matplotlib.rcParams.update({**STYLE, "svg.hashsalt": svg_id})
            figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
            yield figure.add_subplot(), svg
            file = io.StringIO()
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    finally:
        logger.setLevel(level)
    svg.text = inline(file.getvalue(), svg_id, title, size)


def _dots(
    axes: "Axes", x: ArrayLike, y: ArrayLike, width: float, colour: str, alpha: float = 1.0
) -> None:  # fmt: skip
    """Dots as lines of no length with round ends: a tenth of the size of markers."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    places = np.repeat(np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], 1), 2, 0)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(places) // 2)
    axes.add_patch(
        PathPatch(Path(places, codes), edgecolor=colour, facecolor="none", linewidth=width, capstyle="round",
                  alpha=alpha, clip_on=False, zorder=3)
    )  # fmt: skip


def _label_axes(axes: "Axes", x_label: str, y_label: str) -> None:
    axes.set_xlabel(_fitted(x_label, 60))
    axes.set_ylabel(_fitted(y_label, 40))
    for axis in (axes.xaxis, axes.yaxis):
        _plain_numbers(axis)


def _plain_numbers(axis: "Axis") -> None:
    """Numbers on an axis as they are, without powers or a shared offset."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


def _draw_marks(axes: "Axes", marks: Sequence[tuple[float, str]]) -> None:
    """Vertical lines with a label at the top, each on a row of its own."""
    for number, (place, words) in enumerate(marks):
        if math.isfinite(place):
            axes.axvline(place, color=FAIL, linewidth=1.3, linestyle=DASHES[1])
            axes.annotate(_fitted(words), (place, 1 - 0.09 * number), xycoords=("data", "axes fraction"), va="top",
                          xytext=(3, 0), textcoords="offset points", color=FAIL)  # fmt: skip


def _empty(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=SOFT)
    axes.set_axis_off()


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    flat = np.asarray(values, np.float64).ravel()
    return flat[np.isfinite(flat)]


def _fitted(text: str, letters: int = LABEL_LETTERS) -> str:
    text = single_line(text)
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"
