"""Arrays in .npz and HDF5 files: names, shapes, targets, images, what is held of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from dataaudit.data.reading import arrays
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError, InputError

from .reading import recognised

Write = Callable[[Path, Mapping[str, Any]], Path]


def npz(folder: Path, content: Mapping[str, Any]) -> Path:
    np.savez(folder / "a.npz", **content)
    return folder / "a.npz"


def packed(folder: Path, content: Mapping[str, Any]) -> Path:
    np.savez_compressed(folder / "a.npz", **content)
    return folder / "a.npz"


def hdf5(folder: Path, content: Mapping[str, Any]) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in content.items():
            file[name] = array
    return folder / "a.h5"


FILES = pytest.mark.parametrize("write", [npz, packed, hdf5])


def numbers(n: int, *shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, *shape))


def split_arrays(train: int = 20, test: int = 6, names: str = "x_train y_train x_test y_test") -> dict[str, Any]:
    x, y, x_test, y_test = names.split()
    return {
        x: numbers(train, 3),
        y: np.arange(train) % 2,
        x_test: numbers(test, 3, seed=1),
        y_test: np.arange(test) % 2,
    }


@FILES
@pytest.mark.parametrize("whole_folder", [False, True])
def test_arrays_are_recognised_as_a_file_and_as_a_folder(tmp_path: Path, write: Write, whole_folder: bool) -> None:
    content = split_arrays()
    path = write(tmp_path, content)
    dataset = recognised(tmp_path if whole_folder else path)
    assert dataset.layout.format in ("npz", "hdf5")
    assert (dataset.modality, dataset.task, dataset.class_names) == ("array", "classification", ("0", "1"))
    assert dataset.sizes() == {"train": 20, "test": 6}
    np.testing.assert_array_equal(dataset.inputs[:20], content["x_train"].astype(np.float32))
    assert dataset.ids[20:22] == ("x_test#0", "x_test#1")
    assert dataset.sources == ()


@pytest.mark.parametrize(
    "names",
    [
        "X_train Y_train X_val Y_val", "train_x train_y test_x test_y", "train/x train/y test/x test/y",
        "train_images train_labels val_images val_labels", "data_train target_train data_test target_test",
    ],
)  # fmt: skip
def test_arrays_are_known_by_their_names(tmp_path: Path, names: str) -> None:
    dataset = recognised(hdf5(tmp_path, split_arrays(names=names)))
    assert dataset.sizes() == {"train": 20, "val" if "val" in names.lower() else "test": 6}


def test_without_splits_a_stratified_fifth_is_set_aside(tmp_path: Path) -> None:
    dataset = recognised(npz(tmp_path, {"x": numbers(50, 2), "y": np.arange(50) % 2}))
    assert dataset.counts() == {"train": {"0": 20, "1": 20}, "test": {"0": 5, "1": 5}}
    assert "made here" in dataset.layout.split_origin


def test_a_named_label_decides_between_targets(tmp_path: Path) -> None:
    content = {
        **split_arrays(names="x_train coarse_train x_test coarse_test"),
        "fine_train": range(20),
        "fine_test": range(6),
    }
    dataset = recognised(npz(tmp_path, content), label="coarse")
    assert dataset.class_names == ("0", "1")
    assert {item.path for item in dataset.layout.ignored} == {"fine_train", "fine_test"}


# Images


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 1), (1, 12, 10), (12, 10, 3), (3, 12, 10)])
@FILES
def test_bytes_of_an_images_shape_are_images(tmp_path: Path, write: Write, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    pixels[13] = pixels[2]
    content = {"x_train": pixels[:12], "y_train": np.arange(12) % 3, "x_test": pixels[12:], "y_test": np.arange(8) % 3}
    dataset = recognised(write(tmp_path, content))
    channels = 3 if 3 in shape else 1
    assert dataset.modality == "image"
    assert dataset.pixels.shape == (20, channels, 12, 10)
    expected = (
        pixels if shape[0] == channels and len(shape) == 3 else np.moveaxis(pixels.reshape(20, 12, 10, channels), -1, 1)
    )
    np.testing.assert_array_equal(dataset.pixels, expected)
    assert dataset.contents[13] == dataset.contents[2]
    assert len(set(dataset.contents)) == 19


def test_large_images_are_brought_to_one_smaller_size(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (10, 100, 80), np.uint8)
    dataset = recognised(npz(tmp_path, {"x": pixels, "y": np.arange(10) % 2}))
    assert dataset.pixels.shape == (10, 1, 64, 64)
    assert any("100" in note and "64x64" in note for note in dataset.layout.notes)


def test_bytes_of_another_shape_are_numbers(tmp_path: Path) -> None:
    dataset = recognised(npz(tmp_path, {"x": np.arange(100, dtype=np.uint8).reshape(20, 5), "y": np.arange(20) % 2}))
    assert (dataset.modality, dataset.inputs.shape) == ("array", (20, 5))


# Targets


@FILES
@pytest.mark.parametrize(
    ("targets", "task", "names"),
    [
        (np.linspace(0, 1, 20), "regression", ()),
        (np.arange(20)[:, None] % 2, "classification", ("0", "1")),
        (np.eye(4)[np.arange(20) % 4], "classification", ("0", "1", "2", "3")),
        (np.arange(40).reshape(20, 2) % 3 < 2, "multilabel", ("0", "1")),
        (np.array([b"ham", b"spam"] * 10), "classification", ("ham", "spam")),
    ],
    ids=["numbers", "one column", "one hot", "sets", "words"],
)
def test_targets_of_every_kind(
    tmp_path: Path, write: Write, targets: NDArray[Any], task: str, names: tuple[str, ...]
) -> None:
    dataset = recognised(write(tmp_path, {"x": numbers(20, 2), "y": targets}))
    assert (dataset.task, dataset.class_names) == (task, names)
    if task == "multilabel":
        np.testing.assert_array_equal(dataset.targets, targets)


def test_words_of_hdf5_are_classes(tmp_path: Path) -> None:
    words = np.array(["café", "thé"] * 10, dtype=h5py.string_dtype())
    assert recognised(hdf5(tmp_path, {"x": numbers(20, 2), "y": words})).class_names == ("café", "thé")


@FILES
def test_rows_that_are_not_finite_are_rejected_and_the_others_keep_their_ids(tmp_path: Path, write: Write) -> None:
    content = split_arrays()
    content["x_train"][4, 1], content["x_test"][0, 2], content["x_train"][9, 0] = np.nan, np.inf, 1e300
    content["y_train"] = content["y_train"].astype(float)
    content["y_train"][7] = np.nan
    dataset = recognised(write(tmp_path, content))
    assert {sample.id: sample.reason for sample in dataset.rejected} == {
        "x_train#4": "a value that is not finite",
        "x_train#9": "a value that is not finite",
        "x_test#0": "a value that is not finite",
        "x_train#7": "no label: 'y' is empty here",
    }
    assert len(dataset) == 22
    assert np.isfinite(dataset.inputs).all()
    assert dataset.ids[dataset.rows("test")[0]] == "x_test#1"


# What is held


@FILES
def test_only_the_sampled_rows_are_kept_and_read_in_blocks(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1000)
    content = split_arrays(2000, 400)
    dataset = recognised(write(tmp_path, content), rows=100)
    assert dataset.sizes() == {"train": 100, "test": 20}
    assert any("sampled 100 of 2,000 training rows" in note for note in dataset.layout.notes)
    for at, id in enumerate(dataset.ids):
        name, row = id.split("#")
        np.testing.assert_array_equal(dataset.inputs[at], content[name][int(row)].astype(np.float32))


def test_rows_that_take_more_than_there_is_room_for_are_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "KEPT_BYTES", 12 * 50)
    dataset = recognised(npz(tmp_path, split_arrays(200, 40)))
    assert dataset.sizes() == {"train": 50, "test": 10}
    assert any("a row takes 12 bytes" in note for note in dataset.layout.notes)


def test_no_array_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched:
        shape, dtype = (1000, 3), np.dtype(np.float32)
        longest = 0

        def __getitem__(self, rows: slice) -> NDArray[np.float32]:
            count = len(range(*rows.indices(1000)))
            Watched.longest = max(Watched.longest, count)
            return np.ones((count, 3), np.float32)

    monkeypatch.setattr(arrays, "BLOCK_BYTES", 1200)
    content: dict[str, Any] = {"x": Watched(), "y": np.arange(1000) % 2}
    arrays.dataset_of(tmp_path, content, "npz", arrays.ReadOptions(max_rows=10), silent)
    assert 0 < Watched.longest <= 100


# What is refused


@FILES
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"y_train": np.zeros(19)}, ["x_train", "y_train", "20", "19"]),
        ({"y_test": None}, ["expected an array y_test", "found ", "x_train (20, 3)"]),
        ({"x_train": None}, ["expected an array x_train"]),
        ({"X_train": np.zeros((20, 3))}, ["'x_train'", "'X_train'", "inputs", "train split"]),
        ({"x": np.zeros((20, 3))}, ["x_train", "or x and y"]),
        ({"x_test": np.zeros((6, 4))}, ["one shape", "(20, 3)", "(6, 4)"]),
        ({"x_train": np.array([b"a"] * 20)}, ["expected numbers in x_train"]),
        ({"x_train": np.zeros((0, 3)), "y_train": np.zeros(0)}, ["expected rows in x_train"]),
        ({"y_train": np.zeros((20, 2, 2)), "y_test": np.zeros((6, 2, 2))}, ["expected targets (n,), or (n, c)"]),
        ({"y_train": np.zeros(20), "y_test": np.zeros(6)}, ["at least two classes", "found 1"]),
        ({"x_train": np.float64(3)}, ["expected rows in x_train"]),
        ({"x_train": np.zeros((20, 3), complex)}, ["expected numbers in x_train"]),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, write: Write, change: dict[str, Any], words: list[str]) -> None:
    content = {name: array for name, array in {**split_arrays(), **change}.items() if array is not None}
    path = write(tmp_path, content)
    with pytest.raises(DatasetError) as caught:
        recognised(path)
    assert [word for word in [str(path), *words] if word not in str(caught.value)] == []


@pytest.mark.parametrize("write", [npz, packed])
def test_pickled_objects_are_refused_and_not_run(tmp_path: Path, write: Write) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    path = write(tmp_path, {**split_arrays(), "y_train": np.array([Bomb()] * 20, object)})
    with pytest.raises(DatasetError, match=r"y_train\.npy holds pickled objects, which are never loaded"):
        recognised(path)
    assert not (tmp_path / "ran").exists()


def test_values_in_another_file_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(480))
    path = hdf5(tmp_path, {"y": np.arange(20) % 2})
    with h5py.File(path, "a") as file:
        file.create_dataset("x", (20, 3), "f8", external=[(str(secret), 0, 480)])
    with pytest.raises(InputError, match="'x' has its values in another file"):
        recognised(path)


def test_links_to_other_files_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = hdf5(tmp_path / "other", split_arrays())
    path = hdf5(tmp_path, {"y_train": np.arange(20) % 2})
    with h5py.File(path, "a") as file:
        file["x_train"] = h5py.ExternalLink(str(other), "x_train")
    with pytest.raises(DatasetError, match="expected an array x_train"):
        recognised(path)


def test_a_model_beside_images_is_not_taken_for_data(tmp_path: Path) -> None:
    from .image_folders import two_classes

    two_classes(tmp_path, "train", "test")
    hdf5(tmp_path, {"layer/kernel": np.zeros(3)})
    assert recognised(tmp_path).layout.format == "image_folder"
