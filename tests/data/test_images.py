import base64
import io
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dataaudit.data.images import EXTENSIONS, HAS_HEIF, data_uri, decode, depth_of, header, is_image, resized
from dataaudit.errors import DatasetError

Pixels = NDArray[np.uint8]


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG file by hand, for what Pillow can't or won't write; `rows` is the pixel data with its filter bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@cache
def bomb() -> bytes:
    """A hundred kilobytes that unpack to 30,000 x 30,000 pixels."""
    return png(30_000, 30_000, 1, 0, bytes((30_000 // 8 + 1) * 30_000))


def noise(height: int, width: int, *channels: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, *channels), np.uint8)


def saved(path: Path, image: Image.Image | Pixels, **options: Any) -> Path:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


GREY, COLOUR = noise(9, 13), noise(9, 13, 3)


@pytest.mark.parametrize(
    ("name", "mode", "grey"),
    [
        ("bits.png", "1", True),
        ("bits.pbm", "1", True),
        ("grey.png", "L", True),
        ("grey.pgm", "L", True),
        ("grey-alpha.png", "LA", False),
        ("palette.png", "P", False),
        ("palette.gif", "P", False),
        ("colour.jpg", "RGB", False),
        ("colour.bmp", "RGB", False),
        ("colour.webp", "RGB", False),
        ("colour.ppm", "RGB", False),
        ("alpha.png", "RGBA", False),
        ("alpha.webp", "RGBA", False),
        ("print.jpg", "CMYK", False),
        ("print.tiff", "CMYK", False),
        ("video.jpg", "YCbCr", False),
        ("lab.tif", "LAB", False),
        ("deep.png", "I;16", True),
        ("deep.tif", "I;16", True),
        ("wide.tif", "I", True),
        ("float.tif", "F", True),
    ],
)
def test_every_kind_of_image_becomes_8_bit_grey_or_rgb(tmp_path: Path, name: str, mode: str, grey: bool) -> None:
    image = Image.fromarray(GREY if mode.startswith(("I", "F")) else COLOUR).convert(mode)
    decoded = decode(saved(tmp_path / name, image))
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.shape == ((9, 13) if grey else (9, 13, 3))


def test_a_16_bit_colour_png_is_read(tmp_path: Path) -> None:
    deep = COLOUR.astype(">u2") * 257
    path = tmp_path / "deep.png"
    path.write_bytes(png(13, 9, 16, 2, b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)))
    np.testing.assert_array_equal(decode(path).pixels, COLOUR)


@pytest.mark.parametrize("suffix", sorted(EXTENSIONS))
def test_every_extension_that_counts_as_an_image_can_be_read(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(GREY).convert("1") if suffix == ".pbm" else Image.fromarray(GREY)
    if suffix not in Image.registered_extensions():
        pytest.skip(f"Pillow can't write {suffix} here")
    assert decode(saved(tmp_path / f"picture{suffix}", image)).pixels.shape[:2] == (9, 13)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.bmp", "L"),
        ("a.pgm", "L"),
        ("a.tif", "L"),
        ("a.gif", "L"),
        ("a.png", "LA"),
        ("a.png", "P"),
        ("a.png", "RGB"),
        ("a.png", "RGBA"),
        ("a.tif", "RGB"),
        ("a.tif", "I"),
        ("a.ppm", "RGB"),
        ("a.webp", "RGB"),
    ],
)
def test_one_picture_has_one_digest_in_every_lossless_form(tmp_path: Path, name: str, mode: str) -> None:
    plain = decode(saved(tmp_path / "plain.png", GREY))
    options = {"lossless": True} if name.endswith("webp") else {}
    other = decode(saved(tmp_path / name, Image.fromarray(GREY).convert(mode), **options))
    assert other.digest == plain.digest


def test_16_bit_grey_on_the_8_bit_grid_has_the_digest_of_8_bit_grey(tmp_path: Path) -> None:
    deep = saved(tmp_path / "deep.png", Image.fromarray(GREY.astype(np.uint16) * 257))
    assert decode(deep).digest == decode(saved(tmp_path / "plain.png", GREY)).digest


def test_one_bit_black_and_white_has_the_digest_of_grey_black_and_white(tmp_path: Path) -> None:
    pixels = np.where(GREY > 127, 255, 0).astype(np.uint8)
    bits = saved(tmp_path / "bits.png", Image.fromarray(pixels).convert("1"))
    assert decode(bits).digest == decode(saved(tmp_path / "grey.png", pixels)).digest


def test_one_different_pixel_gives_another_digest(tmp_path: Path) -> None:
    changed = COLOUR.copy()
    changed[4, 4, 1] ^= 1
    assert decode(saved(tmp_path / "a.png", COLOUR)).digest != decode(saved(tmp_path / "b.png", changed)).digest


def test_the_same_bytes_in_another_shape_give_another_digest(tmp_path: Path) -> None:
    tall, wide = np.zeros((8, 2), np.uint8), np.zeros((2, 8), np.uint8)
    assert decode(saved(tmp_path / "a.png", tall)).digest != decode(saved(tmp_path / "b.png", wide)).digest


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, COLOUR),
        (2, COLOUR[:, ::-1]),
        (3, COLOUR[::-1, ::-1]),
        (4, COLOUR[::-1]),
        (5, COLOUR.transpose(1, 0, 2)),
        (6, np.rot90(COLOUR)),
        (7, np.rot90(COLOUR, 2).transpose(1, 0, 2)),
        (8, np.rot90(COLOUR, -1)),
    ],
)
def test_exif_rotation_is_undone(tmp_path: Path, orientation: int, stored: Pixels) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = saved(tmp_path / "turned.png", np.ascontiguousarray(stored), exif=exif)
    np.testing.assert_array_equal(decode(turned).pixels, COLOUR)


def test_the_full_16_bit_range_is_kept(tmp_path: Path) -> None:
    deep = np.array([[0, 257 * 100, 65535]], np.uint16)
    assert decode(saved(tmp_path / "deep.png", Image.fromarray(deep))).pixels.tolist() == [[0, 100, 255]]


def test_big_endian_16_bit_is_read_in_its_own_byte_order(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 3, 257 * 200]], ">u2")
    path = saved(tmp_path / "big.tif", Image.frombytes("I;16B", (3, 1), values.tobytes()))
    assert decode(path).pixels.tolist() == [[0, 3, 200]]


def test_a_floating_point_image_keeps_its_shades(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    pixels = decode(saved(tmp_path / "ramp.tif", ramp)).pixels.astype(int)
    assert np.abs(pixels.ravel() - np.arange(256)).max() <= 1


def test_a_floating_point_image_may_hold_anything(tmp_path: Path) -> None:
    odd = np.array([[np.nan, np.inf, -np.inf], [-5, 0, 5]], np.float32)
    pixels = decode(saved(tmp_path / "odd.tif", odd)).pixels
    assert pixels[1].tolist() == sorted(set(pixels[1].tolist()))


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0])
def test_a_flat_floating_point_image_is_read(tmp_path: Path, value: float) -> None:
    pixels = decode(saved(tmp_path / "flat.tif", np.full((8, 8), value, np.float32))).pixels
    assert len(np.unique(pixels)) == 1


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (Image.new("RGBA", (8, 8), (200, 0, 0, 0)), {}),
        (Image.new("LA", (8, 8), (0, 0)), {}),
        (Image.new("P", (8, 8), 0), {"transparency": 0}),
        (Image.new("RGB", (8, 8), (9, 9, 9)), {"transparency": (9, 9, 9)}),
        (Image.new("L", (8, 8), 9), {"transparency": 9}),
    ],
    ids=["RGBA", "LA", "P", "RGB", "L"],
)
def test_transparent_pixels_are_white(tmp_path: Path, image: Image.Image, options: dict[str, Any]) -> None:
    assert (decode(saved(tmp_path / "clear.png", image, **options)).pixels == 255).all()


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [Image.new("L", (8, 8), shade) for shade in (10, 200, 90)]
    path = saved(tmp_path / "moving.gif", frames[0], save_all=True, append_images=frames[1:], duration=50)
    assert (decode(path).pixels == 10).all()


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (3000, 9), (9, 4000), (2600, 2600)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_size_is_brought_to_the_learners_form(tmp_path: Path, size: tuple[int, int], channels: int) -> None:
    decoded = decode(saved(tmp_path / "a.png", Image.new("RGB", size, (10, 20, 30))))
    form = resized(decoded, channels, 32, 24)
    assert form.shape == (channels, 32, 24)
    assert form.dtype == np.uint8
    assert len(np.unique(form.reshape(channels, -1), axis=1).T) == 1


def test_an_image_of_the_right_size_is_left_as_it_is(tmp_path: Path) -> None:
    decoded = decode(saved(tmp_path / "a.png", COLOUR))
    np.testing.assert_array_equal(resized(decoded, 3, 9, 13), COLOUR.transpose(2, 0, 1))


@pytest.mark.parametrize("content", [b"", b"cat", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"], ids=repr)
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"not readable as an image: \w+"):
        decode(path)
    assert header(path) is None


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.bmp", "a.tif", "a.webp", "a.ppm"])
def test_a_truncated_image_is_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, noise(64, 64, 3))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r"not readable as an image: \w+"):
        decode(path)


def test_an_image_with_damaged_pixel_data_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", noise(64, 64, 3))
    content = bytearray(path.read_bytes())
    content[5000:5064] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"not readable as an image: \w+"):
        decode(path)


def test_a_decompression_bomb_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb())
    assert path.stat().st_size < 1 << 20
    with pytest.raises(DatasetError, match="too many pixels"):
        decode(path)


def test_a_bomb_that_pillow_only_warns_of_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(12_000, 12_000, 1, 0, b""))
    assert header(path) == ((12_000, 12_000), "1")
    with pytest.raises(DatasetError, match="too many pixels"):
        decode(path)


@pytest.mark.parametrize(
    "name", ["plain.png", "new\nline.png", 'quo"te.png', "quo'te.png", "b\udcffyte.png"], ids=ascii
)
def test_why_an_image_is_refused_does_not_tell_where_the_dataset_lies(tmp_path: Path, name: str) -> None:
    """Reasons go into audit.json, which is the same wherever the dataset is kept."""
    path = tmp_path / name
    path.write_bytes(b"no image")
    with pytest.raises(DatasetError) as caught:
        decode(path)
    assert tmp_path.name not in str(caught.value)


def test_the_header_tells_size_and_mode(tmp_path: Path) -> None:
    assert header(saved(tmp_path / "a.png", COLOUR)) == ((13, 9), "RGB")


@pytest.mark.parametrize(
    "pixels", [noise(200, 300), noise(200, 300, 3), noise(8, 8, 3)], ids=["grey", "large", "small"]
)
def test_a_data_uri_holds_a_picture_no_larger_than_asked(tmp_path: Path, pixels: Pixels) -> None:
    uri = data_uri(saved(tmp_path / "a.png", pixels), 50)
    kind, content = uri.removeprefix("data:").split(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.get_format_mimetype() == kind
        assert max(image.size) == min(50, max(pixels.shape[:2]))


@pytest.mark.parametrize("form", ["png", "jpeg", "gif", "webp"])
@pytest.mark.parametrize("name", ["no_ending", "wrong.bin", "UPPER.JPEG_LARGE"])
def test_an_image_is_known_by_how_it_begins(tmp_path: Path, form: str, name: str) -> None:
    Image.fromarray(GREY).save(tmp_path / name, form)
    assert is_image(tmp_path / name)
    assert decode(tmp_path / name).pixels.shape[:2] == (9, 13)


def test_other_files_are_no_images(tmp_path: Path) -> None:
    for name, content in (("README", b"GIF is a format"), ("a.txt", b""), ("b.json", b"{}")):
        (tmp_path / name).write_bytes(content)
        assert not is_image(tmp_path / name)
    assert not is_image(tmp_path)
    assert not is_image(tmp_path / "missing")


@pytest.mark.skipif(HAS_HEIF, reason="pillow-heif is installed")
def test_without_the_extra_an_heic_file_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    with pytest.raises(DatasetError, match=r"pip install 'dataaudit\[heic\]'"):
        decode(tmp_path / "a.heic")


def test_fewer_bits_than_16_are_scaled_from_their_own_range(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", np.array([[0, 2048, 4095]], np.uint16))
    assert decode(path).pixels.tolist() == [[0, 127, 255]]
    assert decode(path, 16).pixels.tolist() == [[0, 7, 15]]
    assert (depth_of(path), depth_of(saved(tmp_path / "b.png", GREY))) == (12, 0)
