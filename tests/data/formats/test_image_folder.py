import os
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import integrity
from dataaudit.config import AuditConfig
from dataaudit.data.formats import image_folder
from dataaudit.data.loading import load
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.errors import DatasetError, InputError
from dataaudit.findings import Finding, Severity

from ..test_images import bomb

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


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (8, 8), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, size[::-1], np.uint8)).convert(mode).save(path)
    return path


def pictures(folder: Path, count: int = 2, first: int = 0) -> None:
    for number in range(first, first + count):
        picture(folder / f"{number}.png", seed=number)


def two_classes(root: Path, *splits: str, count: int = 2) -> Path:
    """`cat` and `dog` with different pictures in each split; directly in the root if no split is named."""
    for at, folder in enumerate([root / split for split in splits] or [root]):
        pictures(folder / "cat", count, 100 * at)
        pictures(folder / "dog", count, 100 * at + 50)
    return root


def read(root: Path, seed: int = 0) -> Dataset:
    return image_folder.load(root, ReadOptions(seed), silent)


def findings(dataset: Dataset) -> list[Finding]:
    context = CheckContext(dataset, cast(Any, None), cast(Any, None), 0, silent)  # integrity looks at the dataset only
    return list(integrity.detect(context).findings)


def told(root: Path) -> str:
    """What the user gets to know: the error, or else all findings."""
    try:
        dataset = read(root)
    except DatasetError as error:
        return str(error)
    return "\n".join(f"{finding.message} {finding.evidence}" for finding in findings(dataset))


def ignored(dataset: Dataset) -> dict[str, str]:
    return {item.path: item.reason for item in dataset.layout.ignored}


# Splits


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("val", "val"),
        ("valid", "val"),
        ("validation", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("testing", "test"),
        ("eval", "test"),
        ("evaluation", "test"),
        ("Test", "test"),
        ("VAL", "val"),
    ],
)
def test_split_folders_are_known_by_their_names(tmp_path: Path, folder: str, split: str) -> None:
    dataset = read(two_classes(tmp_path, "train", folder))
    assert Counter(dataset.splits.tolist()) == {"train": 4, split: 4}
    assert dataset.class_names == ("cat", "dog")
    assert dataset.layout.split_origin == "split folders"


@pytest.mark.parametrize("folder", ["train", "training", "Train"])
def test_the_training_folder_is_known_by_its_names(tmp_path: Path, folder: str) -> None:
    dataset = read(two_classes(tmp_path, folder, "test"))
    assert dataset.counts() == {"train": {"cat": 2, "dog": 2}, "test": {"cat": 2, "dog": 2}}


def test_all_three_splits_are_kept_apart(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "val", "test", count=3))
    assert {split: dataset.ids[dataset.rows(split)[0]] for split in ("train", "val", "test")} == {
        "train": "train/cat/0.png",
        "val": "val/cat/100.png",
        "test": "test/cat/200.png",
    }
    assert dataset.target_split == "test"


def test_without_a_test_split_the_validation_split_is_audited_and_that_is_said(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "val"))
    assert dataset.target_split == "val"
    assert any("validation" in note for note in dataset.layout.notes)


def test_images_lie_at_any_depth_below_their_class(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/2024/may/monday/a.png", 7)
    dataset = read(tmp_path)
    row = dataset.ids.index("train/cat/2024/may/monday/a.png")
    assert dataset.class_names[dataset.targets[row]] == "cat"


def test_ids_are_sorted_relative_paths(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "test", "train", count=1))
    assert dataset.ids == ("test/cat/0.png", "test/dog/50.png", "train/cat/100.png", "train/dog/150.png")


def test_a_class_beside_other_classes_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train", "test"):
        pictures(tmp_path / name, 5)
    dataset = read(tmp_path)
    assert dataset.class_names == ("bus", "test", "train")
    assert "made here" in dataset.layout.split_origin


def test_a_class_in_a_split_may_be_called_train(tmp_path: Path) -> None:
    for folder in ("train/train", "train/test", "test/train", "test/test"):
        pictures(tmp_path / folder)
    dataset = read(tmp_path)
    assert dataset.counts() == {"train": {"test": 2, "train": 2}, "test": {"test": 2, "train": 2}}


def test_a_hidden_folder_does_not_unmake_the_split_folders(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    pictures(tmp_path / ".cache")
    assert read(tmp_path).class_names == ("cat", "dog")


# The split that is made


def test_without_split_folders_a_stratified_fifth_is_set_aside_and_recorded(tmp_path: Path) -> None:
    pictures(tmp_path / "cat", 20)
    pictures(tmp_path / "dog", 10, 50)
    dataset = read(tmp_path, seed=7)
    assert dataset.counts() == {"train": {"cat": 16, "dog": 8}, "test": {"cat": 4, "dog": 2}}
    assert "seed 7" in dataset.layout.split_origin
    assert any("no split folders" in note and "6 of 30" in note for note in dataset.layout.notes)


def test_beside_a_training_folder_alone_a_split_is_made_too(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", count=10), seed=3)
    assert dataset.counts() == {"train": {"cat": 8, "dog": 8}, "test": {"cat": 2, "dog": 2}}
    assert "seed 3" in dataset.layout.split_origin
    assert any("only a training folder" in note for note in dataset.layout.notes)


def test_the_made_split_depends_on_the_seed_alone(tmp_path: Path) -> None:
    two_classes(tmp_path, count=20)
    first, again, other = read(tmp_path, 1), read(tmp_path, 1), read(tmp_path, 2)
    assert first.splits.tolist() == again.splits.tolist()
    assert first.splits.tolist() != other.splits.tolist()
    assert first.fingerprint != other.fingerprint


def test_a_class_of_two_images_has_one_in_each_made_split(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, count=2))
    assert dataset.counts() == {"train": {"cat": 1, "dog": 1}, "test": {"cat": 1, "dog": 1}}


def test_a_class_of_one_image_stays_in_training_and_is_found_missing_from_the_made_test_split(tmp_path: Path) -> None:
    two_classes(tmp_path, count=5)
    picture(tmp_path / "yak/only.png")
    dataset = read(tmp_path)
    assert dataset.counts()["train"]["yak"] == 1
    assert [(f.kind, f.evidence["class"], f.evidence["split"]) for f in findings(dataset)] == [
        ("missing_class", "yak", "test")
    ]


# What can't be audited


def _nothing(root: Path) -> None:
    root.mkdir()


def _no_images(root: Path) -> None:
    (root / "cat").mkdir(parents=True)
    (root / "cat/readme.txt").write_text("cats")


def _a_file(root: Path) -> None:
    picture(root.with_suffix(".png")).rename(root)


def _both_training_names(root: Path) -> None:
    two_classes(root, "train", "training", "test")


def _two_spellings(root: Path) -> None:
    two_classes(root, "train", "Test", "test")


def _no_training_split(root: Path) -> None:
    two_classes(root, "val", "test")


def _one_class(root: Path) -> None:
    pictures(root / "cat", 4)


def _one_class_in_splits(root: Path) -> None:
    pictures(root / "train/cat")
    pictures(root / "test/cat", 2, 9)


def _no_class_folders(root: Path) -> None:
    pictures(root, 4)


def _no_class_folders_in_splits(root: Path) -> None:
    pictures(root / "train", 4)
    pictures(root / "test", 4, 9)


def _wrapper(root: Path) -> None:
    two_classes(root / root.name, "train", "test")


def _wrapper_without_splits(root: Path) -> None:
    two_classes(root / root.name)


def _no_training_image_can_be_read(root: Path) -> None:
    two_classes(root, "train", "test")
    for path in root.glob("train/*/*.png"):
        path.write_bytes(b"")


def _no_test_image_can_be_read(root: Path) -> None:
    two_classes(root, "train", "test")
    for path in root.glob("test/*/*.png"):
        path.write_bytes(b"")


def _one_training_class_can_be_read(root: Path) -> None:
    two_classes(root, "train", "test")
    for path in root.glob("train/dog/*.png"):
        path.write_bytes(b"")


def _only_one_image_of_each_class(root: Path) -> None:
    two_classes(root, count=1)


Build = Callable[[Path], None]
UNUSABLE: list[tuple[Build, list[str]]] = [
    (_nothing, ["expected", "class folders", "found"]),
    (_no_images, ["expected", "class folders", "found"]),
    (_a_file, ["folder", "file"]),
    (_both_training_names, ["train", "training", "merge"]),
    (_two_spellings, ["Test", "test", "merge"]),
    (_no_training_split, ["expected a training split", "train/", "found only test, val"]),
    (_one_class, ["expected at least two class folders", "found one, 'cat'"]),
    (_one_class_in_splits, ["expected at least two class folders", "found one, 'cat'"]),
    (_no_class_folders, ["expected class folders", "without a class folder: 4"]),
    (_no_class_folders_in_splits, ["expected split folders with class folders", "without a class folder: 8"]),
    (_wrapper, ["expected at least two class folders", "test, train", "did you mean", "photos/photos"]),
    (_wrapper_without_splits, ["expected at least two class folders", "cat, dog", "did you mean", "photos/photos"]),
    (_no_training_image_can_be_read, ["expected readable training images", "found 0", "unreadable", "train/"]),
    (_one_training_class_can_be_read, ["at least two classes", "found 1", "train/dog/"]),
    (_no_test_image_can_be_read, ["no readable image", "test/cat/"]),
    (_only_one_image_of_each_class, ["nothing to audit"]),
]


@pytest.mark.parametrize(("build", "words"), UNUSABLE, ids=[build.__name__[1:] for build, _ in UNUSABLE])
def test_what_cannot_be_audited_is_refused_with_what_was_expected_found_and_where(
    tmp_path: Path, build: Build, words: list[str]
) -> None:
    root = tmp_path / "photos"
    build(root)
    with pytest.raises(DatasetError) as caught:
        load(AuditConfig(root), silent)
    message = str(caught.value)
    assert [word for word in [str(root), *words] if word not in message] == []


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: no such file or directory"):
        AuditConfig(tmp_path / "missing")


def test_only_folders_with_images_look_like_the_format(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    assert not image_folder.matches(tmp_path)
    assert not image_folder.matches(picture(tmp_path.with_name("lone.png")))
    assert image_folder.matches(picture(tmp_path / "deep/below/A.PNG").parents[2])


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
    assert left_out in told(tmp_path)


def test_a_file_that_is_no_image_by_its_name_is_recorded(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    (tmp_path / "train/cat/notes.txt").write_text("cats")
    (tmp_path / "train/cat/README").write_text("cats")
    assert ignored(read(tmp_path)) == {
        "train/cat/notes.txt": "not an image: .txt",
        "train/cat/README": "not an image: no extension",
    }


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
    assert "locked" in told(tmp_path)


# Links and other files


@pytest.mark.parametrize("at", ["train/cat/gone.png", "train/yak/gone.png"])
def test_a_dangling_link_is_a_finding(tmp_path: Path, at: str) -> None:
    link = two_classes(tmp_path, "train", "test") / at
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "nowhere.png")
    assert len(read(tmp_path)) == 8
    assert at in told(tmp_path)


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


# Pixels


def test_images_of_every_kind_and_size_make_one_dataset(tmp_path: Path) -> None:
    kinds = [
        ("grey.png", "L", (8, 8)),
        ("colour.jpg", "RGB", (300, 200)),
        ("alpha.png", "RGBA", (33, 17)),
        ("palette.gif", "P", (64, 64)),
        ("print.jpg", "CMYK", (2000, 1500)),
        ("deep.png", "I;16", (40, 40)),
        ("bits.png", "1", (9, 100)),
        ("float.tif", "F", (50, 50)),
    ]
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        for name, mode, size in kinds:
            picture(tmp_path / folder / name, 1, size, mode)
    dataset = read(tmp_path)
    assert len(dataset) == 4 * len(kinds)
    assert dataset.rejected == ()
    assert dataset.inputs.shape[1] == 3
    assert dataset.inputs.dtype == np.uint8
    assert any("8 image sizes" in note for note in dataset.layout.notes)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "F"])
def test_grey_images_of_one_small_size_are_left_grey_and_as_they_are(tmp_path: Path, mode: str) -> None:
    for number, folder in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        picture(tmp_path / folder / ("a.tif" if mode == "F" else "a.png"), number, (12, 10), mode)
    assert read(tmp_path).inputs.shape == (4, 1, 10, 12)


def test_one_colour_image_makes_the_dataset_colour(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/colour.png", mode="RGB")
    dataset = read(tmp_path)
    assert dataset.inputs.shape[1:] == (3, 8, 8)
    assert any("RGB" in note for note in dataset.layout.notes)


def test_large_images_are_brought_to_one_smaller_size(tmp_path: Path) -> None:
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        picture(tmp_path / folder / "a.png", size=(400, 300))
    dataset = read(tmp_path)
    assert dataset.inputs.shape == (4, 1, 64, 64)
    assert any("64x64" in note for note in dataset.layout.notes)


def test_images_stored_on_their_side_are_seen_upright_in_their_own_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.random.default_rng(0).integers(0, 256, (16, 8), np.uint8)
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(tmp_path / folder / "a.png", exif=exif)
    inputs = read(tmp_path).inputs
    assert inputs.shape == (4, 1, 16, 8)
    np.testing.assert_array_equal(inputs[0, 0], upright)


def test_equal_pictures_are_kept_under_both_names_with_one_digest(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/x.png", 7)
    picture(tmp_path / "test/dog/y.png", 7)
    picture(tmp_path / "test/dog/z.bmp", 7, mode="RGB")
    dataset = read(tmp_path)
    digests = {
        dataset.contents[dataset.ids.index(id)] for id in ("train/cat/x.png", "test/dog/y.png", "test/dog/z.bmp")
    }
    assert len(dataset) == 11
    assert len(digests) == 1


# The fingerprint


def _large(root: Path) -> Path:
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        for number in range(2):
            picture(root / folder / f"{number}.png", number, (200, 200))
    return root


def test_the_fingerprint_does_not_depend_on_place_order_or_time(tmp_path: Path) -> None:
    first = _large(tmp_path / "first")
    second = tmp_path / "second"
    for number, path in enumerate(sorted(first.rglob("*.png"), reverse=True)):
        copy = second / path.relative_to(first)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (number, number))
    assert read(first).fingerprint == read(second).fingerprint


def test_one_changed_pixel_changes_the_fingerprint(tmp_path: Path) -> None:
    before = read(_large(tmp_path)).fingerprint
    path = tmp_path / "train/cat/0.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[77, 33] ^= 1
    Image.fromarray(pixels).save(path)
    assert read(tmp_path).fingerprint != before


def test_one_changed_label_changes_the_fingerprint(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "test"))
    targets = dataset.targets.copy()
    targets[0] = 1 - targets[0]
    assert replace(dataset, targets=targets).fingerprint != dataset.fingerprint


def test_one_renamed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    before = read(two_classes(tmp_path, "train", "test")).fingerprint
    (tmp_path / "train/cat/0.png").rename(tmp_path / "train/cat/00.png")
    assert read(tmp_path).fingerprint != before


def test_a_sample_in_another_split_changes_the_fingerprint(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "test"))
    splits = dataset.splits.copy()
    splits[0] = "val"
    assert replace(dataset, splits=splits).fingerprint != dataset.fingerprint


def test_another_encoding_of_the_same_pixels_keeps_the_content_digest(tmp_path: Path) -> None:
    before = read(two_classes(tmp_path, "train", "test"))
    path = tmp_path / "train/cat/0.png"
    Image.open(path).convert("RGB").save(path, compress_level=0)
    after = read(tmp_path)
    assert after.contents == before.contents
