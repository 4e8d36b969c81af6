"""Reading images of any kind into one form: upright, 8 bits a channel, grey or RGB."""

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from ..errors import DatasetError

EXTENSIONS = frozenset({
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".avif",
    ".heic", ".heif", ".jp2",
})  # fmt: skip
SIGNATURE_BYTES = 16
SIGNATURE = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|....ftyp(avif|heic|heix|mif1|msf1)", re.DOTALL
)
"""How a file of PNG, JPEG, GIF, WebP, AVIF or HEIC begins, whatever its name ends in."""
NO_HEIF = "HEIC needs pillow-heif; install it with: pip install 'dataaudit[heic]'"

GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})


try:
    import pillow_heif  # optional
except ImportError:
    HAS_HEIF = False
else:
    pillow_heif.register_heif_opener()
    HAS_HEIF = True


@dataclass(frozen=True)
class Decoded:
    """One image as it was found: `pixels` is uint8 (height, width) for grey or (height, width, 3) for colour."""

    pixels: NDArray[np.uint8]
    mode: str

    @property
    def digest(self) -> str:
        """SHA-256 of size and pixels: equal for two files that decode to the same picture, whatever their encoding."""
        grey = self.pixels if self.pixels.ndim == 2 else None
        if grey is None and (self.pixels == self.pixels[..., :1]).all():
            grey = self.pixels[..., 0]  # an RGB file of a grey picture is the same picture
        content = self.pixels if grey is None else grey
        return hashlib.sha256(repr(content.shape).encode() + np.ascontiguousarray(content).tobytes()).hexdigest()


def is_image(path: Path) -> bool:
    """Whether a file is an image by its ending, else by how it begins. Never raises."""
    if path.suffix.lower() in EXTENSIONS:
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return SIGNATURE.match(file.read(SIGNATURE_BYTES)) is not None
    except OSError:
        return False


def upright(image: Image.Image, depth: int | None = None) -> Image.Image:
    """Apply the EXIF rotation and convert to "L" or "RGB".

    Transparent pixels are laid on white. 16-bit images are scaled to 8 bits from `depth` bits, by default as many as
    their largest value has. Other deep images are scaled from the smallest of the ranges 0 to 1, 0 to 255, 0 to 65,535
    and 0 to their own maximum that holds them (integers never from 0 to 1; negative values stretch the range
    downwards). Of an animation the first frame counts.
    """
    image = ImageOps.exif_transpose(image)
    if is_deep(image.mode):
        values = np.asarray(image, np.uint16).astype(np.uint32)
        top = 2 ** (depth or bits_of(int(values.max()))) - 1
        return Image.fromarray((values.clip(0, top) * 255 // top).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        ranges = [255.0, 65535.0] if image.mode == "I" else [1.0, 255.0, 65535.0]
        low = min(0.0, values.min())
        top = next((top for top in ranges if values.max() <= top), values.max())
        return Image.fromarray(((values - low) / (top - low) * 255).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def is_deep(mode: str) -> bool:
    """Whether images of this mode have 16 bits, of which the values may use fewer."""
    return mode.startswith("I;16")


def bits_of(value: int) -> int:
    """Bits that a value needs, at least 8."""
    return max(8, value.bit_length())


def depth_of(path: Path) -> int:
    """Bits that the values of a 16-bit image need; 0 for any other and for what can't be read."""
    try:
        with Image.open(path) as image:
            return bits_of(int(np.asarray(image, np.uint16).max())) if is_deep(image.mode) else 0
    except Exception:  # decode() says why when the pixels are read
        return 0


def header(path: Path) -> tuple[tuple[int, int], str] | None:
    """((width, height) once upright, mode) as the file states them, without unpacking it; None if it states nothing."""
    try:
        with Image.open(path) as image:
            has_exif = "exif" in image.info or image.format == "TIFF"  # a PNG without would be decoded to look for it
            is_turned = has_exif and image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
            return (image.size[::-1] if is_turned else image.size), image.mode
    except Exception:  # decode() says why when the pixels are read
        return None


def decode(path: Path | io.BytesIO, depth: int | None = None, at_least: int | None = None) -> Decoded:
    """Read one image file, or its bytes; 16-bit ones use `depth` bits, by default as many as their largest value has.

    A JPEG may be read at a fraction of its size, but no smaller than `at_least` pixels each way, which is much faster.

    Raises DatasetError, saying why, for a file that is not an image, is cut off, is empty, or is so large when
    unpacked that it must be taken for an attack (Pillow's limit).
    """
    try:
        with Image.open(path) as image:
            pixels, limit = image.width * image.height, Image.MAX_IMAGE_PIXELS
            if limit is None or pixels <= limit:
                if at_least is not None:
                    image.draft(None, (at_least, at_least))
                return Decoded(np.asarray(upright(image, depth)), image.mode)
    except Image.DecompressionBombError as error:
        raise DatasetError(f"too many pixels: {error}") from error
    except Exception as error:  # Pillow's decoders raise whatever the broken bytes lead them to
        reason = str(error) or type(error).__name__
        if isinstance(path, Path):
            if path.suffix.lower() in (".heic", ".heif") and not HAS_HEIF:
                raise DatasetError(NO_HEIF) from error
            reason = reason.replace(repr(str(path)), repr(path.name)).replace(str(path), path.name)
        raise DatasetError(f"not readable as an image: {reason}") from error
    raise DatasetError(f"too many pixels: {pixels:,}, more than {limit:,}, could be a decompression bomb")


def resized(decoded: Decoded, channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """The form a learner sees: uint8 (channels, height, width), squeezed to size without cropping."""
    image = Image.fromarray(decoded.pixels).convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = image.resize(
            (width, height), Image.Resampling.BOX if image.width > width else Image.Resampling.BILINEAR
        )
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def data_uri(path: Path, edge: int) -> str:
    """A picture for an HTML page, at most `edge` pixels wide and high."""
    return picture_uri(Image.fromarray(decode(path).pixels), edge)


def picture_uri(image: Image.Image, edge: int) -> str:
    """The same for an image in memory."""
    image.thumbnail((edge, edge))
    buffer = io.BytesIO()
    kind = "PNG" if max(image.size) <= 32 or image.mode == "L" else "JPEG"
    image.save(buffer, kind, **({"optimize": True} if kind == "PNG" else {"quality": 80}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
