"""What stays wrong after decisions: of one label, and that the interval holds the truth."""

import numpy as np
import pandas as pd
import pytest

from dataaudit.checks.labels.review_sample import review_sample
from dataaudit.findings import Remedy
from dataaudit.verdict.decisions import Decision, Word
from dataaudit.verdict.residual import residual_share
from dataaudit.verdict.review import Answer, ReviewStratum

from ..checks.labels.test_review_sample import N, noisy

DRAWS = 100


def decision(remedy: Remedy | None, word: Word = "accept") -> Decision:
    return Decision("mislabeled-0", "0" * 64, "mislabeled", "", word, remedy, "", "", "2026-11-26T12:00:00.000Z")


@pytest.mark.parametrize(
    ("answer", "to", "wrong"),
    [
        ("suggested", "dog", 0.0),  # corrected
        ("suggested", "cow", 1.0),  # still wrong
        ("given", "dog", 1.0),  # made wrong
        ("given", "cat", 0.0),
        ("neither", "dog", 1.0),
        ("neither", None, 1.0),
        ("suggested", None, 1.0),
        ("given", None, 0.0),
    ],
)
def test_what_a_new_label_makes_of_one(answer: Answer, to: str | None, wrong: float) -> None:
    strata = [ReviewStratum("train", 1, ("a",))]
    samples = pd.DataFrame({"split": ["train"], "label": ["cat"], "other_label": ["dog"]}, index=["a"])
    decided = [] if to is None else [decision(Remedy("relabel", ("a",), (to,)))]
    found = residual_share(strata, {"a": answer}, samples, decided)
    assert (found.low, found.estimate, found.high) == (wrong, wrong, wrong)


def test_what_cannot_be_told_stays_open_and_only_accepted_decisions_count() -> None:
    strata = [ReviewStratum("train", 2, ("a", "b"))]
    samples = pd.DataFrame({"split": "train", "label": "cat", "other_label": "dog"}, index=["a", "b", "c"])
    relabelled = [decision(Remedy("relabel", ("a",), ("cow",)))]
    found = residual_share(strata, {"a": "neither", "b": "given"}, samples, relabelled)
    assert (found.low, found.high, found.unsure) == (0.0, 0.5, 1)
    rejected = [decision(Remedy("relabel", ("a",), ("dog",)), "reject"), decision(None)]
    assert residual_share(strata, {"a": "suggested", "b": "given"}, samples, rejected).estimate == 0.5
    found = residual_share(strata, {"a": "neither"}, samples, relabelled)
    assert (found.estimate, found.low, found.high) == (None, 0.0, 1.0)
    removed = [decision(Remedy("remove", ("a",)))]
    found = residual_share(strata, {"b": "suggested"}, samples, removed)
    assert (found.labels, found.estimate) == (1, 1.0)
    samples.loc["a", "other_label"] = ""  # a sample that can't be read is in no stratum
    assert residual_share(strata, {"b": "suggested"}, samples, removed).labels == 2


@pytest.mark.parametrize("kind", ["random", "confusable", "hard"])
@pytest.mark.parametrize("count", [30, 60, 120])
def test_the_interval_holds_what_stays_wrong(kind: str, count: int) -> None:
    rng, held = np.random.default_rng(0), 0
    names = [str(row) for row in range(N)]
    samples = pd.DataFrame({"split": "train", "label": "given", "other_label": "other"}, index=names)
    for draw in range(DRAWS):
        wrong, probability = noisy(kind, 0.1, rng)
        strata = [
            ReviewStratum(s.split, s.size, tuple(names[row] for row in s.rows))
            for s in review_sample(probability, np.full(N, "train"), count, draw)
        ]
        answers: dict[str, Answer] = {
            id: "suggested" if wrong[int(id)] else "given" for stratum in strata for id in stratum.drawn
        }
        suspected = probability > 0.5
        acted = suspected & (rng.random(N) < np.where(wrong, 0.9, 0.2))  # some right labels are made wrong
        removed = acted & (rng.random(N) < 0.3)
        corrections = (
            Remedy("remove", tuple(np.array(names)[removed].tolist())),
            Remedy("relabel", tuple(np.array(names)[acted & ~removed].tolist()), ("other",)),
        )
        found = residual_share(strata, answers, samples, [decision(remedy) for remedy in corrections])
        after = np.where(acted, ~wrong, wrong)[~removed].mean()
        held += found.low - 1e-9 <= after <= found.high + 1e-9
        assert found.labels == N - removed.sum()
    assert held >= 0.93 * DRAWS - 2 * np.sqrt(DRAWS * 0.93 * 0.07)
