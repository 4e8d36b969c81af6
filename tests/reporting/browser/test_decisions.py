"""Deciding in the page, by keyboard alone; the file that comes out, and goes back in."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import dataaudit
from dataaudit.reporting.gallery import PageBudget
from dataaudit.reporting.page import render
from dataaudit.verdict.decisions import read_decisions

from ...fixtures_findings import audit_of, wrong
from .conftest import Opened, several

Open = Callable[..., Opened]
SCHEMA = Path(dataaudit.__file__).parent / "verdict" / "decisions.schema.json"


@pytest.fixture
def opened(open_page: Open, report: str) -> Opened:
    one = open_page(report)
    one.page.wait_for_selector("html[data-ready]")
    return one


def decide_by_keyboard(page: Any) -> None:
    """The first accepted with a reason, the second rejected, the third deferred, the fourth decided and undone."""
    page.keyboard.press("j")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.id") == "reviewer"
    page.keyboard.type("Ada Läufer")
    page.keyboard.press("Enter")
    page.keyboard.press("e")
    page.keyboard.type("a known copy")
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.keyboard.press("j")
    page.keyboard.press("d")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.keyboard.press("u")


def export(page: Any, path: Path) -> dict[str, Any]:
    with page.expect_download() as download:
        page.click("#export")
    assert download.value.suggested_filename == "decisions.json"
    download.value.save_as(path)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_decisions_by_keyboard_survive_a_reload_and_come_out_valid(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    decide_by_keyboard(page)
    assert page.inner_text("#progress-words") == "3 of 11 decided"
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#progress-words") == "3 of 11 decided"
    assert "Accepted by Ada Läufer" in page.inner_text("#kind-leakage .card >> nth=0")
    page.fill("#signer", "Ada Läufer")
    page.get_by_text("Not approved", exact=True).click()
    page.fill("#comment", "copies have to go")
    page.click("#sign")
    assert "Signed by Ada Läufer" in page.inner_text("#signed")
    content = export(page, tmp_path / "decisions.json")
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(content)
    decisions = read_decisions(tmp_path / "decisions.json")
    assert [(one.decision, one.reason, one.reviewer) for one in decisions.decisions] == [
        ("accept", "a known copy", "Ada Läufer"),
        ("reject", "", "Ada Läufer"),
        ("defer", "", "Ada Läufer"),
    ]
    first = several().findings[0]
    assert decisions.decisions[0].remedy == first.remedies[0]
    assert decisions.decisions[0].fingerprint == first.fingerprint
    assert [one.remedy for one in decisions.decisions[1:]] == [None, None]
    assert decisions.signature is not None
    assert decisions.signature.outcome == "not approved"
    assert opened.messages == []


def test_another_remedy_or_none_can_be_chosen(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    page.fill("#reviewer", "Ada")
    first, second = (page.locator("#kind-mislabeled .card").nth(place) for place in (0, 1))
    first.scroll_into_view_if_needed()
    first.get_by_text("Accept", exact=True).click()
    first.locator("select").select_option(label="Remove train/w0.png")
    second.get_by_text("Accept", exact=True).click()
    second.locator("select").select_option(label="Change nothing")
    remedies = [one["remedy"] for one in export(page, tmp_path / "d.json")["decisions"]]
    assert remedies == [{"action": "remove", "sample_ids": ["train/w0.png"], "to": []}, None]


def focused(page: Any) -> str:
    id: str = page.evaluate("document.activeElement.id")
    return id


def test_without_a_name_a_decision_waits_until_it_is_entered(opened: Opened) -> None:
    page = opened.page
    assert page.get_attribute("#reviewer", "placeholder") == "required to decide"
    page.keyboard.press("j")
    card = focused(page)
    page.keyboard.press("r")
    assert focused(page) == "reviewer"
    page.keyboard.press("Enter")
    assert focused(page) == "reviewer"
    page.keyboard.type("Ada")
    assert "Enter your name first" in page.inner_text("#notice")
    page.keyboard.press("Enter")
    assert focused(page) == card
    assert "Rejected by Ada" in page.inner_text(f"#{card} .by")
    assert page.text_content("#notice") == page.text_content("#message") == ""


def test_a_decision_that_waits_is_made_when_the_name_is_left_and_dropped_on_escape(opened: Opened) -> None:
    page = opened.page
    page.keyboard.press("j")
    card = focused(page)
    page.keyboard.press("a")
    page.keyboard.press("Escape")
    assert focused(page) == card
    assert page.text_content("#notice") == ""
    page.keyboard.press("a")
    page.click("#search")
    assert focused(page) == "search"
    page.fill("#reviewer", "Ada")
    page.keyboard.press("Tab")
    assert page.inner_text("#progress-words") == "0 of 11 decided"
    page.fill("#reviewer", "")
    page.locator(f"#{card}").get_by_text("Defer", exact=True).click()
    page.keyboard.type("Eve")
    page.keyboard.press("Tab")
    assert focused(page) == card
    assert "Deferred by Eve" in page.inner_text(f"#{card} .by")


def test_the_decision_of_another_is_changed_under_the_own_name_only(opened: Opened, tmp_path: Path) -> None:
    page, finding = opened.page, several().findings[0]
    other = {
        "finding": finding.id, "fingerprint": finding.fingerprint, "decision": "accept", "remedy": None,
        "reason": "hers", "reviewer": "Eve", "at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    refused(page, given(decisions=[other]), tmp_path)
    card = page.locator(f"#{finding.id}")
    page.evaluate("id => { show(at(id)); }", finding.id)
    page.keyboard.press("m")
    assert focused(page) == "reviewer"
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    assert focused(page) == "reviewer"
    page.keyboard.press("Escape")
    card.locator(".reason input").fill("mine")
    page.keyboard.press("Enter")
    assert focused(page) == "reviewer"
    page.keyboard.press("Escape")
    assert "Accepted by Eve, 2026-01-01: Change nothing. hers" in card.inner_text()
    assert card.locator(".reason input").input_value() == "hers"
    card.locator("select").select_option(index=1)
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    assert focused(page) == finding.id
    (one,) = export(page, tmp_path / "d.json")["decisions"]
    assert (one["reviewer"], one["reason"], one["remedy"]["sample_ids"]) == ("Ada", "hers", ["train/0.png"])
    assert one["at"] > other["at"]


def test_remedies_are_gone_through_by_key_and_the_decision_is_seen_at_the_top(opened: Opened) -> None:
    page = opened.page
    page.fill("#reviewer", "Ada")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    card = page.locator(".card:focus")
    page.keyboard.press("m")
    assert card.locator(".by").count() == 0
    page.keyboard.press("a")
    assert card.evaluate("card => getComputedStyle(card.querySelector('header'), '::after').content") == '"Accepted"'
    told = []
    for _ in range(3):
        page.keyboard.press("m")
        told.append(card.locator(".by").inner_text().split(": ")[1])
    assert told == ["Remove train/0.png", "Change nothing", "Remove test/0.png"]
    page.keyboard.press("u")
    assert card.locator("header").get_attribute("data-decision") is None


def test_a_rejection_is_asked_why(opened: Opened) -> None:
    page = opened.page
    page.fill("#reviewer", "Ada")
    card = page.locator(".card").first
    card.get_by_text("Reject", exact=True).click()
    assert card.locator(".reason input").get_attribute("placeholder") == "why?"
    card.get_by_text("Accept", exact=True).click()
    assert card.locator(".reason input").get_attribute("placeholder") == ""


def test_what_a_signature_lacks_is_said_until_something_is_entered(opened: Opened) -> None:
    page = opened.page
    page.click("#sign")
    assert page.inner_text("#message") == "A signature needs a name and an outcome."
    page.fill("#signer", "Ada")
    assert page.text_content("#message") == ""


def test_an_import_restores_everything_in_another_profile(
    open_page: Open, opened: Opened, report: str, tmp_path: Path
) -> None:
    page, file = opened.page, tmp_path / "decisions.json"
    decide_by_keyboard(page)
    page.get_by_text("Approved", exact=True).click()
    page.click("#sign")
    before = export(page, file)
    other = open_page(report).page
    other.wait_for_selector("html[data-ready]")
    assert other.inner_text("#progress-words") == "0 of 11 decided"
    other.set_input_files("#import", file)
    other.locator("#message", has_text="Decisions imported: 3.").wait_for()
    assert other.inner_text("#progress-words") == "3 of 11 decided"
    assert export(other, tmp_path / "again.json") == before


def refused(page: Any, content: str, tmp_path: Path) -> str:
    file = tmp_path / "given.json"
    file.write_text(content, encoding="utf-8")
    page.set_input_files("#import", file)
    page.locator("#message:not(:empty)").wait_for()
    words: str = page.inner_text("#message")
    return words


def given(**changes: Any) -> str:
    fingerprint = several().dataset["fingerprint"]
    return json.dumps({"schema_version": 1, "dataset": {"fingerprint": fingerprint}, "signature": None, "decisions": [],
                       **changes})  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ("null", "not a decisions file of version 1"),
        (given(schema_version=2), "not a decisions file of version 1"),
        (given(decisions={}), "not a decisions file of version 1"),
        (given(dataset={"fingerprint": "1" * 64}), "other data"),
        (given(dataset=None), "other data"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(
    opened: Opened, tmp_path: Path, content: str, words: str
) -> None:
    assert words in refused(opened.page, content, tmp_path)
    assert opened.page.inner_text("#progress-words") == "0 of 11 decided"


def test_what_an_import_holds_beyond_this_page_is_counted(opened: Opened, tmp_path: Path) -> None:
    finding = several().findings[0]
    one = {
        "finding": finding.id, "fingerprint": finding.fingerprint, "decision": "reject", "remedy": None,
        "reason": "<img src=x onerror=alert(1)>", "reviewer": "<b>Eve</b>", "at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    stray = {"action": "remove", "sample_ids": ["../../etc"], "to": []}
    unknown = [{**one, "finding": "__proto__"}, {**one, "finding": "leakage-ffff"}]
    every = [one, *unknown, {**one, "decision": "toString"}, 7, {**one, "remedy": stray}]
    signature = {"name": "Eve", "at": "2026-01-01T00:00:00Z", "outcome": "approved", "comment": ""}
    words = refused(opened.page, given(decisions=every, signature=signature), tmp_path)
    assert words == (
        "Decisions imported: 1. Skipped, as this page does not show the finding: 2. Skipped, as not valid: 3. "
        "The signature was not imported."
    )
    assert "<img src=x onerror=alert(1)>" in opened.page.inner_text(f"#{finding.id}")
    assert opened.page.locator(f"#{finding.id} img[src=x]").count() == 0
    assert opened.messages == []


def test_all_that_a_filter_shows_can_be_accepted_once_it_is_confirmed(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    page.click("#accept-all")
    assert "Enter your name first" in page.inner_text("#notice")
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    assert "undecided: 11." in page.inner_text("#sure-words")
    page.click("#sure .close")
    page.click("#filters > summary")
    page.select_option("#filter-kind", "mislabeled")
    page.click("#accept-all")
    assert "undecided: 3." in page.inner_text("#sure-words")
    page.click("#sure .close")
    assert page.inner_text("#progress-words") == "0 of 11 decided"
    page.click("#accept-all")
    page.click("#sure-yes")
    assert page.inner_text("#progress-words") == "3 of 11 decided"
    assert {one["remedy"]["action"] for one in export(page, tmp_path / "d.json")["decisions"]} == {"relabel"}


def test_a_decision_after_signing_withdraws_the_signature(opened: Opened, tmp_path: Path) -> None:
    page = opened.page
    page.fill("#reviewer", "Ada")
    page.get_by_text("Approved", exact=True).click()
    page.click("#sign")
    assert "with 11 findings undecided" in page.inner_text("#message")
    page.locator(".card").first.get_by_text("Defer", exact=True).click()
    assert "the signature was withdrawn" in page.inner_text("#message")
    assert export(page, tmp_path / "d.json")["signature"] is None


def test_another_audit_of_other_data_starts_afresh(open_page: Open, opened: Opened, tmp_path: Path) -> None:
    opened.page.fill("#reviewer", "Ada")
    opened.page.keyboard.press("Escape")
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("a")
    audit = several()
    other = tmp_path / "other.html"
    other.write_text(render(replace(audit, dataset={**audit.dataset, "fingerprint": "1" * 64})), encoding="utf-8")
    page = open_page(other, opened.page.context).page
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#progress-words") == "0 of 11 decided"


def test_where_nothing_can_be_kept_the_page_says_so_and_goes_on(open_page: Open, report: str) -> None:
    page = open_page("<p>").page
    page.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }});")
    Path(page.evaluate("decodeURIComponent(location.pathname)")).write_text(report, encoding="utf-8")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.fill("#reviewer", "Ada")
    page.locator(".card").first.get_by_text("Reject", exact=True).click()
    assert "does not keep decisions" in page.inner_text("#notice")
    assert page.inner_text("#progress-words") == "1 of 11 decided"


def test_findings_without_a_card_are_decided_in_bulk_from_a_score_on(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    findings = [replace(wrong(f"train/{i}.png", "coat"), score=1 - i / 100) for i in range(40)]
    monkeypatch.setattr("dataaudit.reporting.page.PageBudget", lambda: PageBudget(cards=5))
    page = open_page(render(audit_of(findings))).page
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#count") == "40 of 40 findings"
    assert page.locator(".card.row").count() == 35
    page.fill("#reviewer", "Ada")
    page.click("#filters > summary")
    page.fill("#filter-score", "0.8")
    assert page.inner_text("#count") == "21 of 40 findings"
    page.click("#accept-all")
    page.click("#sure-yes")
    page.fill("#filter-score", "")
    row = page.locator(".card.row").last
    row.scroll_into_view_if_needed()
    row.get_by_text("Reject", exact=True).click()
    decisions = export(page, tmp_path / "d.json")["decisions"]
    by_id = {one["finding"]: one["decision"] for one in decisions}
    assert [by_id.get(finding.id) for finding in findings] == ["accept"] * 21 + [None] * 18 + ["reject"]
