"""Everything that a data card can say by measurement, each in words with its figure or with why there is none."""

from collections.abc import Mapping
from typing import Any

from ...dataset import DRAWN, SAMPLED
from ..recall import recall
from .value import Given, Line, Measured, counted, findings, total, unknown

QUOTED = 5
"""Findings of a sort that are quoted; audit.json has all."""
STATUSES = {
    "skipped": "the check was not made",
    "not asked": "the check was not asked for",
    "not run": "the check was not run",
    "error": "the check could not run",
}


def sizes(document: Mapping[str, Any]) -> Measured:
    """How many samples there are, and where the splits come from."""
    dataset = document["dataset"]
    counts = ", ".join(f"{count:,} {split}" for split, count in dataset["sizes"].items())
    left_out: list[Line] = [("Only a part was audited: ", Given(note), ".") for note in sampled(document)]
    origin: Line = ("The splits: ", Given(dataset["split_origin"]), ".")
    return Measured((f"Audited: {counted(total(document), 'sample')} ({counts}).",), (*left_out, origin))


def sampled(document: Mapping[str, Any]) -> list[str]:
    """What the audit says of samples that it left out; empty if it saw them all."""
    return [note for note in document["dataset"]["notes"] if note.startswith(SAMPLED)]


def splits_drawn(document: Mapping[str, Any]) -> bool:
    """Whether the audit drew the splits, so that the data themselves have none."""
    return str(document["dataset"]["split_origin"]).startswith(DRAWN)


def balance(document: Mapping[str, Any]) -> Measured:
    """The classes or targets of the training samples."""
    dataset = document["dataset"]
    if (quartiles := dataset["target_quartiles"]) is not None:
        low, first, median, third, high = (f"{value:,.6g}" for value in quartiles)
        return Measured((f"Training targets: {low} to {high}, median {median}, quartiles {first} and {third}.",))
    counts = dataset["counts"].get("train", {})
    if not counts:
        return unknown("Classes: there are none in a training split.")
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    return Measured((
        f"{counted(len(counts), 'class', 'classes')}; in training ", Given(most), f" is the largest with "
        f"{counted(counts[most], 'sample')}, ", Given(least), f" the smallest with {counts[least]:,}.",
    ))  # fmt: skip


def imbalance(document: Mapping[str, Any]) -> Measured:
    """Classes so rare that the check reports them."""
    return _reported(document, "imbalance", "Rare classes", "class_imbalance")


def label_suspects(document: Mapping[str, Any]) -> Measured:
    """Labels that models take to be wrong: reported, not proven."""
    regression = document["dataset"]["task"] == "regression"
    name, kind = ("target_errors", "target_error") if regression else ("mislabeled", "mislabeled")
    if reason := why_not(document, name):
        return unknown("Labels that models report as likely wrong: ", *reason)
    count = sum(1 for _ in findings(document, kind))
    found = f"Labels that models report as likely wrong: {_share(count, document, name)}."
    return Measured((found,), _recall(document, name))


def missing_values(document: Mapping[str, Any]) -> Measured:
    """Cells without a value, by column; only tables have any."""
    dataset = document["dataset"]
    if dataset["modality"] != "table":
        return unknown("Missing values: there are no columns.")
    if "missing_cells" not in dataset:
        return unknown("Missing values: this audit is of a version that did not count them.")
    missing = dataset["missing_cells"]
    if not missing:
        return Measured((f"Cells without a value: none in {total(document):,} rows.",))
    columns = tuple[Line, ...]((Given(name), f": {count:,} of {total(document):,}") for name, count in missing.items())
    return Measured(
        (f"Cells without a value: {sum(missing.values()):,}, in {counted(len(missing), 'column')}.",), columns
    )


def stand_ins(document: Mapping[str, Any]) -> Measured:
    """Columns that the check reports for what is missing, or for values that stand for missing ones."""
    kinds = ("empty_column", "sparse_column", "sentinel_value")
    return _reported(document, "columns", "Columns that are empty, or whose values stand for missing ones", *kinds)


def telling_gaps(document: Mapping[str, Any]) -> Measured:
    """Columns that tell the label by what is missing."""
    return _reported(document, "target_leakage", "Columns whose missing values tell the label", "telling_gaps")


def unreadable(document: Mapping[str, Any]) -> Measured:
    """What was there and could not be used."""
    dataset = document["dataset"]
    aside = counted(len(dataset["ignored"]), "file or folder", "files and folders")
    return Measured((f"Could not be read: {counted(dataset['unreadable'], 'sample')}; left aside: {aside}.",))


def absent(document: Mapping[str, Any]) -> Measured:
    """Classes, splits, texts and columns that should be there."""
    kinds = ("missing_class", "empty_class", "empty_split", "empty_text", "unread_columns", "unread_splits")
    return _reported(document, "integrity", "Missing or empty classes, splits, texts and columns", *kinds)


def duplicates(document: Mapping[str, Any]) -> Measured:
    """Copies within one split, or anywhere if the data have no splits."""
    title = "Samples with a copy" if splits_drawn(document) else "Samples with a copy in the same split"
    if reason := why_not(document, "duplicates"):
        return unknown(f"{title}: ", *reason)
    sets = list(findings(document, "duplicate", "conflicting_labels"))
    conflicts = sum(finding["kind"] == "conflicting_labels" for finding in sets)
    count = len({id for finding in sets for id in finding["sample_ids"]})
    made = f", in {counted(len(sets), 'set')}, {conflicts:,} of them with conflicting labels" if sets else ""
    return Measured((f"{title}: {_share(count, document, 'duplicates')}{made}.",))


def leaks(document: Mapping[str, Any]) -> Measured:
    """Copies across splits."""
    title = "Test and validation samples with a copy in another split: "
    if splits_drawn(document):
        return unknown(title, "the audit drew the splits itself, and copies across them are counted as duplicates.")
    if reason := why_not(document, "leakage"):
        return unknown(title, *reason)
    copies = [copy for finding in findings(document, "leakage") for copy in finding["evidence"]["copies"]]
    count = len({copy["test_id"] for copy in copies})
    more = ((Given(finding["message"]),) for finding in findings(document, "unsampled_copies"))
    return Measured((f"{title}{_share(count, document, 'leakage')} found.",), (*_recall(document, "leakage"), *more))


def _recall(document: Mapping[str, Any], name: str) -> tuple[Line, ...]:
    """What a check found of faults that were planted to try it."""
    check = next(check for check in document["checks"] if check["name"] == name)
    return tuple((words,) for words in [recall(check["calibration"])] if words)


def groups(document: Mapping[str, Any]) -> Measured:
    """Groups that lie in several splits, and times."""
    kinds = ("shared_group", "possible_group", "time_order")
    return _reported(document, "groups", "Groups and times across splits", *kinds)


def drift(document: Mapping[str, Any]) -> Measured:
    """Differences between the splits."""
    return _reported(document, "drift", "Distribution shift between the splits", "drift")


def weak_groups(document: Mapping[str, Any]) -> Measured:
    """Groups on which models are worse."""
    return _reported(document, "underperforming", "Groups on which models do worse", "underperforming_group")


def performance(document: Mapping[str, Any]) -> Measured:
    """What models learn from the data."""
    measured = document["learner"]["performance"]
    if measured is None:
        return unknown("How well models learn from the data: no model was trained.")
    form = ".2f" if measured["measure"] == "R²" else ".1%"
    mean, spread, joint = (f"{measured[name]:{form}}" for name in ("mean", "standard_deviation", "ensemble"))
    measure = measured["measure"][0].upper() + measured["measure"][1:]
    models = counted(document["learner"]["models"], "model")
    return Measured((
        f"{measure} on the {measured['split']} split as it is: {mean} ± {spread} per model, {joint} as an ensemble "
        f"({models}, each trained on a random half of the training samples).",
    ))  # fmt: skip


def verdict(document: Mapping[str, Any]) -> Measured:
    """Whether the data meet the policy that they were audited against."""
    reasons = tuple((Given(reason),) for reason in document["verdict"]["reasons"][:QUOTED])
    return Measured((f"Verdict of the audit, by its policy: {document['verdict']['status']}.",), reasons)


def coverage(document: Mapping[str, Any]) -> tuple[tuple[tuple[Line, ...], ...], ...]:
    """A row for each check: its name, what it examined, and what it found or why it says nothing."""

    def row(check: Mapping[str, Any]) -> tuple[tuple[Line, ...], ...]:
        found: Line = why_not(document, check["name"]) or (counted(check["findings"], "finding"),)
        return ((Given(check["name"]),),), ((f"{check['examined']:,} of {check['total']:,}",),), (found,)

    return tuple(map(row, document["checks"]))


def why_not(document: Mapping[str, Any], name: str) -> Line:
    """Why a check says nothing; empty if it does."""
    check = _check(document, name)
    if check["status"] == "ran":
        return () if check["examined"] else ("no sample was examined.",)
    words = STATUSES[check["status"]]
    return (f"{words}: ", Given(check["reason"]), ".") if check["reason"] else (f"{words}.",)


def _check(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """One check of the audit; one that it does not list was not asked for."""
    unlisted = {"status": "not asked", "examined": 0, "total": 0, "reason": ""}
    return next((check for check in document["checks"] if check["name"] == name), unlisted)


def _reported(document: Mapping[str, Any], name: str, title: str, *kinds: str) -> Measured:
    """How many findings of these kinds a check has, the first of them in their own words."""
    if reason := why_not(document, name):
        return unknown(f"{title}: ", *reason)
    found, check = list(findings(document, *kinds)), _check(document, name)
    details: list[Line] = [(Given(finding["message"]),) for finding in found[:QUOTED]]
    if len(found) > QUOTED:
        details.append((f"{len(found) - QUOTED:,} more are in audit.json.",))
    examined = f"{check['examined']:,} of {check['total']:,} samples examined"
    return Measured((f"{title}: {len(found) or 'none'} reported ({examined}).",), tuple(details))


def _share(part: int, document: Mapping[str, Any], name: str) -> str:
    """Of the samples that the check examined."""
    whole = _check(document, name)["examined"]
    return f"{part:,} of {whole:,} ({part / whole:.1%})"
