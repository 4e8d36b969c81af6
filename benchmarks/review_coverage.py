"""How often intervals of the share of wrong labels, from a review sample, hold the truth, and how wide they are.

python -m benchmarks.review_coverage
"""

import numpy as np

from dataaudit.checks.labels.review_sample import review_sample
from dataaudit.verdict.review import ReviewStratum, wrong_share
from tests.checks.labels.test_review_sample import N, noisy

DRAWS = 1000

if __name__ == "__main__":
    for count in (30, 60, 120):
        held, widths = [], []
        for kind in ("clean", "random", "confusable", "hard", "unknown"):
            for rate in [0.0] if kind == "clean" else [0.01, 0.05, 0.1, 0.3]:
                rng = np.random.default_rng(1)
                shares, truths = [], []
                for draw in range(DRAWS):
                    wrong, probability = noisy(kind, rate, rng)
                    strata = review_sample(probability, np.full(N, "train"), count, draw)
                    drawn = [row for stratum in strata for row in stratum.rows.tolist()]
                    plain = [ReviewStratum(s.split, s.size, tuple(map(str, s.rows.tolist()))) for s in strata]
                    answers = {str(row): "suggested" if wrong[row] else "given" for row in drawn}
                    shares.append(wrong_share(plain, answers))
                    truths.append(wrong.mean())
                held.append(np.mean([s.low <= t <= s.high for s, t in zip(shares, truths, strict=True)]))
                widths.append(np.mean([share.high - share.low for share in shares]))
        print(
            f"{count} decisions: held {min(held):.1%} to {max(held):.1%}, width {min(widths):.3f} to {max(widths):.3f}"
        )
