"""Malformed inputs: refused with a message that says what and where, or rejected samples among good ones."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from dataaudit import cli
from dataaudit.dataset import Dataset
from dataaudit.errors import InputError

from ..test_images import bomb
from .image_folders import picture, two_classes
from .reading import columns, recognised

GOOD = "x,label\n" + "".join(f"{at},{'ab'[at % 2]}\n" for at in range(20))


def csv(text: str | bytes, name: str = "train.csv") -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return root

    return build


def files(**texts: str | bytes) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        for name, text in texts.items():
            csv(text, name.replace("__", "."))(root)
        return root

    return build


def images(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        change(two_classes(root, "train", "test", count=4))
        return root

    return build


def hdf5(root: Path) -> Path:
    with h5py.File(root / "a.h5", "w") as file:
        file["x_train"], file["y_train"], file["x_test"] = np.zeros((9, 2)), np.arange(9) % 2, np.zeros((4, 2))
    return root / "a.h5"


def cut_off(ending: str) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        path = root / f"a.{ending}"
        if ending == "h5":
            hdf5(root)
        elif ending == "npz":
            np.savez(path, x=np.zeros((900, 2)), y=np.arange(900) % 2)
        else:
            columns(200).to_parquet(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return path

    return build


def lying_npz(root: Path) -> Path:
    """Its header tells of more rows than it has bytes for."""
    np.savez(root / "a.npz", x=np.zeros((100, 2)), y=np.arange(100) % 2)
    with zipfile.ZipFile(root / "a.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["x.npy"] = members["x.npy"].replace(b"(100, 2)", b"(10**9,)"[:8])
    with zipfile.ZipFile(root / "a.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return root


def loop(root: Path) -> Path:
    (root / "loop").symlink_to("loop")
    return root / "loop"


def two_labels(root: Path) -> Path:
    columns(20).assign(target=1).to_csv(root / "a.csv", index=False)
    return root


def metadata(rows: list[dict[str, object]]) -> Callable[[Path], Path]:
    def build(root: Path) -> Path:
        for at in range(20):
            picture(root / f"{at}.png", at)
        good = [{"file_name": f"{at}.png", "label": "ab"[at % 2]} for at in range(20)]
        (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, good + rows)))
        return root

    return build


REFUSED: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "an empty folder": (lambda root: root, ["an empty folder", "expected data in one of these formats"]),
    "an unknown ending": (files(data__xyz="1"), ["1 .xyz"]),
    "an empty file": (csv(""), ["train.csv: expected a header and rows, found an empty file"]),
    "blank lines only": (csv("\n\n \n"), ["train.csv: expected a header and rows, found an empty file"]),
    "a header only": (csv("x,label\n"), ["train.csv: expected rows, found only a header"]),
    "a short row": (csv(GOOD + "5\n"), ["train.csv, line 22: expected 2 fields as in the first row, found 1"]),
    "a long row": (csv("x,label\n1,a\n2,b,c\n"), ["train.csv, line 3: expected 2 fields", "found 3"]),
    "an open quote": (
        csv('"x","label"\n' + '"1","a"\n"2","b"\n' * 9 + '"5,"a\n'),
        ["train.csv, line 20", "not readable as CSV", "write a quotation mark that is text twice"],
    ),
    "another encoding": (
        csv(GOOD.encode() + "привет,a\n".encode("cp1251")),
        ["train.csv, line 22", "byte 0xef at position 0", "UTF-8", "--encoding"],
    ),
    "UTF-8 with a broken byte": (
        csv(GOOD.encode() + "schön,a\nçà,b\n".encode() + b"caf\xe9,a\n"),
        ["train.csv, line 24", "byte 0xe9 at position 3", "UTF-8", "--encoding"],
    ),
    "UTF-16 without a mark": (csv(GOOD.encode("utf-16-le")), ["zero bytes", "--encoding", "utf-16-le"]),
    "no label": (csv("a,b\n1,2\n3,4\n"), ["expected a column called label", "found 'a', 'b'", "--label NAME"]),
    "two labels": (two_labels, ["several columns could be the label: 'label', 'target'", "--label NAME"]),
    "a label only": (csv("label\na\nb\n"), ["expected a column to predict from beside label"]),
    "one class": (csv("x,label\n" + "1,a\n" * 20), ["at least two classes, found 1"]),
    "labels all missing": (csv("x,label\n" + "1,\n" * 20), ["expected labels in 'label', found none in 20 rows"]),
    "labels all different": (
        csv("x,label\n" + "".join(f"{at},word{at}\n" for at in range(50))),
        ["expected classes in 'label', found 50 different values in 50 rows"],
    ),
    "no training rows": (files(test__csv=GOOD, val__csv=GOOD), ["expected a training split", "only test, val"]),
    "training rows without labels": (
        files(train__csv="x,label\n" + "1,\n" * 9, test__csv=GOOD),
        ["expected training rows with labels, found none", "9 left out", "train.csv#0"],
    ),
    "a test file without labels": (
        files(train__csv=GOOD, test__csv="x\n1\n2\n"),
        ["the same columns in train.csv and test.csv", "only in train.csv: 'label'", "move it out"],
    ),
    "files of no split": (files(train__csv=GOOD, more__csv=GOOD), ["named by split", "more.csv, train.csv"]),
    "two files of a split": (
        files(val__csv=GOOD, valid__csv=GOOD),
        ["the files val and valid both name the val split"],
    ),
    "a split column with a typing error": (
        csv("x,split,label\n1,train,a\n2,train,b\n3,tset,a\n"),
        ["the column 'split'", "'tset' in data row 2"],
    ),
    "no test rows": (
        csv("x,split,label\n1,train,a\n2,train,b\n3,test,\n"),
        ["nothing to audit against", "train.csv#2"],
    ),
    "a broken line of JSON": (
        files(a__jsonl='{"x": 1, "label": 0}\n{"x": 1,\n'),
        ["a.jsonl, line 2", "one JSON object a line"],
    ),
    "a list in JSON lines": (files(a__jsonl="[1, 2]\n"), ["a.jsonl, line 1: expected a JSON object, found list"]),
    "deeply nested JSON": (files(a__jsonl="[" * 100_000), ["a.jsonl, line 1"]),
    "records only": (
        files(a__jsonl='{"x": {}, "label": 0}\n{"x": {}, "label": 1}\n' * 9),
        ["only lists or records: x"],
    ),
    "labels that are records": (files(a__jsonl='{"x": 1, "label": {"a": 1}}\n'), ["found dict"]),
    "an HDF5 file with a missing array": (hdf5, ["expected an array y_test", "x_test (4, 2)"]),
    "a cut-off HDF5 file": (cut_off("h5"), ["not readable as HDF5"]),
    "a cut-off .npz file": (cut_off("npz"), ["not readable as a NumPy archive"]),
    "an .npz file that claims too much": (lying_npz, ["not readable as a NumPy archive"]),
    "no HDF5 file": (files(a__h5="text"), ["not readable as HDF5"]),
    "no .npz file": (files(a__npz="text"), ["not readable as a NumPy archive"]),
    "a link to itself": (loop, ["loop"]),
    "images in no class folder": (lambda root: picture(root / "a.png").parent, ["expected class folders with images"]),
    "a file listed twice": (metadata([{"file_name": "0.png", "label": "a"}]), ["'0.png' is listed more than once"]),
    "a list that leaves the folder": (metadata([{"file_name": "../a.png", "label": "a"}]), ["data row 20", "inside"]),
    "a list without a name": (metadata([{"file_name": None, "label": "a"}]), ["data row 20", "the name of a file"]),
}

NUMBERS = "x,y\n" + "".join(f"{at},{at}.5\n" for at in range(30))
LISTS = "".join(f'{{"x": {at}, "labels": ["{"ab"[at % 2]}"]}}\n' for at in range(20))

FOUND: dict[str, tuple[Callable[[Path], Path], dict[str, str]]] = {
    "a missing label": (csv(GOOD + "5,\n"), {"train.csv#20": "no label: 'label' is empty here"}),
    "a label that is not a number": (csv(NUMBERS + "1,nan\n"), {"train.csv#30": "no label"}),
    "a target beyond floats": (
        files(a__jsonl="".join(f'{{"x": {at}, "y": {at}.5}}\n' for at in range(20)) + f'{{"x": 1, "y": {10**400}}}'),
        {"a.jsonl#20": "infinite"},
    ),
    "an infinite target": (csv(NUMBERS + "1,inf\n"), {"train.csv#30": "infinite"}),
    "a blank label": (csv(GOOD + "5,  \n"), {"train.csv#20": "no label"}),
    "a list that isn't one": (
        files(a__jsonl=LISTS + '{"x": 1, "labels": [{}]}\n'),
        {"a.jsonl#20": "should be a list of names"},
    ),
    "a truncated image": (images(lambda root: _cut(root / "train/cat/0.png")), {"train/cat/0.png": "not readable"}),
    "an empty image": (
        images(lambda root: (root / "train/cat/0.png").write_bytes(b"")),
        {"train/cat/0.png": "not readable"},
    ),
    "a bomb of a PNG": (
        images(lambda root: (root / "train/cat/0.png").write_bytes(bomb())),
        {"train/cat/0.png": "too many pixels"},
    ),
    "a name with a newline": (
        images(lambda root: (root / "train/cat/a\nb.png").write_bytes(b"")),
        {"train/cat/a\nb.png": "not readable"},
    ),
    "a name that is not UTF-8": (
        images(lambda root: (root / "train/cat/a\udcff.png").write_bytes(b"")),
        {"train/cat/a\\xff.png": "not readable"},
    ),
    "a listed image that is missing": (metadata([{"file_name": "no.png", "label": "a"}]), {"no.png": "no such file"}),
    "a listed image without a label": (metadata([{"file_name": "no.png", "label": None}]), {"no.png": "no label"}),
}

READ: dict[str, tuple[Callable[[Path], Path], Callable[[Dataset], bool]]] = {
    "a byte order mark": (csv(b"\xef\xbb\xbf" + GOOD.encode()), lambda dataset: list(dataset.frame) == ["x"]),
    "lines that end as on Windows": (csv(GOOD.replace("\n", "\r\n")), lambda dataset: len(dataset) == 20),
    "a last line without an end": (csv(GOOD.rstrip("\n")), lambda dataset: len(dataset) == 20),
    "a test class that training lacks": (
        files(train__csv=GOOD, test__csv="x,label\n1,a\n2,new\n"),
        lambda dataset: dataset.class_names == ("a", "b", "new"),
    ),
    "doubled ids in a column": (
        csv("id,x,label\n" + "".join(f"1,{at},{'ab'[at % 2]}\n" for at in range(20))),
        lambda dataset: len(set(dataset.ids)) == 20 and "id" in dataset.frame,
    ),
    "a loop of links": (
        images(lambda root: (root / "train/cat/loop").symlink_to("..")),
        lambda dataset: len(dataset) == 16,
    ),
    "zero bytes in a field": (csv(GOOD + "a\0b,a\n"), lambda dataset: len(dataset) == 21),
    "a field of a megabyte": (csv(GOOD + "x" * 1_000_000 + ",a\n"), lambda dataset: len(dataset) == 21),
    "whole numbers beyond floats": (
        files(a__jsonl="".join(f'{{"x": {at * 10**400}, "label": {at % 2}}}\n' for at in range(20))),
        lambda dataset: len(dataset) == 20,
    ),
    "whole numbers beyond 64 bits": (csv(GOOD + "9" * 40 + ",a\n"), lambda dataset: len(dataset) == 21),
}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_before_any_training(tmp_path: Path, name: str) -> None:
    build, words = REFUSED[name]
    path = build(tmp_path)
    with pytest.raises(InputError) as caught:
        recognised(path)
    message = str(caught.value)
    assert [word for word in [str(tmp_path), *words] if word not in message] == []
    assert "\n" not in message


@pytest.mark.parametrize("name", FOUND)
def test_it_is_rejected_among_good_samples(tmp_path: Path, name: str) -> None:
    build, expected = FOUND[name]
    dataset = recognised(build(tmp_path))
    reasons = {sample.id: sample.reason for sample in dataset.rejected}
    assert reasons.keys() == expected.keys()
    assert all(expected[id] in reasons[id] for id in expected)
    assert len(dataset) >= 15


@pytest.mark.parametrize("name", READ)
def test_it_is_read_as_it_was_meant(tmp_path: Path, name: str) -> None:
    build, holds = READ[name]
    dataset = recognised(build(tmp_path))
    assert holds(dataset)
    assert dataset.rejected == ()


def test_a_cut_off_parquet_file_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InputError, match="not readable as Parquet"):
        recognised(cut_off("parquet")(tmp_path))


ON_THE_COMMAND_LINE = [
    "an empty folder", "a short row", "another encoding", "a header only", "no label", "one class", "no training rows",
    "a broken line of JSON", "an HDF5 file with a missing array", "a cut-off .npz file", "a link to itself",
]  # fmt: skip


def test_the_command_ends_with_2_and_one_line_of_explanation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ON_THE_COMMAND_LINE:
        root = tmp_path / name.replace(" ", "-")
        root.mkdir()
        monkeypatch.setattr("sys.argv", ["dataaudit", "run", str(REFUSED[name][0](root)), "--dry-run"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        (line,) = printed.err.splitlines()
        assert line.startswith("error: ")
        assert [word for word in REFUSED[name][1] if word not in line] == []


@pytest.mark.parametrize("text", ['label = "y"\n', '[layuot]\nlabel = "y"\n', '[Layout]\nlabel = "y"\n'])
def test_a_layout_that_would_be_passed_over_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text("x,y,label\n" + "1,2,a\n3,4,b\n" * 20, encoding="utf-8")
    (tmp_path / "dataaudit.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"below a line \[layout\]"):
        recognised(tmp_path)
