"""`dataaudit apply`: what it refuses, what it leaves when it is cut off, and what the command says."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dataaudit.cleaning.apply as applying
from dataaudit.cleaning.apply import apply
from dataaudit.cli import cli
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError, InputError

from ..data.formats.reading import columns, recognised
from .deciding import decide, decision, document, remedy, tree

POINTS = ["copy_dataset", "read_layout", "require_as_planned", "record", "_move_into_place"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder of two tables in a folder of its own."""
    folder = tmp_path / "here/data"
    folder.mkdir(parents=True)
    columns(40).to_csv(folder / "train.csv", index=False)
    columns(12, 1).to_csv(folder / "test.csv", index=False)
    return folder


@pytest.fixture
def decisions(path: Path, tmp_path: Path) -> Path:
    return decide(path, remedy("remove", "train.csv#1"), remedy("relabel", "test.csv#2", to="yes")).rename(
        tmp_path / "d.json"
    )


def test_the_command_says_what_it_did_and_what_comes_next(path: Path, decisions: Path) -> None:
    new = path.with_name("clean")
    result = CliRunner().invoke(cli, ["apply", str(path), str(decisions), "--output", str(new)])
    assert result.exit_code == 0, result.output
    record = new.with_name("clean.changes.json")
    assert result.output.splitlines() == [
        "removed 1, relabelled 1, moved 0, unchanged 50", "note: signed by R. Eviewer: approved", f"record: {record}",
        f"next: dataaudit run {new}",
    ]  # fmt: skip
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["clean", "clean.changes.json", "data"]


def test_the_record_says_who_decided_what_and_why(path: Path, tmp_path: Path) -> None:
    entries = [
        decision(remedy("remove", "train.csv#1"), 1), decision(remedy("relabel", "train.csv#1", to="no"), 2),
        decision(remedy("remove", "train.csv#5"), 3, "reject"), decision(None, 4),
    ]  # fmt: skip
    content = document(recognised(path).fingerprint, *entries)
    file = tmp_path / "d.json"
    file.write_text(json.dumps(content))
    applied = apply(path, file, path.with_name("clean"), silent)
    assert applied.notes == (
        "signed by R. Eviewer: approved", "1 other changes of samples that are removed were not made",
    )  # fmt: skip
    record = json.loads(applied.record.read_text())
    assert record["signature"] == content["signature"]
    assert record["dataset"]["before"] == content["dataset"]["fingerprint"]
    assert record["dataset"]["after"] == recognised(path.with_name("clean")).fingerprint
    assert record["verified"] is True
    (change,) = record["changes"]
    assert (change["sample"], change["action"], change["from"], change["to"], change["now"]) == (
        "train.csv#1", "remove", "yes", "", None
    )  # fmt: skip
    assert change["because"] == [
        {key: entries[0][key] for key in ("finding", "kind", "message", "reason", "reviewer", "at")}
    ]
    assert [one["because"][0]["reason"] for one in record["overridden_by_removal"]] == ["seen by eye, 2"]
    assert [one["decision"] for one in record["changed_nothing"]] == ["reject", "accept"]
    assert any("counted anew" in note for note in record["notes"])


def test_content_that_has_changed_is_refused(path: Path, decisions: Path) -> None:
    with (path / "train.csv").open("a") as file:
        file.write("1.5,red,no\n")
    with pytest.raises(InputError, match=r"its fingerprint is \w{64}, but .* run the audit again"):
        apply(path, decisions, path.with_name("clean"), silent)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("here/data", "outside the dataset"),
        ("here/data/clean", "outside the dataset"),
        ("here/link/clean", "outside the dataset"),
        ("here", "outside the dataset"),
        ("there", "is there already"),
        ("dangling", "is there already"),
        ("recorded", r"recorded\.changes\.json is there already"),
        ("nowhere/clean", "found no folder"),
        ("here/..", "expected the name of a new folder"),
    ],
)
def test_where_the_output_can_not_go(path: Path, decisions: Path, tmp_path: Path, output: str, words: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here/link").symlink_to(path)
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "recorded.changes.json").write_text("kept")
    before = tree(tmp_path)
    result = CliRunner().invoke(cli, ["apply", str(path), str(decisions), "--output", str(tmp_path / output)])
    assert isinstance(result.exception, InputError)
    with pytest.raises(InputError, match=words):
        apply(path, decisions, tmp_path / output, silent)
    assert tree(tmp_path) == before


def test_a_single_file_stays_of_its_kind(path: Path, tmp_path: Path) -> None:
    file = path / "train.csv"
    decisions = decide(file, remedy("remove", "train.csv#1"))
    with pytest.raises(InputError, match=r"a name that ends in \.csv"):
        apply(file, decisions, tmp_path / "clean", silent)
    assert apply(file, decisions, tmp_path / "clean.csv", silent).record == tmp_path / "clean.changes.json"


def test_a_dataset_that_is_a_link_is_read_through_it(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(path)
    file = decide(tmp_path / "link", remedy("remove", "train.csv#1"))
    apply(tmp_path / "link", file, tmp_path / "clean", silent)
    assert not (tmp_path / "clean").is_symlink()
    assert len(recognised(tmp_path / "clean")) == 51


def test_a_split_that_outgrows_what_is_read_is_not_compared(path: Path, tmp_path: Path) -> None:
    file = decide(path, remedy("move", "train.csv#1", to="test"), rows=60)
    applied = apply(path, file, tmp_path / "clean", silent)
    assert json.loads(applied.record.read_text())["verified"] is False
    assert "sampled 12 of 13" in applied.notes[-1]
    assert len((tmp_path / "clean/test.csv").read_text().splitlines()) == 14


def test_decisions_that_change_nothing_write_nothing(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.json"
    file.write_text(json.dumps(document(recognised(path).fingerprint, decision(None))))
    with pytest.raises(InputError, match="nothing to write"):
        apply(path, file, path.with_name("clean"), silent)


def test_a_dataset_that_could_not_be_audited_any_more_is_not_written(path: Path, tmp_path: Path) -> None:
    file = decide(path, remedy("remove", *(f"test.csv#{row}" for row in range(12)))).rename(
        path.parent.parent / "d.json"
    )
    with pytest.raises(DatasetError, match="can't be audited any more"):
        apply(path, file, path.with_name("clean"), silent)
    assert [entry.name for entry in path.parent.iterdir()] == ["data"]


def test_a_rewriting_that_goes_wrong_is_noticed(path: Path, decisions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataaudit.data.formats import table

    def wrong(copy: Path, *_: Any) -> dict[str, str]:
        columns(40, 5).to_csv(copy / "train.csv", index=False)
        return {}

    monkeypatch.setattr(table, "rewrite", wrong)
    with pytest.raises(DatasetError, match=r"does not hold what it should: \d+ samples are missing or different"):
        apply(path, decisions, path.with_name("clean"), silent)
    assert [entry.name for entry in path.parent.iterdir()] == ["data"]


def test_a_format_that_can_not_be_rewritten_says_so(
    path: Path, decisions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataaudit.data.formats import table

    monkeypatch.delattr(table, "rewrite")
    with pytest.raises(InputError, match="format table can't be rewritten"):
        apply(path, decisions, path.with_name("clean"), silent)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("point", POINTS)
def test_what_is_cut_off_leaves_nothing(
    path: Path, decisions: Path, monkeypatch: pytest.MonkeyPatch, point: str, error: type[BaseException]
) -> None:
    before, original = tree(path), getattr(applying, point)

    def broken(*arguments: Any) -> None:
        original(*arguments)
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(applying, point, broken)
        if point == "_move_into_place":
            patched.setattr(applying, "_move_into_place", original)
            patched.setattr(Path, "rename", _second_fails(error))
        with pytest.raises((error, InputError)):
            apply(path, decisions, path.with_name("clean"), silent)
    assert tree(path) == before
    assert [entry.name for entry in path.parent.iterdir()] == ["data"]
    assert apply(path, decisions, path.with_name("clean"), silent).counts["removed"] == 1


def _second_fails(error: type[BaseException]) -> Any:
    real, calls = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        calls.append(target)
        if str(target).endswith(".changes.json"):
            raise error
        return real(self, target)

    return rename


KILLED = """
import os, signal, sys
from pathlib import Path
import dataaudit.cleaning.apply as applying
from dataaudit.dataset import silent
point = sys.argv[4]
done = getattr(applying, point)
def killed(*given):
    done(*given)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(applying, point, killed)
applying.apply(*map(Path, sys.argv[1:4]), silent)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that can't be caught")
@pytest.mark.parametrize("point", ["copy_dataset", "record"])
def test_a_killed_process_leaves_no_output_and_the_dataset_as_it_was(path: Path, decisions: Path, point: str) -> None:
    before, new = tree(path), path.with_name("clean")
    command = [sys.executable, "-c", KILLED, str(path), str(decisions), str(new), point]
    code = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False).returncode
    assert code == -signal.SIGKILL
    assert tree(path) == before
    leftover = {entry.name for entry in path.parent.iterdir()} - {"data"}
    assert all(name.startswith(".clean-") for name in leftover)
    assert apply(path, decisions, new, silent).counts["removed"] == 1
    assert tree(path) == before
