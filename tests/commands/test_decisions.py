"""`dataaudit decisions`: from an audit to a labelling tool, and back to what `dataaudit apply` takes."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import dataaudit as library
from dataaudit.verdict.decisions import read_decisions

from ..cleaning.deciding import remedy
from ..labelling.exporting import SKIPPED, annotation, choices, exported, finding
from .auditing import Command, photos

SCHEMA = json.loads((Path(library.__file__).parent / "verdict" / "decisions.schema.json").read_text())
WRONG = {"train/cat/1.png": "dog", "train/dog/2.png": "cat", "test/cat/1000.png": "dog", "train/cat/2.png": "dog"}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit of photos beside it, to which four label errors were added."""
    root = photos(tmp_path_factory.mktemp("decided") / "photos", train=10)
    output = root.with_name("audit")
    library.audit(root, checks="integrity", output=output)
    document = json.loads((output / "audit.json").read_text())
    document["findings"] = [
        finding(f"mislabeled-{place:012}", id, remedies=[remedy("relabel", id, to=other), remedy("remove", id)])
        for place, (id, other) in enumerate(WRONG.items())
    ]
    (output / "audit.json").write_text(json.dumps(document))
    return output


@pytest.fixture
def tasks(audited: Path, tmp_path: Path, dataaudit: Command) -> list[dict[str, Any]]:
    ended = dataaudit("decisions", audited, "--to-label-studio", tmp_path / "label_studio.json")
    assert ended.code == 0, ended.err
    made: list[dict[str, Any]] = json.loads((tmp_path / "label_studio.json").read_text())
    findings = json.loads((audited / "audit.json").read_text())["findings"]
    assert f"{len(made)} of {len(findings)} findings\nconfiguration: " in ended.out
    assert (tmp_path / "label_studio.xml").read_text().startswith("<View>")
    return made


def test_labels_that_are_mended_there_are_mended_in_the_dataset(
    audited: Path, tasks: list[dict[str, Any]], tmp_path: Path, dataaudit: Command
) -> None:
    assert len(tasks) == 4
    other = {"cat": "dog", "dog": "cat"}
    mended = [annotation(choices("label", other[task["data"]["given"][0]])) for task in tasks[:2]]
    path = exported(tmp_path / "export.json", tasks, *([one] for one in mended), [SKIPPED])
    output = tmp_path / "decisions.json"
    ended = dataaudit("decisions", audited, "--from-label-studio", path, "--output", output)
    assert (ended.code, ended.err) == (0, "")
    assert (
        "2 findings: 2 accept, 0 reject, 0 defer\nnote: tasks without a decision: 1 skipped, 1 unanswered" in ended.out
    )
    jsonschema.validate(json.loads(output.read_text()), SCHEMA)
    assert len(read_decisions(output).decisions) == 2
    dataset = audited.with_name("photos")
    assert dataaudit("apply", dataset, output, "--output", tmp_path / "clean").code == 0
    changes = json.loads((tmp_path / "clean.changes.json").read_text())["changes"]
    assert [(one["sample"], one["action"], one["from"], one["to"]) for one in changes] == [
        ("train/cat/1.png", "relabel", "cat", "dog"),
        ("train/dog/2.png", "relabel", "dog", "cat"),
    ]


def test_decisions_that_are_there_are_not_replaced(
    audited: Path, tasks: list[dict[str, Any]], tmp_path: Path, dataaudit: Command
) -> None:
    path = exported(tmp_path / "export.json", tasks, [annotation(choices("decision", "reject"))])
    (tmp_path / "decisions.json").write_text("mine")
    arguments = ("decisions", audited, "--from-label-studio", path, "--output", tmp_path / "decisions.json")
    ended = dataaudit(*arguments)
    assert (ended.code, "is there already and is not replaced" in ended.err) == (2, True)
    assert (tmp_path / "decisions.json").read_text() == "mine"
    shutil.copytree(audited, tmp_path / "copy")
    assert dataaudit("decisions", tmp_path / "copy" / "audit.json", "--from-label-studio", path).code == 0
    assert len(read_decisions(tmp_path / "copy" / "decisions.json").decisions) == 1


def test_an_export_without_answers_writes_nothing(
    audited: Path, tasks: list[dict[str, Any]], tmp_path: Path, dataaudit: Command
) -> None:
    path = exported(tmp_path / "export.json", tasks, [SKIPPED])
    ended = dataaudit("decisions", audited, "--from-label-studio", path, "--output", tmp_path / "d.json")
    assert (ended.code, "no task is answered (1 skipped)" in ended.err) == (2, True)
    assert not (tmp_path / "d.json").exists()


def test_a_dataset_that_moved_is_named_and_one_that_changed_is_refused(
    audited: Path, tmp_path: Path, dataaudit: Command
) -> None:
    moved, to = tmp_path / "moved", ("--to-label-studio", tmp_path / "tasks.json")
    shutil.copytree(audited.with_name("photos"), moved)
    assert dataaudit("decisions", audited, *to, "--dataset", moved).code == 0
    (moved / "train/cat/3.png").unlink()
    ended = dataaudit("decisions", audited, *to, "--dataset", moved)
    assert (ended.code, "is another dataset, or has changed; audit it again" in ended.err) == (2, True)
    ended = dataaudit("decisions", audited, *to, "--dataset", tmp_path / "nowhere")
    assert (ended.code, "found nothing there; say where it lies by --dataset" in ended.err) == (2, True)


def test_one_way_at_a_time(audited: Path, tmp_path: Path, dataaudit: Command) -> None:
    both = ("--to-label-studio", tmp_path / "a.json", "--from-label-studio", tmp_path / "b.json")
    for arguments in ((), both):
        ended = dataaudit("decisions", audited, *arguments)
        assert (ended.code, "expected either --to-label-studio FILE or --from" in ended.err) == (2, True)
    for arguments in ((*both[:2], "--output", "d.json"), (*both[2:], "--images", "s3://a/")):
        ended = dataaudit("decisions", audited, *arguments)
        assert (ended.code, "--output goes with --from-label-studio" in ended.err) == (2, True)
    ended = dataaudit("decisions", audited, "--to-label-studio", tmp_path / "a.xml")
    assert (ended.code, "expected a name that ends in .json" in ended.err) == (2, True)
    ended = dataaudit("decisions", audited, "--to-label-studio", tmp_path / "no" / "a.json")
    assert (ended.code, "can't be written there" in ended.err) == (2, True)
