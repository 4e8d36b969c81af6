"""The influence of training samples on the predictions of target samples that they may be copies of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..detection import CheckContext
from .copies import Pairs

N_INFLUENCERS = 3


@dataclass(frozen=True)
class CopyInfluence:
    """Influence of training samples on the target samples they may be copies of; NaN and 0 for pairs without scores.

    score        (m,) of each pair's training sample
    deviations   (m,) how far it stands out of all scores on the target sample, in robust deviations; copies only
    rank         (m,) 1 for the target sample's largest score; copies only
    largest      the largest scores of each target sample that has a copy
    """

    score: NDArray[np.float64]
    deviations: NDArray[np.float64]
    rank: NDArray[np.int64]
    largest: Mapping[int, list[dict[str, Any]]]

    def of_copy(self, i: int) -> dict[str, Any]:
        """A finding's evidence on one pair."""
        if not self.rank[i]:
            return {}
        return {
            "influence": float(self.score[i]),
            "influence_deviations": float(self.deviations[i]),
            "influence_place": int(self.rank[i]),
        }


def influence_of_copies(context: CheckContext, pairs: Pairs, accepted: NDArray[np.bool_]) -> CopyInfluence:
    """Of candidate pairs (m,), and which of them are copies."""
    dataset = context.dataset
    train, target = dataset.rows("train"), context.target_rows
    score, deviations = np.full((2, len(accepted)), np.nan)
    rank = np.zeros(len(accepted), np.int64)
    largest: dict[int, list[dict[str, Any]]] = {}
    if context.scores is None:
        return CopyInfluence(score, deviations, rank, largest)
    scored = np.isin(pairs.query, target) & np.isin(pairs.base, train)
    columns, lines = np.searchsorted(target, pairs.query), np.searchsorted(train, pairs.base)
    score[scored] = context.attribution.at(lines[scored], columns[scored])
    copies = np.flatnonzero(scored & accepted)
    for column, scores in context.attribution.of_targets(np.unique(columns[copies])):
        median = np.median(scores)
        outlying = (scores - median) / max(1.4826 * float(np.median(np.abs(scores - median))), 1e-12)
        target_copies = copies[columns[copies] == column]
        deviations[target_copies] = outlying[lines[target_copies]]
        rank[target_copies] = [1 + (scores > value).sum() for value in scores[lines[target_copies]]]
        largest[int(target[column])] = [
            {"id": dataset.ids[train[i]], "influence": float(scores[i]), "influence_deviations": float(outlying[i])}
            for i in np.argsort(-scores)[:N_INFLUENCERS]
        ]
    return CopyInfluence(score, deviations, rank, largest)
