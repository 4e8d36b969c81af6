"""Similarities corrected for hubs, samples that resemble half the dataset (CSLS, Lample et al. 2018).

A pair's similarity less the mean similarity of each one's own neighbourhood.
"""

import torch
from torch import Tensor

NEIGHBOURS = 10
SHORTLIST = 48


class Neighbourhoods:
    """The neighbourhoods of queries and base samples, learnt as blocks of queries are compared with the base."""

    def __init__(self, n_base: int) -> None:
        self._count = min(NEIGHBOURS, n_base)
        self._of_base = torch.full((self._count, n_base), -2.0)
        self._of_queries: list[Tensor] = []

    def shortlist(self, similar: Tensor) -> tuple[Tensor, Tensor]:
        """The highest of similarities (m, n_base) of the next block of queries, and their places in the base."""
        value, place = similar.topk(min(SHORTLIST, similar.shape[1]), 1)
        self._of_queries.append(value[:, : self._count].mean(1, keepdim=True))
        nearer = torch.nonzero(similar.amax(0) > self._of_base[-1])[:, 0]
        both = torch.cat([self._of_base[:, nearer], similar[:, nearer]])
        self._of_base[:, nearer] = both.topk(self._count, 0).values
        return value, place

    def corrected(self, values: Tensor, places: Tensor) -> Tensor:
        """The similarities of all queries so far with base samples at these places, both (q, k)."""
        return values - (torch.cat(self._of_queries) + self._of_base.mean(0)[places]) / 2
