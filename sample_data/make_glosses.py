"""Make sample_data/glosses again, bit for bit, from the nouns of WordNet 3.0.

    python sample_data/make_glosses.py /usr/share/wordnet/data.noun sample_data/glosses

Needs numpy. 1,995 training and 399 test texts are drawn in equal numbers from seven of WordNet's lexicographer files,
each the definition of a noun with its examples; faults are planted, and every fault is listed in
`<destination>_faults.csv`, which stands beside the folder so that an audit never reads it:

- 60 training labels are flipped, 30 of them between classes that share words;
- 30 training texts are altered copies of test texts (a leak); five carry another label.

Coarse texts are left out, and of texts that share much of their wording only one is drawn. Another `--seed` gives
another draw with other faults, to check that nothing was tuned to this one.
"""

import argparse
import csv
import re
import shutil
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

CLASSES = {5: "animal", 8: "body", 13: "food", 15: "location", 18: "person", 20: "plant", 28: "time"}
"""The lexicographer files drawn from, by number (lexnames in WordNet's manual)."""
SHARE_WORDS = [
    ("animal", "body"),
    ("animal", "food"),
    ("animal", "plant"),
    ("body", "person"),
    ("food", "plant"),
    ("location", "person"),
    ("location", "time"),
]
TRAIN_PER_CLASS, TEST_PER_CLASS, N_FLIPS, N_LEAKS = 285, 57, 60, 30
LEAST_WORDS = 14
COARSE = re.compile("offensive|disparag|slur|obscene|vulgar|sexual|prostitut|genital|penis")
MOST_SHARED = 0.35
"""Of the word pairs of the shorter of two texts; what shares more is a natural near-duplicate."""


def glosses(path: Path) -> list[tuple[str, str]]:
    """Text and class of every noun of the classes whose gloss is long enough, in the file's order."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("  "):  # the licence
            continue
        entry, gloss = line.split(" | ", 1)
        name = CLASSES.get(int(entry.split()[1]))
        if name is not None and len(gloss.split()) >= LEAST_WORDS and not COARSE.search(gloss):
            found.append((" ".join(gloss.split()), name))
    return found


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def distinct(texts: list[str]) -> list[int]:
    """Positions of the texts that share little with any text kept before them."""
    kept: list[int] = []
    pairs_of: dict[int, set[tuple[str, str]]] = {}
    having: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, text in enumerate(texts):
        spelled = words(text)
        pairs = set(pairwise(spelled))
        shared: dict[int, int] = defaultdict(int)
        for pair in pairs:
            for other in having[pair]:
                shared[other] += 1
        if all(count < MOST_SHARED * min(len(pairs), len(pairs_of[other])) for other, count in shared.items()):
            kept.append(position)
            pairs_of[position] = pairs
            for pair in pairs:
                having[pair].append(position)
    return kept


Alteration = Callable[[str, list[str], np.random.Generator], str]
"""Text, other texts that may be joined to it, source of chance -> altered text."""


def exact(text: str, others: list[str], rng: np.random.Generator) -> str:
    return text


def case_and_punctuation(text: str, others: list[str], rng: np.random.Generator) -> str:
    bare = " ".join(re.sub(r"[^\w\s]", " ", text).split())
    return bare.upper() if rng.random() < 0.5 else bare.title()


def words_dropped(text: str, others: list[str], rng: np.random.Generator) -> str:
    parts = text.split()
    dropped = set(rng.permutation(len(parts))[: max(2, round(0.2 * len(parts)))].tolist())
    return " ".join(part for i, part in enumerate(parts) if i not in dropped)


def words_swapped(text: str, others: list[str], rng: np.random.Generator) -> str:
    parts = text.split()
    starts = rng.permutation(len(parts) // 2)[: max(2, round(0.15 * len(parts)))]
    for i in 2 * starts:
        parts[i], parts[i + 1] = parts[i + 1], parts[i]
    return " ".join(parts)


def joined(text: str, others: list[str], rng: np.random.Generator) -> str:
    return f"{others[int(rng.integers(len(others)))]}; {text}"


def cut(text: str, others: list[str], rng: np.random.Generator) -> str:
    parts = text.split()
    return " ".join(parts[: round(len(parts) * 2 / 3)])


def typos(text: str, others: list[str], rng: np.random.Generator) -> str:
    """A slip in every fourth of the longer words: a letter left out, doubled or exchanged with the next."""
    parts = text.split()
    long = [i for i, part in enumerate(parts) if len(part) > 3]
    for i in rng.permutation(long)[: max(2, len(long) // 4)]:
        part, at = parts[i], int(rng.integers(1, len(parts[i]) - 1))
        slips = [part[:at] + part[at + 1 :], part[:at] + part[at] + part[at:]]
        if part[at] != part[at + 1]:
            slips.append(part[:at] + part[at + 1] + part[at] + part[at + 2 :])
        parts[i] = slips[int(rng.integers(len(slips)))]
    return " ".join(parts)


ALTERATIONS: list[tuple[str, Alteration, int]] = [
    ("exact", exact, 5),
    ("case and punctuation", case_and_punctuation, 5),
    ("words dropped", words_dropped, 5),
    ("words swapped", words_swapped, 5),
    ("typos", typos, 5),
    ("joined behind another text", joined, 2),
    ("last third cut off", cut, 3),
]
"""Name, what does it, and how many copies are altered by it."""


def write(path: Path, header: list[str], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def make(source: Path, destination: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    every = glosses(source)
    every = [every[i] for i in rng.permutation(len(every))]
    every = [every[i] for i in distinct([text for text, _ in every])]
    train, test, spare = [], [], []
    for name in CLASSES.values():
        own = [gloss for gloss in every if gloss[1] == name]
        if len(own) < TRAIN_PER_CLASS + TEST_PER_CLASS:
            raise SystemExit(f"{source}: {len(own)} glosses of {name}, {TRAIN_PER_CLASS + TEST_PER_CLASS} are needed")
        train += own[:TRAIN_PER_CLASS]
        test += own[TRAIN_PER_CLASS : TRAIN_PER_CLASS + TEST_PER_CLASS]
        spare += [text for text, _ in own[TRAIN_PER_CLASS + TEST_PER_CLASS :]]
    train = [train[i] for i in rng.permutation(len(train))]
    test = [test[i] for i in rng.permutation(len(test))]

    names = list(CLASSES.values())
    chosen = rng.permutation(len(train))[: N_LEAKS + N_FLIPS].tolist()
    leak_rows, flip_rows = chosen[:N_LEAKS], chosen[N_LEAKS:]
    faults = []

    def other_class(name: str) -> str:
        return names[(names.index(name) + int(rng.integers(1, len(names)))) % len(names)]

    leaked = rng.permutation(len(test))[:N_LEAKS].tolist()
    alterations = [(how, alter) for how, alter, count in ALTERATIONS for _ in range(count)]
    for k, (row, copied, (how, alter)) in enumerate(zip(leak_rows, leaked, alterations, strict=True)):
        text, name = test[copied]
        train[row] = alter(text, spare, rng), other_class(name) if k % 6 == 0 else name
        faults.append(("leak", f"train.csv#{row}", f"test.csv#{copied}", how, name))
    for k, row in enumerate(flip_rows):
        text, name = train[row]
        partners = [b for a, b in SHARE_WORDS if a == name] + [a for a, b in SHARE_WORDS if b == name]
        confusable = k < N_FLIPS // 2
        train[row] = text, partners[int(rng.integers(len(partners)))] if confusable else other_class(name)
        faults.append(("flip", f"train.csv#{row}", "", "share words" if confusable else "random", name))

    if destination.exists():
        shutil.rmtree(destination)
    destination.mkdir(parents=True)
    write(destination / "train.csv", ["text", "label"], train)
    write(destination / "test.csv", ["text", "label"], test)
    beside = destination.with_name(destination.name + "_faults.csv")
    write(beside, ["fault", "train_id", "test_id", "how", "true_label"], faults)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="data.noun of WordNet 3.0")
    parser.add_argument("destination", type=Path, help="folder to make; replaced if it exists")
    parser.add_argument("--seed", type=int, default=2006)
    arguments = parser.parse_args()
    make(arguments.source, arguments.destination, arguments.seed)
