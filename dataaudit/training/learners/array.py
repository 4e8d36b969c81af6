"""The default learner for arrays of numbers: a small net on their standardised values."""

from dataclasses import dataclass
from typing import ClassVar

from ..models.vector_learner import VectorLearner


@dataclass(frozen=True)
class ArrayLearner(VectorLearner):
    """See the module."""

    name: ClassVar[str] = "array"


LEARNER = ArrayLearner
