"""An audit never passes in silence where more than 1 % of the rows, columns or files were dropped."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import columns as of_columns
from dataaudit.checks.detectors import integrity
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError

from ..data.formats.reading import columns, recognised, texts
from ..data.formats.test_croissant import describe, record_set

N = 100


def kinds(path: Path, rows: int = 100_000) -> set[str]:
    """Kinds of findings about what a dataset consists of."""
    context = CheckContext(recognised(path, rows=rows), None, None, 0, silent)  # type: ignore[arg-type]
    return {finding.kind for check in (integrity, of_columns) for finding in check.detect(context).findings}


def table(root: Path, **added: object) -> Path:
    columns(N).assign(**added).to_csv(root / "data.csv", index=False)
    return root / "data.csv"


def unlabelled(root: Path) -> Path:
    return table(root, label=[None, None, *["no", "yes"] * (N // 2 - 1)])


def nested(root: Path) -> Path:
    frame = columns(N).assign(boxes=[[1, 2]] * N)
    frame.to_json(root / "data.jsonl", orient="records", lines=True)
    return root / "data.jsonl"


def other_table_beside(root: Path) -> Path:
    table(root)
    (root / "train.csv").write_bytes((root / "data.csv").read_bytes())
    (root / "data.csv").rename(root / "more.xlsx")
    return root


def text_folder(root: Path, count: int = 60) -> Path:
    for number, text in enumerate(texts(count)):
        (root / f"class {number % 2}").mkdir(exist_ok=True)
        (root / f"class {number % 2}" / f"{number}.txt").write_text(text, encoding="utf-8")
    return root


def texts_of_other_endings(root: Path) -> Path:
    for number, ending in enumerate((".md", ".html")):
        (text_folder(root) / "class 0" / f"other {number}{ending}").write_text("a text", encoding="utf-8")
    return root


def empty_texts(root: Path) -> Path:
    for number in range(2):
        (text_folder(root) / "class 0" / f"empty {number}.txt").touch()
    return root


def image_folder(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(40):
        (root / f"class {number % 2}").mkdir(exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(root / f"class {number % 2}" / f"{number}.png")
    return root


def broken_images(root: Path) -> Path:
    (image_folder(root) / "class 0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def images_of_another_ending(root: Path) -> Path:
    (image_folder(root) / "class 0" / "drawing.svg").write_text("<svg/>", encoding="utf-8")
    return root


def columns_beside_images(root: Path) -> Path:
    image_folder(root)
    files = sorted(file.relative_to(root).as_posix() for file in root.rglob("*.png"))
    labels = [name.split("/")[0] for name in files]
    pd.DataFrame({"file_name": files, "label": labels, "camera": "a"}).to_csv(root / "metadata.csv", index=False)
    return root


def arrays(root: Path, **added: object) -> Path:
    values = np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32)
    np.savez(root / "data.npz", **{"x": values, "y": np.arange(N) % 2, **added})
    return root / "data.npz"


def array_rows_with_nan(root: Path) -> Path:
    values = np.random.default_rng(0).normal(size=(N, 4))
    values[:2] = np.nan
    return arrays(root, x=values)


def group_of_arrays(root: Path) -> Path:
    with h5py.File(root / "data.h5", "w") as file:
        file["x"], file["y"] = np.random.default_rng(0).normal(size=(N, 4)), np.arange(N) % 2
        file["more/x"] = np.zeros((N, 4))
    return root / "data.h5"


def hugging_face(root: Path, **added: object) -> Path:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({**columns(N).to_dict("list"), **added}).save_to_disk(root / "saved")
    return root / "saved"


def described(root: Path) -> Path:
    """A Croissant description of every column of a table but one."""
    columns(N).assign(camera=np.arange(N) % 3).to_csv(root / "data.csv", index=False)
    describe(root, [record_set("rows", "data.csv", {name: name for name in columns(N)})], ["data.csv"])
    return root


def beside_a_description(root: Path) -> Path:
    columns(N).to_csv(root / "more.csv", index=False)
    columns(N).to_csv(root / "data.csv", index=False)
    describe(root, [record_set("rows", "data.csv", {name: name for name in columns(N)})], ["data.csv"])
    return root


DROPPED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "rows without a label": (unlabelled, "unreadable"),
    "an empty column": (lambda root: table(root, notes=np.nan), "empty_column"),
    "a constant column": (lambda root: table(root, source="web"), "constant_column"),
    "a column of ids": (lambda root: table(root, id=np.arange(N)), "id_column"),
    "a column of lists": (nested, "unread_columns"),
    "a file of rows that is not read": (other_table_beside, "unread_files"),
    "texts with other endings": (texts_of_other_endings, "left_out"),
    "empty files": (empty_texts, "unreadable"),
    "broken images": (broken_images, "unreadable"),
    "images with another ending": (images_of_another_ending, "other_files"),
    "an array beside inputs and targets": (lambda root: arrays(root, camera=np.arange(N)), "unread_arrays"),
    "rows of an array with nan": (array_rows_with_nan, "unreadable"),
    "a group of arrays": (group_of_arrays, "unread_arrays"),
    "a Hugging Face column of lists": (lambda root: hugging_face(root, boxes=[[1, 2]] * N), "unread_columns"),
    "Hugging Face rows without a label": (
        lambda root: hugging_face(root, label=[None, None, *["no", "yes"] * (N // 2 - 1)]),
        "unreadable",
    ),
    "a column that no field describes": (described, "not_audited"),
    "a file beside a description": (beside_a_description, "unread_files"),
    "columns beside images": (columns_beside_images, "not_audited"),
}


@pytest.mark.parametrize("name", DROPPED)
def test_what_is_dropped_is_a_finding(name: str, tmp_path: Path) -> None:
    make, kind = DROPPED[name]
    assert kinds(make(tmp_path)) == {kind}


def test_rows_that_are_not_drawn_are_a_finding(tmp_path: Path) -> None:
    assert kinds(table(tmp_path), rows=50) == {"not_audited"}


def test_ids_beside_texts_are_a_finding(tmp_path: Path) -> None:
    frame = pd.DataFrame({"number": np.arange(N), "text": texts(N), "label": ["no", "yes"] * (N // 2)})
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert kinds(tmp_path / "data.csv") == {"id_column"}


def test_a_line_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    path = table(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + "1,red,no,too much\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="line 102: expected 3 fields"):
        recognised(path)


@pytest.mark.parametrize("make", [table, text_folder, image_folder, arrays, hugging_face])
def test_whole_data_are_left_alone(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert kinds(make(tmp_path)) == set()
