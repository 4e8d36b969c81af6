"""Charts as inline SVG in the colours of the page, drawn by matplotlib."""

import io
import logging
import math
import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks.proof import proportion_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

DOTS = 1500
"""Most dots in one chart."""
LETTERS = 28
"""Of a label, before it is cut."""
BINS = 40
WIDE, SQUARE = (440, 220), (320, 250)
ROW, MOST_ROWS = 24, 24
"""Height of a row, and how many rows a chart may have."""

INK, SOFT, LINE = "#010101", "#020202", "#030303"
BLUE, FAIL, PASS, OPEN, CARD = "#040404", "#050505", "#060606", "#070707", "#080808"
VARIABLES = {INK: "ink", SOFT: "soft", LINE: "line", BLUE: "blue", FAIL: "fail", PASS: "pass", OPEN: "open",
             CARD: "card"}  # fmt: skip
"""What a chart is drawn in, and the page's variable that takes its place."""
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
NAMESPACE = "{http://www.w3.org/2000/svg}"


def trust_meter(name: str, title: str, lds: float, low: float, high: float, ceiling: float | None) -> str:
    """A score between guessing, 0, and perfect, 1, with its 95 % interval and what the seeds' noise allows."""
    with _chart(name, title, (440, 76)) as (axes, svg):
        if not math.isfinite(lds):
            _nothing(axes)
        else:
            axes.plot([0, 1], [0, 0], color=LINE, linewidth=9, solid_capstyle="round", clip_on=False)
            axes.plot([low, high], [0, 0], color=BLUE, alpha=0.45, linewidth=9, solid_capstyle="butt", clip_on=False)
            _dots(axes, [lds], [0], 12, BLUE)
            axes.text(lds, 0.5, f"{lds:.2f}", ha="center", va="bottom", color=BLUE, fontsize=13)
            if ceiling is not None:
                axes.plot([ceiling, ceiling], [-0.55, 0.55], color=FAIL, linewidth=2)
                near = abs(ceiling - lds) < 0.1
                axes.text(ceiling, -0.6 if near else 0.6, f"ceiling {ceiling:.2f}",
                          ha="center", va="top" if near else "bottom", color=FAIL)  # fmt: skip
            axes.set_xlim(min(0.0, low, lds) - 0.02, 1.02)
            axes.set_ylim(-1.6, 1.6)
            for place, words, side in ((0, "0 guessing", "left"), (1, "1 perfect", "right")):
                axes.text(place, -0.6, words, ha=side, va="top", color=SOFT)
            axes.set_axis_off()
    return svg.text


def shares(name: str, title: str, rows: Sequence[tuple[str, int, int]]) -> str:
    """Of every (label, part, whole) the share with its 95 % interval (Wilson 1927), and both counts."""
    rows = [row for row in rows if row[2] > 0][:MOST_ROWS]
    with _chart(name, title, (440, 40 + ROW * max(1, len(rows)))) as (axes, svg):
        if not rows:
            _nothing(axes)
        else:
            at = np.arange(len(rows))
            bounds = np.array([proportion_interval(part, whole) for _, part, whole in rows])
            axes.hlines(at, bounds[:, 0], bounds[:, 1], color=BLUE, alpha=0.45, linewidth=5)
            _dots(axes, [part / whole for _, part, whole in rows], at, 8, BLUE)
            axes.set_yticks(at, [_word(label) for label, _, _ in rows], color=INK)
            for y, (_, part, whole) in zip(at, rows, strict=True):
                axes.text(1.03, float(y), f"{part} of {whole}", va="center", color=SOFT)
            axes.set_xlim(0, 1)
            axes.set_ylim(len(rows) - 0.4, -0.6)
            axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
            axes.grid(axis="x")
            axes.spines[:].set_visible(False)
    return svg.text


def intervals(
    name: str, title: str, rows: Sequence[tuple[str, float, tuple[float, float], Sequence[float]]], across: str
) -> str:
    """Of every (label, value, interval, others) the value with its interval, over small dots of the others."""
    from matplotlib.ticker import MaxNLocator

    rows = [row for row in rows if np.isfinite([row[1], *row[2], *row[3]]).all()][:MOST_ROWS]
    with _chart(name, title, (440, 60 + ROW * max(1, len(rows)))) as (axes, svg):
        if not rows:
            _nothing(axes)
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
            axes.set_yticks(range(len(rows)), [_word(label) for label, *_ in rows], color=INK)
            axes.set_ylim(len(rows) - 0.4, -0.6)
            axes.set_xlabel(_word(across, 60))
            _in_short(axes.xaxis)
            axes.spines["left"].set_visible(False)
            axes.grid(axis="x")
    return svg.text


def histogram(
    name: str,
    title: str,
    values: ArrayLike,
    across: str,
    marks: Sequence[tuple[float, str]] = (),
    log: bool = False,
) -> str:
    """How often values occur; marks are upright lines with a word. `log`: counts grow by powers of ten."""
    known = _finite(values)
    with _chart(name, title, WIDE) as (axes, svg):
        if not len(known):
            _nothing(axes)
        else:
            apart = np.ptp(known) > 1e-9 * np.abs(known).max()
            counts, edges = np.histogram(known, min(BINS, len(np.unique(known))) if apart else 1)
            axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75)
            if log:
                axes.set_yscale("symlog", linthresh=1)
            axes.set_ylim(0, counts.max() * (1.6 if log else 1.06))
            _marked(axes, marks)
            _named(axes, across, "samples")
            axes.grid(axis="y")
    return svg.text


def bars(name: str, title: str, labels: Sequence[str], counts: Sequence[float], across: str) -> str:
    """One bar a label, with its number on top."""
    with _chart(name, title, WIDE) as (axes, svg):
        if not labels:
            _nothing(axes)
        else:
            heights = np.nan_to_num(np.asarray(counts, np.float64), posinf=0, neginf=0)
            axes.bar(np.arange(len(labels)), heights, 0.7, color=BLUE)
            for at, height in enumerate(heights):
                axes.text(at, height, f"{height:,.6g}", ha="center", va="bottom", color=INK)
            axes.set_xticks(np.arange(len(labels)), [_word(label, 96 // len(labels) + 4) for label in labels])
            axes.set_ylim(0, max(1.0, heights.max() * 1.12))
            axes.set_xlabel(_word(across, 60))
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
    return svg.text


def scatter(
    name: str, title: str, x: ArrayLike, y: ArrayLike, across: str, up: str, identity: bool = False
) -> str:  # fmt: skip
    """A dot for each pair; `identity` draws the line on which both are equal."""
    pairs = np.stack([np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()], 1)
    pairs = pairs[np.isfinite(pairs).all(1)]
    pairs = pairs[np.linspace(0, len(pairs) - 1, min(DOTS, len(pairs))).astype(int)]
    with _chart(name, title, SQUARE) as (axes, svg):
        if not len(pairs):
            _nothing(axes)
        else:
            axes.axhline(0, color=LINE)
            axes.axvline(0, color=LINE)
            if identity:
                ends = [float(pairs.min()), float(pairs.max())]
                axes.plot(ends, ends, color=SOFT, linestyle=DASHES[1], linewidth=1)
            _dots(axes, pairs[:, 0], pairs[:, 1], 6 if len(pairs) <= 60 else 3.2, BLUE, 0.6)
            axes.update_datalim(pairs)
            axes.autoscale_view()
            _named(axes, across, up)
    return svg.text


def curve(
    name: str,
    title: str,
    x: ArrayLike,
    series: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    across: str,
    up: str,
    zero: bool = True,
) -> str:
    """A line for each series, told apart by dashes: heights over `x`, or over places of its own, (places, heights)."""
    from matplotlib.ticker import MaxNLocator

    with _chart(name, title, WIDE) as (axes, svg):
        lines = {}
        for number, (label, own) in enumerate(series.items()):
            places, heights = own if isinstance(own, tuple) else (x, own)
            points = np.stack([np.asarray(places, np.float64), np.asarray(heights, np.float64)], 1)
            points = points[np.isfinite(points).all(1)]
            if len(points):
                colour = (BLUE, FAIL, PASS, OPEN, INK, SOFT)[number % 6]
                lines[label] = axes.plot(*points.T, color=colour, linestyle=DASHES[number % 6], linewidth=1.8)[0]
                _dots(axes, points[:, 0], points[:, 1], 5, colour)
        if not lines:
            _nothing(axes)
        else:
            if zero:
                axes.axhline(0, color=SOFT, linewidth=1)
            _named(axes, across, up)
            axes.grid(axis="y")
            if not np.mod(x, 1).any():
                axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
            key = axes.legend(lines.values(), ["line"] * len(lines), loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
            for text, label in zip(key.get_texts(), lines, strict=True):
                text.set_text(_word(label))
    return svg.text


def correlation(x: ArrayLike, y: ArrayLike) -> str:
    """Pearson's, in words."""
    one, other = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    told = len(one) > 1 and one.std() > 0 and other.std() > 0
    return signed(float(np.corrcoef(one, other)[0, 1])) if told else "undefined"


def signed(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "undefined"


class _Svg:
    """The chart once it is drawn."""

    text = ""


@contextmanager
def _chart(name: str, title: str, size: tuple[int, int]) -> Iterator[tuple["Axes", _Svg]]:
    """Axes to draw on; when the block ends the chart's SVG is there."""
    svg, own, logger = _Svg(), re.sub(r"[^\w-]", "-", name), logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # that no cache can be written, or a glyph is missing, is no matter here
    try:
        import matplotlib
        from matplotlib.figure import Figure

        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matplotlib.rcdefaults()
            matplotlib.rcParams.update({**STYLE, "svg.hashsalt": own})
            figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, layout="constrained")
            yield figure.add_subplot(), svg
            file = io.StringIO()
            figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    finally:
        logger.setLevel(level)
    svg.text = _inline(file.getvalue(), own, title, size)


def _inline(drawn: str, name: str, title: str, size: tuple[int, int]) -> str:
    """The drawing as part of a page: no style that leaks, no size in points, ids of its own, the page's colours."""
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', drawn))
    source = ElementTree.fromstring(drawn)
    for parent in list(source.iter()):
        for child in [child for child in parent if child.tag.rpartition("}")[2] in ("metadata", "style")]:
            parent.remove(child)
    for element in source.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
        own = element.attrib
        if own.get("id") not in used:
            own.pop("id", None)
        for key, value in list(own.items()):
            if key == "id":
                own[key] = f"{name}-{value}"
            elif key.endswith("}href"):
                own["href"] = f"#{name}-{own.pop(key)[1:]}"
            elif key == "style":
                own[key] = _restyled(value)
            elif key == "transform" and value.startswith("rotate(-0 "):
                own.pop(key)
            else:
                own[key] = _in_tenths(value.replace("url(#", f"url(#{name}-"))
    source.attrib.clear()
    source.attrib |= {"class": "chart", "role": "img", "aria-label": _clean(title), "id": name,
                      "width": str(size[0]), "height": str(size[1]), "viewBox": f"0 0 {size[0]} {size[1]}",
                      "stroke-linejoin": "round"}  # fmt: skip
    for element in source.iter():
        element.text = element.text if (element.text or "").strip() else None
        element.tail = None
    return ElementTree.tostring(source, encoding="unicode")


def _in_tenths(places: str) -> str:
    """Coordinates with one decimal; a line back to where it began is a dot."""
    places = re.sub(
        r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), " ".join(places.split())
    )
    return re.sub(r"M (\S+) (\S+) L \1 \2(?= |$)", r"M\1 \2h0", places).replace("h0 M", "h0M")


def _restyled(style: str) -> str:
    for sentinel, variable in VARIABLES.items():
        style = style.replace(sentinel, f"var(--{variable})")
    return style.replace("'DejaVu Sans'", "system-ui, sans-serif")


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


def _named(axes: "Axes", across: str, up: str) -> None:
    axes.set_xlabel(_word(across, 60))
    axes.set_ylabel(_word(up, 40))
    for axis in (axes.xaxis, axes.yaxis):
        _in_short(axis)


def _in_short(axis: "Axis") -> None:
    """Numbers on an axis as they are, without powers or a shared offset."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


def _marked(axes: "Axes", marks: Sequence[tuple[float, str]]) -> None:
    """Upright lines with a word at the top, each on a line of its own."""
    for number, (place, words) in enumerate(marks):
        if math.isfinite(place):
            axes.axvline(place, color=FAIL, linewidth=1.3, linestyle=DASHES[1])
            axes.annotate(_word(words), (place, 1 - 0.09 * number), xycoords=("data", "axes fraction"), va="top",
                          xytext=(3, 0), textcoords="offset points", color=FAIL)  # fmt: skip


def _nothing(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "nothing to show", ha="center", va="center", color=SOFT)
    axes.set_axis_off()


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    known = np.asarray(values, np.float64).ravel()
    return known[np.isfinite(known)]


def _word(text: str, letters: int = LETTERS) -> str:
    text = _clean(text)
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _clean(text: str) -> str:
    """Text that XML can hold, on one line."""
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else "�" for c in " ".join(text.split()))
