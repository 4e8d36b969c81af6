"""The command without a finished audit: usage, input, dry runs, and errors on the way."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from dataaudit import pipeline, plugins
from dataaudit.config import AuditConfig
from dataaudit.errors import InputError, NumericsError

from .auditing import Command, photos, picture, tree

# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["unknown"],
        ["run", ".", "--unknown"],
        ["run", ".", "--fail-on", "sometimes"],
        ["run", ".", "--seed", "many"],
        ["run", ".", "--seed", "-1"],
        ["run", ".", "--jobs", "0"],
        ["run", ".", "--verify", "2"],
        ["run", ".", "--brittle", "-1"],
        ["run", ".", "extra"],
        ["explain", "unknown"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_a_message(dataaudit: Command, no_training: None, arguments: list[str]) -> None:
    ended = dataaudit(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert "rror: " in ended.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["run", "--help"], ["explain"]], ids=" ".join)
def test_asking_for_help_ends_with_0(dataaudit: Command, arguments: list[str]) -> None:
    ended = dataaudit(*arguments)
    assert ended.code == 0
    assert ended.out
    assert ended.err == ""


def test_explain_knows_the_kinds_of_findings_too(dataaudit: Command) -> None:
    for check in plugins.names("detectors"):
        for kind in plugins.get("detectors", check).KINDS:
            explained = kind if kind in plugins.names("detectors") else check
            assert dataaudit("explain", kind).out == dataaudit("explain", explained).out


def test_explain_lists_every_check_and_tells_of_each_what_it_is_and_what_to_do(dataaudit: Command) -> None:
    names = plugins.names("detectors")
    assert [line.split()[0] for line in dataaudit("explain").out.splitlines()] == names
    for name in names:
        text = dataaudit("explain", name).out
        assert [title for title in ("What it finds", "Why it matters", "What to do") if title not in text] == []


def test_fewer_runs_than_an_audit_needs_are_refused_before_training(tmp_path: Path, dataaudit: Command) -> None:
    ended = dataaudit("run", photos(tmp_path / "photos"), "--runs", "7")
    assert ended.code == 2
    assert "at least 8" in ended.err
    assert not list(tmp_path.rglob("run-*"))


# Input


def _missing(root: Path) -> None:
    pass


def _a_file(root: Path) -> None:
    root.write_text("no folder")


def _empty(root: Path) -> None:
    root.mkdir()


def _no_images(root: Path) -> None:
    root.mkdir()
    (root / "notes.txt").write_text("no image")


def _two_training_folders(root: Path) -> None:
    photos(root)
    shutil.copytree(root / "train", root / "training")


def _no_training_folder(root: Path) -> None:
    photos(root)
    shutil.rmtree(root / "train")


def _one_class(root: Path) -> None:
    photos(root)
    shutil.rmtree(root / "train/dog")
    shutil.rmtree(root / "test/dog")


def _wrapped(root: Path) -> None:
    photos(root / "photos")


def _link_to_itself(root: Path) -> None:
    root.symlink_to(root)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_missing, "no such file or directory"),
        (_a_file, "expected rows"),
        (_empty, "expected"),
        (_no_images, "expected"),
        (_two_training_folders, "merge them"),
        (_no_training_folder, "expected a training split"),
        (_one_class, "expected at least two class folders, found one"),
        (_wrapped, "did you mean to audit"),
        (_link_to_itself, "photos"),
    ],
)
def test_input_that_cannot_be_audited_ends_with_2_before_anything_is_written(
    tmp_path: Path, dataaudit: Command, no_training: None, build: Callable[[Path], None], words: str
) -> None:
    root = tmp_path / "photos"
    build(root)
    before = tree(tmp_path)
    ended = dataaudit("run", root)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith(f"error: {root}")
    assert words in ended.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "output", ["photos", "photos/audit", "photos/train/new/audit", "link", "link/audit", "photos/."]
)
def test_an_output_folder_in_the_dataset_ends_with_2(
    tmp_path: Path, dataaudit: Command, no_training: None, output: str
) -> None:
    root = photos(tmp_path / "photos")
    (tmp_path / "link").symlink_to(root)
    before = tree(tmp_path)
    ended = dataaudit("run", root, "--output", tmp_path / output)
    assert ended.code == 2
    assert "--output" in ended.err
    assert "name a folder outside it" in ended.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("output", ["file", "file/audit", "loop"])
def test_an_output_that_cannot_be_a_folder_ends_with_2_before_training(
    tmp_path: Path, dataaudit: Command, output: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "loop").symlink_to("loop")
    ended = dataaudit("run", photos(tmp_path / "photos"), "--output", tmp_path / output)
    assert ended.code == 2
    assert "--output" in ended.err
    assert not list(tmp_path.rglob("run-*"))


def test_the_root_of_the_file_system_has_no_place_for_results_beside_it() -> None:
    with pytest.raises(InputError, match="--output"):
        AuditConfig(Path("/"))


def test_results_go_beside_the_dataset_by_default(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert AuditConfig(tmp_path / "photos").directory == tmp_path / "photos-audit"


@pytest.mark.parametrize("name", ["\x1b[31mphotos", "photos\n", "photos\udcff", "photos\u202e"], ids=ascii)
def test_an_error_sends_no_control_characters(tmp_path: Path, dataaudit: Command, name: str) -> None:
    ended = dataaudit("run", tmp_path / name)
    assert ended.code == 2
    assert ended.err.removesuffix("\n").isprintable()


# Dry run


def test_a_dry_run_shows_the_layout_and_leaves_no_trace(tmp_path: Path, dataaudit: Command, no_training: None) -> None:
    root = photos(tmp_path / "photos", train=4, test=2)
    picture(root / "train/.hidden.png", 0, True)
    (root / "test/dog/broken.png").write_bytes(b"")
    before = tree(tmp_path)
    ended = dataaudit("run", root, "--dry-run")
    assert ended.code == 0
    words = [line.split() for line in ended.out.splitlines()]
    assert words[0][:2] == [f"{root}:", "image_folder,"]
    assert words[1:6] == [
        ["splits:", "split", "folders"],
        ["train", "test"],
        ["cat", "4", "2"],
        ["dog", "4", "2"],
        ["all", "8", "4"],
    ]
    assert "ignored (hidden): train/.hidden.png" in ended.out
    assert "unreadable in test: 1, such as test/dog/broken.png" in ended.out
    assert "estimated time: about" in ended.out
    assert tree(tmp_path) == before


def test_a_dry_run_tells_that_and_how_a_split_is_made(tmp_path: Path, dataaudit: Command, no_training: None) -> None:
    root = photos(tmp_path / "all", train=10) / "train"
    ended = dataaudit("run", root, "--dry-run", "--seed", "5")
    assert ended.code == 0
    assert "made here" in ended.out
    assert "seed 5" in ended.out
    assert "no split folders: 4 of 20 images were set aside" in ended.out


@pytest.mark.parametrize("train", [1, 33, 65, 150])
def test_the_time_is_estimated_for_any_number_of_images(
    tmp_path: Path, dataaudit: Command, no_training: None, train: int
) -> None:
    ended = dataaudit("run", photos(tmp_path / "photos", train=train), "--dry-run")
    assert ended.code == 0
    assert "estimated time: about" in ended.out


def test_an_audit_shows_the_layout_on_standard_error_before_it_begins(
    tmp_path: Path, dataaudit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupt)
    root = photos(tmp_path / "photos")
    ended = dataaudit("run", root)
    assert ended.code == 130
    assert ended.out == ""
    assert f"{root}: image_folder" in ended.err
    assert "run the same command again" in ended.err


# What goes wrong on the way


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (NumericsError("run 3: the model's output for 'a.png' is not finite"), 3, "run 3"),
        (InputError("expected this, found that"), 2, "expected this"),
        (RuntimeError("out of memory"), 3, "out of memory"),
    ],
    ids=["numerics", "input", "unexpected"],
)
def test_a_failed_audit_does_not_look_like_one_with_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataaudit: Command, raised: Exception, code: int, words: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise raised

    monkeypatch.setattr(pipeline, "run", fail)
    ended = dataaudit("run", photos(tmp_path / "photos"))
    assert ended.code == code
    assert words in ended.err
