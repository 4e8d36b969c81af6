"""The share of labels that stay wrong once decisions are applied.

Estimated as the share of wrong labels is: of each label drawn it is known whether it is still wrong then.
Decisions are about findings, made before anything was drawn; corrections of drawn labels because they were drawn would
tell nothing of the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from .decisions import Decision
from .review import Answer, ReviewStratum, WrongShare, wrong_share


def residual_share(
    strata: Sequence[ReviewStratum],
    answers: Mapping[str, Answer],
    samples: pd.DataFrame,
    decisions: Iterable[Decision],
) -> WrongShare:
    """The share of labels in these strata that are wrong after these decisions; samples that go count no more.

    samples   by id: split, label and other_label, which is the one suggested to the reviewer; "" if unreadable
    """
    removed: set[str] = set()
    relabelled: dict[str, str] = {}
    for decision in decisions:
        if decision.decision != "accept" or decision.remedy is None:
            continue
        if decision.remedy.action == "remove":
            removed.update(decision.remedy.sample_ids)
        elif decision.remedy.action == "relabel":
            relabelled |= dict.fromkeys(decision.remedy.sample_ids, ", ".join(decision.remedy.to))
    after: dict[str, Answer] = {}
    for id in (id for stratum in strata for id in stratum.drawn):
        answer = answers.get(id)
        if id in removed:
            after[id] = "given"  # nothing is wrong with what is gone
        elif answer is not None and id in relabelled:
            given, suggested = (str(samples[column][id]) for column in ("label", "other_label"))
            after[id] = _after(answer, relabelled[id], given, suggested)
        elif answer is not None:
            after[id] = answer
    share = wrong_share(strata, after)
    in_strata = samples["split"].isin([stratum.split for stratum in strata]) & (samples["other_label"] != "")
    gone = int((in_strata & samples.index.isin(removed)).sum())
    left = share.labels - gone
    by = share.labels / left if left else 0.0
    estimate = None if share.estimate is None else min(1.0, by * share.estimate)
    return replace(share, labels=left, estimate=estimate, low=min(1.0, by * share.low), high=min(1.0, by * share.high))


def _after(answer: Answer, label: str, given: str, suggested: str) -> Answer:
    """The answer about a label that has replaced the given one."""
    if answer == "neither":
        return "neither" if label in (given, suggested) else "unsure"
    right = {"given": given, "suggested": suggested}.get(answer)
    return "unsure" if right is None else "given" if label == right else "neither"
