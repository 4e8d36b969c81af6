"""Altered copies of images, such as leak between splits: for planting them where a detector should find them.

Every alteration maps images float32 (n, channels, height, width) in [0, 1] to the same shape and range, each image with
parameters of its own drawn from the generator.
"""

import io
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

Alteration = Callable[[Tensor, np.random.Generator], Tensor]


def crop(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A window of 72 to 92 % of each side, stretched to the whole."""
    scale = rng.uniform(0.72, 0.92, (len(images), 2))
    return _resampled(images, scale, rng.uniform(-1, 1, scale.shape) * (1 - scale))


def shift(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Moved by 4 to 12 % of each side; the edge is repeated."""
    moved = rng.uniform(0.08, 0.24, (len(images), 2)) * rng.choice([-1, 1], (len(images), 2))
    return _resampled(images, np.ones_like(moved), moved)


def scale(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Larger or smaller by 8 to 25 % about the centre; the edge is repeated."""
    factor = rng.uniform(1.08, 1.25, (len(images), 1)) ** rng.choice([-1, 1], (len(images), 1))
    return _resampled(images, np.repeat(factor, 2, 1), np.zeros((len(images), 2)))


def turn(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Turned by 3 to 9 degrees about the centre; the edge is repeated."""
    angle = torch.from_numpy(rng.uniform(3, 9, len(images)) * rng.choice([-1, 1], len(images))).float().deg2rad()
    height, width = images.shape[2:]
    matrix = torch.zeros(len(images), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 0, 1], matrix[:, 1, 0] = -angle.sin() * height / width, angle.sin() * width / height
    return _through(matrix, images)


def flip(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirrored."""
    return images.flip(-1)


def brightness(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Darker by a factor, or brighter by as much towards white."""
    factor = _per_image(images, rng.uniform(0.55, 0.85, len(images)))
    brighter = _per_image(images, rng.integers(0, 2, len(images)))
    return factor * images + (1 - factor) * brighter


def contrast(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Contrast about the mean of 0.5 to 0.8 or 1.25 to 1.6."""
    gain = np.where(rng.integers(0, 2, len(images)), rng.uniform(0.5, 0.8, len(images)),
                    rng.uniform(1.25, 1.6, len(images)))  # fmt: skip
    mean = images.mean((1, 2, 3), keepdim=True)
    return (mean + _per_image(images, gain) * (images - mean)).clamp(0, 1)


def colour_cast(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Every channel with a gain of 0.65 to 1 of its own."""
    gains = torch.from_numpy(rng.uniform(0.65, 1, (len(images), images.shape[1], 1, 1))).float()
    return images * gains


def soften(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Gaussian blur whose deviation is 2 to 4.5 % of a side."""
    edge = max(images.shape[2:])
    deviation = _per_image(images, rng.uniform(0.02, 0.045, len(images)) * edge)
    reach = math.ceil(0.1 * edge)
    weights = torch.exp(-((torch.arange(-reach, reach + 1) / deviation) ** 2) / 2)
    weights = (weights / weights.sum(-1, keepdim=True)).repeat_interleave(images.shape[1], 0)
    flat = functional.pad(images, (reach,) * 4, mode="replicate").flatten(0, 1)[None]
    flat = functional.conv2d(flat, weights, groups=flat.shape[1])
    flat = functional.conv2d(flat, weights.transpose(2, 3), groups=flat.shape[1])
    return flat.view(images.shape)


def jpeg(images: Tensor, rng: np.random.Generator) -> Tensor:
    """JPEG of quality 15 to 60."""
    return torch.stack([_through_jpeg(image, int(rng.integers(15, 61))) for image in images])


def noise(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Independent noise on every value, deviation 0.02 to 0.06."""
    deviation = _per_image(images, rng.uniform(0.02, 0.06, len(images)))
    return (images + deviation * torch.from_numpy(rng.normal(size=images.shape)).float()).clamp(0, 1)


def overlay(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A box, a bar or a strip of marks over 4 to 12 % of the picture."""
    covered = images.clone()
    height, width = images.shape[2:]
    for image in covered:
        area = rng.uniform(0.04, 0.12) * height * width
        shape = rng.integers(3)
        across = math.sqrt(area * rng.uniform(0.6, 1.6)) if shape == 0 else width * rng.uniform(0.6, 1)
        across = max(1, min(width, round(across)))
        down = max(1, min(height, round(area / across)))
        top, left = rng.integers(0, height - down + 1), rng.integers(0, width - across + 1)
        tone = torch.from_numpy(rng.choice([0.0, 1.0]) * np.ones((len(image), 1, 1))).float()
        marks = torch.ones(down, across) if shape < 2 else torch.from_numpy(rng.integers(0, 2, (down, across))).float()
        window = image[:, top : top + down, left : left + across]
        window += marks * (tone - window)
    return covered


def two_changes(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Two of the others, one after the other."""
    single = [name for name, change in alterations(images.shape[1]).items() if change is not two_changes]
    altered = []
    for image in torch.split(images, 1):
        for name in rng.choice(single, 2, replace=False):
            image = ALTERATIONS[name](image, rng)
        altered.append(image)
    return torch.cat(altered)


ALTERATIONS: Mapping[str, Alteration] = {
    "crop": crop,
    "shift": shift,
    "scale": scale,
    "turn": turn,
    "flip": flip,
    "brightness": brightness,
    "contrast": contrast,
    "colour cast": colour_cast,
    "blur": soften,
    "JPEG": jpeg,
    "noise": noise,
    "overlay": overlay,
    "two changes": two_changes,
}


def alterations(channels: int) -> dict[str, Alteration]:
    """Alterations that change images with this number of channels, by name."""
    return {name: change for name, change in ALTERATIONS.items() if channels == 3 or name != "colour cast"}


def altered_in_turn(images: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[str]]:
    """Copies of images (n, channels, height, width), each altered by the next sort in turn, and the sorts' names."""
    changes = alterations(images.shape[1])
    names = [list(changes)[i % len(changes)] for i in range(len(images))]
    pixels = torch.from_numpy(images).float() / 255
    altered = [changes[name](image, rng) for name, image in zip(names, torch.split(pixels, 1), strict=True)]
    return np.concatenate([(image * 255).round().byte().numpy() for image in altered]), names


def _per_image(images: Tensor, values: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values).float().view(-1, 1, 1, 1).expand(len(images), 1, 1, 1)


def _resampled(images: Tensor, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> Tensor:
    matrix = torch.zeros(len(images), 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = torch.from_numpy(scale).float().T
    matrix[:, :, 2] = torch.from_numpy(shift).float()
    return _through(matrix, images)


def _through(matrix: Tensor, images: Tensor) -> Tensor:
    """Resampled under affine maps (n, 2, 3)."""
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, "bilinear", "border", align_corners=False)


def _through_jpeg(image: Tensor, quality: int) -> Tensor:
    values = (image * 255).round().byte().numpy()
    picture = Image.fromarray(values[0] if len(values) == 1 else values.transpose(1, 2, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    read = np.asarray(Image.open(buffer)).reshape(*values.shape[1:], len(values)).transpose(2, 0, 1)
    return torch.from_numpy(read.copy()).float() / 255
