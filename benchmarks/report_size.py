"""How large the report of a huge audit gets, and how soon it can be used.

Makes up an audit of 50,000 findings of 13 kinds with pictures, 1,000 classes and very long names, writes its page, and
opens that in a browser where Playwright and a Chromium are there: from the start of the navigation to a search having
narrowed the findings, three times.

    python benchmarks/report_size.py [PATH]
"""

import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from PIL import Image

from dataaudit.data.images import picture_uri
from dataaudit.findings import Finding, Remedy, Severity, Verification, fingerprint
from dataaudit.reporting.exhibits import EXHIBIT_BYTES, PICTURE_EDGE
from dataaudit.reporting.page import render, shown_samples
from dataaudit.result import Audit, Check, Cost, Exhibit, Rule, Verdict

FINDINGS, KINDS, CLASSES = 50_000, 13, 1000
LONG = "a very long name " * 290
"""Of every hundredth sample: 5,000 characters."""


def made_up() -> Audit:
    """The audit."""
    classes = [f"class {number} {LONG if number % 100 == 0 else ''}" for number in range(CLASSES)]
    findings = tuple(sorted(map(_finding, range(FINDINGS)), key=lambda one: (-one.severity, one.kind)))
    counts = Counter(finding.kind for finding in findings)
    names = [f"kind_{number}" for number in range(KINDS)]
    rng = np.random.default_rng(0)
    left, exhibits = EXHIBIT_BYTES, {}
    for id in shown_samples(findings, ()):
        noise = Image.fromarray(rng.integers(0, 256, (PICTURE_EDGE, PICTURE_EDGE, 3), dtype=np.uint8))
        exhibits[id] = Exhibit(picture=picture_uri(noise, PICTURE_EDGE))
        left -= exhibits[id].size
        if left < 0:
            break
    return Audit(
        Verdict("FAIL", (f"{FINDINGS} findings",), 1, tuple(Rule(name, "none", "some", False) for name in names)),
        dataset={
            "name": LONG, "path": LONG, "fingerprint": "0" * 64, "format": "image_folder", "modality": "image",
            "task": "classification", "split_origin": "split folders", "target_split": "test",
            "sizes": {"train": 1_000_000, "test": 100_000}, "target_quartiles": None, "classes": classes,
            "counts": {split: dict.fromkeys(classes, 1000) for split in ("train", "test")}, "unreadable": 0,
            "ignored": [{"path": LONG, "reason": "hidden"}] * 10_000, "notes": [LONG] * 100,
            "reading": {"seed": 0, "label": None, "rows": 1_000_000},
        },
        learner={"recipe": {"learner": "image"}, "gradients_of": None, "checkpoints": [], "models": 24,
                 "distinct_subsets": 16, "training_rows_per_model": 500_000, "performance": None},
        trust={"lds": 0.5, "interval": (0.4, 0.6), "ceiling": 0.8, "n_subsets": 4, "n_targets": 500},
        checks=tuple(Check(name, "ran", 1_000_000, 1_000_000, counts[name], notes=(LONG,) * 20) for name in names),
        findings=findings,
        reproduce={"arguments": ["run", LONG], "versions": {"dataaudit": "0"}, "device": "cpu"},
        limits=("made up",),
        cost=Cost({"pool": 1.0}, 1000.0, 0),
        samples=tuple({"label_quality": value, "mean_influence": value - 0.5} for value in rng.random(100_000)),
        exhibits=exhibits,
        explanations={name: {"summary": "s", "What it finds": "Words. " * 100} for name in names},
        kinds={name: (name, f"Findings of {name}") for name in names},
    )  # fmt: skip


def _finding(number: int) -> Finding:
    name = f"train/{number} {LONG if number % 100 == 0 else ''}.png"
    kind = f"kind_{number % KINDS}"
    one = Finding(
        kind, Severity(number % 5), (name, f"test/{number}.png"), number / FINDINGS, f"{name} is at fault",
        fingerprint(kind, [name]), {f"figure {place}": number / 7 for place in range(12)},
        Verification("confirmed", "fall of the margin", 1.0, (0.5, 1.5), 0.1, 4),
    )  # fmt: skip
    return replace(one, remedies=(Remedy("remove", (name,)), Remedy("relabel", (name,), ("another",))))


def seconds_to_use(path: Path) -> list[float]:
    """From the start of the navigation to a search having worked; empty without a browser."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    taken = []
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        for _ in range(3):
            page = started.new_page()
            start = time.perf_counter()
            page.goto(path.as_uri(), wait_until="commit")
            page.wait_for_selector("html[data-ready]")
            page.fill("#search", "train/10")
            page.locator("#count", has_text=" of ").wait_for()
            taken.append(time.perf_counter() - start)
            page.close()
        started.close()
    return taken


def main(path: Path) -> None:
    audit = made_up()
    start = time.perf_counter()
    page = render(audit)
    print(f"{len(page.encode()):,} bytes, {page.count('<article')} findings shown, "
          f"{page.count('<img ')} pictures, written in {time.perf_counter() - start:.1f} s")  # fmt: skip
    path.write_text(page, encoding="utf-8")
    print(
        "seconds to a search that worked:", ", ".join(f"{taken:.2f}" for taken in seconds_to_use(path)) or "no browser"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(gettempdir()) / "report_size.html")
