"""Write large sets, to see what an audit samples, says, and needs.

    python benchmarks/large_tables.py csv million.csv [--rows 1000000]
    python benchmarks/large_tables.py copies million [--rows 1000000]
    python benchmarks/large_tables.py hdf5 large.h5 [--rows 1000000]

csv: 12 columns (numbers, words, a date, missing values) and a label of three classes that depends on eight of them, or
is drawn at random in 3 % of the rows. copies: the same in a folder, as train.csv and, a fifth, test.csv; 300 rows of
test.csv, and 300 of its own, stand in train.csv once more; million_faults.csv lists the former for planted_faults.py,
and the latter. hdf5: x_train, y_train, x_test, y_test with rows of 120 float32 numbers and a
label of ten classes; 1,000,000 rows, of which a sixth are for testing, make 490 MB. Both are written block by block.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

BLOCK = 50_000
COUNTRIES = np.array(["Chile", "Denmark", "Egypt", "France", "Ghana", "India", "Japan", "Kenya", "Norway", "Peru"])
PLANS = np.array(["basic", "extra", "full"])
CLASSES = np.array(["leaves", "stays", "upgrades"])
DRAWN_ANEW = 0.03
"""Share of the rows whose label is drawn at random."""
COPIES = 300
DIMENSIONS, TEST_SHARE = 120, 6


def table_block(n: int, first: int, seed: int) -> pd.DataFrame:
    """Rows `first` to `first + n`."""
    rng = np.random.default_rng([seed, first])
    age, income = rng.integers(18, 90, n), np.round(rng.lognormal(10, 0.6, n), 2)
    visits, minutes = rng.poisson(6, n), np.round(rng.gamma(2.0, 30.0, n), 1)
    country, plan = rng.integers(len(COUNTRIES), size=n), rng.choice(3, n, p=[0.5, 0.3, 0.2])
    since = rng.integers(0, 3650, n)
    complaints = rng.poisson(0.8, n)
    loyalty = 0.05 * visits + 0.0006 * since - 0.9 * complaints + 0.3 * plan - 0.2 * (country % 3) + 0.02 * age
    wealth = np.log(income) - 10 + 0.01 * minutes - 0.8 * plan
    label = np.where(loyalty < 0.8, 0, np.where(wealth > 0.3, 2, 1))
    anew = rng.random(n) < DRAWN_ANEW
    label[anew] = rng.integers(0, 3, anew.sum())
    return pd.DataFrame(
        {
            "age": age,
            "income": np.where(rng.random(n) < 0.05, np.nan, income),
            "visits": visits,
            "minutes": np.where(rng.random(n) < 0.1, np.nan, minutes),
            "country": COUNTRIES[country],
            "plan": PLANS[plan],
            "since": np.datetime_as_string(np.datetime64("2014-01-01") + since),
            "complaints": complaints,
            "newsletter": np.where(rng.random(n) < 0.4, "yes", "no"),
            "screen": rng.choice([720, 1080, 1440, 2160], n),
            "battery": np.round(rng.uniform(0, 100, n), 1),
            "latency": np.round(rng.exponential(40.0, n), 2),
            "label": CLASSES[label],
        }
    )


def write_table(path: Path, rows: int, seed: int) -> None:
    for first in range(0, rows, BLOCK):
        block = table_block(min(BLOCK, rows - first), first, seed)
        block.to_csv(path, index=False, header=first == 0, mode="w" if first == 0 else "a", lineterminator="\n")


def write_copies(folder: Path, rows: int, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "all.csv", rows, seed)
    header, *lines = (folder / "all.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "all.csv").unlink()
    n_train = rows - rows // 5
    rng = np.random.default_rng(seed)
    leaks = rng.choice(np.arange(n_train, rows), COPIES, replace=False)
    duplicates = rng.choice(n_train, COPIES, replace=False)
    copied = np.concatenate([leaks, duplicates])
    for name, numbers in (("train", np.concatenate([np.arange(n_train), copied])), ("test", np.arange(n_train, rows))):
        (folder / f"{name}.csv").write_text(header + "".join(lines[i] for i in numbers), encoding="utf-8")
    faults = pd.DataFrame(
        {
            "fault": ["leak"] * COPIES + ["duplicate"] * COPIES,
            "train_id": [f"train.csv#{n_train + i}" for i in range(2 * COPIES)],
            "test_id": [f"test.csv#{i - n_train}" for i in leaks] + [f"train.csv#{i}" for i in duplicates],
            "how": "exact",
            "true_label": [lines[i].rstrip().rsplit(",", 1)[1] for i in copied],
        }
    )
    faults.to_csv(folder.with_name(f"{folder.name}_faults.csv"), index=False)


def write_arrays(path: Path, rows: int, seed: int) -> None:
    centres = np.random.default_rng(seed).normal(0, 0.4, (10, DIMENSIONS))
    with h5py.File(path, "w") as file:
        for number, (split, n) in enumerate((("train", rows - rows // TEST_SHARE), ("test", rows // TEST_SHARE))):
            x = file.create_dataset(f"x_{split}", (n, DIMENSIONS), np.float32)
            y = file.create_dataset(f"y_{split}", (n,), np.int64)
            for first in range(0, n, BLOCK):
                rng = np.random.default_rng([seed, number, first])
                labels = rng.integers(0, 10, min(BLOCK, n - first))
                noise = rng.standard_normal((len(labels), DIMENSIONS), np.float32)
                x[first : first + len(labels)] = noise + centres[labels]
                anew = rng.random(len(labels)) < DRAWN_ANEW
                y[first : first + len(labels)] = np.where(anew, rng.integers(0, 10, len(labels)), labels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["csv", "copies", "hdf5"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write = {"csv": write_table, "copies": write_copies, "hdf5": write_arrays}[arguments.kind]
    write(arguments.path, arguments.rows, arguments.seed)
