"""Arrays in .npz and HDF5 files: rows removed, relabelled and moved, and all else as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.errors import DatasetError

from ..data.formats.reading import recognised
from ..data.formats.test_arrays import FILES, Write, numbers, split_arrays
from .deciding import cleaned, remedy, samples


def stored_values(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return dict(archive)
    with h5py.File(path) as file:
        return {name: file[name][:] for name in file}


@FILES
def test_rows_are_removed_relabelled_and_moved(tmp_path: Path, write: Write) -> None:
    original = split_arrays() | {"weights_train": numbers(20), "mean": numbers(3), "names_test": np.arange(6) * 1.5}
    path = write(tmp_path, original)
    before = recognised(path)
    new, after, record = cleaned(
        path, remedy("remove", "x_train#0", "x_train#19"), remedy("relabel", "x_train#2", to="1")
    )
    arrays = stored_values(new)
    np.testing.assert_array_equal(arrays["x_train"], original["x_train"][1:19])
    np.testing.assert_array_equal(arrays["weights_train"], original["weights_train"][1:19])
    np.testing.assert_array_equal(arrays["y_train"], [1, 1, 1, *original["y_train"][4:19]])
    for name in ("x_test", "y_test", "mean", "names_test"):
        np.testing.assert_array_equal(arrays[name], original[name])
    assert {name: array.dtype for name, array in arrays.items()} == {
        name: array.dtype for name, array in original.items()
    }
    assert len(samples(after)) == len(before) - 2
    assert record["counts"] == {"removed": 2, "relabelled": 1, "moved": 0, "unchanged": 23}


@FILES
def test_a_row_moves_with_its_target(tmp_path: Path, write: Write) -> None:
    original = split_arrays()
    new, after, _ = cleaned(write(tmp_path, original), remedy("move", "x_test#1", to="train"))
    np.testing.assert_array_equal(stored_values(new)["x_train"][-1], original["x_test"][1])
    assert after.sizes() == {"train": 21, "test": 5}


@FILES
def test_a_row_does_not_move_without_what_belongs_to_it(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, split_arrays() | {"weights_test": numbers(6)})
    with pytest.raises(DatasetError, match=r"mislabeled-\w{12}: rows of x_test .* weights_test"):
        cleaned(path, remedy("move", "x_test#1", to="train"))


TARGETS: Mapping[str, tuple[Any, Any, Any]] = {
    "words": (np.array(["cat", "weasel"] * 15), "weasel", "weasel"),
    "bytes": (np.array([b"cat", b"weasel"] * 15), "weasel", b"weasel"),
    "a column": (np.arange(30)[:, None] % 3, "2", [2]),
    "one of three": (np.eye(3, dtype=np.uint8)[np.arange(30) % 3], "2", [0, 0, 1]),
    "sets": ((np.arange(30)[:, None] >> np.arange(3)) % 2, ("0", "2"), [1, 0, 1]),
    "numbers": (np.linspace(0, 3, 30).astype(np.float32), "1.25", 1.25),
}


@FILES
@pytest.mark.parametrize("kind", list(TARGETS))
def test_targets_of_every_kind(tmp_path: Path, write: Write, kind: str) -> None:
    targets, to, expected = TARGETS[kind]
    if write.__name__ == "hdf5" and kind == "words":
        targets = targets.astype(h5py.string_dtype())
    new, after, _ = cleaned(write(tmp_path, {"x": numbers(30, 2), "y": targets}), remedy("relabel", "x#0", to=to))
    written = stored_values(new)["y"]
    value = written[0].decode() if isinstance(written[0], bytes) and isinstance(expected, str) else written[0]
    assert np.array_equal(value, expected)
    np.testing.assert_array_equal(
        written[1:].astype(str), targets[1:].astype("S" if written.dtype == object else targets.dtype).astype(str)
    )
    assert len(after) == 30


@FILES
def test_a_whole_number_does_not_become_a_fraction(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, {"x": numbers(60, 2), "y": np.arange(60) * 3})
    with pytest.raises(DatasetError, match=r"targets of the type int64 can't hold 1\.5"):
        cleaned(path, remedy("relabel", "x#0", to="1.5"))


def test_hdf5_keeps_groups_attributes_links_and_compression(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    original = split_arrays()
    with h5py.File(path, "w") as file:
        for name, array in original.items():
            role, split = name.split("_")
            file.create_dataset(
                f"{split}/{role}", data=array, chunks=True, compression="gzip", maxshape=(None, *array.shape[1:])
            )
        file["train/x"].attrs["unit"] = "mm"
        file["train"].attrs["season"] = "spring"
        file.attrs["licence"] = "CC0"
        file["notes/by"] = "somebody"
        file["again"] = h5py.SoftLink("/test/x")
    new, _, _ = cleaned(path, remedy("remove", "train/x#3"))
    with h5py.File(new) as file:
        assert (file["train/x"].attrs["unit"], file["train"].attrs["season"], file.attrs["licence"]) == (
            "mm",
            "spring",
            "CC0",
        )
        assert file["notes/by"].asstr()[()] == "somebody"
        assert file.get("again", getlink=True).path == "/test/x"
        assert (file["train/x"].shape, file["train/x"].compression) == ((19, 3), "gzip")
        assert file["train/x"].maxshape == (None, 3)
        assert file["test/x"].compression == "gzip"
