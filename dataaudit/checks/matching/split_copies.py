"""The search of copies between splits, with the null distribution of its scores from training samples."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..detection import CheckContext
from .choice import matcher_for
from .copies import Null, Pairs
from .matcher import Matcher, search

NULL_QUERIES = 1000


class CopySearch(NamedTuple):
    """The matcher, all candidate pairs, and the null distribution of scores."""

    matcher: Matcher[Any]
    pairs: Pairs
    null: Null


def search_copies(context: CheckContext) -> CopySearch:
    """Match target samples with training samples, and validation samples with both."""
    dataset = context.dataset
    matcher, train = matcher_for(dataset), dataset.rows("train")
    sample = np.sort(np.random.default_rng(context.seed).permutation(train)[:NULL_QUERIES])
    unrelated = search(matcher, sample, train, context.track, "leakage null")
    null = Null.of(unrelated, dataset.strata[sample], matcher.alike)
    target, val = dataset.rows(dataset.target_split), dataset.rows("val")
    pairs = _match(context, matcher, target, train, null)
    if dataset.target_split == "test" and len(val):
        pairs = pairs.joined(_match(context, matcher, val, np.union1d(train, target), null))
    return CopySearch(matcher, pairs, null)


def _match(
    context: CheckContext, matcher: Matcher[Any], queries: NDArray[np.int64], base: NDArray[np.int64], null: Null
) -> Pairs:
    dataset = context.dataset
    matches = search(matcher, queries, base, context.track, f"leakage of {dataset.splits[queries[0]]}")
    p_values = null.p_values(matches.score, dataset.strata[queries])
    return Pairs.of(queries, matches, p_values).with_exact(dataset.contents, base, matcher.coincidence)
