"""Whether a few labels stand apart from all others, though none is sure enough to be reported as wrong.

Where log-odds have one exponential tail, the i-th gap between them in descending order, times i, has the same
exponential distribution for every i (Rényi 1953). A gap is held against the mean of those below it by an F test.
"""

import numpy as np
from numpy.typing import NDArray

MOST = 10
"""Labels that may stand apart together."""
BELOW = 50
"""Gaps below that tell how far apart labels lie, at least FEWEST_BELOW of them."""
FEWEST_BELOW = 20
LEVEL = 0.05
"""Probability of such a gap by chance, for all places together that it is looked for at."""


def count_apart(log_odds: NDArray[np.float64]) -> int:
    """How many of the labels, most likely wrong first, lie above the most surprising gap; 0 where none is surprising.

    log_odds   (n,) that each label is wrong

    Only labels that are more likely wrong than right count.
    """
    ordered = np.sort(log_odds)[::-1][: MOST + BELOW + 1]
    gaps = -np.diff(ordered) * np.arange(1, len(ordered))
    likely_wrong = min(MOST, int((ordered > 0).sum()), len(gaps) - FEWEST_BELOW)
    p_values = [_p_value(gaps[place], gaps[place + 1 : place + 1 + BELOW]) for place in range(likely_wrong)]
    if not p_values or min(p_values) * len(p_values) > LEVEL:
        return 0
    return int(np.argmin(p_values)) + 1


def _p_value(gap: float, below: NDArray[np.float64]) -> float:
    """Of a gap at least so large: F with 2 and twice as many degrees of freedom as there are gaps below."""
    return float((1 + gap / max(float(below.sum()), 1e-12)) ** -len(below))
