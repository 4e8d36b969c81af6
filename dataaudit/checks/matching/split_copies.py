"""The search of copies between splits, with the null distribution of its scores from training samples."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...data.features.chance import Repeats, repeats_across
from ...dataset import Split
from ..detection import CheckContext
from .choice import matchers_for
from .copies import MIN_SIMILARITY, Judged, Null, Pairs
from .matcher import Matcher, search

NULL_QUERIES = 1000


class CopySearch(NamedTuple):
    """What one matcher found: all candidate pairs, the null distribution of scores, and of each split equal samples."""

    matcher: Matcher[Any]
    pairs: Pairs
    null: Null
    repeats: Mapping[Split, Repeats]


def search_copies(context: CheckContext) -> tuple[CopySearch, ...]:
    """Match target samples with training samples, and validation samples with both, by every matcher."""
    return tuple(_search(context, matcher) for matcher in matchers_for(context.dataset))


def judged_copies(searches: tuple[CopySearch, ...], bar: float = MIN_SIMILARITY) -> Judged:
    """Which pairs are copies by any of the matchers.

    bar   least similarity of near copies by the first one
    """
    bars = [bar] + [MIN_SIMILARITY] * (len(searches) - 1)
    return Judged.union([Judged(s.pairs, *s.pairs.judged(bar)) for s, bar in zip(searches, bars, strict=True)])


def _search(context: CheckContext, matcher: Matcher[Any]) -> CopySearch:
    dataset = context.dataset
    train = dataset.rows("train")
    sample = np.sort(np.random.default_rng(context.seed).permutation(train)[:NULL_QUERIES])
    unrelated = search(matcher, sample, train, context.track, "leakage null")
    null = Null.of(unrelated, dataset.strata[sample], matcher.alike)
    target, val = dataset.rows(dataset.target_split), dataset.rows("val")
    pairs, repeats = _match(context, matcher, target, train, null)
    by_split = {dataset.target_split: repeats}
    if dataset.target_split == "test" and len(val):
        of_val, by_split["val"] = _match(context, matcher, val, np.union1d(train, target), null)
        pairs = pairs.joined(of_val)
    return CopySearch(matcher, pairs, null, by_split)


def _match(
    context: CheckContext, matcher: Matcher[Any], queries: NDArray[np.int64], base: NDArray[np.int64], null: Null
) -> tuple[Pairs, Repeats]:
    dataset = context.dataset
    matches = search(matcher, queries, base, context.track, f"leakage of {dataset.splits[queries[0]]}")
    p_values = null.p_values(matches.score, dataset.strata[queries])
    both = np.concatenate([queries, base])
    repeats = repeats_across(
        matcher.contents[both], matcher.codes[both], dataset.strata[both], np.arange(len(both)) < len(queries)
    )
    return Pairs.of(queries, matches, p_values).with_exact(matcher.contents, base, repeats), repeats
