"""Tables in text are rewritten in their own form: packed, without a header, with lone quotes, in any encoding."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dataaudit.cleaning.apply import apply
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError

from .deciding import decision, document, remedy

ROWS = [f"{i},{'Köln' if i % 2 else 'Orléans'},{'yes' if i % 3 else 'no'}" for i in range(30)]
TABLE = "x,city,label\n" + "".join(f"{row}\n" for row in ROWS)


def applied(path: Path, *remedies: dict[str, Any], **options: Any) -> bytes:
    """The content of the cleaned file."""
    before, content = load(AuditConfig(path, **options), silent), path.read_bytes()
    decisions = document(before.fingerprint, *(decision(one, i) for i, one in enumerate(remedies)))
    decisions["dataset"]["reading"].update(options)
    (path.parent / "decisions.json").write_text(json.dumps(decisions))
    new = path.with_name(f"clean-{path.name}")
    done = apply(path, path.parent / "decisions.json", new, silent)
    assert path.read_bytes() == content
    assert set(done.options) >= {str(value) for value in options.values() if not isinstance(value, bool)}
    return new.read_bytes()


def changed(text: str) -> str:
    """The table without row 3, and with another label in row 4."""
    lines = text.splitlines(keepends=True)
    place = len(lines) - len(ROWS) + 3
    return "".join([*lines[:place], lines[place + 1].replace("yes", "no"), *lines[place + 2 :]])


def edits(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return remedy("remove", f"{name}#3"), remedy("relabel", f"{name}#4", to="no")


def test_gzip_stays_gzip(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    assert gzip.decompress(applied(tmp_path / "a.csv.gz", *edits("a.csv.gz"))).decode() == changed(TABLE)


def test_zip_stays_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", TABLE)
    applied(tmp_path / "a.csv.zip", *edits("a.csv.zip"))
    with zipfile.ZipFile(tmp_path / "clean-a.csv.zip") as archive:
        assert archive.read("inner.csv").decode() == changed(TABLE)


@pytest.mark.parametrize("codec", ["cp1252", "utf-16", "utf-8-sig"])
def test_the_encoding_stays(tmp_path: Path, codec: str) -> None:
    (tmp_path / "a.csv").write_bytes(TABLE.encode(codec))
    assert applied(tmp_path / "a.csv", *edits("a.csv")) == changed(TABLE).encode(codec)


def test_a_named_encoding_and_header_are_part_of_the_decisions(tmp_path: Path) -> None:
    text = TABLE.partition("\n")[2].replace("é", "ж")
    (tmp_path / "a.csv").write_bytes(text.encode("cp1251", "replace"))
    content = applied(tmp_path / "a.csv", *edits("a.csv"), label="3", header=False, encoding="cp1251")
    assert content.decode("cp1251") == changed(text).replace("ö", "?")


def test_without_a_header_no_row_is_kept_as_one(tmp_path: Path) -> None:
    text = TABLE.partition("\n")[2]
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    content = applied(tmp_path / "a.csv", remedy("remove", "a.csv#0"), *edits("a.csv"), label="column_3")
    assert content.decode() == changed(text).partition("\n")[2]


def test_lone_quotation_marks_stay(tmp_path: Path) -> None:
    lines = [f"{'ab'[i % 2]}\tthe goat is at the gate, number {i}\n" for i in range(30)]
    lines[5], lines[9] = 'b\t"the goat\n', 'b\tthe cow"\n'
    (tmp_path / "a.tsv").write_text("label\ttext\n" + "".join(lines))
    content = applied(tmp_path / "a.tsv", remedy("remove", "a.tsv#3"), remedy("relabel", "a.tsv#5", to="a")).decode()
    assert content == "label\ttext\n" + "".join([*lines[:3], lines[4], 'a\t"the goat\n', *lines[6:]])


def test_aligned_and_padded_columns_keep_their_blanks(tmp_path: Path) -> None:
    for name, between, text in (("a.txt", "    ", "x    city label\n"), ("b.csv", ", ", "sep=,\nx, city, label\n")):
        rows = [between.join(row.split(",")) for row in ROWS]
        (tmp_path / name).write_text(text + "".join(f"{row}\n" for row in rows), encoding="utf-8")
        content = applied(tmp_path / name, *edits(name)).decode()
        rows[4] = between.join(["4", "Orléans", "no"])
        assert content == text + "".join(f"{row}\n" for i, row in enumerate(rows) if i != 3)


def test_a_letter_that_the_encoding_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(TABLE.encode("cp1252"))
    (tmp_path / "test.csv").write_bytes(TABLE.replace("Köln", "Łódź").encode())
    before = load(AuditConfig(tmp_path), silent)
    decisions = document(before.fingerprint, decision(remedy("move", "test.csv#3", to="train")))
    file = tmp_path.parent / f"{tmp_path.name}.json"
    file.write_text(json.dumps(decisions))
    with pytest.raises(DatasetError, match=r"train\.csv: its encoding cp1252 can't hold 'Ł'"):
        apply(tmp_path, file, tmp_path.with_name(f"{tmp_path.name}-clean"), silent)
