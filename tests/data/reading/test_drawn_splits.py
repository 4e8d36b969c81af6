"""A split that is drawn here parts neither copies nor groups, and is the plain one where there are none."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.data.reading.copies import equal_rows
from dataaudit.data.reading.drawing import split_by_units, tied
from dataaudit.dataset import Dataset, silent, stratified_split
from dataaudit.errors import DatasetError


def read(path: Path, group: str | None = None, seed: int = 0) -> Dataset:
    return load(AuditConfig(path, seed=seed, group=group), silent)


def measurements(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    return frame.assign(label=np.where(rng.random(n) < 0.5, "yes", "no"))


def saved(folder: Path, frame: pd.DataFrame, name: str = "rows.csv") -> Path:
    frame.to_csv(folder / name, index=False)
    return folder / name


def sides(dataset: Dataset, codes: np.ndarray) -> list[int]:
    """How many different splits the rows of each code are in."""
    return [len(set(dataset.splits[codes == code])) for code in np.unique(codes)]


def test_without_copies_and_groups_the_plain_stratified_fifth_is_drawn(tmp_path: Path) -> None:
    frame = measurements(90)
    for seed in range(3):
        dataset = read(saved(tmp_path, frame), seed=seed)
        expected = stratified_split(dataset.targets, 0.2, seed)
        np.testing.assert_array_equal(dataset.splits == "test", expected)
    assert not any("kept on one side" in note for note in dataset.layout.notes)


def test_equal_rows_stay_on_one_side_whatever_their_numbers_and_labels(tmp_path: Path) -> None:
    frame = measurements(100)
    frame = pd.concat([frame, frame[:30].assign(label="yes")], ignore_index=True)
    frame.insert(0, "row_id", np.arange(1000, 1130))
    copies = np.arange(130) % 100
    for seed in range(3):
        dataset = read(saved(tmp_path, frame), seed=seed)
        assert sides(dataset, copies) == [1] * 100
        assert "60 rows that equal another were kept on one side of the split" in dataset.layout.notes
        assert 20 <= (dataset.splits == "test").sum() <= 32


def test_equal_texts_stay_on_one_side_though_other_columns_differ(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(list("abcdefghijkl"), 14)) for _ in range(60)]
    frame = pd.DataFrame({"text": texts + texts[:20], "stars": rng.integers(1, 6, 80)})
    dataset = read(saved(tmp_path, frame.assign(label=rng.choice(["up", "down"], 80))))
    assert sides(dataset, np.arange(80) % 60) == [1] * 60
    assert "40 rows that have the same text as another were kept on one side of the split" in dataset.layout.notes


def test_blank_texts_are_no_copies_of_each_other(tmp_path: Path) -> None:
    texts = [f"a sentence about the number {i}" for i in range(40)] + [" "] * 30
    frame = pd.DataFrame({"text": texts, "label": ["up", "down"] * 35})
    (tmp_path / "rows.jsonl").write_text(frame.to_json(orient="records", lines=True))
    dataset = read(tmp_path / "rows.jsonl")
    assert set(dataset.splits[40:]) == {"train", "test"}


def test_rows_that_chance_makes_equal_are_not_taken_for_copies() -> None:
    rng = np.random.default_rng(0)
    coarse = pd.DataFrame({"age": rng.integers(30, 75, 400), "year": rng.integers(58, 70, 400)})
    assert len(coarse.drop_duplicates()) < 340
    assert equal_rows(dict(coarse.items())) == ([], [])
    alone = {"size": pd.Series(rng.integers(0, 50, 400))}
    assert equal_rows(alone) == ([], [])


def test_rows_that_are_all_equal_are_split_all_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["the very same sentence again"] * 40, "label": ["up", "down"] * 20})
    assert read(saved(tmp_path, frame)).sizes() == {"train": 32, "test": 8}


def test_equal_files_of_images_stay_on_one_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(20):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(buffer, "png")
            for copy in range(2):
                (tmp_path / name / f"{i}-{copy}.png").write_bytes(buffer.getvalue())
    dataset = read(tmp_path)
    assert sides(dataset, np.array([id.rpartition("-")[0] for id in dataset.ids])) == [1] * 40
    assert "80 images that equal another were kept on one side of the split" in dataset.layout.notes


def test_equal_rows_of_arrays_stay_on_one_side(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=np.concatenate([x, x]), y=np.arange(100) % 2)
    dataset = read(tmp_path / "rows.npz")
    assert sides(dataset, np.arange(100) % 50) == [1] * 50


def test_a_column_groups_rows_and_is_no_feature(tmp_path: Path) -> None:
    frame = measurements(240).assign(patient=np.repeat(np.arange(40.0), 6))
    frame.loc[7, "patient"] = np.nan
    dataset = read(saved(tmp_path, frame), group="patient")
    assert dataset.groups is not None
    assert list(dataset.frame) == ["a", "b", "c"]
    assert dataset.groups.values[:3] == ("0", "1", "2")
    assert dataset.groups.codes[7] == -1
    named = dataset.groups.codes >= 0
    assert [len(set(dataset.splits[dataset.groups.codes == code])) for code in range(40)] == [1] * 40
    assert 36 <= (dataset.splits == "test").sum() <= 60
    notes = "\n".join(dataset.layout.notes)
    assert "40 groups; 1 of 240 samples have none" in notes
    assert "rows of one group (patient) were kept on one side" in notes
    assert named.sum() == 239
    assert dataset.fingerprint != read(tmp_path / "rows.csv", group="patient", seed=1).fingerprint


def test_a_pattern_groups_images_by_their_paths(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("ill", "well"):
        (tmp_path / name).mkdir()
        for i in range(30):
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(tmp_path / name / f"patient_{i % 5}_{i}.png")
    dataset = read(tmp_path, group=r"patient_(\d+)")
    assert dataset.groups is not None
    assert dataset.groups.values == ("0", "1", "2", "3", "4")
    assert sides(dataset, dataset.groups.codes) == [1] * 5


def test_the_folder_can_say_so_itself_and_the_user_overrules_it(tmp_path: Path) -> None:
    frame = measurements(60).assign(patient=np.repeat(np.arange(10), 6), ward=np.repeat(np.arange(5), 12))
    saved(tmp_path, frame)
    (tmp_path / "dataaudit.toml").write_text('[layout]\ngroup = "patient"\n')
    by_folder, by_user = read(tmp_path).groups, read(tmp_path, group="ward").groups
    assert by_folder is not None
    assert by_user is not None
    assert (by_folder.name, by_user.name) == ("patient", "ward")


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("pateint", "did you mean 'patient'"),
        ("label", "holds labels or splits"),
        ("empty", "holds no value"),
        ("hospital", "all of one, 'north'"),
    ],
)
def test_what_groups_nothing_is_refused_with_a_way_on(tmp_path: Path, group: str, words: str) -> None:
    frame = measurements(60).assign(patient=np.repeat(np.arange(10), 6), empty=np.nan, hospital="north")
    with pytest.raises(DatasetError, match=words):
        read(saved(tmp_path, frame), group=group)


@pytest.mark.parametrize(
    ("group", "words"),
    [("patient_[", "regular expression"), ("patient", "one pair of parentheses"), (r"visit_(\d+)", "found it in none")],
)
def test_a_pattern_that_finds_no_group_is_refused(tmp_path: Path, group: str, words: str) -> None:
    for name in ("ill", "well"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name / "patient_1.png")
    with pytest.raises(DatasetError, match=words):
        read(tmp_path, group=group)


def test_training_rows_of_one_group_are_refused(tmp_path: Path) -> None:
    saved(tmp_path, measurements(40).assign(patient="a"), "train.csv")
    saved(tmp_path, measurements(20, 1).assign(patient="b"), "test.csv")
    with pytest.raises(DatasetError, match="at least two groups, found 40 samples of one, 'a'"):
        read(tmp_path, group="patient")


def test_formats_without_groups_say_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.eye(40, dtype=np.float32), y=np.arange(40) % 2)
    with pytest.raises(DatasetError, match="npz knows no groups"):
        read(tmp_path / "rows.npz", group="patient")


def test_units_are_joined_over_all_ties_and_a_fifth_of_every_stratum_is_marked() -> None:
    first, second = np.array([0, 0, 1, -1, -1]), np.array([-1, 5, 5, 7, -1])
    units = tied(5, [first, second])
    assert units[0] == units[1] == units[2]
    assert len(set(units)) == 3
    rng = np.random.default_rng(0)
    units, strata = np.repeat(np.arange(200), 5), rng.integers(0, 4, 1000)
    shares = [
        [split_by_units(units, strata, 0.2, seed)[strata == stratum].mean() for stratum in range(4)]
        for seed in range(10)
    ]
    assert np.abs(np.array(shares) - 0.2).max() < 0.06
    giant = np.where(np.arange(1000) < 700, 0, np.arange(1000))
    marked = split_by_units(giant, strata, 0.2, 0)
    assert not marked[0]
    assert 0.15 < marked.mean() < 0.25
