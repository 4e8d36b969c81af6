"""From decisions to edits: what becomes of every sample, and which decision says so."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

from ..dataset import Dataset, Edit, Split
from ..errors import InputError
from ..findings import Remedy
from ..verdict.decisions import Decision, Decisions


@dataclass(frozen=True)
class Step:
    """One change of one sample, and the decisions that ask for it.

    before, after   the label or the split in words; "" for a sample that goes
    """

    sample: str
    action: str
    before: str
    after: str
    because: tuple[Decision, ...]


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    steps        changes that are made, by sample
    overridden   those that are not, since the sample is removed
    idle         decisions that change nothing
    """

    edits: Mapping[str, Edit]
    steps: tuple[Step, ...]
    overridden: tuple[Step, ...]
    idle: tuple[Decision, ...]


def plan(decisions: Decisions, dataset: Dataset) -> Plan:
    """Look every accepted remedy up in the dataset and settle what several say of one sample: removal goes first.

    Raises InputError for samples, labels and splits that the dataset does not have, and for two decisions that give one
    sample different labels or splits.
    """
    known, accepted = _Samples(dataset), list(_accepted(decisions))
    removed = {id for _, remedy in accepted if remedy.action == "remove" for id in remedy.sample_ids}
    asked: dict[tuple[str, str, str], Step] = {}
    settled: dict[tuple[str, str], Step] = {}
    for decision, remedy in accepted:
        for id in dict.fromkeys(remedy.sample_ids):
            step = known.step(id, decision, remedy)
            if step is None:
                continue
            other = settled.setdefault((id, step.action), step)
            if other.after != step.after and id not in removed:
                raise InputError(
                    f"{decisions.path}: {other.because[0].finding} and {decision.finding} both {remedy.action} "
                    f"{id!r}, to {other.after!r} and to {step.after!r}; decide for one of them"
                )
            same = asked.get((id, step.action, step.after))
            asked[id, step.action, step.after] = replace(step, because=(*same.because, decision)) if same else step
    steps = sorted(asked.values(), key=lambda step: (step.sample, step.action, step.after))
    made = [step for step in steps if step.action == "remove" or step.sample not in removed]
    used = {decision.finding for step in steps for decision in step.because}
    return Plan(
        edits=_edits(made),
        steps=tuple(made),
        overridden=tuple(step for step in steps if step.action != "remove" and step.sample in removed),
        idle=tuple(one for one in decisions.decisions if one.finding not in used),
    )


def _accepted(decisions: Decisions) -> Iterator[tuple[Decision, Remedy]]:
    for one in decisions.decisions:
        if one.decision == "accept" and one.remedy is not None:
            yield one, one.remedy


class _Samples:
    """The dataset's samples by id, and what may be done to each."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.rows = {id: row for row, id in enumerate(dataset.ids)}
        self.rejected = {one.id: one for one in dataset.rejected}
        self.sizes = dataset.sizes()
        self.classes = {name: at for at, name in enumerate(dataset.class_names)}

    def step(self, id: str, decision: Decision, remedy: Remedy) -> Step | None:
        """The change of one sample; None if it is so already."""
        where = f"the finding {decision.finding}"
        if id not in self.rows and id not in self.rejected:
            raise InputError(f"{where}: expected the ids of samples of {self.dataset.root}, found {id[:200]!r}")
        if remedy.action == "remove":
            label = self.dataset.label(self.rows[id]) if id in self.rows else self.rejected[id].label
            return Step(id, "remove", label, "", (decision,))
        if id not in self.rows:
            raise InputError(
                f"{where}: {id!r} can't be read ({self.rejected[id].reason}), so it can only be removed; choose that "
                "remedy, or none"
            )
        row = self.rows[id]
        if remedy.action == "move":
            before, after = str(self.dataset.splits[row]), self._split(where, remedy)
        else:
            before, after = self.dataset.label(row), self._label(where, remedy)
        return None if before == after else Step(id, remedy.action, before, after, (decision,))

    def _split(self, where: str, remedy: Remedy) -> str:
        (split,) = remedy.to
        if self.dataset.layout.splits_drawn:
            raise InputError(
                f"{where}: samples can't be moved to {split}, since {self.dataset.root} has no splits of its own, they "
                "are made anew for every audit; remove the samples instead, or give the dataset splits"
            )
        if split not in self.sizes:
            raise InputError(
                f"{where}: expected a split that is there ({', '.join(self.sizes)}), found {split!r}; choose another "
                "remedy, or make that split first"
            )
        return split

    def _label(self, where: str, remedy: Remedy) -> str:
        """The new label as the dataset words its targets."""
        given = remedy.to
        if self.dataset.task == "regression":
            return self.dataset.in_words(self._number(where, given))
        unknown = [word for word in given if word not in self.classes]
        many = self.dataset.task == "multilabel"
        if unknown or (not many and len(given) != 1) or len(set(given)) < len(given):
            some = ", ".join(map(repr, self.dataset.class_names[:20]))
            raise InputError(
                f"{where}: expected {'names out of' if many else 'one of'} the dataset's classes ({some}"
                f"{', ...' if len(self.classes) > 20 else ''}) as the new label, found "
                f"{', '.join(repr(word[:80]) for word in given) or 'none'}"
            )
        return ", ".join(sorted(given, key=self.classes.__getitem__))

    def _number(self, where: str, given: tuple[str, ...]) -> float:
        try:
            (word,) = given
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{where}: expected one finite number as the new target, found {', '.join(given)[:80]!r}")
        return value


def _edits(made: list[Step]) -> dict[str, Edit]:
    edits: dict[str, Edit] = {}
    for step in made:
        earlier = edits.get(step.sample, Edit())
        remedy = cast(Remedy, step.because[0].remedy)
        edits[step.sample] = Edit(
            remove=step.action == "remove",
            label=remedy.to if step.action == "relabel" else earlier.label,
            split=cast(Split, step.after) if step.action == "move" else earlier.split,
            findings=tuple(dict.fromkeys([*earlier.findings, *(one.finding for one in step.because)])),
        )
    return edits
