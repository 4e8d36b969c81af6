"""Judging the review sample in the page; what follows from the answers, there and in Python; the file with them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from dataaudit.cli import cli
from dataaudit.reporting.exports import audit_json, review_csv
from dataaudit.reporting.page import render
from dataaudit.verdict.decisions import read_decisions
from dataaudit.verdict.review import ANSWERS, Answer, ReviewStratum, agreement, joined, wrong_share

from .conftest import DRAWN, Opened, several
from .test_decisions import SCHEMA, export, given, refused

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
Open = Callable[..., Opened]
STRATA = [ReviewStratum(split, size, tuple(drawn)) for split, (size, drawn) in DRAWN.items()]
WORDS: dict[str, Answer] = {"g": "given", "s": "suggested", "n": "neither", "c": "unsure"}


@pytest.fixture
def opened(open_page: Open, report: str) -> Opened:
    one = open_page(report)
    one.page.wait_for_selector("html[data-ready]")
    return one


def order(tmp_path: Path) -> list[str]:
    """The drawn samples as review.csv has them."""
    review_csv.write(several(), tmp_path)
    return [line.split(",")[0] for line in (tmp_path / "review.csv").read_text().splitlines()[1:]]


def told(page: Any) -> list[list[str]]:
    """The table of wrong labels: of all, and of each split."""
    rows: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('#estimate tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return rows


def expected(answers: dict[str, Answer]) -> list[list[str]]:
    rows = []
    for name, strata in (("All labels", STRATA), ("train", STRATA[:1]), ("test", STRATA[1:])):
        share, drawn = wrong_share(strata, answers), sum(len(one.drawn) for one in strata)
        estimate = "-" if share.estimate is None else f"{share.estimate:.1%}"
        rows.append([name, estimate, f"{share.low:.1%} to {share.high:.1%}",
                     f"{share.reviewed} of {drawn}", str(share.unsure)])  # fmt: skip
    return rows


def test_a_change_of_address_that_comes_late_takes_no_focus(opened: Opened) -> None:
    focused = """() => new Promise(done => {
        addEventListener("hashchange", () => setTimeout(() => done(document.activeElement.id)));
        document.querySelector(".claim a[href='#review']").click();
        document.getElementById("judge").focus();
    })"""
    assert opened.page.evaluate(focused) == "judge"
    opened.page.go_back()
    opened.page.go_forward()
    opened.page.wait_for_function("document.activeElement.id === 'review'")


def test_answers_by_keyboard_are_counted_at_once_undone_and_survive_a_reload(opened: Opened, tmp_path: Path) -> None:
    page, ids = opened.page, order(tmp_path)
    page.focus(".claim a[href='#review']")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'review'")
    page.keyboard.press("g")
    assert page.evaluate("document.activeElement.id") == "judge"
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    assert page.inner_text("#place") == "Label 2 of 7"
    for key in "snug":  # the neither is taken back
        page.keyboard.press(key)
    answers = dict(zip(ids, ("given", "suggested", "given"), strict=False))
    assert told(page) == expected(answers)  # type: ignore[arg-type]
    assert "4 labels have no answer yet" in page.inner_text("#estimate-words")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.inner_text("#place") == "Label 4 of 7"
    assert told(page) == expected(answers)  # type: ignore[arg-type]
    page.focus(".card >> nth=0")
    page.keyboard.press("g")  # answers are given where the focus is on the review alone
    assert page.inner_text("#judged-words") == "3 of 7 answered"
    assert opened.messages == []


def test_a_click_answers_the_label_that_was_seen_and_no_other(opened: Opened, tmp_path: Path) -> None:
    page, ids = opened.page, order(tmp_path)
    page.focus("#judging")
    for _ in range(4):
        page.keyboard.press("j")
    page.focus("#judge")
    page.keyboard.type("Ada")
    page.click("[data-answer=neither]")  # which leaves the name
    page.dblclick("[data-answer=given]")
    assert page.evaluate("reviewed()") == {"Ada": {ids[4]: "neither", ids[5]: "given"}}
    page.click("#before")
    page.fill("#judge", "Eve")
    page.click("[data-answer=unsure]")
    assert page.evaluate("reviewed().Eve") == {ids[5]: "unsure"}
    page.fill("#judge", "")
    page.click("[data-answer=given]")  # waits for a name
    page.keyboard.type("Ida")
    page.click("[data-answer=suggested]")
    assert page.evaluate("reviewed().Ida") == {ids[6]: "suggested"}
    page.fill("#judge", "")
    page.click("[data-answer=given]")
    page.keyboard.type("Joe")
    page.click("#search")
    page.keyboard.type("g")
    assert page.evaluate("reviewed().Joe") == {ids[0]: "given"}
    assert page.input_value("#search") == "g"


def test_keys_go_on_where_what_held_the_focus_is_hidden(opened: Opened) -> None:
    page = opened.page
    page.fill("#judge", "Ada")
    for held in (".question:not([hidden]) summary", "[data-answer=suggested]", "#unanswer", "#review-title"):
        page.click(held)
        page.keyboard.press("j")
        page.keyboard.press("g")
        page.keyboard.press("k")
        assert page.evaluate("document.activeElement.id") == "judging"
    page.focus("#after")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "after"
    assert page.evaluate("exported().decisions") == []
    assert opened.messages == []


def test_what_would_sway_is_not_shown(opened: Opened) -> None:
    page = opened.page
    for _ in range(7):
        text = page.inner_text("#judging")
        assert not [word for word in ("train", "test", "%", "score", "quality", "stratum") if word in text]
        page.focus("#judging")
        page.keyboard.press("j")


def answer(page: Any, name: str, keys: str) -> None:
    page.fill("#judge", name)
    page.keyboard.press("Enter")
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_a_second_reviewer_sees_the_first_ones_answers_when_done(
    open_page: Open, report: str, tmp_path: Path, scheme: str, width: int
) -> None:
    opened = open_page(report, color_scheme=scheme, viewport={"width": width, "height": 844})
    page, ids = opened.page, order(tmp_path)
    page.wait_for_selector("html[data-ready]")
    answer(page, "Ada", "gsgncgg")
    answer(page, "Eve", "")
    assert page.inner_text("#place") == "Label 7 of 7"  # the one that is seen, which Eve has not answered
    for key in "kkkkkkgsgsgg":
        page.keyboard.press(key)
    assert page.locator("#answers [aria-pressed=true]").count() == 0
    assert "The answers of 1 other reviewer stay hidden" in page.inner_text("#others")
    assert page.inner_text("#agreement") == ""
    ada, eve = ({id: WORDS[key] for id, key in zip(ids, keys, strict=False)} for keys in ("gsgncgg", "gsgsgg"))
    assert told(page) == expected(eve)
    page.keyboard.press("s")
    eve[ids[6]] = "suggested"
    assert told(page) == expected(joined([ada, eve]))
    _, same, kappa = agreement(ada, eve) or (0, 0.0, 0.0)
    assert page.inner_text("#agreement") == (
        f"Ada and Eve: {same:.0%} of 7 answers are the same, Cohen's kappa {kappa:.2f}."
    )
    assert page.locator("#differing button").all_inner_texts() == ["4", "5", "7"]
    page.click("#differing button >> nth=1")
    assert page.inner_text("#said") == "Ada: can't tell; Eve: given is right"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = axe.Axe().run(page, context="#review").response["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in violations] == []
    assert opened.messages == []


def test_answers_go_out_in_the_file_of_decisions_and_in_again_and_the_command_line_reads_them(
    opened: Opened, open_page: Open, report: str, tmp_path: Path
) -> None:
    page, file, ids = opened.page, tmp_path / "decisions.json", order(tmp_path)
    answer(page, "Ada", "gsgncgg")
    answer(page, "Eve", "gg")
    before = export(page, file)
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(before)
    assert list(read_decisions(file).review) == ["Ada", "Eve"]
    assert before["review"]["Ada"][ids[3]] == "neither"
    other = open_page(report).page
    other.wait_for_selector("html[data-ready]")
    other.set_input_files("#import", file)
    other.locator("#message", has_text="Answers to the review imported: 9.").wait_for()
    assert export(other, tmp_path / "again.json") == before
    audit_json.write(several(), tmp_path)
    result = CliRunner().invoke(cli, ["review", str(tmp_path), str(file)])
    assert result.output.splitlines()[:2] == [
        "Ada and Eve: 100% of 2 answers are the same, Cohen's kappa 1.00",
        *[line for line in result.output.splitlines() if line.startswith("wrong labels: ")],
    ]


def test_what_is_no_answer_is_not_imported(opened: Opened, tmp_path: Path) -> None:
    ids = order(tmp_path)
    content = {
        "<b>Eve</b>": {ids[0]: "given", ids[1]: "toString", "__proto__": "given", "other": "given"},
        "__proto__": {ids[0]: "given"}, " ": {ids[0]: "given"}, "Ada": None, "Bob": "given",
    }  # fmt: skip
    words = refused(opened.page, given(review=content), tmp_path)
    assert words.startswith("Decisions imported: 0. Answers to the review imported: 2. Skipped, as no answers")
    assert opened.page.evaluate("exported().review['<b>Eve</b>']") == {ids[0]: "given"}
    for content in (None, 7, [], "text"):  # type: ignore[assignment]
        assert refused(opened.page, given(review=content), tmp_path).startswith("Decisions imported: 0.")
    assert opened.messages == []


def test_the_page_computes_what_python_does(opened: Opened) -> None:
    rng = np.random.default_rng(0)
    for sizes in ((3, 3), (40, 7), (2000, 30), (100, 100), (50, 1)):
        strata = [ReviewStratum("train", size, tuple(f"{size} {i}" for i in range(min(size, n))))
                  for size, n in (sizes, (700, 12), (12, 5))]  # fmt: skip
        ids = [id for stratum in strata for id in stratum.drawn]
        chances = rng.dirichlet([3, 1, 1, 1, 1])
        reviews: list[dict[str, Answer]] = [
            {id: word for id in ids if (word := rng.choice([*ANSWERS, ""], p=chances))} for _ in range(2)
        ]
        found = opened.page.evaluate(
            """([strata, reviews]) => {
                const maps = reviews.map(one => new Map(Object.entries(one)));
                const shares = [...maps, joined(maps), new Map()];
                return [shares.map(one => wrongShare(strata, one)), agreement(...maps)];
            }""",
            [[{"size": s.size, "drawn": len(s.drawn), "ids": s.drawn} for s in strata], reviews],
        )
        for share, answers in zip(found[0], [*reviews, joined(reviews), {}], strict=True):
            assert share == pytest.approx(vars(wrong_share(strata, answers)), abs=1e-9)
        assert found[1] == pytest.approx(agreement(*reviews), abs=1e-9)


def test_without_javascript_or_samples_the_page_says_how_to_answer(open_page: Open, report: str) -> None:
    page = open_page(report, java_script_enabled=False).page
    text = page.inner_text("#review")
    for words in ("Without JavaScript this page takes no answers", "into the column answer", "train/3.png", "bag"):
        assert words in text
    assert page.locator("#review img:visible").count() == 7
    assert not page.is_visible("#answers")
    private = render(replace(several(), shows_samples=False, exhibits={}))
    page = open_page(private).page
    page.wait_for_selector("html[data-ready]")
    text = page.inner_text("#review")
    for words in ("labels can't be judged on this page", "into the column answer", "train/3.png", "bag"):
        assert words in text
    assert page.locator("#review img").count() == page.locator("#answers").count() == 0
