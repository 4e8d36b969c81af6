"""How surely altered copies of test images are found in a training set, by sort of alteration, on two sets of images.

    python benchmarks/leakage.py FASHION_FOLDER /usr/share/openclipart/png --seeds 0 1 2

FASHION_FOLDER holds split folders of class folders (fashion_mnist_folder.py makes one); the pictures are Debian's
package openclipart-png, whose top folders are the classes. For every seed and set images are drawn; of natural
duplicates found by the check `duplicates` one is kept; altered copies of some test images, by `planting_images`, take
the places of training images; and the check `leakage` looks for all test images. A planted copy counts as found if it
would be were it the only one beside the clean test images; what is reported of these is false, or natural. Then
copies are made by another procedure, with PIL and in other ranges, to see whether they are found as surely as
calibration says.
"""

import argparse
import hashlib
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter
from sklearn.metrics import average_precision_score

from dataaudit.checks.detection import CheckContext
from dataaudit.checks.detectors import duplicates, leakage
from dataaudit.checks.matching.copies import MIN_SIMILARITY, bh_threshold
from dataaudit.checks.matching.near_duplicates import search
from dataaudit.checks.matching.pixels import Pixels
from dataaudit.checks.matching.split_copies import search_copies
from dataaudit.checks.planting.images import alterations
from dataaudit.dataset import Dataset, Layout, silent

N_TRAIN, N_TEST, ROUNDS, PER_ROUND = 2000, 500, 3, 10
LOOK_ALIKE = 0.98
"""Of clip art, which consists of series to a great part, what is this similar to another picture is dropped."""
DRAWN = 1.8
"""So many times the images needed are drawn, before natural duplicates are dropped."""
Make = Callable[[np.ndarray, str, np.random.Generator], np.ndarray]


def dataset_of(inputs: np.ndarray, targets: np.ndarray, splits: np.ndarray, names: list[str]) -> Dataset:
    ids = tuple(f"{i:05d}" for i in range(len(inputs)))
    contents = tuple(hashlib.sha256(pixels.tobytes()).hexdigest() for pixels in inputs)
    return Dataset(Path(), ids, inputs, targets, splits, tuple(names), contents, tuple(map(Path, ids)),
                   Layout("memory", "given"))  # fmt: skip


def case_of(dataset: Dataset, seed: int) -> CheckContext:
    return CheckContext(dataset, None, None, seed, silent)  # type: ignore[arg-type]


def read_fashion(path: Path) -> tuple[np.ndarray, int]:
    return np.asarray(Image.open(path).convert("L"))[None]


def read_clip_art(path: Path, edge: int) -> np.ndarray | None:
    try:
        picture = Image.open(path).convert("RGBA")
    except (Image.DecompressionBombError, OSError):
        return None
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture)
    return np.asarray(page.convert("RGB").resize((edge, edge), Image.Resampling.BOX)).transpose(2, 0, 1)


@dataclass
class Drawn:
    """Training images, then test images, without natural duplicates, of which so many were dropped."""

    inputs: np.ndarray
    targets: np.ndarray
    names: list[str]
    dropped: int

    def split(self, inputs: np.ndarray) -> Dataset:
        splits = np.array(["train"] * N_TRAIN + ["test"] * N_TEST)
        return dataset_of(inputs, self.targets, splits, self.names)


def draw(
    paths: list[Path],
    class_of: Callable[[Path], str],
    read: Callable[[Path], np.ndarray | None],
    rng: np.random.Generator,
    look_alike: float = 1.0,
) -> Drawn:
    """What is as similar as `look_alike` to an earlier image, once aligned, is dropped too."""
    need = N_TRAIN + N_TEST
    chosen = [paths[i] for i in rng.permutation(len(paths))[: int(DRAWN * need)]]
    read_in = [(pixels, class_of(path)) for path in chosen if (pixels := read(path)) is not None]
    names = sorted({name for _, name in read_in})
    inputs = np.stack([pixels for pixels, _ in read_in])
    targets = np.array([names.index(name) for _, name in read_in])
    dataset = dataset_of(inputs, targets, np.array(["train"] * len(inputs)), names)
    row = {id: i for i, id in enumerate(dataset.ids)}
    copies = [row[id] for found in duplicates.detect(case_of(dataset, 0)).findings for id in found.sample_ids[1:]]
    rows = np.arange(len(inputs))
    if look_alike < 1:
        found = search(Pixels(inputs), rows, rows, silent, "")
        copies += list(rows[((found.similarity >= look_alike) & (found.base < rows[:, None])).any(1)])
    kept = np.setdiff1d(rows, copies)
    assert len(kept) >= need, f"only {len(kept)} of {need} images are left"
    return Drawn(inputs[kept[:need]], targets[kept[:need]], names, len(rows) - len(kept))


def by_calibrations_procedure(pixels: np.ndarray, sort: str, rng: np.random.Generator) -> np.ndarray:
    changed = alterations(len(pixels))[sort](torch.from_numpy(pixels)[None].float() / 255, rng)
    return (changed[0] * 255).round().byte().numpy()


def by_another_procedure(pixels: np.ndarray, sort: str, rng: np.random.Generator) -> np.ndarray:
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    edge, way = picture.width, rng.choice([-1, 1])

    def window(left: float, top: float, right: float, bottom: float, kept: Image.Image = picture) -> Image.Image:
        return kept.resize(kept.size, Image.Resampling.BICUBIC, (left * edge, top * edge, right * edge, bottom * edge))

    if sort == "crop":
        cut = rng.uniform(0.02, 0.15, 4)
        picture = window(cut[0], cut[1], 1 - cut[2], 1 - cut[3])
    elif sort == "shift":
        picture = ImageChops.offset(
            picture, *(int(step) for step in rng.choice([-1, 1], 2) * rng.integers(1, edge // 9, 2))
        )
    elif sort == "scale" and way > 0:
        cut = rng.uniform(0.04, 0.12)
        picture = window(cut, cut, 1 - cut, 1 - cut)
    elif sort == "scale":
        small, corner = round(edge * rng.uniform(0.8, 0.93)), picture.getpixel((0, 0))
        page = Image.new(picture.mode, picture.size, corner)
        page.paste(picture.resize((small, small), Image.Resampling.LANCZOS), ((edge - small) // 2, (edge - small) // 2))
        picture = page
    elif sort == "turn":
        picture = picture.rotate(way * rng.uniform(2, 8), Image.Resampling.BICUBIC, fillcolor=picture.getpixel((0, 0)))
    elif sort == "flip":
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    elif sort == "brightness":
        picture = ImageEnhance.Brightness(picture).enhance(1 + way * rng.uniform(0.2, 0.5))
    elif sort == "contrast":
        picture = ImageEnhance.Contrast(picture).enhance(1 + way * rng.uniform(0.25, 0.5))
    elif sort == "colour cast":
        tint = Image.new("RGB", picture.size, tuple(int(value) for value in rng.integers(0, 256, 3)))
        picture = Image.blend(picture, tint, rng.uniform(0.15, 0.35))
    elif sort == "blur":
        picture = picture.filter(ImageFilter.BoxBlur(edge * rng.uniform(0.02, 0.05)))
    elif sort == "JPEG":
        buffer = io.BytesIO()
        picture.convert("RGB").save(buffer, "WEBP", quality=int(rng.integers(5, 40)))
        picture = Image.open(buffer).convert(picture.mode)
    elif sort == "noise":
        speckled = np.asarray(picture) + rng.uniform(-1, 1, np.asarray(picture).shape) * rng.uniform(8, 28)
        picture = Image.fromarray(speckled.clip(0, 255).astype(np.uint8))
    elif sort == "overlay":
        pen, tone = ImageDraw.Draw(picture), tuple(int(value) for value in rng.integers(0, 256, len(pixels)))
        x, y, size = *rng.uniform(0, 0.65, 2) * edge, edge * rng.uniform(0.2, 0.38)
        if way > 0:
            pen.ellipse((x, y, x + size, y + size), fill=tone)
        else:
            pen.line((*rng.uniform(0, edge, 2), *rng.uniform(0, edge, 2)), fill=tone, width=max(1, edge // 14))
    else:
        for part in rng.choice([name for name in alterations(len(pixels)) if name != "two changes"], 2, replace=False):
            pixels = by_another_procedure(pixels, part, rng)
        return pixels
    values = np.asarray(picture)
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


@dataclass
class Outcome:
    """Of planted copies and of the clean test images: their candidate pairs."""

    copies: pd.DataFrame
    clean: pd.DataFrame


def plant(drawn: Drawn, make: Make, seed: int) -> Outcome:
    """In every round put altered copies of some test images in random training images' places, and look for all."""
    rng, copies, clean = np.random.default_rng([seed, 1]), [], []
    sorts = np.repeat(list(alterations(drawn.inputs.shape[1])), PER_ROUND)
    for number in range(ROUNDS):
        inputs = drawn.inputs.copy()
        queries, places = N_TRAIN + rng.permutation(N_TEST)[: len(sorts)], rng.permutation(N_TRAIN)[: len(sorts)]
        for query, place, sort in zip(queries, places, sorts, strict=True):
            inputs[place] = make(inputs[query], sort, rng)
        pairs = search_copies(case_of(drawn.split(inputs), seed))[0].pairs
        columns = ("query", "base", "p_value", "similarity", "exact", "rank")
        found = pd.DataFrame({name: getattr(pairs, name) for name in columns}).assign(round=number)
        others = found[~found["query"].isin(queries)]
        alone = others[others["rank"] == 1].p_value.to_numpy()
        found = found.merge(pd.DataFrame({"query": queries, "place": places, "sort": sorts}))
        found["planted"] = found.base == found.place
        sure = np.array([p <= bh_threshold(np.append(alone, p)) for p in found.p_value])
        found["reported"] = found.exact | (sure & (found.similarity >= MIN_SIMILARITY))
        sure = others.p_value <= bh_threshold(alone)
        clean.append(others.assign(reported=others.exact | (sure & (others.similarity >= MIN_SIMILARITY))))
        copies.append(found)
    return Outcome(pd.concat(copies), pd.concat(clean))


def summary(outcome: Outcome) -> pd.DataFrame:
    best = outcome.clean[outcome.clean["rank"] == 1].p_value
    bar = np.quantile(best, 0.01)
    lines = {}
    for sort in [*alterations(3), "all"]:
        mine = outcome.copies[(outcome.copies["sort"] == sort) | (sort == "all")]
        if mine.empty:
            continue
        planted, count = mine[mine.planted], len(mine[["query", "round"]].drop_duplicates())
        missed = count - len(planted)
        truth = np.concatenate([mine.planted, np.zeros(len(outcome.clean)), np.ones(missed)])
        surety = -np.concatenate([mine.p_value, outcome.clean.p_value, np.full(missed, 2.0)])
        lines[sort] = {
            "copies": count,
            "average precision": average_precision_score(truth, surety),
            "among the candidates": len(planted) / count,
            "recall at 1 % false": (planted.p_value < bar).sum() / count,
            "recall": planted.reported.sum() / count,
            "other pairs": int((mine.reported & ~mine.planted).sum()),
        }
    return pd.DataFrame(lines).T


def markdown(table: pd.DataFrame) -> str:
    rows = [["sort", *table.columns], ["---"] * (1 + table.shape[1])]
    for name, values in zip(table.index, table.to_numpy(), strict=True):
        rows.append([str(name), *(f"{value:.3f}".removesuffix(".000") for value in values)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def report(name: str, seed: int, drawn: Drawn) -> None:
    mine = plant(drawn, by_calibrations_procedure, seed)
    pairs = set(zip(mine.clean["query"][mine.clean.reported], mine.clean.base[mine.clean.reported], strict=True))
    print(f"\n## {name}, seed {seed}: {drawn.dropped} natural duplicates dropped, {len(pairs)} clean pairs reported\n")
    print(markdown(summary(mine)))
    theirs = summary(plant(drawn, by_another_procedure, seed))
    every = [
        leakage.calibrate(case_of(drawn.split(drawn.inputs), part), None)  # type: ignore[arg-type]
        for part in range(ROUNDS)
    ]
    found, planted, reported, right = (
        sum((Counter(getattr(one, name)) for one in every), Counter()) if name in ("found", "planted")
        else sum(getattr(one, name) for one in every)
        for name in ("found", "planted", "reported", "right")
    )  # fmt: skip
    told = pd.DataFrame({"calibration found": found, "of": planted}).fillna(0).astype(int)
    told["recall of another procedure's copies"] = theirs.recall
    print(f"\n{ROUNDS} calibrations: recall {found.total() / planted.total():.3f}, {right} of {reported} reports "
          f"right, bar {min(one.threshold for one in every):.2f} at least; the other procedure's copies: "
          f"{theirs.recall['all']:.3f}, at 1 % false {theirs['recall at 1 % false']['all']:.3f}\n")  # fmt: skip
    print(markdown(told), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fashion", type=Path)
    parser.add_argument("clip_art", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--edges", type=int, nargs="+", default=[32, 48], help="of the pictures")
    arguments = parser.parse_args()
    fashion, clip_art = (sorted(folder.rglob("*.png")) for folder in (arguments.fashion, arguments.clip_art))
    for seed in arguments.seeds:
        rng = np.random.default_rng(seed)
        drawn = draw(fashion, lambda path: path.parent.name, read_fashion, rng)
        report("Fashion-MNIST", seed, drawn)
        for edge in arguments.edges:
            drawn = draw(clip_art, lambda path: path.relative_to(arguments.clip_art).parts[0],
                         lambda path, edge=edge: read_clip_art(path, edge), rng, LOOK_ALIKE)  # fmt: skip
            report(f"clip art at {edge} pixels", seed, drawn)
