"""Equal samples are found among all of them, whatever the audited sample holds."""

from pathlib import Path

import numpy as np
import pandas as pd

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
        leaks = {row for row in rows if splits[row] != "train" and equal(row, train)}
        repeats = {
            row for row in rows if equal(row, [other for other in rows if other < row and splits[other] == splits[row]])
        }
        return leaks, repeats

    (leaks, repeats), (shown_leaks, shown_repeats) = slow(np.flatnonzero(usable).tolist()), slow(kept.tolist())
    assert found is not None
    assert (found.leaked, found.repeated) == (len(leaks - shown_leaks), len(repeats - shown_repeats))
    for row, other in found.leaks:
        assert codes[int(row)] == codes[int(other)]
        assert splits[int(other)] == "train" != splits[int(row)]
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
