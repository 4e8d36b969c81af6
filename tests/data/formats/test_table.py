"""Tables: splits, targets, types of columns, ids, digests, samples of many rows."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataaudit.data.reading import row_files
from dataaudit.errors import DatasetError

from .reading import columns, recognised, texts

# Splits


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_files_named_by_split_are_one_table(tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    for seed, (name, count) in enumerate([("train", 20), ("Valid", 6), ("test", 4)]):
        frame, path = columns(count, seed), tmp_path / f"{name}.{ending}"
        frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, sep=",\t"[ending == "tsv"], index=False)
    dataset = recognised(tmp_path)
    assert dataset.layout.format == "table"
    assert dataset.sizes() == {"train": 20, "val": 6, "test": 4}
    assert (dataset.modality, dataset.task, dataset.class_names) == ("table", "classification", ("no", "yes"))
    assert list(dataset.frame) == ["width", "colour"]
    assert {dataset.ids[dataset.rows("test")[3]], dataset.ids[dataset.rows("val")[0]]} == {
        f"test.{ending}#3",
        f"Valid.{ending}#0",
    }


def test_one_file_without_splits_has_a_stratified_fifth_set_aside(tmp_path: Path) -> None:
    columns(100).to_csv(tmp_path / "flowers.csv", index=False)
    for path in (tmp_path, tmp_path / "flowers.csv"):
        dataset = recognised(path, seed=3)
        assert dataset.counts() == {"train": {"no": 40, "yes": 40}, "test": {"no": 10, "yes": 10}}
        assert dataset.ids == tuple(f"flowers.csv#{row}" for row in range(100))
        assert "seed 3" in dataset.layout.split_origin
        assert any("20 of 100 rows were set aside" in note for note in dataset.layout.notes)


def test_a_training_file_alone_has_a_fifth_set_aside_too(tmp_path: Path) -> None:
    columns(50).to_csv(tmp_path / "train.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 40, "test": 10}
    assert any("only a training file" in note for note in dataset.layout.notes)


@pytest.mark.parametrize("name", ["split", "Fold", "subset"])
def test_a_column_that_names_splits_is_one_and_no_feature(tmp_path: Path, name: str) -> None:
    frame = columns(10).assign(**{name: ["train"] * 6 + ["dev"] * 2 + ["Test"] * 2})
    frame.to_csv(tmp_path / "all.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 6, "val": 2, "test": 2}
    assert list(dataset.frame) == ["width", "colour"]
    assert dataset.layout.split_origin == f"split column {name!r}"


def test_of_numbered_folds_the_last_is_for_testing(tmp_path: Path) -> None:
    columns(20).assign(fold=[1, 2, 3, 4, 5] * 4).to_csv(tmp_path / "all.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 16, "test": 4}
    assert "fold" not in dataset.frame
    assert dataset.layout.split_origin == "split column 'fold': of the folds 1 to 5, 5 is the test split"


def test_numbers_that_are_no_even_folds_are_a_feature(tmp_path: Path) -> None:
    columns(20).assign(fold=[0] * 15 + [1] * 5).to_csv(tmp_path / "all.csv", index=False)
    assert "fold" in recognised(tmp_path).frame


@pytest.mark.parametrize(
    ("name", "values", "sizes"),
    [
        ("is_valid", [True, False, False, False], {"train": 15, "val": 5}),
        ("is_test", [1, 0, 0, 0], {"train": 15, "test": 5}),
        ("is_train", [1, 1, 1, 0], {"train": 15, "test": 5}),
        ("split", ["tr", "tr", "va", "te"], {"train": 10, "val": 5, "test": 5}),
        ("Usage", ["Training", "Training", "PublicTest", "PrivateTest"], {"train": 10, "test": 10}),
    ],
)
def test_splits_are_marked_in_many_ways(tmp_path: Path, name: str, values: list[object], sizes: dict[str, int]) -> None:
    columns(20).assign(**{name: values * 5}).to_csv(tmp_path / "all.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == sizes
    assert name not in dataset.frame


def test_a_column_that_names_splits_and_is_not_used_is_said(tmp_path: Path) -> None:
    columns(20).assign(part=["train"] * 14 + ["test"] * 6).to_csv(tmp_path / "all.csv", index=False)
    dataset = recognised(tmp_path)
    assert any("'part' names splits" in note and "split = 'part'" in note for note in dataset.layout.notes)
    (tmp_path / "dataaudit.toml").write_text("[layout]\nsplit = 'part'\n")
    assert recognised(tmp_path).sizes() == {"train": 14, "test": 6}


def test_several_files_of_a_split_follow_each_other(tmp_path: Path) -> None:
    for part in range(2):
        columns(10, part).to_csv(tmp_path / f"train-{part:05}-of-00002.csv", index=False)
    columns(4, 9).to_csv(tmp_path / "test.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 20, "test": 4}
    assert "train-00001-of-00002.csv#9" in dataset.ids


def test_columns_in_another_order_are_brought_into_the_first_one(tmp_path: Path) -> None:
    columns(10).to_csv(tmp_path / "train.csv", index=False)
    columns(4, 1)[["label", "colour", "width"]].to_csv(tmp_path / "test.csv", index=False)
    dataset = recognised(tmp_path)
    assert list(dataset.frame) == ["width", "colour"]
    assert dataset.sizes() == {"train": 10, "test": 4}


# Targets


@pytest.mark.parametrize("name", ["label", "LABELS", "Target", "y", "class", "category"])
def test_the_usual_names_are_labels(tmp_path: Path, name: str) -> None:
    columns(20).rename(columns={"label": name}).to_csv(tmp_path / "a.csv", index=False)
    assert list(recognised(tmp_path).frame) == ["width", "colour"]


def test_a_label_that_is_asked_for_goes_before_a_usual_name(tmp_path: Path) -> None:
    columns(20).to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path, label="colour")
    assert dataset.class_names == ("blue", "red")
    assert "label" in dataset.frame


@pytest.mark.parametrize(
    ("values", "task", "names"),
    [
        (["b", "a"] * 30, "classification", ("a", "b")),
        ([True, False] * 30, "classification", ("False", "True")),
        ([10, 9, 2] * 20, "classification", ("2", "9", "10")),
        ([1.0, 0.0] * 30, "classification", ("0", "1")),
        ([0.5, 1.0, 2.5] * 20, "regression", ()),
        (list(range(60)), "regression", ()),
        ([f"[{n % 2}, {n % 3}]" for n in range(60)], "multilabel", ("0", "1", "2")),
    ],
    ids=["words", "truth", "whole", "whole floats", "fractions", "many whole", "JSON lists"],
)
def test_the_task_is_told_from_the_values_and_said(
    tmp_path: Path, values: list[object], task: str, names: tuple[str, ...]
) -> None:
    pd.DataFrame({"x": range(60), "y": values}).to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path)
    assert (dataset.task, dataset.class_names) == (task, names)
    assert any(task in note and "'y'" in note for note in dataset.layout.notes)


def test_a_twentieth_of_the_rows_may_be_classes(tmp_path: Path) -> None:
    pd.DataFrame({"x": range(1000), "y": [n % 50 for n in range(1000)]}).to_csv(tmp_path / "a.csv", index=False)
    assert recognised(tmp_path).task == "classification"


def test_numbers_are_split_by_their_size(tmp_path: Path) -> None:
    pd.DataFrame({"x": range(200), "y": np.arange(200) + 0.5}).to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 160, "test": 40}
    assert np.bincount((dataset.targets[dataset.rows("test")] // 20).astype(int)).tolist() == [4] * 10


def test_lists_become_marks_of_their_labels(tmp_path: Path) -> None:
    frame = columns(8).drop(columns="label").assign(labels=['["a"]', "[]", '["b", "a"]', '["c"]'] * 2)
    frame.assign(split=["train"] * 4 + ["test"] * 4).to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.targets[:4].tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert dataset.targets.dtype == bool


def test_rows_without_a_label_are_rejected_and_the_others_keep_their_ids(tmp_path: Path) -> None:
    frame = columns(20)
    frame.loc[[3, 11], "label"] = None
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path)
    assert [sample.id for sample in dataset.rejected] == ["a.csv#3", "a.csv#11"]
    assert {sample.reason for sample in dataset.rejected} == {"no label: 'label' is empty here"}
    assert len(dataset) == 18
    assert "a.csv#3" not in dataset.ids
    assert dataset.ids[-1] == "a.csv#19"


def test_a_test_class_that_training_lacks_is_kept(tmp_path: Path) -> None:
    columns(10).to_csv(tmp_path / "train.csv", index=False)
    columns(4).assign(label=["no", "yes", "maybe", "no"]).to_csv(tmp_path / "test.csv", index=False)
    assert recognised(tmp_path).counts()["train"] == {"maybe": 0, "no": 5, "yes": 5}


# Columns


def test_columns_are_typed(tmp_path: Path) -> None:
    n = 40
    frame = columns(n).assign(
        count=range(n),
        gappy=[1, None] * (n // 2),
        flag=[True, False] * (n // 2),
        unsure=["True", ""] * (n // 2),
        day=[f"2024-02-{1 + at % 28:02}" for at in range(n)],
        when=["2024-02-01T10:00:00Z"] * n,
        almost=["2024-02-01"] * (n - 1) + ["2024-13-45"],
        code=[f"c{at}" for at in range(n)],
        text=texts(n),
        nothing=[""] * n,
        mixed=[1, "x"] * (n // 2),
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path)
    kinds = {name: str(kind).split("[")[0] for name, kind in dataset.frame.dtypes.items()}
    assert kinds == {
        "width": "float64", "colour": "category", "count": "int64", "gappy": "float64", "flag": "bool",
        "unsure": "category", "day": "datetime64", "when": "datetime64", "almost": "datetime64", "code": "object",
        "text": "object", "nothing": "float64", "mixed": "category",
    }  # fmt: skip
    assert dataset.modality == "table"
    assert any("columns of text: text" in note for note in dataset.layout.notes)
    assert "no dates, read as missing values: 'almost' (rows: '2024-13-45' in 1)" in dataset.layout.notes


def test_texts_of_several_columns_are_joined_in_their_order(tmp_path: Path) -> None:
    n = 20
    pd.DataFrame({"title": texts(n), "label": [0, 1] * 10, "body": texts(n)[::-1]}).to_csv(tmp_path / "a.csv")
    dataset = recognised(tmp_path)
    assert dataset.modality == "text"
    assert dataset.inputs[0] == f"{texts(n)[0]}\n{texts(n)[-1]}"
    assert dataset.beside is not None, "the index that pandas wrote is no feature"
    assert dataset.beside["Unnamed: 0"].tolist() == list(range(n))
    assert any(note.endswith("are no features: Unnamed: 0") for note in dataset.layout.notes)


def test_texts_beside_a_column_that_says_something_are_a_table(tmp_path: Path) -> None:
    pd.DataFrame({"title": texts(40), "stars": [1, 2, 3, 4] * 10, "label": [0, 1] * 20}).to_csv(
        tmp_path / "a.csv", index=False
    )
    dataset = recognised(tmp_path)
    assert dataset.modality == "table"
    assert dataset.beside is None


def test_rows_are_equal_whatever_their_ids_and_constant_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": range(40), "x": [0.5 * (at % 20) for at in range(40)], "one": "u", "label": [0, 1] * 20}
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    dataset = recognised(tmp_path)
    assert dataset.modality == "table"
    assert len(set(dataset.contents)) == 20


def test_the_only_feature_may_be_short_words_and_is_a_text(tmp_path: Path) -> None:
    pd.DataFrame({"name": [f"anna{n}" for n in range(20)], "label": [0, 1] * 10}).to_csv(
        tmp_path / "a.csv", index=False
    )
    assert recognised(tmp_path).modality == "text"


def test_a_byte_order_mark_a_semicolon_quoted_newlines_and_blank_lines_are_read(tmp_path: Path) -> None:
    rows = "".join(f'{n};"two\nlines; {n}";{n % 2}\r\n\r\n' for n in range(10))
    (tmp_path / "a.csv").write_bytes(("\ufeffx;remark;label\r\n" + rows).encode())
    dataset = recognised(tmp_path)
    assert list(dataset.frame) == ["x", "remark"]
    assert dataset.frame["remark"].iloc[3] == "two\nlines; 3"
    assert len(dataset) == 10


# Digests


def test_equal_rows_have_equal_digests_whatever_their_label_file_and_place(tmp_path: Path) -> None:
    frame = columns(20).assign(gap=[None, 2.0] * 10, day="2024-01-01", text=texts(20))
    frame.to_csv(tmp_path / "train.csv", index=False)
    copy = frame.iloc[[7, 3, 4, 5]].assign(label=["no", "no", "yes", "yes"])
    copy.loc[5, "width"] += 1e-9
    copy.loc[4, "text"] += "."
    copy.to_csv(tmp_path / "test.csv", index=False)
    contents = dict(zip((dataset := recognised(tmp_path)).ids, dataset.contents, strict=True))
    assert contents["test.csv#0"] == contents["train.csv#7"]
    assert contents["test.csv#1"] == contents["train.csv#3"]
    assert contents["test.csv#2"] != contents["train.csv#4"]
    assert contents["test.csv#3"] != contents["train.csv#5"]
    assert len(set(contents.values())) == 22


def test_a_column_that_is_whole_in_one_file_only_keeps_equal_rows_equal(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2, 3, 4], "label": [0, 1, 0, 1]}).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame({"x": [1.0, 2.5], "label": [0, 1]}).to_csv(tmp_path / "test.csv", index=False)
    dataset = recognised(tmp_path)
    contents = dict(zip(dataset.ids, dataset.contents, strict=True))
    assert contents["test.csv#0"] == contents["train.csv#0"]


def test_equal_texts_have_equal_digests(tmp_path: Path) -> None:
    pd.DataFrame({"text": [*texts(9), texts(9)[2]], "label": [0, 1] * 5}).to_csv(tmp_path / "a.csv", index=False)
    contents = recognised(tmp_path).contents
    assert Counter(Counter(contents).values()) == {1: 8, 2: 1}


def test_the_fingerprint_knows_cells_and_labels(tmp_path: Path) -> None:
    prints = []
    for change in ({}, {"width": 0.25}, {"label": "no"}):
        frame = columns(20)
        for name, value in change.items():
            frame.loc[1, name] = value
        frame.to_csv(tmp_path / "a.csv", index=False)
        prints.append(recognised(tmp_path).fingerprint)
    assert len(set(prints)) == 3


# Many rows


def test_of_too_many_rows_a_stratified_sample_is_kept_and_said(tmp_path: Path) -> None:
    labels = np.array(["common"] * 900 + ["rare"] * 100 + ["single"])
    frame = pd.DataFrame({"x": np.random.default_rng(0).permutation(1001), "label": labels})
    frame.to_csv(tmp_path / "train.csv", index=False)
    frame[::2].to_csv(tmp_path / "test.csv", index=False)
    dataset = recognised(tmp_path, rows=100, seed=5)
    assert dataset.sizes() == {"train": 100, "test": 20}
    counts = dataset.counts()
    assert counts["train"]["single"] == 1
    assert counts["train"]["rare"] in (10, 11)
    assert counts["test"]["rare"] in (2, 3)
    notes = " ".join(dataset.layout.notes)
    assert "sampled 100 of 1,001 training rows, seed 5" in notes
    assert "sampled 20 of 501 test rows" in notes
    for id, width in zip(dataset.ids, dataset.frame["x"], strict=True):
        name, row = id.split("#")
        assert (frame if name == "train.csv" else frame[::2])["x"].iloc[int(row)] == width
    assert recognised(tmp_path, rows=100, seed=5).ids == dataset.ids
    assert recognised(tmp_path, rows=100, seed=6).ids != dataset.ids


def test_parquet_without_its_library_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DatasetError, match=r"pip install 'dataaudit\[parquet\]'"):
        row_files.read_rows(tmp_path / "a.parquet")


# JSON lines


def test_json_lines_of_texts(tmp_path: Path) -> None:
    for name, count in (("train", 20), ("test", 6)):
        rows = [json.dumps({"text": text, "label": ["ham", "spam"][at % 2]}) for at, text in enumerate(texts(count))]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(rows) + "\n\n", encoding="utf-8-sig")
    dataset = recognised(tmp_path)
    assert (dataset.layout.format, dataset.modality, dataset.class_names) == ("json_lines", "text", ("ham", "spam"))
    assert dataset.inputs[dataset.ids.index("test.jsonl#5")] == texts(6)[5]


def test_json_lines_with_lists_as_labels_and_records_beside_them(tmp_path: Path) -> None:
    rows = [{"x": at, "labels": ["a", "b"][: at % 3], "meta": {"at": at}} for at in range(30)]
    del rows[4]["x"]
    (tmp_path / "rows.ndjson").write_text("\n".join(map(json.dumps, rows)))
    dataset = recognised(tmp_path)
    assert (dataset.task, dataset.class_names) == ("multilabel", ("a", "b"))
    assert list(dataset.frame) == ["x"]
    assert any("meta" in note for note in dataset.layout.notes)
    assert np.isnan(dataset.frame["x"].iloc[4])


def test_lists_of_marks_are_told_from_lists_of_labels(tmp_path: Path) -> None:
    rows = [{"x": at, "labels": [at % 2, 1, 0]} for at in range(30)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = recognised(tmp_path)
    assert dataset.class_names == ("0", "1")
    assert dataset.targets[:2].tolist() == [[False, True], [True, True]]


def test_half_of_a_surrogate_pair_becomes_text(tmp_path: Path) -> None:
    rows = [f'{{"text": "{text} \\ud800", "label": {at % 2}}}' for at, text in enumerate(texts(20))]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    assert recognised(tmp_path).inputs[0].encode("utf-8")


def test_decimal_commas_are_numbers_and_a_doubt_where_they_may_part_thousands(tmp_path: Path) -> None:
    rows = [f"{i},5;1,{i:03d};{'ab'[i % 2]}" for i in range(40)]
    (tmp_path / "t.csv").write_text("x;z;label\n" + "\n".join(rows), encoding="utf-8")
    dataset = recognised(tmp_path / "t.csv")
    assert dataset.frame["x"].max() == 39.5
    assert dataset.frame["z"].max() == 1039
    assert [doubt.column for doubt in dataset.layout.doubts] == ["z"]
