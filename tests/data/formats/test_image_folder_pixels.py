"""The pixels of an image folder, and its fingerprint."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .image_folders import picture, read, two_classes

# Pixels


def test_images_of_every_kind_and_size_make_one_dataset(tmp_path: Path) -> None:
    kinds = [
        ("grey.png", "L", (8, 8)),
        ("colour.jpg", "RGB", (300, 200)),
        ("alpha.png", "RGBA", (33, 17)),
        ("palette.gif", "P", (64, 64)),
        ("print.jpg", "CMYK", (2000, 1500)),
        ("deep.png", "I;16", (40, 40)),
        ("bits.png", "1", (9, 100)),
        ("float.tif", "F", (50, 50)),
    ]
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        for name, mode, size in kinds:
            picture(tmp_path / folder / name, 1, size, mode)
    dataset = read(tmp_path)
    assert len(dataset) == 4 * len(kinds)
    assert dataset.rejected == ()
    assert dataset.inputs.shape[1] == 3
    assert dataset.inputs.dtype == np.uint8
    assert any("8 image sizes" in note for note in dataset.layout.notes)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "F"])
def test_grey_images_of_one_small_size_are_left_grey_and_as_they_are(tmp_path: Path, mode: str) -> None:
    for number, folder in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        picture(tmp_path / folder / ("a.tif" if mode == "F" else "a.png"), number, (12, 10), mode)
    assert read(tmp_path).inputs.shape == (4, 1, 10, 12)


def test_one_colour_image_makes_the_dataset_colour(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/colour.png", mode="RGB")
    dataset = read(tmp_path)
    assert dataset.inputs.shape[1:] == (3, 8, 8)
    assert any("RGB" in note for note in dataset.layout.notes)


def test_large_images_are_brought_to_one_smaller_size(tmp_path: Path) -> None:
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        picture(tmp_path / folder / "a.png", size=(400, 300))
    dataset = read(tmp_path)
    assert dataset.inputs.shape == (4, 1, 64, 64)
    assert any("64x64" in note for note in dataset.layout.notes)


def test_images_stored_on_their_side_are_seen_upright_in_their_own_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.random.default_rng(0).integers(0, 256, (16, 8), np.uint8)
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(tmp_path / folder / "a.png", exif=exif)
    inputs = read(tmp_path).inputs
    assert inputs.shape == (4, 1, 16, 8)
    np.testing.assert_array_equal(inputs[0, 0], upright)


def test_equal_pictures_are_kept_under_both_names_with_one_digest(tmp_path: Path) -> None:
    two_classes(tmp_path, "train", "test")
    picture(tmp_path / "train/cat/x.png", 7)
    picture(tmp_path / "test/dog/y.png", 7)
    picture(tmp_path / "test/dog/z.bmp", 7, mode="RGB")
    dataset = read(tmp_path)
    digests = {
        dataset.contents[dataset.ids.index(id)] for id in ("train/cat/x.png", "test/dog/y.png", "test/dog/z.bmp")
    }
    assert len(dataset) == 11
    assert len(digests) == 1


# The fingerprint


def _large(root: Path) -> Path:
    for folder in ("train/cat", "train/dog", "test/cat", "test/dog"):
        for number in range(2):
            picture(root / folder / f"{number}.png", number, (200, 200))
    return root


def test_the_fingerprint_does_not_depend_on_place_order_or_time(tmp_path: Path) -> None:
    first = _large(tmp_path / "first")
    second = tmp_path / "second"
    for number, path in enumerate(sorted(first.rglob("*.png"), reverse=True)):
        copy = second / path.relative_to(first)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (number, number))
    assert read(first).fingerprint == read(second).fingerprint


def test_one_changed_pixel_changes_the_fingerprint(tmp_path: Path) -> None:
    before = read(_large(tmp_path)).fingerprint
    path = tmp_path / "train/cat/0.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[77, 33] ^= 1
    Image.fromarray(pixels).save(path)
    assert read(tmp_path).fingerprint != before


def test_one_changed_label_changes_the_fingerprint(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "test"))
    targets = dataset.targets.copy()
    targets[0] = 1 - targets[0]
    assert replace(dataset, targets=targets).fingerprint != dataset.fingerprint


def test_one_renamed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    before = read(two_classes(tmp_path, "train", "test")).fingerprint
    (tmp_path / "train/cat/0.png").rename(tmp_path / "train/cat/00.png")
    assert read(tmp_path).fingerprint != before


def test_a_sample_in_another_split_changes_the_fingerprint(tmp_path: Path) -> None:
    dataset = read(two_classes(tmp_path, "train", "test"))
    splits = dataset.splits.copy()
    splits[0] = "val"
    assert replace(dataset, splits=splits).fingerprint != dataset.fingerprint


def test_another_encoding_of_the_same_pixels_keeps_the_content_digest(tmp_path: Path) -> None:
    before = read(two_classes(tmp_path, "train", "test"))
    path = tmp_path / "train/cat/0.png"
    Image.open(path).convert("RGB").save(path, compress_level=0)
    after = read(tmp_path)
    assert after.contents == before.contents


def test_all_images_of_12_bits_are_scaled_alike_and_that_is_said(tmp_path: Path) -> None:
    for number, top in enumerate((4000, 1000, 4000, 1000)):
        path = tmp_path / ("cat" if number < 2 else "dog") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.linspace(0, top, 64, dtype=np.uint16).reshape(8, 8) + np.uint16(number)).save(path)
    dataset = read(tmp_path)
    assert dataset.pixels.max((1, 2, 3)).tolist() == [4000 * 255 // 4095, 1001 * 255 // 4095, 249, 62]
    assert "values of 16-bit images use 12 bits: scaled from 0 to 4,095" in dataset.layout.notes
