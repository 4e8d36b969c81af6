"""Equal samples are found among all of them, whatever the audited sample holds."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import integrity
from dataaudit.data.loading import read_dataset
from dataaudit.data.reading.copies import unsampled_copies
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.findings import Finding, Severity


def test_pairs_that_the_sample_lacks_are_those_a_slow_search_finds() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 120, 300)
    splits, usable = rng.choice(["train", "val", "test"], 300), rng.random(300) < 0.9
    kept = np.flatnonzero(usable & (rng.random(300) < 0.4))
    found = unsampled_copies(lambda: [codes], splits, usable, kept, str)

    def equal(row: int, rows: list[int]) -> bool:
        return codes[row] >= 0 and any(codes[other] == codes[row] for other in rows)

    def slow(rows: list[int]) -> tuple[set[int], set[int]]:
        train = [row for row in rows if splits[row] == "train"]
        tested = [row for row in rows if splits[row] == "test"]
        leaks = {row for row in tested if equal(row, train)}
        leaks |= {row for row in rows if splits[row] == "val" and equal(row, train + tested)}
        repeats = {
            row for row in rows if equal(row, [other for other in rows if other < row and splits[other] == splits[row]])
        }
        return leaks, repeats

    (leaks, repeats), (shown_leaks, shown_repeats) = slow(np.flatnonzero(usable).tolist()), slow(kept.tolist())
    assert found is not None
    assert (found.leaked, found.repeated) == (len(leaks - shown_leaks), len(repeats - shown_repeats))
    for row, other in found.leaks:
        assert codes[int(row)] == codes[int(other)]
        assert splits[int(other)] in {"test": ("train",), "val": ("train", "test")}[splits[int(row)]]
    assert unsampled_copies(lambda: [codes], splits, usable, np.flatnonzero(usable), str) is None


def copies_found(path: Path, rows: int) -> tuple[Dataset, list[Finding]]:
    dataset = read_dataset(path, ReadOptions(max_rows=rows), silent)
    found = integrity.detect(CheckContext(dataset, None, None, 0, silent)).findings  # type: ignore[arg-type]
    return dataset, [finding for finding in found if finding.kind == "unsampled_copies"]


def test_copies_outside_the_sample_of_a_table_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(2500, 4)), columns=list("abcd"))
    frame["label"] = np.where(frame.a > 0, "yes", "no")
    frame.iloc[2000:2040] = frame.iloc[0:40].to_numpy()  # in the test file: leaks
    frame.iloc[1000:1030] = frame.iloc[100:130].to_numpy()  # in the training file: repeats
    frame[:2000].to_csv(tmp_path / "train.csv", index=False)
    frame[2000:].to_csv(tmp_path / "test.csv", index=False)

    assert not copies_found(tmp_path, 100_000)[1]
    dataset, (leaked, repeated) = copies_found(tmp_path, 200)
    in_sample = set(dataset.ids)
    shown = sum(f"test.csv#{i}" in in_sample and f"train.csv#{i}" in in_sample for i in range(40))
    assert leaked.evidence["count"] == 40 - shown
    assert leaked.severity == Severity.HIGH
    assert leaked.evidence["examples"][0][0].startswith("test.csv#")
    assert 25 <= repeated.evidence["count"] <= 30
    assert repeated.severity == Severity.LOW


def test_copies_outside_the_sample_of_texts_in_folders_are_found(tmp_path: Path) -> None:
    for split, count in (("train", 60), ("test", 20)):
        for number in range(count):
            folder = tmp_path / split / ("good" if number % 2 else "bad")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.txt").write_text(f"what {split if number >= 10 else 'both'} say of number {number}")
    assert not copies_found(tmp_path, 100)[1]
    _, (leaked,) = copies_found(tmp_path, 8)
    assert 8 <= leaked.evidence["count"] <= 10


def test_equal_texts_beside_other_columns_that_differ_are_no_copies(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    words = np.array([f"word{number}" for number in range(500)])
    texts = [" ".join(rng.choice(words, 12)) if rng.random() < 0.7 else "no comment" for _ in range(600)]
    frame = pd.DataFrame({"comment": texts, "a": rng.normal(size=600), "b": rng.normal(size=600)})
    frame = frame.assign(label=rng.choice(["up", "down"], 600))
    frame.iloc[500:510] = frame.iloc[0:10].to_numpy()
    frame[:500].to_csv(tmp_path / "train.csv", index=False)
    frame[500:].to_csv(tmp_path / "test.csv", index=False)
    dataset, (leaked,) = copies_found(tmp_path, 50)
    in_sample = set(dataset.ids)
    shown = sum(f"test.csv#{i}" in in_sample and f"train.csv#{i}" in in_sample for i in range(10))
    assert leaked.evidence["count"] == 10 - shown > 0


def test_rows_without_values_are_no_copies_of_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
    frame[rng.random(600) < 0.2] = np.nan
    frame.iloc[500:520] = frame.iloc[0:20].to_numpy()
    copied = np.flatnonzero(frame.a.notna()[:20])
    frame = frame.assign(label=rng.choice(["up", "down"], 600))
    frame[:500].to_csv(tmp_path / "train.csv", index=False)
    frame[500:].to_csv(tmp_path / "test.csv", index=False)
    dataset, (leaked,) = copies_found(tmp_path, 50)
    in_sample = set(dataset.ids)
    shown = sum(f"test.csv#{i}" in in_sample and f"train.csv#{i}" in in_sample for i in copied)
    assert leaked.evidence["count"] == len(copied) - shown > 0


def test_rows_of_arrays_that_are_rejected_are_no_copies_of_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(600, 5))
    x[:60], x[500:520] = np.nan, np.nan
    x[60:90, 0], x[520:530, 0] = 1e300, np.inf
    x[60:90, 1:] = x[520:530, 1:] = 0
    y = rng.integers(0, 2, 600)
    np.savez(tmp_path / "rows.npz", x_train=x[:500], y_train=y[:500], x_test=x[500:], y_test=y[500:])
    assert not copies_found(tmp_path / "rows.npz", 50)[1]


def test_images_that_are_absent_are_no_copies_of_each_other(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rng = np.random.default_rng(5)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})

    def rows(count: int) -> dict[str, list[object]]:
        pictures: list[object] = []
        for number in range(count):
            buffer = io.BytesIO()
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(buffer, "png")
            pictures.append({"bytes": buffer.getvalue(), "path": None} if number % 5 else None)
        return {"image": pictures, "label": ["cat", "dog"] * (count // 2)}

    saved = {name: datasets.Dataset.from_dict(rows(n), features) for name, n in (("train", 60), ("test", 20))}
    datasets.DatasetDict(saved).save_to_disk(tmp_path / "saved")
    assert not copies_found(tmp_path / "saved", 20)[1]
