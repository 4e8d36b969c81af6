"""A first row that is data is no header, and what was taken for one is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.data.reading.headers import column_names, names_missing
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError

from ..formats.reading import recognised

RNG = np.random.default_rng(3)
MIXED = [[f"{RNG.normal(5):.2f}", f"{RNG.integers(90)}", str(RNG.choice(["oak", "elm"]))] for _ in range(80)]
WORDS = [[str(RNG.choice(["p", "e"])), str(RNG.choice(["x", "y", "z"]))] for _ in range(80)]
TEXTS = [[str(RNG.choice(["ham", "spam"])), f"some words and a number {i}"] for i in range(80)]
DIGITS = [[f"{value}" for value in RNG.integers(0, 17, 64)] for _ in range(80)]
GAPS = [["?" if not i else f"{RNG.normal():.1f}", str(RNG.choice(["oak", "elm"]))] for i in range(80)]


@pytest.mark.parametrize("rows", [MIXED, WORDS, TEXTS, DIGITS, GAPS], ids=["mixed", "words", "texts", "digits", "gaps"])
def test_a_row_like_those_below_it_names_nothing(rows: list[list[str]]) -> None:
    assert names_missing(rows[0], rows[1:])


@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["height", "age", "tree"], MIXED),
        (["0", "1", "2"], MIXED),
        (["", "age", "tree"], MIXED),
        (["edible", "shape"], WORDS),
        (["label", "text"], TEXTS),
        ([str(number) for number in range(64)], DIGITS),
        ([f"{400 + 2.5 * number}" for number in range(64)], DIGITS),
        (["2019", "tree"], GAPS),
        (["name", "story"], [[f"n{i}", f"some words and a number {i}"] for i in range(80)]),
    ],
)
def test_names_are_not_taken_for_data(names: list[str], rows: list[list[str]]) -> None:
    assert not names_missing(names, rows)


def test_a_header_that_is_repeated_within_the_file_is_a_header() -> None:
    assert not names_missing(["edible", "shape"], [*WORDS[:40], ["edible", "shape"], *WORDS[40:]])


def test_names_are_unique() -> None:
    assert column_names(["a", " b ", "", "a", "a.1", "a"]) == (["a", "b", "Unnamed: 2", "a.2", "a.1", "a.3"], ["a"])


# From a file


def trees(root: Path) -> Path:
    pd.DataFrame(MIXED).to_csv(root / "trees.csv", header=False, index=False)
    return root / "trees.csv"


def test_without_a_label_the_cause_is_named_and_the_advice_works(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"the table has no header.*as in --label column_3;"):
        recognised(trees(tmp_path))
    for label in ("column_3", "3"):
        dataset = recognised(trees(tmp_path), label)
        assert len(dataset) == 80
        assert dataset.class_names == ("elm", "oak")
        assert list(dataset.frame) == ["column_1", "column_2"]
        assert any("has no header" in note for note in dataset.layout.notes)


def test_a_value_of_the_first_row_is_no_label(tmp_path: Path) -> None:
    path = trees(tmp_path)
    with pytest.raises(DatasetError, match=f"no header.*'{MIXED[0][2]}' is a value in it; .*--label column_3"):
        recognised(path, MIXED[0][2])
    path.write_text("".join(f"{i % 2},{i * 0.37 % 5:.2f},{'uv'[i % 3 > 0]}\n" for i in [1, *range(60)]))
    with pytest.raises(DatasetError, match="'1' is a value in it; name the column instead: --label column_1"):
        recognised(path, "1")


def test_equal_values_in_the_first_row_are_no_doubled_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"4,{4 + i % 3},{'uv'[i % 2]}\n" for i in range(30)))
    with pytest.raises(DatasetError, match="no header"):
        recognised(tmp_path / "a.csv")
    assert len(recognised(tmp_path / "a.csv", "column_3")) == 30


def test_the_user_knows_better(tmp_path: Path) -> None:
    path = trees(tmp_path)
    assert len(load(AuditConfig(path, label=MIXED[0][2], header=True), silent)) == 79
    path.write_text("".join(f"{i},{i + 1},{i + 2},{3 + i % 2}\n" for i in range(30)))
    dataset = recognised(path, "3")
    assert any("--no-header says that it is data" in note for note in dataset.layout.notes)
    (tmp_path / "dataaudit.toml").write_text('[layout]\nheader = false\nlabel = "4"\n')
    dataset = recognised(tmp_path)
    assert len(dataset) == 30
    assert dataset.class_names == ("3", "4")


def test_files_that_disagree_about_a_header_say_how_to_go_on(tmp_path: Path) -> None:
    pd.DataFrame(MIXED, columns=["height", "age", "label"]).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame(MIXED).to_csv(tmp_path / "test.csv", index=False, header=False)
    with pytest.raises(DatasetError, match=r"test\.csv seems to have no header: --no-header or --header"):
        recognised(tmp_path)
