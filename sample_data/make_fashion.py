"""Make sample_data/fashion again, bit for bit, from the four files of Fashion-MNIST.

    python sample_data/make_fashion.py /usr/share/datasets/fashion-mnist sample_data/fashion

Needs numpy and Pillow. 2,000 training and 400 test images are drawn, faults are planted, and every fault is listed in
`<destination>_faults.csv`, which stands beside the folder so that an audit never reads it:

- 60 training labels are flipped, 30 of them between classes that look alike;
- 30 training images are altered copies of test images (a leak), five for each alteration; five carry another label.

Another `--seed` gives another draw with other faults, to check that nothing was tuned to this one.
"""

import argparse
import csv
import gzip
import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

CLASSES = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot"]
LOOK_ALIKES = [
    ("t-shirt", "shirt"),
    ("pullover", "coat"),
    ("shirt", "coat"),
    ("shirt", "pullover"),
    ("sneaker", "sandal"),
    ("sneaker", "ankle-boot"),
    ("dress", "coat"),
    ("t-shirt", "dress"),
]
N_TRAIN, N_TEST, N_FLIPS, N_LEAKS = 2000, 400, 60, 30


def read_idx(path: Path) -> np.ndarray:
    data = gzip.decompress(path.read_bytes())
    n_dims = data[3]
    shape = struct.unpack(f">{n_dims}I", data[4 : 4 + 4 * n_dims])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * n_dims).reshape(shape)


def png(pixels: np.ndarray) -> bytes:
    """An 8-bit grey PNG with stored (uncompressed) data: the same bytes whatever zlib is at hand."""
    height, width = pixels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    stored = b"\x78\x01\x01" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", stored + struct.pack(">I", zlib.adler32(rows)))
        + chunk(b"IEND", b"")
    )


def crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    left, top, right, bottom = rng.integers(1, 4, 4)
    return image.crop((left, top, 28 - right, 28 - bottom)).resize((28, 28), Image.Resampling.BILINEAR)


def shift(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    dx, dy = rng.choice([-3, -2, 2, 3], 2)
    return image.transform((28, 28), Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy))


def brightness(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    gain, offset = rng.uniform(0.55, 0.8), rng.uniform(10, 40)
    return image.point(lambda value: min(255, int(value * gain + offset)))


def blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.6, 1.1))))


def jpeg(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(20, 50)))
    return Image.open(buffer).convert("L")


def flip(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


ALTERATIONS = [crop, shift, brightness, blur, jpeg, flip]


def draw(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` rows, the same number of every class, in random order."""
    per_class = count // len(CLASSES)
    rows = [rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in range(len(CLASSES))]
    return rng.permutation(np.concatenate(rows))


def make(source: Path, destination: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    train_x, train_y = (read_idx(source / f"train-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
    test_x, test_y = (read_idx(source / f"t10k-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
    train_rows, test_rows = draw(train_y, N_TRAIN, rng), draw(test_y, N_TEST, rng)
    train_images, train_labels = train_x[train_rows].copy(), train_y[train_rows].astype(int)
    test_images, test_labels = test_x[test_rows], test_y[test_rows].astype(int)

    chosen = rng.permutation(N_TRAIN)[: N_LEAKS + N_FLIPS]
    leak_rows, flip_rows = chosen[:N_LEAKS], chosen[N_LEAKS:]
    leaked_tests = rng.permutation(N_TEST)[:N_LEAKS]
    faults = []
    for k, (row, test) in enumerate(zip(leak_rows, leaked_tests, strict=True)):
        alteration = ALTERATIONS[k % len(ALTERATIONS)]
        train_images[row] = np.asarray(alteration(Image.fromarray(test_images[test]), rng))
        train_labels[row] = test_labels[test]
        if k < 5:
            train_labels[row] = (test_labels[test] + rng.integers(1, len(CLASSES))) % len(CLASSES)
        faults.append(("leak", row, test, alteration.__name__, test_labels[test]))
    partners = {
        name: [b for a, b in LOOK_ALIKES if a == name] + [a for a, b in LOOK_ALIKES if b == name] for name in CLASSES
    }
    confusable = [row for row in flip_rows if partners[CLASSES[train_labels[row]]]][: N_FLIPS // 2]
    for row in flip_rows:
        was = train_labels[row]
        if row in confusable:
            train_labels[row] = CLASSES.index(rng.choice(partners[CLASSES[was]]))
        else:
            train_labels[row] = (was + rng.integers(1, len(CLASSES))) % len(CLASSES)
        faults.append(("flip", row, None, "look-alike" if row in confusable else "random", was))

    if destination.exists():
        shutil.rmtree(destination)
    train_ids = [f"train/{CLASSES[c]}/{i:04d}.png" for i, c in enumerate(train_labels)]
    test_ids = [f"test/{CLASSES[c]}/{i:04d}.png" for i, c in enumerate(test_labels)]
    for name, pixels in zip(train_ids + test_ids, [*train_images, *test_images], strict=True):
        path = destination / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(pixels))
    with destination.with_name(destination.name + "_faults.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["fault", "train_id", "test_id", "how", "true_label"])
        for fault, row, test, how, true in faults:
            writer.writerow([fault, train_ids[row], "" if test is None else test_ids[test], how, CLASSES[true]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with the four .gz files of Fashion-MNIST")
    parser.add_argument("destination", type=Path, help="folder to make; replaced if it exists")
    parser.add_argument("--seed", type=int, default=2017)
    arguments = parser.parse_args()
    make(arguments.source, arguments.destination, arguments.seed)
