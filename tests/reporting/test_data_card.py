"""The data card: what it says is what the audit holds, and nothing in the data can make it say anything else."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dataaudit.errors import InputError
from dataaudit.reporting.data_card.sections import data_card
from dataaudit.reporting.data_card.value import Told
from dataaudit.reporting.data_card.writing import html, markdown, write
from dataaudit.reporting.exports import audit_json
from dataaudit.result import Audit, Check
from dataaudit.verdict.review import WrongShare

from ..fixtures_audits import HOSTILE as HOSTILE_MARKDOWN
from ..fixtures_findings import HOSTILE, audit_of, leak

yaml = pytest.importorskip("yaml")
CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
SHARE = WrongShare(8, 0.125, 0.05, 0.25, 6, 1)


def document(audit: Audit) -> dict[str, Any]:
    """As `read_audit` returns it."""
    content: dict[str, Any] = json.loads(json.dumps(audit_json.document(audit), allow_nan=False))
    return content


def named(name: str) -> dict[str, Any]:
    """An audit whose dataset, class, samples, notes and findings have this name."""
    checks = tuple(
        Check(check, "skipped", 0, 5, 0, f"not for {name}") if check == "columns" else Check(check, "ran", 5, 5, 1)
        for check in ("columns", "duplicates", "leakage", "mislabeled")
    )
    audit = audit_of([leak(name, "train", name)], name)
    return document(replace(audit, checks=checks, dataset={**audit.dataset, "ignored": [], "counts": {
        "train": {name: 4, "other": 3}, "test": {name: 1, "other": 0}}}))  # fmt: skip


def front(card: str) -> Mapping[str, Any]:
    """The YAML block, as Hugging Face reads it."""
    _, block, _ = card.split("---\n", 2)
    content: dict[str, Any] = yaml.safe_load(block)
    return content


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, frozenset[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, frozenset(name for name, _ in attrs)))


@pytest.mark.parametrize("name", HOSTILE + HOSTILE_MARKDOWN, ids=lambda string: ascii(string)[:20])
def test_names_from_the_data_stay_names(name: str) -> None:
    hostile, tame = (data_card(named(text), Told()) for text in (name, "tame"))
    text = markdown(hostile)
    text.encode("utf-8")
    assert front(text)["dataset_info"]["features"][1]["dtype"]["class_label"]["names"] == {"0": name, "1": "other"}
    bodies = [markdown(card).split("\n---\n", 1)[1] for card in (hostile, tame)]
    assert CODE.sub("", bodies[0]) == CODE.sub("", bodies[1])
    assert Tags(html(hostile)).seen == Tags(html(tame)).seen


def test_the_head_says_what_is_known_and_leaves_the_rest_as_comments() -> None:
    card = markdown(data_card(named("shirt"), Told()))
    assert front(card) == {
        "pretty_name": "shirt",
        "task_categories": ["image-classification"],
        "size_categories": ["n<1K"],
        "dataset_info": {
            "features": [
                {"name": "image", "dtype": "image"},
                {"name": "label", "dtype": {"class_label": {"names": {"0": "shirt", "1": "other"}}}},
            ]
        },
    }
    assert "\n# license: To be filled in\n# language: To be filled in\n" in card


@pytest.mark.parametrize(
    ("change", "absent"),
    [
        ({"notes": ["sampled 7 of 900 training images, seed 0"]}, {"features", "size_categories"}),
        ({"unreadable": 1}, {"features"}),
        ({"split_origin": "made here: stratified fifth for testing, seed 0"}, set()),
        ({"format": "table"}, {"features"}),
    ],
)
def test_what_hugging_face_would_enforce_is_only_written_where_every_sample_was_read(
    change: dict[str, Any], absent: set[str]
) -> None:
    audit = named("shirt")
    audit["dataset"] |= change
    head = front(markdown(data_card(audit, Told())))
    assert {"features", "size_categories"} - {*head, *head.get("dataset_info", {})} == absent


@pytest.mark.parametrize(
    ("samples", "size"), [(1, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (10**6, "1M<n<10M")]
)
def test_sizes_have_the_names_of_hugging_face(samples: int, size: str) -> None:
    audit = named("shirt")
    audit["dataset"]["sizes"] = {"train": samples}
    assert front(markdown(data_card(audit, Told())))["size_categories"] == [size]


def test_figures_are_those_of_the_audit() -> None:
    card = markdown(data_card(named("shirt"), Told()))
    assert "- Audited: 8 samples (7 train, 1 test)." in card
    assert "- Test and validation samples with a copy in another split: 1 of 5 (20.0%) found." in card
    assert "- 2 classes; in training `shirt` is the largest with 4 samples, `other` the smallest with 3." in card
    assert "| `shirt` | 4 | 1 |" in card
    assert "- Accuracy on the test split as it is: 80.0% ± 1.0% per model, 85.0% as an ensemble (8 models," in card


@pytest.mark.parametrize("status", ["skipped", "not asked", "not run", "error"])
def test_a_check_that_did_not_run_claims_nothing(status: str) -> None:
    audit = named("shirt")
    for check in audit["checks"]:
        check |= {"status": status, "examined": 0, "findings": 0, "reason": "so it is"}
    audit["findings"] = []
    card = markdown(data_card(audit, Told()))
    copies = "Test and validation samples with a copy in another split: "
    assert re.search(rf"> \*\*Not measured:\*\* {copies}the check [\w ]+: `so it is`\.", card)
    assert not re.search(rf"{copies}\d", card)
    assert "reported (" not in card
    assert "Not measured: 10(2)(a), 10(2)(b), 10(2)(c), 10(2)(d), 10(2)(g)." in card


def test_where_the_audit_drew_the_splits_copies_across_them_are_no_leaks() -> None:
    audit = named("shirt")
    audit["dataset"]["split_origin"] = "made here: stratified fifth for testing, seed 0"
    audit["findings"] = []
    card = markdown(data_card(audit, Told()))
    assert "> **Not measured:** Test and validation samples with a copy in another split: the audit drew" in card
    assert "- Samples with a copy: 0 of 5 (0.0%)." in card


def test_no_interval_is_claimed_without_answers() -> None:
    audit = named("shirt")
    card = markdown(data_card(audit, Told()))
    assert " CI " not in card
    assert "> **Not measured:** Share of wrong labels: no reviewer's answers were given." in card
    answered = markdown(data_card(audit, Told((("R. Eviewer", 6),), {"": SHARE, "train": SHARE})))
    figure = "12.5% of 8 (95% CI 5.0% to 25.0%; 6 reviewed, 1 of them unsure)."
    assert f"- Share of wrong labels: {figure}\n    - In train: {figure}\n" in answered
    assert "    - Judged by `R. Eviewer`: 6 labels." in answered
    unknown = replace(SHARE, estimate=None)
    assert "Share of wrong labels: not yet known of 8" in markdown(data_card(audit, Told((), {"": unknown})))


def test_every_point_of_the_article_is_there_and_no_legal_advice_is_given() -> None:
    for card in (markdown(data_card(named("shirt"), Told())), html(data_card(named("shirt"), Told()))):
        for point in (*(f"10(2)({letter})" for letter in "abcdefgh"), "10(3)"):
            assert len(re.findall(rf"{re.escape(point)}( \||</p>)", card)) == 1
        assert "This card is no legal advice." in card


def test_both_forms_leave_the_same_blanks() -> None:
    card = data_card(named("shirt"), Told())
    blanks = sum(len(section.questions) for section in card.sections)
    assert markdown(card).count("**To be filled in:**") == html(card).count("<b>To be filled in:</b>") == blanks > 15


def test_regression_and_a_lone_check_make_a_card() -> None:
    audit = named("shirt")
    audit["dataset"] |= {"task": "regression", "modality": "table", "classes": [], "counts": {"train": {}},
                         "target_quartiles": [0.0, 1.0, 2.0, 3.0, 10.5]}  # fmt: skip
    audit["learner"]["performance"] = None
    audit["checks"] = [check for check in audit["checks"] if check["name"] == "leakage"]
    card = markdown(data_card(audit, Told()))
    assert "- Training targets: 0 to 10.5, median 2, quartiles 1 and 3." in card
    assert "> **Not measured:** How well models learn from the data: no model was trained." in card
    assert "> **Not measured:** Labels that models report as likely wrong: the check was not asked for." in card
    assert front(card)["task_categories"] == ["tabular-regression"]


def test_a_card_that_can_not_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = data_card(named("shirt"), Told())
    (tmp_path / "card.md").write_text("before")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(card, tmp_path / "card.md")
    assert [path.name for path in tmp_path.iterdir()] == ["card.md"]
    assert (tmp_path / "card.md").read_text() == "before"
    with pytest.raises(InputError, match=r"ends in \.md, \.html or \.json, found '\.pdf'"):
        write(card, tmp_path / "card.pdf")
    with pytest.raises(InputError, match="can't be written there"):
        write(card, tmp_path / "nowhere" / "card.md")
