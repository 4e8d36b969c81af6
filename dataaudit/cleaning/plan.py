"""From decisions to edits: the change of every sample, and the decisions behind it."""

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
    """The changes to make.

    steps        changes that are made, by sample
    overridden   those that are not made, since the sample is removed
    idle         decisions that change nothing
    """

    edits: Mapping[str, Edit]
    steps: tuple[Step, ...]
    overridden: tuple[Step, ...]
    idle: tuple[Decision, ...]


def plan(decisions: Decisions, dataset: Dataset) -> Plan:
    """Look up every accepted remedy in the dataset and resolve several on one sample: removal takes precedence.

    Raises InputError for samples, labels and splits that the dataset does not have, and for two decisions that give one
    sample different labels or splits.
    """
    samples, accepted = _Samples(dataset), list(_accepted(decisions))
    removed = {id for _, remedy in accepted if remedy.action == "remove" for id in remedy.sample_ids}
    changes: dict[tuple[str, str, str], Step] = {}
    first_steps: dict[tuple[str, str], Step] = {}
    for decision, remedy in accepted:
        for id in dict.fromkeys(remedy.sample_ids):
            step = samples.step(id, decision, remedy)
            if step is None:
                continue
            earlier = first_steps.setdefault((id, step.action), step)
            if earlier.after != step.after and id not in removed:
                raise InputError(
                    f"{decisions.path}: {earlier.because[0].finding} and {decision.finding} both {remedy.action} "
                    f"{id!r}, to {earlier.after!r} and to {step.after!r}; decide for one of them"
                )
            duplicate = changes.get((id, step.action, step.after))
            because = (*duplicate.because, decision) if duplicate else step.because
            changes[id, step.action, step.after] = replace(step, because=because)
    steps = sorted(changes.values(), key=lambda step: (step.sample, step.action, step.after))
    applied = [step for step in steps if step.action == "remove" or step.sample not in removed]
    used_findings = {decision.finding for step in steps for decision in step.because}
    return Plan(
        edits=_edits(applied),
        steps=tuple(applied),
        overridden=tuple(step for step in steps if step.action != "remove" and step.sample in removed),
        idle=tuple(decision for decision in decisions.decisions if decision.finding not in used_findings),
    )


def _accepted(decisions: Decisions) -> Iterator[tuple[Decision, Remedy]]:
    for decision in decisions.decisions:
        if decision.decision == "accept" and decision.remedy is not None:
            yield decision, decision.remedy


class _Samples:
    """The dataset's samples by id, and the changes that each allows."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.rows = {id: row for row, id in enumerate(dataset.ids)}
        self.rejected = {sample.id: sample for sample in dataset.rejected}
        self.sizes = dataset.sizes()
        self.classes = {name: i for i, name in enumerate(dataset.class_names)}

    def step(self, id: str, decision: Decision, remedy: Remedy) -> Step | None:
        """The change of one sample; None if it changes nothing."""
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
        """The new label in words, as `Dataset.label` gives them."""
        labels = remedy.to
        if self.dataset.task == "regression":
            return self.dataset.in_words(self._number(where, labels))
        unknown = [word for word in labels if word not in self.classes]
        is_multilabel = self.dataset.task == "multilabel"
        if unknown or (not is_multilabel and len(labels) != 1) or len(set(labels)) < len(labels):
            examples = ", ".join(map(repr, self.dataset.class_names[:20]))
            raise InputError(
                f"{where}: expected {'names out of' if is_multilabel else 'one of'} the dataset's classes ({examples}"
                f"{', ...' if len(self.classes) > 20 else ''}) as the new label, found "
                f"{', '.join(repr(word[:80]) for word in labels) or 'none'}"
            )
        return ", ".join(sorted(labels, key=self.classes.__getitem__))

    def _number(self, where: str, words: tuple[str, ...]) -> float:
        try:
            (word,) = words
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{where}: expected one finite number as the new target, found {', '.join(words)[:80]!r}")
        return value


def _edits(steps: list[Step]) -> dict[str, Edit]:
    edits: dict[str, Edit] = {}
    for step in steps:
        earlier = edits.get(step.sample, Edit())
        remedy = cast(Remedy, step.because[0].remedy)
        edits[step.sample] = Edit(
            remove=step.action == "remove",
            label=remedy.to if step.action == "relabel" else earlier.label,
            split=cast(Split, step.after) if step.action == "move" else earlier.split,
            findings=tuple(dict.fromkeys([*earlier.findings, *(decision.finding for decision in step.because)])),
        )
    return edits
