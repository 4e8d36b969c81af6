"""The page opened from disk: without JavaScript, in any light and width, printed, and by a screen reader."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Opened

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
Open = Callable[..., Opened]


def test_without_javascript_everything_can_be_read_and_no_control_is_in_the_way(open_page: Open, report: str) -> None:
    page = open_page(report, java_script_enabled=False).page
    text = page.inner_text("main")
    for words in ("FAIL", "What was audited", "LDS 0.50", "Coverage", "test/0.png has a copy train/0.png",
                  "Distributions", "Without JavaScript", "a limit"):  # fmt: skip
        assert words in text
    page.click("#kind-leakage .rest > summary")
    assert page.is_visible("text=test/6.png has a copy train/6.png")
    for control in ("#search", "#reviewer", "#export", "#help"):
        assert page.locator(control).count() == 1
        assert not page.is_visible(control)


def test_nothing_is_asked_for_but_the_file_and_nothing_goes_to_the_console(open_page: Open, report: str) -> None:
    opened = open_page(report)
    opened.page.wait_for_selector("html[data-ready]")
    opened.page.mouse.wheel(0, 5000)
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.page.url]
    assert opened.messages == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_no_violation_and_nothing_scrolls_sideways(
    open_page: Open, report: str, scheme: str, width: int
) -> None:
    page = open_page(report, color_scheme=scheme, viewport={"width": width, "height": 844}).page
    page.wait_for_selector("html[data-ready]")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    page.evaluate("cards.forEach(build)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []


def test_the_verdict_and_the_broken_rules_are_in_the_first_screen(open_page: Open, report: str) -> None:
    page = open_page(report).page
    box: Any = page.locator("#verdict .rules").first.bounding_box()
    assert box["y"] + box["height"] < 900
    assert page.locator("#verdict").bounding_box()["y"] >= 0


def test_printed_it_holds_what_was_folded(open_page: Open, report: str, tmp_path: Path) -> None:
    page = open_page(report).page
    page.wait_for_selector("html[data-ready]")
    page.emulate_media(media="print")
    assert page.is_visible("text=test/6.png has a copy train/6.png")
    assert not page.is_visible("#search")
    assert page.is_visible("text=☐ approved")
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 2 or len(printed) > 50_000
