"""Write Fashion-MNIST as an image folder of PNG files, whole or the first rows of each split.

python benchmarks/fashion_mnist_folder.py PATH/TO/fashion-mnist OUT [--train 60000] [--test 10000] [--colour]

With `--colour` every garment has a colour of its own on a ground of another, both drawn at random.
"""

import argparse
import gzip
import struct
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"]


def read_idx(path: Path) -> np.ndarray:
    data = gzip.decompress(path.read_bytes())
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def coloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(28, 28, 3) of grey (28, 28)."""
    ground, garment = rng.integers(0, 256, (2, 3))
    share = image[:, :, None] / 255
    return np.round(ground + share * (garment - ground)).astype(np.uint8)


def write(source: Path, out: Path, train: int, test: int, colour: bool) -> None:
    rng = np.random.default_rng(0)
    for split, prefix, count in (("train", "train", train), ("test", "t10k", test)):
        images = read_idx(source / f"{prefix}-images-idx3-ubyte.gz")[:count]
        labels = read_idx(source / f"{prefix}-labels-idx1-ubyte.gz")[:count]
        for name in CLASSES:
            (out / split / name).mkdir(parents=True, exist_ok=True)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            Image.fromarray(coloured(image, rng) if colour else image).save(
                out / split / CLASSES[label] / f"{i:05d}.png", compress_level=1
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, default=60000)
    parser.add_argument("--test", type=int, default=10000)
    parser.add_argument("--colour", action="store_true")
    arguments = parser.parse_args()
    write(arguments.source, arguments.out, arguments.train, arguments.test, arguments.colour)
