"""A row's line is the one that an editor shows, or none is named."""

from pathlib import Path

import pytest

from dataaudit.data.reading.line_numbers import line_numbers
from dataaudit.data.reading.row_files import read_rows

FILES = {
    "plain.csv": "text,label\nROW0,a\nROW1,b\n",
    "breaks.csv": '\n\ntext,label\n"ROW0\nmore\n",a\n\nROW1,b\r\n"ROW2 ""x""",c',
    "mark.tsv": "\ufefftext\tlabel\nROW0\ta\nROW1\tb\n",
    "long.csv": f"text,label\nROW0{'x' * 200_000},a\nROW1,b\n",
    "rows.jsonl": '{"text": "ROW0", "label": 1}\n\n  \n{"text": "ROW1", "label": 2}\n',
    "old.csv": "text;label\rROW0;a\rROW1;b\r",
}


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_where_it_begins(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8", newline="")
    rows = read_rows(tmp_path / name)
    found = line_numbers(tmp_path, [f"{name}#{row}" for row in range(len(rows) + 1)])
    lines = FILES[name].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert len(found) == len(rows) >= 2
    for row in range(len(rows)):
        assert f"ROW{row}" in lines[found[f"{name}#{row}"] - 1]


def test_a_file_alone_is_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(FILES["plain.csv"], encoding="utf-8")
    assert line_numbers(tmp_path / "a.csv", ["a.csv#1"]) == {"a.csv#1": 3}


def test_what_is_no_row_of_a_readable_text_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.csv").write_text('"a","b"\n"1,2\n', encoding="utf-8")
    (tmp_path / "latin.csv").write_bytes(b"a,b\n\x81,2\n")
    ids = ["train/c#/1.png", "x_test#1", "gone.csv#1", "broken.csv#0", "latin.csv#0", "rows.parquet#1", "a.csv#one"]
    assert line_numbers(tmp_path, ids) == {}
