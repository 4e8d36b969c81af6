"""Strings that a dataset may hold to do harm, through the real page in a real browser."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dataaudit.reporting.page import render
from dataaudit.result import Audit, Check, Exhibit

from ...fixtures_findings import HOSTILE, audit_of, hanging, leak, wrong
from .conftest import Opened

Open = Callable[..., Opened]
ELEMENTS = "[...document.querySelectorAll('body *')].map(one => one.tagName).join(' ')"


def everywhere(string: str) -> Audit:
    """The string as a file name, a label, a text, a column's name, a value, a note and a dataset's name."""
    copied = leak("t", string, string)
    copy = {**copied.evidence["copies"][0], "differences": [["left", string[:400]], ["right", string[:400]]]}
    copied = replace(copied, evidence={**copied.evidence, "copies": [copy]})
    findings = [copied, wrong(string, string), hanging(string, ["u"], string)]
    drawn = {"split": "train", "size": 9, "drawn": [string], "suggested": ["other"]}
    checks = (Check("mislabeled", "ran", 5, 5, 1, notes=(string,), figures={"review": [drawn]}),)
    samples = ({"id": string, "split": "train", "label": string},)
    exhibits = {"t": Exhibit(text=string), string: Exhibit(text=string), "u": Exhibit(values=((string, string),))}
    return audit_of(findings, string, exhibits=exhibits, checks=checks, samples=samples)


@pytest.fixture(scope="module")
def harmless(browser: Any) -> str:
    page = browser.new_page()
    page.set_content(render(everywhere("harmless")))
    elements: str = page.evaluate(ELEMENTS)
    page.close()
    return elements


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: ascii(string[:16]))
def test_they_are_text_and_the_page_works(open_page: Open, harmless: str, string: str) -> None:
    opened = open_page(render(everywhere(string)), java_script_enabled=True)
    page = opened.page
    page.wait_for_selector("html[data-ready]")
    assert opened.messages == []
    assert [url for url in opened.requests if not url.startswith("data:image/png;base64,")] == [page.url]
    page.evaluate("document.querySelectorAll('.decision').forEach(one => one.remove())")
    assert page.evaluate(ELEMENTS) == harmless
    page.fill("#reviewer", string)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("a")
    assert page.inner_text("#progress-words") == "1 of 3 decided"
    page.fill("#search", "nothing is called this")
    assert page.inner_text("#count") == "0 of 3 findings"
    page.evaluate("at('judging').focus()")
    page.keyboard.press("g")
    assert page.inner_text("#judged-words") == "1 of 1 answered"
    answers = json.loads(page.evaluate("JSON.stringify(exported().review)"))
    assert list(answers.values()) == [{string: "given"}]
    assert opened.messages == []
