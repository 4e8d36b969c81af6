"""Similarity of embeddings: a baseline that any attribution has to beat.

score(i, z) = mean over models of cos(h(i), h(z)), turned with the label, see `likeness`, with h the input of the net's
last linear layer. Only an ordering: its values are not changes of an output.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...dataset import Track
from ..attribution import Attribution, identity
from ..embeddings import embed, require_classes
from ..ensemble import score_ensemble
from ..likeness import TurnedLikeness, cosines
from ..problem import Problem


@dataclass(frozen=True)
class Similarity:
    """No settings."""

    needs = ("models",)
    is_baseline = True

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        return identity("similarity", {}, problem)

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`. Raises InputError if labels aren't class numbers or no layer is linear."""
        require_classes("similarity", problem)
        return score_ensemble(
            problem,
            lambda numbers: (
                TurnedLikeness(problem, cosines(*(embed(problem, number, part) for part in problem.parts)))
                for number in numbers
            ),
            None,
            self.identity(problem),
            path,
            track,
        )


BACKEND = Similarity
