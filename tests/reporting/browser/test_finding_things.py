"""Filtering, sorting, searching and moving about."""

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Opened

Open = Callable[..., Opened]


@pytest.fixture
def page(open_page: Open, report: str) -> Any:
    page = open_page(report).page
    page.wait_for_selector("html[data-ready]")
    return page


def shown(page: Any) -> list[str]:
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.card')].filter(c => c.checkVisibility()).map(c => c.id.split('-')[0])"
    )
    return found


@pytest.mark.parametrize(
    ("filter", "value", "left"),
    [
        ("severity", "medium", ["mislabeled"] * 3),
        ("kind", "brittle", ["brittle"]),
        ("status", "confirmed", ["brittle"]),
        ("decision", "accept", []),
    ],
)
def test_filters_leave_what_they_ask_for_and_say_how_many(page: Any, filter: str, value: str, left: list[str]) -> None:
    page.click("#filters > summary")
    page.select_option(f"#filter-{filter}", value)
    assert shown(page) == left
    assert page.inner_text("#count") == f"{len(left)} of 11 findings"
    tallies = page.locator(".kind:not([hidden]) h3 small").all_inner_texts()
    assert tallies == [f"{len(left)} of {len(left)}"] * bool(left)
    assert page.is_visible("#nothing") == (not left)
    if not left:
        page.click("#clear")
        assert page.inner_text("#count") == "11 of 11 findings"


def test_search_looks_into_what_is_folded_too(page: Any) -> None:
    assert not page.is_visible("text=test/6.png has a copy")
    page.fill("#search", "TEST/6.png copy")
    assert shown(page) == ["leakage"]
    assert page.is_visible("text=test/6.png has a copy")
    assert page.inner_text("#kind-leakage h3 small") == "1 of 7"
    page.fill("#search", "")
    assert page.inner_text("#kind-leakage h3 small") == "7"
    assert page.inner_text("#count") == "11 of 11 findings"


def test_sorting_stays_within_the_kinds(page: Any) -> None:
    def first() -> str:
        words: str = page.text_content("#kind-leakage .card .message >> nth=0")
        return words

    before = first()
    page.click("#filters > summary")
    page.select_option("#sort", "name")
    assert first().startswith("test/")
    names = page.evaluate("[...document.querySelectorAll('#kind-leakage .card')].map(c => c.id)")
    assert names == sorted(names)
    page.select_option("#sort", "")
    assert first() == before
    assert page.locator("#kind-leakage .first .card").count() == 4


def test_keys_move_through_the_findings_and_open_what_is_folded(page: Any) -> None:
    def at() -> str:
        id: str = page.evaluate("document.activeElement.id")
        return id

    ids = page.evaluate("cards.map(card => card.id)")
    for id in ids[:6]:
        page.keyboard.press("j")
        assert at() == id
        assert page.locator(f"#{id}").is_visible()
    page.keyboard.press("k")
    assert at() == ids[4]
    page.keyboard.press("Control+k")
    assert at() == ids[4]


def test_keys_go_on_from_the_section_that_a_link_led_to_and_its_heading_is_in_sight(page: Any) -> None:
    for kind in ("brittle", "leakage", "mislabeled", "leakage"):
        page.click(f"nav a[href='#kind-{kind}']")
        top = page.evaluate("kind => at(`kind-${kind}-title`).getBoundingClientRect().top", kind)
        below = page.evaluate("document.querySelector('.tools').getBoundingClientRect().bottom")
        assert below <= top < below + 30
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.id").startswith(kind)


def test_keys_write_where_something_is_written(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("jad?")
    assert page.input_value("#search") == "jad?"
    assert not page.is_visible("#help")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")


def test_a_link_to_a_finding_opens_it_whatever_the_filters(open_page: Open, page: Any) -> None:
    last = page.evaluate("[...document.querySelectorAll('#kind-leakage .card')].at(-1).id")
    page.fill("#search", "nothing like it")
    page.evaluate("id => { location.hash = id; }", last)
    page.locator(f"#{last}:focus").wait_for()
    assert page.locator(f"#{last}").is_visible()
    assert page.input_value("#search") == ""
