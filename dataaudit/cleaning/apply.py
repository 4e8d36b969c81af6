"""Writing a cleaned copy of a dataset from a reviewer's decisions; the dataset itself stays as it is."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .. import plugins
from ..data.loading import read_dataset
from ..data.reading.layout_file import read_layout
from ..dataset import Dataset, Track, as_text, options_document
from ..errors import DatasetError, InputError
from ..verdict.decisions import Decisions, read_decisions
from ..versions import VERSION
from .copying import copy_dataset
from .plan import Plan, plan
from .record import Outcome, counts, record
from .verification import require_as_planned

RECORD = ".changes.json"


@dataclass(frozen=True)
class Applied:
    """The result of applying decisions.

    counts    samples by what became of them
    record    path of the record
    options   of `dataaudit run` that read the new dataset as the old one was read
    """

    counts: Mapping[str, int]
    record: Path
    notes: tuple[str, ...]
    options: tuple[str, ...]


def apply(path: Path, decisions_path: Path, output: Path, track: Track) -> Applied:
    """Write a copy of the dataset at `path` in which the accepted remedies are applied, and a record beside it.

    It is made in a temporary folder beside `output`, read again, compared with the plan, and only then moved there.

    Raises InputError, with nothing written, if the decisions are about another content or can't be carried out.
    """
    decisions = read_decisions(decisions_path)
    record_path = _record_path(path, output)
    try:
        before = read_dataset(path, decisions.reading, track)
    except DatasetError as error:
        raise DatasetError(f"{error}; {decisions_path} is about the dataset {decisions.dataset}") from error
    require_same_content(before, decisions)
    planned = plan(decisions, before)
    if not planned.steps:
        raise InputError(
            f"{decisions_path}: no accepted decision changes a sample, so there is nothing to write; accept findings "
            "with a remedy first"
        )
    rewrite = getattr(plugins.get("formats", before.layout.format), "rewrite", None)
    if rewrite is None:
        raise InputError(
            f"{as_text(str(path))}: datasets of the format {before.layout.format} can't be rewritten; "
            "make the changes where the dataset is made"
        )
    try:
        with TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            copy = Path(folder) / "copy" / (path.name if path.is_file() else "dataset")
            copy.parent.mkdir()
            notes = copy_dataset(path, copy, track)
            reading = read_layout(copy).reading(decisions.reading)
            renamed = rewrite(copy, reading, planned.edits)
            cleaned = copy.rename(Path(folder) / output.name)
            outcome = _outcome(decisions, planned, before, cleaned, output, renamed, notes, track)
            record_file = Path(folder) / "record"
            record_file.write_text(_json(record(decisions, planned, outcome, VERSION)), encoding="utf-8")
            _move_into_place(cleaned, output, record_file, record_path)
    except OSError as error:
        raise InputError(
            f"{as_text(str(path))} can't be copied and changed into --output {as_text(str(output))}: {error}; nothing "
            "was written"
        ) from error
    named = options_document(decisions.reading)
    texts = [(f"--{name}", named[name]) for name in ("label", "task", "group", "encoding") if named.get(name)]
    header = {None: (), True: ("--header",), False: ("--no-header",)}[decisions.reading.header]
    options = (*(word for option in texts for word in option), *header)
    return Applied(counts(planned, outcome.unchanged), record_path, tuple(_notes(decisions, planned, outcome)), options)


def require_same_content(dataset: Dataset, decisions: Decisions) -> None:
    """Raise InputError unless the decisions are about the dataset's present content."""
    if dataset.fingerprint != decisions.fingerprint:
        raise InputError(
            f"{as_text(str(dataset.root))}: its fingerprint is {dataset.fingerprint}, but {decisions.path} is about "
            f"{decisions.dataset}, {decisions.fingerprint}: either that is another dataset, or its content has changed "
            "since then; then run the audit again and decide anew"
        )


def _record_path(path: Path, output: Path) -> Path:
    """The path of the record. Raises InputError if it or the dataset can't be written there."""
    option = f"--output {as_text(str(output))}"
    if not path.exists():
        raise InputError(f"{as_text(str(path))}: no such file or directory")
    if not output.name or output.name == "..":
        raise InputError(f"{option}: expected the name of a new {'folder' if path.is_dir() else 'file'}")
    if not output.parent.is_dir():
        raise InputError(f"{option}: expected a name in a folder that is there, found no folder {output.parent}")
    dataset, target = path.resolve(), output.parent.resolve() / output.name
    if target == dataset or dataset in target.parents or target in dataset.parents:
        raise InputError(f"{option}: expected a place outside the dataset {path}, and not one that holds it")
    if not path.is_dir() and _ending(output) != _ending(path):
        raise InputError(
            f"{option}: expected a name that ends in {_ending(path) or 'nothing'}, as the dataset's own, for the "
            "ending says the format"
        )
    name = output.name if path.is_dir() else output.stem
    for occupied in (output, output.with_name(name + RECORD)):
        if occupied.exists() or occupied.is_symlink():
            raise InputError(
                f"{option}: {occupied} is there already and is not replaced; name another place, or move it away"
            )
    return output.with_name(name + RECORD)


def _ending(path: Path) -> str:
    """The ending, with that of what is packed: .csv.gz."""
    endings = [suffix.lower() for suffix in path.suffixes]
    return "".join(endings[-2:] if endings[-1:] in ([".gz"], [".zip"]) else endings[-1:])


def _outcome(
    decisions: Decisions, planned: Plan, before: Dataset, cleaned: Path, output: Path, renamed: Mapping[str, str],
    notes: tuple[str, ...], track: Track,
) -> Outcome:  # fmt: skip
    """The outcome of the plan, after reading the result again and comparing it with the plan."""
    try:
        after = read_dataset(cleaned, decisions.reading, track)
    except DatasetError as error:
        raise DatasetError(
            f"after these changes the dataset can't be audited any more: {error}; decide for fewer changes"
        ) from error
    notes_of_both = (*before.layout.notes, *after.layout.notes)
    sampling_note = next((note for note in notes_of_both if note.startswith("sampled ")), "")
    if not sampling_note:
        require_as_planned(before, after, planned.edits, output)
    rows_shift = any(edit.remove or edit.split for edit in planned.edits.values())
    return Outcome(
        before=before.fingerprint,
        after=after.fingerprint,
        unchanged=len(before) + len(before.rejected) - len(planned.edits),
        renamed=renamed,
        renumbered=rows_shift and not before.sources,
        unverified=f"not compared with the plan, since only a sample is read: {sampling_note}" if sampling_note else "",
        notes=notes,
    )


def _notes(decisions: Decisions, planned: Plan, outcome: Outcome) -> Iterator[str]:
    """Notes for the terminal, beside the counts."""
    signature = decisions.signature
    yield "the decisions are not signed" if signature is None else f"signed by {signature.name}: {signature.outcome}"
    if planned.overridden:
        yield f"{len(planned.overridden)} other changes of samples that are removed were not made"
    if outcome.unverified:
        yield outcome.unverified


def _move_into_place(cleaned: Path, output: Path, record_file: Path, record_path: Path) -> None:
    """Move both to their final paths; neither stays there if that is interrupted."""
    try:
        cleaned.rename(output)
        record_file.rename(record_path)
    except BaseException:
        if output.exists() and not cleaned.exists():
            output.rename(cleaned)
        raise


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
