"""Comparison: everything that one comparison of two learning algorithms found, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

SCHEMA_VERSION = 1
Side = Literal["A", "B"]
PREDICTION = "the prediction"
"""What a transformation moves where there are no classes."""


@dataclass(frozen=True)
class Algorithm:
    """One of the two.

    given         the SPEC or the folder of a run that the user named
    recipe        what was trained
    models        models in each of its two pools
    performance   what they reach on the target split, mean over models
    """

    given: str
    recipe: Mapping[str, Any]
    models: int
    measure: str
    performance: float


@dataclass(frozen=True)
class Difference:
    """What sets some samples apart from others.

    inside          its mean among them, a share where it is there or not
    outside         its mean among the others
    p               adjusted for everything that was looked at (Benjamini & Hochberg 1995)
    within          whether the others are of the same classes, weighted as among these
    transform       a transformation of the inputs that plants it, as `--transform` takes it; empty where there is none
    """

    what: str
    kind: str
    inside: float
    outside: float
    p: float
    within: bool
    transform: str = ""


@dataclass(frozen=True)
class Placed:
    """A sample's place along a component."""

    id: str
    label: str
    weight: float


@dataclass(frozen=True)
class End:
    """One end of a component: what its targets rest on under one algorithm, and not under the other.

    targets    those farthest along it, farthest first
    carriers   the training samples that raise the outputs of these targets most by it
    """

    targets: tuple[Placed, ...]
    carriers: tuple[Placed, ...]
    of_targets: tuple[Difference, ...] = ()
    of_carriers: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Component:
    """A direction in the training data that one algorithm relies on beyond the other.

    side        the algorithm that relies on it
    variance    of the residuals along it
    p           by chance alone, for all components of the comparison together
    explained   share of each algorithm's own variance along it, A's and B's
    ends        both, that with the heavier tail first: which of them is up and which is down means nothing
    """

    side: Side
    number: int
    variance: float
    p: float
    real: bool
    explained: tuple[float, float]
    ends: tuple[End, End]


@dataclass(frozen=True)
class Effect:
    """How far a transformation moves predictions.

    mean       over models and targets, with its interval
    random     the same for random transformations of the same size, each towards its own class
    p          how often those move it as far
    """

    mean: float
    interval: tuple[float, float]
    random: tuple[float, ...]
    p: float


@dataclass(frozen=True)
class Counterfactual:
    """What a transformation of the inputs does under each algorithm.

    towards      the class or label whose probability moves most under both together; PREDICTION for numbers
    targets      how many inputs it changed and were asked about
    level        of every interval
    difference   A's effect less B's, with its interval; the algorithms differ where it leaves out zero
    suggested    whether the comparison proposed it, from what sets a component's samples apart
    """

    transform: str
    towards: str
    targets: int
    level: float
    a: Effect
    b: Effect
    difference: float
    interval: tuple[float, float]
    suggested: bool

    @property
    def differs(self) -> bool:
        """Whether the algorithms react differently, at the level."""
        return not self.interval[0] <= 0 <= self.interval[1]


@dataclass(frozen=True)
class Disagreement:
    """How often predictions differ: between A and B, and between two pools of each, which differ by seeds and halves.

    Shares of predictions, of labels for sets; for numbers the mean difference in standard deviations of the target.
    """

    between: float
    own: tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """See the module.

    method       what both are attributed by
    disagreement of all predictions of the audited split
    alpha        chance of any false claim among the components
    agreement    cosine of A's and B's attributions for each target, by id
    own          median cosines of A's two pools, and of B's: what agreement there is with oneself
    by_chance    variances of the largest components that seeds and subsets alone make
    """

    dataset: Mapping[str, Any]
    a: Algorithm
    b: Algorithm
    method: str
    disagreement: Disagreement
    alpha: float
    agreement: Mapping[str, float]
    own: tuple[float, float]
    by_chance: tuple[float, ...]
    components: tuple[Component, ...]
    counterfactuals: tuple[Counterfactual, ...]
    notes: tuple[str, ...]
    reproduce: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def real(self) -> tuple[Component, ...]:
        """The components that are claimed."""
        return tuple(component for component in self.components if component.real)
