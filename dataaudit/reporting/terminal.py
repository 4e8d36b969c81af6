"""What the terminal shows: the layout before an audit, the summary after it. Plain text, safe to pipe."""

import unicodedata
from collections import Counter
from collections.abc import Iterator

from ..dataset import SPLITS, Dataset
from ..progress import duration
from ..result import Audit
from .summary import Summary, counts_in_words, summarize, within_budget

MOST_LISTED = 12
"""Classes, and ignored paths of one reason, that are listed before the rest is counted."""


def layout(dataset: Dataset, seconds: float) -> str:
    """How the directory was understood, and about how long its audit will take."""
    return "\n".join(printable(line) for line in _layout(dataset, seconds))


def _layout(dataset: Dataset, seconds: float) -> Iterator[str]:
    counts = dataset.counts()
    noun = {"classification": "classes", "multilabel": "labels", "regression": "numeric targets"}[dataset.task]
    targets = f"{len(dataset.class_names)} {noun}" if dataset.class_names else noun
    recognised = dict.fromkeys((dataset.layout.format, dataset.modality, dataset.task))
    yield f"{dataset.root}: {', '.join(recognised)}, {targets}"
    yield f"splits: {dataset.layout.split_origin}"
    yield "  " + " " * 24 + "".join(f"{split:>9}" for split in counts)
    for name in dataset.class_names[:MOST_LISTED]:
        short_name = name if len(name) <= 24 else f"{name[:21]}..."
        yield f"  {short_name:<24}" + "".join(f"{counts[split][name]:>9,}" for split in counts)
    if len(dataset.class_names) > MOST_LISTED:
        yield f"  ... and {len(dataset.class_names) - MOST_LISTED} more classes"
    yield f"  {'all':<24}" + "".join(f"{size:>9,}" for size in dataset.sizes().values())
    yield from (f"note: {note}" for note in dataset.layout.notes)
    for reason, count in Counter(item.reason for item in dataset.layout.ignored).most_common():
        paths = [item.path for item in dataset.layout.ignored if item.reason == reason]
        more = f", and {count - 3} more" if count > 3 else ""
        yield f"ignored ({reason}): {', '.join(paths[:3])}{more}"
    for split in SPLITS:
        broken = [sample for sample in dataset.rejected if sample.split == split]
        if broken:
            yield f"unreadable in {split}: {len(broken)}, such as {broken[0].id} ({broken[0].reason})"
    yield f"audited: predictions on the {dataset.target_split} split, labels of all splits"
    yield f"estimated time: about {duration(seconds)}"


def summary(audit: Audit, report: str) -> str:
    """Verdict, checks and where the report is."""
    return "\n".join(printable(line) for line in _summary(audit, summarize(audit), report))


def _summary(audit: Audit, summary: Summary, report: str) -> Iterator[str]:
    yield f"{summary.status}: {'; '.join(summary.reasons)}"
    planted_by_check = {planted.check: planted for planted in summary.planted}
    for check in summary.coverage:
        ran = check.status == "ran"
        notes = check.notes if ran else check.notes[1:]
        result = (
            f"{check.examined} examined, findings: {check.findings}"
            if ran
            else ": ".join([check.status, *check.notes[:1]])
        )
        yield f"  {check.check:<15} {result}"
        planted = planted_by_check.get(check.check)
        if planted and planted.found[1]:
            (found, total), (right, reported) = planted.found, planted.right
            yield f"  {'':<15} planted faults: {found} of {total} found; {right} of {reported} reports were right"
        yield from (f"  {'':<15} {note}" for note in notes)
    yield f"findings: {counts_in_words(summary.severities)}"
    if summary.retraining:
        yield f"retraining test: {summary.retraining}"
    if summary.changes:
        yield f"since the baseline: {summary.changes.words}"
    if summary.trust is not None:
        yield f"attribution quality: {summary.trust.short}"
        if summary.trust.warning:
            yield f"  {summary.trust.warning}"
    if audit.cost.resumed_runs:
        yield f"models kept from an earlier run: {audit.cost.resumed_runs} of {audit.learner['models']}"
    if (audit.cost.saved or 0) > 0:
        yield f"saved by what the earlier audit had: about {duration(audit.cost.saved or 0)}"
    if audit.left_out:
        yield f"budget: {within_budget(audit)} This audit took {sum(audit.cost.seconds.values()):,.0f} seconds."
    yield f"report: {report}"


def printable(line: str) -> str:
    """The line without control characters, which a file name may carry to a terminal."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") else repr(c)[1:-1] for c in line)
