"""Group leakage: samples of one patient, session or document in training and in another split.

## What it finds
Groups that training shares with another split, where `--group` names them; columns of tables that look like names of
such groups; splits given by the data in which test rows do not come after training rows.

## Why it matters
Rows of one patient, user, session or document resemble each other in ways that new ones don't. A model that has seen
some of them knows the rest, so the test score says little about others. The same holds for neighbours in time.

## How it is checked
Shared groups are counted. What they are worth is measured by extremely randomised trees on about 1,500 samples:
cross-validated over samples and over whole groups, with a 95 % interval over groups (bootstrap). A column of words or
whole numbers looks like a group if most of its values come again, at least ten of them about equally often, and the
nearest other row, by the columns that it does not determine, has the same value: more often than shuffled values would
give (binomial test, false-discovery rate at most 1 %), by 0.3 of what chance leaves or more, more surely than the
nearest row of another value has the same label, and if the interval of what it is worth lies above zero; from 0.05 on
it weighs more. Numbers are none if rows of neighbouring values are alike (permutation test). A split follows training
in time if its rows are newer in nine of ten comparisons.

## What to do
Name the groups by `--group`, and split so that every group is on one side: splits drawn here then do. Split by time if
the model is to be used on what comes later.
"""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from ...data.features.columns import describe
from ...dataset import Dataset, Groups, Split
from ...findings import Finding, Severity, fingerprint
from ..detection import CheckContext, Detection
from ..grouping.optimism import Optimism, optimism
from ..grouping.resemblance import Resemblance, nested, resemblances
from ..grouping.time_order import time_order
from ..labels.label_views import descriptors
from ..proof import accepted_by_fdr

KINDS = {
    "shared_group": "Group leakage",
    "possible_group": "Possible group leakage",
    "time_order": "Temporal order of splits",
}
FALSE_DISCOVERY_RATE = 0.01
LARGE = 0.05
"""Least difference, in accuracy or R², from which a column that looks like a group weighs more."""
SHOWN = 5
"""Groups quoted in a message at most."""


def detect(context: CheckContext) -> Detection:
    """See the module."""
    dataset = context.dataset
    if dataset.groups is None and dataset.modality != "table":
        return Detection((), 0, len(dataset), skipped="no groups are named by --group, and there are no columns")
    other_splits: list[Split] = [split for split in ("val", "test") if len(dataset.rows(split))]
    findings: list[Finding] = []
    notes: list[str] = []
    if dataset.groups is not None:
        findings += _shared_groups(dataset, dataset.groups, other_splits, context.seed, notes)
    else:
        findings += _possible_groups(dataset, other_splits, context.seed)
    if dataset.modality == "table" and not dataset.layout.splits_drawn:
        columns = describe(dataset.frame, dataset.rows("train"))
        findings += [finding for split in other_splits for finding in time_order(dataset, columns, split)]
    return Detection(tuple(findings), len(dataset), len(dataset), notes=tuple(notes))


def _shared_groups(
    dataset: Dataset, groups: Groups, splits: list[Split], seed: int, notes: list[str]
) -> Iterator[Finding]:
    trained_on = np.unique(groups.codes[dataset.rows("train")])
    trained_on = trained_on[trained_on >= 0]
    affected = {split: np.isin(groups.codes[dataset.rows(split)], trained_on) for split in splits}
    notes += [
        f"no group of {groups.name} is in training and in {split}" for split in splits if not affected[split].any()
    ]
    if not any(shared.any() for shared in affected.values()):
        return
    worth = optimism(dataset, np.arange(len(dataset)), descriptors(dataset), groups.units, seed)
    for split, shared in affected.items():
        rows = dataset.rows(split)[shared]
        if not len(rows):
            continue
        names = [groups.values[code] for code in np.unique(groups.codes[rows])]
        n_groups = len(np.unique(groups.units[dataset.rows(split)]))
        share = f"{shared.sum():,} of {len(shared):,} {split} samples ({shared.mean():.0%}) are of one of them"
        message = (
            f"{len(names):,} of {n_groups:,} groups of {split} by {groups.name!r} are in training, too: "
            f"{_quoted(names)}; {share}{f'; {worth}' if worth else ''}"
        )
        evidence = {
            "split": split,
            "column": groups.name,
            "groups_shared": len(names),
            "groups": n_groups,
            "samples_shared": int(shared.sum()),
            "samples": len(shared),
            "optimism": worth and asdict(worth),
        }
        contents = [dataset.contents[row] for row in rows]
        yield Finding(
            "shared_group", Severity.HIGH, tuple(dataset.ids[row] for row in rows), float(shared.mean()), message,
            fingerprint("shared_group", contents, f"{groups.name}\0{split}"), evidence,
        )  # fmt: skip


def _quoted(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name[:40]) for name in names[:SHOWN]) + more


def _possible_groups(dataset: Dataset, splits: list[Split], seed: int) -> Iterator[Finding]:
    columns = describe(dataset.frame, np.arange(len(dataset)))
    candidates = list(resemblances(dataset, columns, seed))
    accepted, _ = accepted_by_fdr(np.array([candidate.p_value for candidate in candidates]), FALSE_DISCOVERY_RATE)
    alike = [candidate for candidate, sure in zip(candidates, accepted, strict=True) if sure and candidate.is_strong]
    for finest, coarser in nested(alike):
        shared = {split: _shared_values(dataset, finest, split) for split in splits}
        if not any(count for count, _ in shared.values()):
            continue
        worth = optimism(dataset, finest.rows, finest.features, finest.codes[finest.rows], seed)
        if worth is not None and worth.interval[0] > 0:
            yield _possible_group(dataset, finest, coarser, shared, worth)


def _shared_values(dataset: Dataset, candidate: Resemblance, split: Split) -> tuple[int, int]:
    """How many of the split's values are in training, and how many there are."""
    values, trained_on = (np.unique(candidate.codes[dataset.rows(part)]) for part in (split, "train"))
    values = values[values >= 0]
    return int(np.isin(values, trained_on).sum()), len(values)


def _possible_group(
    dataset: Dataset, candidate: Resemblance, coarser: list[str], shared: dict[Split, tuple[int, int]], worth: Optimism
) -> Finding:
    name = candidate.column
    counts = ", ".join(f"{count:,} of {total:,} {split} values" for split, (count, total) in shared.items())
    remedy = (
        f"if new rows will be of others, run again with --group {name}, which keeps each on one side of the split"
        if dataset.layout.splits_drawn
        else f"if new rows will be of others, split so that each is on one side, and run again with --group {name}"
    )
    also = f" ({', '.join(map(repr, coarser))} may be, too, of which each has one value)" if coarser else ""
    message = (
        f"column {name!r} looks like a group{also}: {counts} are in training; the row most like a row has the same "
        f"value in {candidate.agreement:.0%} (by chance {candidate.chance:.1%}); {worth}; {remedy}"
    )
    evidence = {
        "column": name,
        "coarser": coarser,
        "shared_values": {split: {"in_training": count, "all": total} for split, (count, total) in shared.items()},
        "nearest_has_same_value": candidate.agreement,
        "by_chance": candidate.chance,
        "nearest_of_others_has_same_label": candidate.labels,
        "p_value": candidate.p_value,
        "optimism": asdict(worth),
    }
    severity = Severity.MEDIUM if worth.interval[0] >= LARGE else Severity.LOW
    return Finding(
        "possible_group", severity, (), candidate.agreement, message,
        fingerprint("possible_group", [name]), evidence,
    )  # fmt: skip
