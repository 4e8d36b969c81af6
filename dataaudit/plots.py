"""Charts as plain numbers in their own units, for templates to draw as inline SVG."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DOTS = 1500
"""Most dots in one plot."""
FEW = 60
"""With no more dots than this, they are drawn larger."""
SIDE = 220
MARGIN = 34
"""Edge of a plot, and the room for its axes."""
ROOM = {"side": SIDE, "margin": MARGIN}
"""What every template that draws needs."""


def scatter(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, Any]:
    """Dots, with the ends of both axes and the correlation in words."""
    x, y = predicted.ravel(), actual.ravel()
    shown = np.linspace(0, len(x) - 1, min(DOTS, len(x))).astype(int)
    across, up = span(x), span(y)
    return {
        "radius": 3.2 if len(x) <= FEW else 1.8,
        "dots": [(place(x[i], across), SIDE - place(y[i], up)) for i in shown],
        "x": [f"{end:.2g}" for end in across],
        "y": [f"{end:.2g}" for end in up],
        "zero": (place(0, across), SIDE - place(0, up)),
        "correlation": signed(float(np.corrcoef(x, y)[0, 1])) if x.std() > 0 and y.std() > 0 else "undefined",
    }


def bars(labels: Sequence[str], counts: Sequence[int]) -> dict[str, Any]:
    """One bar a label."""
    most, width = max([*counts, 1]), SIDE / max(1, len(labels))
    return {
        "bars": [
            {"label": label, "count": count, "x": round(number * width, 1), "width": round(0.8 * width, 1),
             "height": round(SIDE * count / most, 1)}
            for number, (label, count) in enumerate(zip(labels, counts, strict=True))
        ]
    }  # fmt: skip


def signed(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "undefined"


def span(values: NDArray[Any]) -> tuple[float, float]:
    """From the least to the largest value, zero included."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    return (low, high) if high > low else (low - 1, high + 1)


def place(value: float, within: tuple[float, float]) -> float:
    """Where the value lies on an axis of length SIDE."""
    return round(float(SIDE * (value - within[0]) / (within[1] - within[0])), 1)
