"""What an image folder has beside readable images: broken and stray files, links, and names of any kind."""

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from dataaudit.errors import DatasetError
from dataaudit.findings import Severity

from ..test_images import bomb
from .image_folders import findings, ignored, picture, pictures, read, two_classes

HOSTILE_NAMES = [
    "new\nline.png",
    "return\rcarriage.png",
    "\x1b[31mred.png",
    "quo\"te and quo'te.png",
    "comma, semicolon; tab\t.png",
    '"><img src=x onerror=alert(1)>.png',
    "=1+1.png",
    "{{ 7 * 7 }}.png",
    "日本語 \u202e é.png",
    "not utf-8 \udcff\udcfe.png",
    "-rf *.png",
]


def reported(root: Path) -> str:
    """What the user gets to know: the error, or else all findings."""
    try:
        dataset = read(root)
    except DatasetError as error:
        return str(error)
    return "\n".join(f"{finding.message} {finding.evidence}" for finding in findings(dataset))


# What is left out or broken is found, not skipped


BROKEN = ["zero-byte", "text", "truncated", "bomb"]


def broken(kind: str) -> bytes:
    return {"zero-byte": b"", "text": b"not an image", "truncated": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "bomb": bomb()}[
        kind
    ]


@pytest.mark.parametrize("kind", BROKEN)
def test_an_unreadable_image_is_a_finding_and_stays_a_sample(tmp_path: Path, kind: str) -> None:
    two_classes(tmp_path, "train", "test")
    (tmp_path / "test/dog/broken.png").write_bytes(broken(kind))
    dataset = read(tmp_path)
    assert len(dataset) == 8
    (sample,) = dataset.rejected
    assert (sample.id, sample.split, sample.label) == ("test/dog/broken.png", "test", "dog")
    (finding,) = findings(dataset)
    assert (finding.kind, finding.sample_ids) == ("unreadable", ("test/dog/broken.png",))
    assert sample.reason in finding.message


def test_several_broken_images_give_as_many_findings(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    for kind in BROKEN:
        (tmp_path / f"train/cat/{kind}.png").write_bytes(broken(kind))
    found = findings(read(tmp_path))
    assert {finding.sample_ids for finding in found} == {(f"train/cat/{kind}.png",) for kind in BROKEN}
    assert len({finding.id for finding in found}) == len(BROKEN)


def test_unreadable_images_in_a_made_split_have_a_split(tmp_path: Path) -> None:
    two_classes(tmp_path, count=5)
    for number in range(10):
        (tmp_path / f"cat/broken-{number}.png").write_bytes(b"")
    assert {sample.split for sample in read(tmp_path).rejected} == {"train", "test"}


@pytest.mark.parametrize("hold", ["nothing", "a text file"])
@pytest.mark.parametrize("splits", [("train", "test"), ()], ids=["splits", "no splits"])
def test_an_empty_class_is_a_finding(tmp_path: Path, splits: tuple[str, ...], hold: str) -> None:
    two_classes(tmp_path, *splits, count=5)
    empty = Path(*splits[:1], "yak")
    (tmp_path / empty).mkdir()
    if hold == "a text file":
        (tmp_path / empty / "notes.txt").write_text("no yak")
    dataset = read(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert any(
        f"{empty.as_posix()}/" in finding.message for finding in findings(dataset) if finding.kind == "empty_class"
    )


def test_a_class_without_a_readable_image_is_a_finding(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    for split in ("train", "test"):
        picture(tmp_path / split / "yak/a.png").write_bytes(b"")
    missing = [
        (f.evidence["class"], f.evidence["split"]) for f in findings(read(tmp_path)) if f.kind == "missing_class"
    ]
    assert missing == [("yak", "train"), ("yak", "test")]


def test_a_class_that_only_the_test_split_has_is_a_high_finding(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    pictures(tmp_path / "test/yak")
    (finding,) = findings(read(tmp_path))
    assert (finding.kind, finding.severity) == ("missing_class", Severity.HIGH)
    assert finding.evidence["counts"] == {"train": 0, "test": 2}
    assert "'yak' has no sample in the train split" in finding.message


def test_a_class_that_only_the_training_split_has_is_a_finding(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    pictures(tmp_path / "train/yak")
    (finding,) = findings(read(tmp_path))
    assert finding.kind == "missing_class"
    assert "'yak' has no sample in the test split" in finding.message


@pytest.mark.parametrize("stray", ["a.png", "train/a.png"])
def test_an_image_in_no_class_folder_is_a_finding(tmp_path: Path, stray: str) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / stray)
    (finding,) = findings(read(tmp_path))
    assert (finding.kind, finding.evidence["examples"]) == ("stray_files", [stray])


@pytest.mark.parametrize("name", [".hidden.png", "._0.png", ".thumbnails/a.png", "__MACOSX/a.png"])
def test_hidden_images_are_left_out_and_found(tmp_path: Path, name: str) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat" / name)
    dataset = read(tmp_path)
    assert len(dataset) == 8
    left_out = "train/cat/" + (name.split("/")[0] + "/" if "/" in name else name)
    assert ignored(dataset) == {left_out: "hidden"}
    assert left_out in reported(tmp_path)


def test_a_file_that_is_no_image_by_its_name_is_recorded(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    (tmp_path / "train/cat/notes.txt").write_text("cats")
    (tmp_path / "train/cat/README").write_text("cats")
    dataset = read(tmp_path)
    assert ignored(dataset) == {
        "train/cat/notes.txt": "not an image: .txt",
        "train/cat/README": "not an image: no extension",
    }
    (finding,) = findings(dataset)
    assert (finding.kind, finding.severity, finding.evidence["count"]) == ("other_files", Severity.INFO, 2)


def test_an_image_without_an_ending_is_read(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    (tmp_path / "train/cat/0.png").rename(tmp_path / "train/cat/first")
    assert len(read(tmp_path)) == 8


def test_an_empty_split_folder_is_recorded(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", count=5)
    (tmp_path / "test").mkdir()
    dataset = read(tmp_path)
    assert any(path.startswith("test") for path in ignored(dataset))


def test_a_folder_that_may_not_be_listed_is_not_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a folder without read permission, which does not stop root."""
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/locked/a.png")
    scandir = os.scandir

    def refusing(path: Any = ".") -> Any:
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert "locked" in reported(tmp_path)


# Links and other files


@pytest.mark.parametrize("at", ["train/cat/gone.png", "train/yak/gone.png"])
def test_a_dangling_link_is_a_finding(tmp_path: Path, at: str) -> None:
    link = two_classes(tmp_path, "train", "test") / at
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "nowhere.png")
    assert len(read(tmp_path)) == 8
    assert at in reported(tmp_path)


@pytest.mark.parametrize("at", ["train/cat/loop", "train/cat/deeper/loop", "train/loop"])
@pytest.mark.parametrize("target", [".", "..", "../.."])
def test_a_loop_of_links_ends(tmp_path: Path, at: str, target: str) -> None:
    root = two_classes(tmp_path / "photos", "train", "test")
    (root / at).parent.mkdir(exist_ok=True)
    (root / at).symlink_to(target)
    dataset = read(root)
    assert len(dataset) == 8
    assert any(path.startswith(at) and "already read" in reason for path, reason in ignored(dataset).items())


@pytest.mark.parametrize("at", ["loop", "train/loop", "train/cat/loop", "train/cat/loop.png", "loop.png"])
def test_a_link_to_itself_is_no_crash(tmp_path: Path, at: str) -> None:
    root = two_classes(tmp_path / "photos", "train", "test")
    (root / at).symlink_to(Path(at).name)
    dataset = read(root)
    assert len(dataset) == 8
    assert at in {path.rstrip("/") for path in [*ignored(dataset), *(sample.id for sample in dataset.rejected)]}


def test_linked_images_and_folders_are_read(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "photos", "train", "test")
    picture(tmp_path / "store/far/a.png")
    (root / "train/cat/linked.png").symlink_to(tmp_path / "store/far/a.png")
    (root / "train/cat/linked").symlink_to(tmp_path / "store")
    assert {"train/cat/linked.png", "train/cat/linked/far/a.png"} <= set(read(root).ids)


def test_a_link_that_sorts_before_its_folder_does_not_take_its_place(tmp_path: Path) -> None:
    root = two_classes(tmp_path / "photos", "train", "test")
    (root / "train/ant").symlink_to("dog")
    dataset = read(root)
    assert "train/dog/50.png" in dataset.ids
    assert all("ant" in path for path in ignored(dataset))


def test_the_dataset_itself_may_be_a_link(tmp_path: Path) -> None:
    two_classes(tmp_path / "store", "train", "test")
    (tmp_path / "photos").symlink_to("store")
    assert read(tmp_path / "photos").ids == read(tmp_path / "store").ids


def test_a_pipe_named_like_an_image_is_recorded_and_not_waited_for(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    os.mkfifo(tmp_path / "train/cat/pipe.png")
    dataset = read(tmp_path)
    assert "train/cat/pipe.png" in {*ignored(dataset), *(sample.id for sample in dataset.rejected)}


# Names


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
@pytest.mark.parametrize("readable", [True, False], ids=["readable", "broken"])
def test_any_file_name_is_read_and_its_id_is_text(tmp_path: Path, name: str, readable: bool) -> None:
    two_classes(tmp_path, "train", "test")
    path = picture(tmp_path / "train/cat/new.png", 7).rename(tmp_path / "train/cat" / name)
    if not readable:
        path.write_bytes(b"no image")
    dataset = read(tmp_path)
    ids = {*dataset.ids, *(sample.id for sample in dataset.rejected)}
    assert len(ids) == 9
    assert all(id.encode("utf-8") for id in ids)
    assert len(findings(dataset)) == (not readable)
    if "\udcff" not in name:
        assert f"train/cat/{name}" in ids


@pytest.mark.parametrize("name", [name.removesuffix(".png") for name in HOSTILE_NAMES], ids=ascii)
def test_any_class_name_is_read_and_is_text(tmp_path: Path, name: str) -> None:
    two_classes(tmp_path, "train", "test")
    pictures(tmp_path / "train" / name)
    dataset = read(tmp_path)
    assert len(dataset.class_names) == 3
    assert all(name.encode("utf-8") for name in dataset.class_names)
    (missing,) = findings(dataset)
    assert missing.kind == "missing_class"
    assert missing.message.encode("utf-8")


def test_a_class_may_be_called_like_a_script(tmp_path: Path) -> None:
    pictures(tmp_path / "<script>alert(1)</script>", 5)
    pictures(tmp_path / "cat", 5, 9)
    dataset = read(tmp_path)
    assert dataset.class_names == ("<script>alert(1)<", "cat")
    assert "<script>alert(1)</script>/0.png" in dataset.ids


def test_bytes_that_are_not_utf_8_are_shown_by_their_numbers(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/new.png").rename(tmp_path / "train/cat/a\udcff.png")
    assert "train/cat/a\\xff.png" in read(tmp_path).ids


def test_composed_and_decomposed_names_are_two_files(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    for form in ("NFC", "NFD"):
        picture(tmp_path / "train/cat" / unicodedata.normalize(form, "é.png"))
    assert len(read(tmp_path)) == 10
