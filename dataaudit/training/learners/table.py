"""The default learner for tables: a small net on their columns, encoded as numbers."""

from dataclasses import dataclass
from typing import ClassVar

from ..models.vector_learner import VectorLearner


@dataclass(frozen=True)
class TableLearner(VectorLearner):
    """See the module."""

    name: ClassVar[str] = "table"


LEARNER = TableLearner
