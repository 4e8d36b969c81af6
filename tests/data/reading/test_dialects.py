"""Tables in text are read whole, in the dialect that they are in, and what is guessed is said."""

import gzip
import zipfile
from pathlib import Path

import pytest

from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import Dataset, silent
from dataaudit.errors import DatasetError, InputError

from ..formats.reading import recognised

MESSAGES = [f"the {word} is at the gate, number {number}" for number in range(12) for word in ("goat", "sheep", "cow")]


def messages(separator: str = "\t", header: str = "label\ttext\n") -> list[str]:
    return [header, *(f"{'ab'[i % 2]}{separator}{text}\n" for i, text in enumerate(MESSAGES))]


def notes(dataset: Dataset) -> str:
    return "\n".join(dataset.layout.notes)


# Quotation marks


@pytest.mark.parametrize(
    "changes",
    [
        {3: 'a\t"the goat\n', 9: 'b\tthe cow"\n'},
        {3: 'a\t"the goat\n'},
        {3: 'a\t"the goat" said so\n'},
        {3: 'a\the said "baa\n', 4: '"b\the said "baa\n'},
    ],
    ids=["a pair over lines", "one that opens", "one that closes too early", "in several fields"],
)
def test_lone_quotation_marks_are_letters_and_no_row_is_lost(tmp_path: Path, changes: dict[int, str]) -> None:
    lines = messages()
    for line, text in changes.items():
        lines[line] = text
    (tmp_path / "a.tsv").write_text("".join(lines))
    dataset = recognised(tmp_path / "a.tsv")
    assert len(dataset) == len(MESSAGES)
    assert {dataset.inputs[dataset.ids.index(f"a.tsv#{line - 1}")] for line in changes} == {
        text.rstrip("\n").split("\t")[1] for text in changes.values()
    }
    assert "quotation marks" in notes(dataset) or changes.keys() == {3, 4}


def test_quotes_around_line_ends_and_separators_stay_quotes(tmp_path: Path) -> None:
    rows = [f'{"ab"[i % 2]},"{text},\n""and"" more"\n' for i, text in enumerate(MESSAGES)]
    (tmp_path / "a.csv").write_text("label,text\n" + "".join(rows))
    dataset = recognised(tmp_path / "a.csv")
    assert len(dataset) == len(MESSAGES)
    assert dataset.inputs[0] == f'{MESSAGES[0]},\n"and" more'
    assert "quotation" not in notes(dataset)


def test_a_broken_line_among_quoted_ones_is_refused(tmp_path: Path) -> None:
    lines = ['"label","text"\n', *(f'"{"ab"[i % 2]}","{text}"\n' for i, text in enumerate(MESSAGES))]
    lines[5] = '"a","he said "baa""\n'
    (tmp_path / "a.csv").write_text("".join(lines))
    with pytest.raises(DatasetError, match=r"a\.csv, line 6: .*write a quotation mark that is text twice"):
        recognised(tmp_path / "a.csv")
    lines[5] = '"a","he said ""baa"""\n'
    (tmp_path / "a.csv").write_text("".join(lines))
    assert 'he said "baa"' in recognised(tmp_path / "a.csv").inputs


# Separators

ROWS = [(f"{i}.5", "red" if i % 3 else "blue", "ab"[i % 2]) for i in range(24)]
TABLE = [("x", "colour", "label"), *ROWS]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "sep=;\n" + "".join(";".join(row) + "\n" for row in TABLE)),
        ("a.txt", "".join("\t".join(row) + "\n" for row in TABLE)),
        ("a.txt", "".join(" ".join(row) + "\n" for row in TABLE)),
        (
            "a.txt",
            "".join("  ".join(cell.rjust(7) for cell in row) + "\n" for row in TABLE),
        ),
        ("a.csv", "".join(", ".join(row) + "\n" for row in TABLE)),
        ("a.data", "".join("|".join(row) + "\n" for row in TABLE)),
        ("a", "".join(";".join(row) + "\r\n" for row in TABLE)),
    ],
    ids=["told to Excel", "tabs", "blanks", "aligned", "blanks behind commas", "bars", "no ending"],
)
def test_fields_are_parted_by_what_parts_all_lines_alike(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    dataset = recognised(tmp_path / name)
    assert len(dataset) == len(ROWS)
    assert list(dataset.frame) == ["x", "colour"]
    assert dataset.frame["x"].tolist() == [float(x) for x, _, _ in ROWS]
    assert dataset.frame["colour"].tolist() == [colour for _, colour, _ in ROWS]
    assert dataset.class_names == ("a", "b")


def test_commas_in_the_first_text_do_not_part_tab_separated_fields(tmp_path: Path) -> None:
    lines = messages()
    lines[1] = "a\tgo, go, go, he said\n"
    (tmp_path / "a.csv").write_text("".join(lines[1:]))
    dataset = recognised(tmp_path / "a.csv", label="1")
    assert len(dataset) == len(MESSAGES)
    assert "go, go, go, he said" in dataset.inputs


def test_columns_of_the_same_name_are_told_apart_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,x,x.1,label\n" + "".join(f"{i},{i}.5,{-i},{'ab'[i % 2]}\n" for i in range(20)))
    dataset = recognised(tmp_path / "a.csv")
    assert list(dataset.frame) == ["x", "x.2", "x.1"]
    assert dataset.frame["x.2"].iloc[3] == 3.5
    assert "'x'" in notes(dataset)


# Encodings

CITIES = "city,x,label\n" + "".join(f"{'Köln' if i % 2 else 'Orléans'},{i},{'ab'[i % 2]}\n" for i in range(20))


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.csv").write_text(CITIES, encoding=codec)
    dataset = recognised(tmp_path / "a.csv")
    assert list(dataset.frame) == ["city", "x"]
    assert set(dataset.frame["city"]) == {"Köln", "Orléans"}
    assert "guess" not in notes(dataset)


def test_text_of_western_europe_is_guessed_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CITIES, encoding="cp1252")
    dataset = recognised(tmp_path / "a.csv")
    assert set(dataset.frame["city"]) == {"Köln", "Orléans"}
    assert "line 2): read as cp1252, a guess; --encoding" in notes(dataset)


def test_a_named_encoding_is_used(tmp_path: Path) -> None:
    text = CITIES.replace("Köln", "Москва").replace("Orléans", "Тверь")
    (tmp_path / "a.csv").write_text(text, encoding="cp1251")
    with pytest.raises(DatasetError, match="name the encoding with --encoding, such as cp1251"):
        recognised(tmp_path / "a.csv")
    dataset = load(AuditConfig(tmp_path / "a.csv", encoding="cp1251"), silent)
    assert set(dataset.frame["city"]) == {"Москва", "Тверь"}
    (tmp_path / "dataaudit.toml").write_text('[layout]\nencoding = "cp1251"\n')
    assert set(recognised(tmp_path).frame["city"]) == {"Москва", "Тверь"}


def test_an_encoding_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--encoding utf-99: no such encoding"):
        AuditConfig(tmp_path, encoding="utf-99")
    (tmp_path / "a.csv").write_text(CITIES)
    (tmp_path / "dataaudit.toml").write_text('[layout]\nencoding = "utf-99"\n')
    with pytest.raises(DatasetError, match="expected an encoding such as utf-8 or cp1252"):
        recognised(tmp_path)


# Packed files


def test_packed_tables_are_read_and_keep_their_names(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "train.csv.gz", "wt") as file:
        file.write(CITIES)
    with zipfile.ZipFile(tmp_path / "test.csv.zip", "w") as archive:
        archive.writestr("anything.csv", CITIES)
        archive.writestr("__MACOSX/._anything.csv", "x")
    dataset = recognised(tmp_path)
    assert dataset.sizes() == {"train": 20, "test": 20}
    assert {"train.csv.gz#0", "test.csv.zip#19"} <= set(dataset.ids)


def test_packed_json_lines_are_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.writelines(f'{{"x": {i}, "label": "{"ab"[i % 2]}"}}\n' for i in range(20))
    assert len(recognised(tmp_path)) == 20


def test_an_archive_of_several_files_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w") as archive:
        archive.writestr("a.csv", CITIES)
        archive.writestr("b.csv", CITIES)
    with pytest.raises(DatasetError, match="expected one file in the archive, found 2; unpack it"):
        recognised(tmp_path / "a.csv.zip")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(CITIES.encode())[:-20])
    with pytest.raises(DatasetError, match=r"not readable as a \.gz file"):
        recognised(tmp_path / "b.csv.gz")


# Values among others


def test_a_number_among_texts_is_a_text(tmp_path: Path) -> None:
    rows = [f'{{"text": "{text}", "label": "{"ab"[i % 2]}"}}\n' for i, text in enumerate(MESSAGES)]
    rows[5] = '{"text": 1984, "label": "b"}\n'
    (tmp_path / "a.jsonl").write_text("".join(rows))
    dataset = recognised(tmp_path / "a.jsonl")
    assert dataset.modality == "text"
    assert dataset.inputs[dataset.ids.index("a.jsonl#5")] == "1984"
    assert "1 of 36 values of 'text' are numbers among words, such as 1984" in notes(dataset)


def test_a_key_that_comes_twice_is_said(tmp_path: Path) -> None:
    rows = [f'{{"x": {i}, "label": "{"ab"[i % 2]}"}}\n' for i in range(20)]
    rows[3] = '{"x": 3, "x": 4, "label": "b"}\n'
    (tmp_path / "a.jsonl").write_text("".join(rows))
    assert "the key 'x' more than once in an object, in line 4 first" in notes(recognised(tmp_path / "a.jsonl"))
