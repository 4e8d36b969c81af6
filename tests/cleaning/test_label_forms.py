"""Labels that are written in more than one way, changed as they are written."""

from pathlib import Path

import pandas as pd

from ..data.formats.reading import texts
from .deciding import cleaned, remedy


def test_a_set_with_separators_is_written_with_them(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    pd.DataFrame({"text": texts(24), "labels": ["red; big", "big", "red", "new; red"] * 6}).to_csv(path, index=False)
    new, after, _ = cleaned(path, remedy("relabel", "news.csv#1", to=("big", "new")))
    assert new.read_text().splitlines()[2].endswith(",big; new")
    assert after.class_names == ("big", "new", "red")


def test_a_label_in_a_column_for_each_is_changed_in_all(tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    pd.DataFrame({"text": texts(24), "a": [0, 1] * 12, "b": [0, 0, 1] * 8}).to_csv(path, index=False)
    new, _, record = cleaned(path, remedy("relabel", "news.csv#1", to="b"), remedy("remove", "news.csv#2"), label="a,b")
    lines = new.read_text().splitlines()
    assert (len(lines), lines[2][-4:]) == (24, ",0,1")
    assert record["verified"] is True


def test_a_class_called_na_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    pd.DataFrame({"text": texts(24), "label": ["NA", "DE"] * 12}).to_csv(path, index=False)
    new, after, _ = cleaned(path, remedy("relabel", "places.csv#1", to="NA"))
    assert after.class_names == ("DE", "NA")
    assert new.read_text().splitlines()[2].endswith(",NA")


def test_a_split_column_of_true_and_false_takes_what_stands_there(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    frame = pd.DataFrame({"text": texts(24), "label": ["a", "b"] * 12, "is_valid": [True] * 6 + [False] * 18})
    frame.to_csv(path, index=False)
    new, after, _ = cleaned(path, remedy("move", "all.csv#0", to="train"))
    assert new.read_text().splitlines()[1].endswith(",a,False")
    assert after.sizes() == {"train": 19, "val": 5}


def test_spellings_of_one_class_are_merged(tmp_path: Path) -> None:
    path = tmp_path / "loans.csv"
    pd.DataFrame({"text": texts(24), "label": ["paid", "open", "Paid ", "open"] * 6}).to_csv(path, index=False)
    ids = [f"loans.csv#{row}" for row in range(2, 24, 4)]
    new, after, record = cleaned(path, remedy("relabel", *ids, to="paid"))
    assert (after.class_names, record["verified"]) == (("open", "paid"), True)
    assert new.read_text().count("paid\n") == 12
