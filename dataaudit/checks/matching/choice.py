"""Which matcher finds copies among the samples of which modality."""

from collections.abc import Callable, Mapping
from typing import Any

from ...dataset import Dataset, Modality
from .images import ImageMatcher
from .matcher import Matcher
from .tables import TableMatcher
from .texts import TextMatcher

MATCHERS: Mapping[Modality, Callable[[Dataset], Matcher[Any]]] = {
    "image": lambda dataset: ImageMatcher(dataset.pixels),
    "text": TextMatcher.of,
    "table": TableMatcher.of,
    "array": TableMatcher.of,
}


def matcher_for(dataset: Dataset) -> Matcher[Any]:
    """The matcher of a dataset's samples."""
    return MATCHERS[dataset.modality](dataset)
