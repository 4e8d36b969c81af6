"""Write sets that come with scikit-learn as datasets on disk.

    python benchmarks/sklearn_folders.py FOLDER

FOLDER gets digits_npz/ (digits.npz: 1,397 training and 400 test images of 8 x 8), wine/ and breast_cancer/ (one CSV
file each, classes by name in the column target, no split) and diabetes/ (the same with a number as target).
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

N_TEST = 400


def write_digits(folder: Path, seed: int) -> None:
    digits = load_digits()
    images, labels = np.uint8(digits.images * 255 / 16), np.int64(digits.target)
    order = np.random.default_rng(seed).permutation(len(labels))
    train, test = order[N_TEST:], order[:N_TEST]
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "digits.npz",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


def write_tables(folder: Path) -> None:
    loaders = {"wine": load_wine, "breast_cancer": load_breast_cancer, "diabetes": load_diabetes}
    for name, load in loaders.items():
        data = load(as_frame=True, **({"scaled": False} if name == "diabetes" else {}))
        frame = data.frame
        if name != "diabetes":
            frame["target"] = data.target_names[frame["target"]]
        (folder / name).mkdir(parents=True, exist_ok=True)
        frame.to_csv(folder / name / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the draw of the digits' test images")
    arguments = parser.parse_args()
    write_digits(arguments.folder / "digits_npz", arguments.seed)
    write_tables(arguments.folder)
