"""Write the descriptions of Debian packages as texts, labelled by section.

    apt-get -o Acquire::Languages=en update
    python benchmarks/debian_descriptions.py FOLDER [--each 400]
    python benchmarks/debian_descriptions.py FOLDER --classes 77 --each 140
    python benchmarks/debian_descriptions.py FOLDER --made 200000

FOLDER gets `descriptions.jsonl` with the fields text and label: so many packages of each of the ten largest sections
that go by topic, drawn at random. Packages that repeat another's description (parts of one source) stay in: such copies
are what an audit is to find. The name of the package is no field; `<FOLDER>_packages.txt`, beside the folder so that an
audit never reads it, names the package of row N in line N, both counted from 0.

With `--classes` all sections of 15 packages or more are classes, and the largest are cut in two, by the length of the
text, until there are so many: hard classes, of which many are small.

With `--made 200000` there are so many texts, each of three sentences drawn from the descriptions of one of the ten
sections, for audits of more texts than Debian has.
"""

import argparse
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SECTIONS, LEAST_WORDS, LEAST, SENTENCE = 10, 25, 15, 5
NOT_BY_TOPIC = ("oldlibs", "debug", "doc", "libs", "libdevel", "misc", "introspection", "localization", "kernel")
"""Sections that gather packages by form; their descriptions are those of other sections."""


def descriptions() -> list[tuple[str, str, str]]:
    """Package, section and long description of all that apt knows, by name."""
    english = ("-o", "Acquire::Languages=en", "--format", "$(FILENAME)", "Created-By: Translations")
    files = told("apt-get", "indextargets", *english).splitlines()
    long = {
        stanza["Description-md5"]: stanza["Description-en"]
        for path in files
        for stanza in stanzas(told("/usr/lib/apt/apt-helper", "cat-file", path))
    }
    found = {}
    for stanza in stanzas(told("apt-cache", "dumpavail")):
        text = " ".join(word for word in long.get(stanza.get("Description-md5", ""), "").split() if word != ".")
        if "Section" in stanza and len(text.split()) >= LEAST_WORDS:
            found[stanza["Package"]] = stanza["Section"], text
    return [(name, *found[name]) for name in sorted(found)]


def told(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Fields of each package; a description without its first line, the synopsis."""
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith(" "):
                fields[name] += line + "\n"
            else:
                name, _, value = line.partition(": ")
                fields[name] = "" if name == "Description-en" else value
        if fields:
            yield fields


Packages = dict[str, list[tuple[str, str]]]
"""Name and text of each class's packages."""


def by_topic() -> Packages:
    """Those of the largest sections that go by topic."""
    by_section = defaultdict(list)
    for name, section, text in descriptions():
        if section not in NOT_BY_TOPIC:
            by_section[section].append((name, text))
    largest = sorted(by_section, key=lambda section: (-len(by_section[section]), section))[:SECTIONS]
    return {section: by_section[section] for section in largest}


def of_classes(count: int) -> Packages:
    """Those of all sections, the largest cut in two by the length of the text."""
    by_section = defaultdict(list)
    for name, section, text in descriptions():
        by_section[section].append((name, text))
    kept = sorted((s for s in by_section if len(by_section[s]) >= LEAST), key=lambda s: (-len(by_section[s]), s))
    classes: Packages = {section: by_section[section] for section in kept}
    for section in kept[: max(0, count - len(kept))]:
        packages = sorted(classes[section], key=lambda package: len(package[1]))
        half = len(packages) // 2
        classes[section], classes[f"{section}/long"] = packages[:half], packages[half:]
    return classes


def made(count: int, seed: int) -> Packages:
    """So many texts of sentences drawn by section."""
    rng = np.random.default_rng(seed)
    classes = by_topic()
    texts: Packages = {}
    for section, packages in classes.items():
        sentences = [part for _, text in packages for part in text.split(". ") if len(part.split()) >= SENTENCE]
        drawn = rng.integers(len(sentences), size=(count // len(classes), 3))
        texts[section] = [("", ". ".join(sentences[i] for i in three)) for three in drawn]
    return texts


def write(folder: Path, classes: Packages, each: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    largest = list(classes)
    if not largest:
        raise SystemExit("apt knows no long descriptions: run `apt-get -o Acquire::Languages=en update` first")
    chosen = [
        (name, section, text)
        for section in largest
        for name, text in (classes[section][i] for i in rng.permutation(len(classes[section]))[:each])
    ]
    chosen = [chosen[i] for i in rng.permutation(len(chosen))]
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"text": text, "label": section}, ensure_ascii=False) for _, section, text in chosen]
    (folder / "descriptions.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    names = "\n".join(name for name, _, _ in chosen) + "\n"
    folder.with_name(folder.name + "_packages.txt").write_text(names, "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=400)
    parser.add_argument("--classes", type=int, help="of all sections, instead of those by topic")
    parser.add_argument("--made", type=int, help="texts made of sentences, instead of descriptions")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.made:
        write(arguments.folder, made(arguments.made, arguments.seed), arguments.made, arguments.seed)
    else:
        classes = of_classes(arguments.classes) if arguments.classes else by_topic()
        write(arguments.folder, classes, arguments.each, arguments.seed)
