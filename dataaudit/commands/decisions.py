"""`dataaudit decisions`."""

import json
from collections import Counter
from pathlib import Path

import click
from rich.console import Console

from ..errors import InputError
from ..files import rebuilding, replacing
from ..progress import terminal_track
from ..reporting import terminal
from ..verdict.audit_file import read_audit

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("audit", type=click.Path(exists=True, path_type=Path))
@click.option("--to-label-studio", "tasks", type=FILE, help="Write tasks here, and the configuration beside, as .xml.")
@click.option("--images", metavar="PREFIX", help="Before an image's path. Default: Label Studio's local files.")
@click.option("--dataset", type=FILE, help="Where the audited dataset lies now. Default: where it was audited.")
@click.option("--from-label-studio", "export", type=FILE, help="What Label Studio exports as JSON: write decisions.")
@click.option("--output", type=FILE, help="With --from-label-studio. Default: decisions.json in the audit.")
def decisions(
    audit: Path, tasks: Path | None, images: str | None, dataset: Path | None, export: Path | None, output: Path | None
) -> None:
    """Take the findings of AUDIT to a labelling tool, and the decisions made there back.

    Every finding that names samples is a task, with the suggested label as prediction. Annotators choose the right
    label, or accept, remove, reject or defer. The decisions are as the report exports them, for `dataaudit apply` and
    others. Exit codes: 0 written, 2 usage or input.
    """
    if (tasks is None) == (export is None):
        raise InputError("expected either --to-label-studio FILE or --from-label-studio FILE")
    misplaced = (images, dataset) if tasks is None else (output,)
    if any(option is not None for option in misplaced):
        raise InputError("--images and --dataset go with --to-label-studio, --output goes with --from-label-studio")
    if tasks is not None:
        _to_label_studio(audit, tasks, images, dataset)
    elif export is not None:
        folder = audit if audit.is_dir() else audit.parent
        _from_label_studio(audit, export, output or folder / "decisions.json")


def _to_label_studio(audit: Path, path: Path, images: str | None, dataset: Path | None) -> None:
    from ..labelling.audited import audited_dataset  # imports torch, which `--help` can do without
    from ..labelling.label_studio_config import label_config
    from ..labelling.label_studio_tasks import label_studio_tasks

    document, configuration = read_audit(audit), path.with_suffix(".xml")
    if configuration == path:
        raise InputError(f"--to-label-studio {path}: expected a name that ends in .json, found .xml")
    config = label_config(document["dataset"])
    data = audited_dataset(document, dataset, terminal_track(Console(stderr=True)))
    made = label_studio_tasks(document, data, images)
    if not made:
        raise InputError(f"{audit}: it has no finding about samples that can be shown, so there is nothing to label")
    try:
        with replacing(configuration) as file:
            file.write(config)
        with replacing(path) as file:
            file.write("[\n" + ",\n".join(json.dumps(task) for task in made) + "\n]\n")
    except OSError as error:
        raise InputError(f"{path}: the tasks can't be written there: {error.strerror}") from error
    click.echo(f"tasks: {terminal.printable(str(path))}, {len(made):,} of {len(document['findings']):,} findings")
    if left := len(document["findings"]) - len(made):
        click.echo(f"note: {left:,} findings name no sample that can be shown; decide them in report.html")
    click.echo(f"configuration: {terminal.printable(str(configuration))}")


def _from_label_studio(audit: Path, export: Path, path: Path) -> None:
    from ..labelling.answers import decide
    from ..labelling.label_studio_export import read_export
    from ..verdict.decisions import read_decisions

    document = read_audit(audit)
    exported = read_export(export, document["dataset"]["fingerprint"])
    decided = decide(document, exported.answers)
    made = decided.document["decisions"]
    if not made:
        raise InputError(f"{export}: no task is answered ({exported.skipped} skipped), so there is nothing to write")
    if path.exists():
        raise InputError(f"{path}: it is there already and is not replaced; move it away, or name another --output")
    try:
        with rebuilding(path) as new:
            new.write_text(json.dumps(decided.document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            read_decisions(new)
    except OSError as error:
        raise InputError(f"{path}: the decisions can't be written there: {error.strerror}") from error
    counts = Counter(one["decision"] for one in made)
    words = ", ".join(f"{counts[word]:,} {word}" for word in ("accept", "reject", "defer"))
    click.echo(f"decisions: {terminal.printable(str(path))}, {len(made):,} findings: {words}")
    if decided.differing:
        click.echo(f"note: deferred since annotators differ: {decided.differing:,}; their reasons say who said what")
    if exported.skipped or exported.unanswered:
        click.echo(f"note: tasks without a decision: {exported.skipped:,} skipped, {exported.unanswered:,} unanswered")
