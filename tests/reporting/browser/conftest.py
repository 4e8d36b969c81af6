"""A real browser, and pages opened in it from disk; without a browser these tests are skipped."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dataaudit.reporting.page import render
from dataaudit.result import Audit, Check, Exhibit

from ...fixtures_findings import PIXEL, audit_of, hanging, leak, wrong

playwright = pytest.importorskip("playwright.sync_api")


@dataclass
class Opened:
    """A page with what it asked for, what it wrote to the console and the dialogs it opened."""

    page: Any
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """`(page, context=None, **options of a context)` -> the page opened from disk; a context is a profile."""
    contexts = []

    def opened(html: str | Path, context: Any = None, **options: Any) -> Opened:
        path = html if isinstance(html, Path) else tmp_path / "report.html"
        if isinstance(html, str):
            path.write_text(html, encoding="utf-8", newline="")
        if context is None:
            context = browser.new_context(
                **{"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce", **options}
            )
            context.set_default_timeout(10_000)
            contexts.append(context)
        one = Opened(context.new_page())
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.on("console", lambda message: one.messages.append(message.text))
        one.page.on("pageerror", lambda error: one.messages.append(str(error)))
        one.page.on("dialog", lambda dialog: (one.messages.append(f"dialog {dialog.message}"), dialog.dismiss()))
        one.page.goto(path.as_uri())
        return one

    yield opened
    for context in contexts:
        context.close()


DRAWN = {"train": (100, [f"train/{i}.png" for i in range(4)]), "test": (3, [f"test/{i}.png" for i in range(3)])}
"""For review, by split: labels, and the samples drawn."""


def several() -> Audit:
    """Findings of three kinds and severities, more of one than stand open, and seven labels drawn for review."""
    findings = [leak(f"test/{i}.png", f"train/{i}.png", "coat") for i in range(7)]
    findings += [wrong(f"train/w{i}.png", "shirt") for i in range(3)]
    findings += [hanging("test/h.png", ["train/1.png", "train/2.png"], "bag")]
    review = [
        {"split": split, "size": size, "drawn": drawn, "suggested": ["bag"] * len(drawn)}
        for split, (size, drawn) in DRAWN.items()
    ]
    rows = [{"id": id, "split": split, "label": "shirt"} for split, (_, drawn) in DRAWN.items() for id in drawn]
    return audit_of(
        findings,
        checks=(
            Check("leakage", "ran", 5, 5, len(findings), notes=("note about shirt",)),
            Check("mislabeled", "ran", 5, 5, 3, figures={"review": review}),
        ),
        exhibits={f"{split}/{i}.png": Exhibit(picture=PIXEL) for split in ("test", "train") for i in range(7)},
        samples=(*rows, *({"label_quality": i / 50, "mean_influence": i / 9 - 2} for i in range(50))),
    )


@pytest.fixture(scope="session")
def report() -> str:
    return render(several())
