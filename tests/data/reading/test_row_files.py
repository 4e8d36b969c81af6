"""Files of rows as they are read: words keep their spelling, numbers their type."""

from pathlib import Path

from dataaudit.data.reading.frames import typed
from dataaudit.data.reading.rereading import Rereadings
from dataaudit.data.reading.row_files import read_rows


def test_words_that_may_stand_for_a_gap_are_read_as_they_are_spelt(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("code,width,empty,seen\nNA,1,,True\nUS,NA,N/A,\nnull,,NaN,False\n,2.5,,True\n")
    rows = read_rows(path)
    assert rows["code"].tolist() == ["NA", "US", "null", ""]
    assert rows["empty"].tolist() == ["", "N/A", "NaN", ""]
    assert rows["width"].isna().tolist() == [False, True, True, False]
    assert rows["seen"].isna().tolist() == [False, True, False, False]


def test_a_feature_has_gaps_where_its_words_stand_for_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("code,empty\nNA,\nUS,N/A\nUS,NaN\nUS,\n")
    columns = {name: typed(column, Rereadings()) for name, column in read_rows(path).items()}
    assert columns["code"] is not None
    assert columns["code"].isna().tolist() == [True, False, False, False]
    assert columns["empty"] is not None
    assert columns["empty"].isna().all()
