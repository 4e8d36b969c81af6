"""Folders of .txt files: one a sample, its class the name of its folder."""

from pathlib import Path

import pytest

from dataaudit.data.loading import read_dataset
from dataaudit.dataset import IgnoredPath, ReadOptions
from dataaudit.errors import DatasetError

from ...cleaning.deciding import cleaned, remedy
from .image_folders import picture
from .reading import columns, recognised, texts


def folder(root: Path, *splits: str, count: int = 6) -> Path:
    for split in splits or ("",):
        for name in ("good", "bad"):
            place = root / split / name
            place.mkdir(parents=True)
            for number, text in enumerate(texts(count)):
                (place / f"{number}.txt").write_text(f"{split} {name}: {text}", encoding="utf-8")
    return root


def test_classes_and_splits_are_folders(tmp_path: Path) -> None:
    dataset = recognised(folder(tmp_path, "train", "test"))
    assert (dataset.layout.format, dataset.modality, dataset.class_names) == ("text_folder", "text", ("bad", "good"))
    assert dataset.sizes() == {"train": 12, "test": 12}
    assert dataset.inputs[dataset.ids.index("test/good/3.txt")] == f"test good: {texts(4)[3]}"


def test_without_splits_a_fifth_is_set_aside(tmp_path: Path) -> None:
    dataset = recognised(folder(tmp_path, count=20))
    assert dataset.counts() == {"train": {"bad": 16, "good": 16}, "test": {"bad": 4, "good": 4}}


def test_texts_of_one_group_stay_on_one_side_of_the_split(tmp_path: Path) -> None:
    root = folder(tmp_path, count=30)
    for file in sorted(root.glob("*/*.txt")):
        file.rename(file.with_name(f"author_{int(file.stem) % 10}_{file.name}"))
    dataset = read_dataset(root, ReadOptions(group=r"author_(\d+)"), lambda steps, *_: steps)
    assert dataset.groups is not None
    sides: dict[int, set[str]] = {}
    for unit, split in zip(dataset.groups.units.tolist(), dataset.splits.tolist(), strict=True):
        sides.setdefault(unit, set()).add(split)
    assert len(sides) == 10
    assert all(len(splits) == 1 for splits in sides.values())
    assert set(dataset.splits) == {"train", "test"}
    with pytest.raises(DatasetError, match="found it in none"):
        read_dataset(root, ReadOptions(group=r"patient_(\d+)"), lambda steps, *_: steps)


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    folder(tmp_path, count=8)
    (tmp_path / "good").rename(tmp_path / "train")
    assert recognised(tmp_path).class_names == ("bad", "train")


def test_what_is_no_text_is_rejected_or_left_out_and_named(tmp_path: Path) -> None:
    root = folder(tmp_path, "train", "test", count=12)
    (root / "train/good/0.txt").write_bytes(b"")
    (root / "train/good/1.txt").write_text(" \n")
    (root / "train/good/2.txt").write_bytes(b"\0\xff\x81")
    (root / "train/good/3.txt").write_bytes(b"caf\xe9")
    (root / "README.txt").write_text("what this is")
    (root / "train/good/list.xml").write_text("x")
    (root / "plots").mkdir()
    (root / "plots/a.txt").write_text("x")
    dataset = recognised(root)
    assert [(sample.id, sample.reason.split(":")[0]) for sample in dataset.rejected] == [
        ("train/good/0.txt", "an empty file"),
        ("train/good/1.txt", "an empty file"),
        ("train/good/2.txt", "not readable as text"),
    ]
    assert dataset.inputs[dataset.ids.index("train/good/3.txt")] == "café"
    assert any("train/good/3.txt: read as cp1252, a guess" in note for note in dataset.layout.notes)
    assert dataset.class_names == ("bad", "good")
    assert set(dataset.layout.ignored) == {
        IgnoredPath("README.txt", "not in a class folder"),
        IgnoredPath("plots/a.txt", "not in a class folder"),
        IgnoredPath("train/good/list.xml", "not a text: .xml"),
    }


def test_texts_beside_other_data_do_not_make_it_ambiguous(tmp_path: Path) -> None:
    columns(20).to_csv(folder(tmp_path / "a") / "train.csv", index=False)
    assert recognised(tmp_path / "a").layout.format == "table"
    picture(folder(tmp_path / "b") / "good" / "0.png")
    picture(tmp_path / "b" / "bad" / "0.png")
    with pytest.raises(DatasetError, match="image"):
        recognised(tmp_path / "b")


def test_one_class_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good/1.txt").write_text("text")
    with pytest.raises(DatasetError, match=r"at least two class folders with \.txt files, found good"):
        recognised(tmp_path)


def test_applying_decisions_removes_and_moves_files(tmp_path: Path) -> None:
    root = folder(tmp_path / "texts", "train", "test")
    new, dataset, _ = cleaned(
        root, remedy("remove", "train/bad/0.txt"), remedy("relabel", "train/bad/1.txt", to="good"),
        remedy("move", "test/bad/2.txt", to="train"),
    )  # fmt: skip
    assert dataset.sizes() == {"train": 12, "test": 11}
    assert not (new / "train/bad/0.txt").exists()
    assert (new / "train/good/1-2.txt").read_text() == f"train bad: {texts(2)[1]}"
    assert (new / "train/bad/2-2.txt").read_text() == f"test bad: {texts(3)[2]}"
