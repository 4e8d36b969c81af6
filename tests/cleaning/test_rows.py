"""Rows of files: removed, relabelled and moved, and every other row as it was."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataaudit.errors import DatasetError, InputError

from ..data.formats.reading import columns, recognised, texts
from .deciding import cleaned, decide, remedy, samples, tree


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def split_files(root: Path, ending: str = "csv") -> Path:
    folder = root / "data"
    folder.mkdir()
    for name, count, seed in (("train", 40, 0), ("test", 12, 1)):
        frame, path = columns(count, seed), folder / f"{name}.{ending}"
        if ending == "jsonl":
            frame.to_json(path, orient="records", lines=True)
        elif ending == "parquet":
            pytest.importorskip("pyarrow")
            frame.to_parquet(path)
        else:
            frame.to_csv(path, index=False, sep="\t" if ending == "tsv" else ",")
    return folder


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_rows_are_removed_relabelled_and_moved_between_files(tmp_path: Path, ending: str) -> None:
    path = split_files(tmp_path, ending)
    before = recognised(path)
    new, after, record = cleaned(
        path,
        remedy("remove", f"train.{ending}#0", f"test.{ending}#11"),
        remedy("relabel", f"train.{ending}#2", to="yes"),
        remedy("move", f"test.{ending}#3", to="train"),
    )
    gone = {f"train.{ending}#0", f"test.{ending}#11"}
    expected = [
        (
            "train" if id == f"test.{ending}#3" else split,
            "yes" if id == f"train.{ending}#2" else before.label(row),
            content,
        )
        for row, (id, split, content) in enumerate(zip(before.ids, before.splits, before.contents, strict=True))
        if id not in gone
    ]
    assert samples(after) == sorted(expected)
    assert after.sizes() == {"train": 40, "test": 10}
    assert record["counts"] == {"removed": 2, "relabelled": 1, "moved": 1, "unchanged": 48}
    assert record["verified"] is True
    assert record["dataset"]["after"] == recognised(new).fingerprint
    if ending != "parquet":
        old, changed = lines(path / f"train.{ending}"), lines(new / f"train.{ending}")
        head = ending != "jsonl"
        assert changed[head + 1] == old[head + 2].replace(b"no", b"yes")
        assert changed[: head + 1] + changed[head + 2 : -1] == old[:head] + old[head + 1 : head + 2] + old[head + 3 :]
        assert changed[-1] == lines(path / f"test.{ending}")[head + 3]


def test_a_single_csv_keeps_mark_line_ends_quotes_blank_lines_and_a_missing_last_line_end(tmp_path: Path) -> None:
    records = [f'"{number},5";"say ""{number}""\r\nand more";{"cat" if number % 2 else "dog"}' for number in range(30)]
    path = tmp_path / "a.csv"
    path.write_bytes(('\ufeffnumber;"text";label\r\n\r\n' + "\r\n".join(records)).encode())
    new, after, _ = cleaned(path, remedy("remove", "a.csv#29", "a.csv#4"), remedy("relabel", "a.csv#7", to="dog"))
    kept = [record for number, record in enumerate(records) if number not in (4, 29)]
    kept[6] = kept[6].replace("cat", "dog")
    assert new.read_bytes() == ('\ufeffnumber;"text";label\r\n\r\n' + "\r\n".join(kept) + "\r\n").encode()
    assert len(after) == 28


def test_a_new_label_is_spelt_as_the_file_spells_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f'{number / 7},"{"TRUE" if number % 2 else "FALSE"}"' for number in range(30)]
    path.write_text("x,label\n" + "\n".join(rows) + "\n")
    new, after, _ = cleaned(path, remedy("relabel", "a.csv#0", to="True"))
    assert new.read_text().splitlines()[1] == '0.0,"TRUE"'
    assert after.class_names == ("False", "True")


def test_a_split_column_says_where_rows_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame = columns(30).assign(fold=["Training"] * 20 + ["dev"] * 10)
    frame.to_csv(path, index=False)
    new, after, record = cleaned(path, remedy("move", "a.csv#0", to="val"), remedy("move", "a.csv#25", to="train"))
    folds = pd.read_csv(new)["fold"]
    assert (folds[0], folds[25]) == ("dev", "Training")
    assert after.sizes() == {"train": 20, "val": 10}
    assert [(one["from"], one["to"]) for one in record["changes"]] == [("train", "val"), ("val", "train")]


def test_numbers_as_targets(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rng = np.random.default_rng(0)
    pd.DataFrame({"x": rng.normal(size=40), "target": rng.normal(size=40)}).to_csv(path, index=False)
    new, after, record = cleaned(path, remedy("relabel", "a.csv#5", to="-2.125"))
    assert after.targets[after.ids.index("clean.csv#5")] == -2.125
    assert record["changes"][0]["to"] == "-2.125"
    assert new.read_text().splitlines()[6].endswith(",-2.125")


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_sets_of_labels(tmp_path: Path, ending: str, marks: bool) -> None:
    path = tmp_path / f"a.{ending}"
    names = ["joy", "fear", "awe"]
    sets = [[0, 1, 2][: number % 3 + 1] for number in range(30)]
    given = [[int(at in one) for at in range(3)] if marks else [names[at] for at in one] for one in sets]
    rows = [{"text": text, "labels": one} for text, one in zip(texts(30), given, strict=True)]
    if ending == "csv":
        pd.DataFrame([{**row, "labels": json.dumps(row["labels"])} for row in rows]).to_csv(path, index=False)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    to = ("1", "2") if marks else ("awe", "fear")
    _, after, record = cleaned(path, remedy("relabel", f"a.{ending}#0", to=to), remedy("relabel", f"a.{ending}#1"))
    known = dict(zip(after.ids, map(after.label, range(len(after))), strict=True))
    assert set(known[f"clean.{ending}#0"].split(", ")) == set(to)
    assert known[f"clean.{ending}#1"] == ""
    assert record["counts"]["relabelled"] == 2


def test_json_lines_change_one_value_and_no_other_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    spelt = [r"d\u006fg", "cat"]
    rows = [f'{{"x" : 1.50e{at % 3},"label":"{spelt[at % 2]}" , "z":[1, 2]}}' for at in range(30)]
    path.write_text("\ufeff" + "\n\n".join(rows))
    new, _, _ = cleaned(path, remedy("relabel", "a.jsonl#1", to="dog"), remedy("remove", "a.jsonl#2"))
    expected = [rows[0], rows[1].replace("cat", "dog"), "\n" + rows[3], *rows[4:]]
    assert new.read_text() == "\ufeff" + "\n\n".join(expected)


def test_a_row_without_a_label_can_be_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame = columns(30)
    frame.loc[3, "label"] = ""
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match="can only be removed"):
        cleaned(path, remedy("relabel", "a.csv#3", to="no"))
    _, after, _ = cleaned(path, remedy("remove", "a.csv#3"))
    assert after.rejected == ()


def test_a_column_may_get_another_type_without_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame = columns(30).assign(
        count=["", *range(29)], odd=["about 3", *range(29)], day=["soon", *["2020-01-02"] * 29],
        flag=[None, *[True, False, True] * 9, True, False],
    )  # fmt: skip
    frame.to_csv(path, index=False)
    _, after, record = cleaned(path, remedy("remove", "a.csv#0"))
    assert [str(kind) for kind in after.frame.dtypes][2:] == ["int64", "int64", "datetime64[us]", "bool"]
    assert record["verified"] is True


def test_a_layout_file_goes_along_and_names_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "parts").mkdir(parents=True)
    (folder / "notes.txt").write_text("kept")
    (folder / "dataaudit.toml").write_text(
        '[layout]\nfiles = { train = "parts/a.csv", test = "parts/b.csv" }\nlabel = "colour"'
    )
    columns(30).to_csv(folder / "parts/a.csv", index=False)
    columns(10, 1).to_csv(folder / "parts/b.csv", index=False)
    new, after, _ = cleaned(folder, remedy("remove", "parts/a.csv#3"), remedy("move", "parts/b.csv#1", to="train"))
    assert after.sizes() == {"train": 30, "test": 9}
    assert (new / "notes.txt").read_text() == "kept"
    assert (new / "dataaudit.toml").read_bytes() == (folder / "dataaudit.toml").read_bytes()


@pytest.mark.parametrize("one", [remedy("remove", "b/b.csv#1"), remedy("move", "a.csv#1", to="test")])
def test_files_behind_a_link_that_leads_outside_are_not_changed(tmp_path: Path, one: dict[str, object]) -> None:
    folder, outside = tmp_path / "data", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    columns(30).to_csv(folder / "a.csv", index=False)
    columns(10, 1).to_csv(outside / "b.csv", index=False)
    (folder / "b").symlink_to(outside)
    (folder / "dataaudit.toml").write_text('[layout]\nfiles = { train = "a.csv", test = "b/b.csv" }\n')
    before = tree(outside)
    with pytest.raises(DatasetError, match=r"mislabeled-\w{12}: 'b/b.csv' lies behind a link"):
        cleaned(folder, one)
    assert tree(outside) == before


def test_a_file_that_is_a_link_outside_gives_way_to_a_file(tmp_path: Path) -> None:
    path = split_files(tmp_path)
    (path / "test.csv").rename(tmp_path / "elsewhere.csv")
    (path / "test.csv").symlink_to(tmp_path / "elsewhere.csv")
    before = (tmp_path / "elsewhere.csv").read_bytes()
    new, after, _ = cleaned(path, remedy("remove", "test.csv#1"))
    assert (tmp_path / "elsewhere.csv").read_bytes() == before
    assert not (new / "test.csv").is_symlink()
    assert after.sizes() == {"train": 40, "test": 11}


def test_files_with_other_headers_and_of_other_kinds_do_not_take_rows(tmp_path: Path) -> None:
    path = split_files(tmp_path)
    frame = pd.read_csv(path / "test.csv")
    frame[["label", "width", "colour"]].to_csv(path / "test.csv", index=False)
    with pytest.raises(DatasetError, match="same header"):
        cleaned(path, remedy("move", "test.csv#3", to="train"))
    pytest.importorskip("pyarrow")
    frame.to_parquet(path / "test.parquet")
    (path / "test.csv").unlink()
    with pytest.raises(DatasetError, match=r"mislabeled-\w{12}: rows can't be moved from test.parquet to train.csv"):
        cleaned(path, remedy("move", "test.parquet#3", to="train"))


def test_splits_that_are_made_here_let_rows_go_but_not_move(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    columns(30).to_csv(path, index=False)
    with pytest.raises(InputError, match="no splits of its own"):
        cleaned(path, remedy("move", "a.csv#3", to="test"))
    assert len(cleaned(path, remedy("remove", "a.csv#3"))[1]) == 29


def test_a_sample_of_the_rows_is_written_whole_and_said_not_to_be_compared(tmp_path: Path) -> None:
    from dataaudit.cleaning.apply import apply
    from dataaudit.dataset import silent

    path = tmp_path / "a.csv"
    columns(300).to_csv(path, index=False)
    id = recognised(path, rows=60).ids[0]
    done = apply(path, decide(path, remedy("remove", id), rows=60), tmp_path / "clean.csv", silent)
    assert len(pd.read_csv(tmp_path / "clean.csv")) == 299
    record = json.loads(done.record.read_text())
    assert record["verified"] is False
    assert "sampled" in record["notes"][0]
