"""Similarities corrected for hubs, samples that resemble half the dataset (CSLS, Lample et al. 2018).

A pair's similarity less the mean similarity of each one's own neighbourhood.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NEIGHBOURS = 10
SHORTLIST = 48
ITSELF = -9.0
"""In place of a sample's similarity with itself."""


class Neighbourhoods:
    """The neighbourhoods of queries and base samples, learnt as blocks of queries are compared with the base.

    base   (n_base,) dataset rows
    """

    def __init__(self, base: NDArray[np.int64]) -> None:
        self._base = base
        self._count = min(NEIGHBOURS, len(base))
        self._of_base = torch.full((self._count, len(base)), -2.0)
        self._of_queries: list[Tensor] = []

    def shortlist(self, similar: Tensor, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The highest of similarities (m, n_base) of the next queries, dataset rows (m,), and their places in the base.

        `similar` is changed: ITSELF stands where a query is a base sample.
        """
        similar[torch.from_numpy(rows[:, None] == self._base[None, :])] = ITSELF
        value, place = similar.topk(min(SHORTLIST, similar.shape[1]), 1)
        self._of_queries.append(value[:, : self._count].mean(1, keepdim=True))
        nearer = torch.nonzero(similar.amax(0) > self._of_base[-1])[:, 0]
        both = torch.cat([self._of_base[:, nearer], similar[:, nearer]])
        self._of_base[:, nearer] = both.topk(self._count, 0).values
        return value, place

    def corrected(self, values: Tensor, places: Tensor) -> Tensor:
        """The similarities of all queries so far with base samples at these places, both (q, k)."""
        return values - (torch.cat(self._of_queries) + self._of_base.mean(0)[places]) / 2
