"""As much of FiftyOne, in memory, as examples/fiftyone_review.py uses: it needs a database that tests do without."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

DATASETS: dict[str, "Dataset"] = {}


class Classification(SimpleNamespace):
    def __init__(self, **values: Any) -> None:
        super().__init__(**{"tags": [], **values})


class Classifications(SimpleNamespace):
    pass


class Sample(SimpleNamespace):
    def __init__(self, **values: Any) -> None:
        super().__init__(last_modified_at=datetime(2026, 11, 29, 19, 3, 41, 782000), **values)


class Dataset:
    def __init__(self, name: str, persistent: bool) -> None:
        assert persistent
        assert name not in DATASETS
        DATASETS[name] = self
        self.samples: list[Sample] = []

    def add_samples(self, samples: Iterable[Sample]) -> None:
        self.samples += samples

    def add_dynamic_sample_fields(self) -> None:
        pass

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)


def dataset_exists(name: str) -> bool:
    return name in DATASETS


def load_dataset(name: str) -> Dataset:
    return DATASETS[name]
