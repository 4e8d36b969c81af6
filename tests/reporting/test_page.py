"""The page holds what the audit holds, escaped, self-contained and bounded; the documents keep to their schema."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from dataaudit import plugins
from dataaudit.findings import Finding, Pair, Severity, fingerprint
from dataaudit.reporting.exports.audit_json import SCHEMA, document
from dataaudit.reporting.gallery import PageBudget
from dataaudit.reporting.page import MOST_BYTES, render, shown_samples
from dataaudit.reporting.sanitizing import visible
from dataaudit.result import Accepted, Changes, Check, Exhibit, HeatMap, finding_document, plain

from ..fixtures_findings import HOSTILE, PIXEL, audit_of, group, hanging, leak, wrong


class Tags(HTMLParser):
    """Every tag with its attributes, and all text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.within = tag

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within not in ("script", "style"):
            self.text += data


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    data: dict[str, object] = json.loads(found[1])
    return data


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: ascii(string[:20]))
def test_strings_from_the_data_are_text_and_nothing_else(string: str) -> None:
    harmless = Tags(render(audit_of([leak("t", "x", "x"), wrong("w", "x")], "x")))
    hostile = Tags(render(audit_of([leak("t", string, string), wrong(string, string)], string)))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert not any(name.startswith("on") for _, attributes in hostile.tags for name in attributes)
    assert visible(string)[:70].replace("\t", "\u2409").split("\n")[0] in hostile.text.replace("\t", "\u2409")


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: ascii(string[:20]))
def test_proof_planted_faults_and_charts_are_shown_and_escaped(string: str) -> None:
    findings = [hanging(string, ["a.png", "b.png"], string), group([string, "c.png"], string)]
    planted = {"planted": {string: 10}, "found": {string: 9}, "reported": 9, "right": 9, "procedure": string,
               "threshold": None}  # fmt: skip
    figures = {
        "counterfactual": {"predicted": [1.0, 2.0, 4.0], "actual": [0.5, 2.5, 3.5], "correlation": 0.95},
        "supports": [
            {"id": string, "size": 2, "status": "confirmed"},
            {"id": "x", "size": None, "status": "not found"},
        ],
        "most": 80,
    }
    check = Check("brittle", "ran", 2, 5, 1, calibration=planted, figures=figures)
    kinds = {"brittle": ("brittle", "Hanging"), "harmful": ("harmful", "Harm")}
    page = render(audit_of(findings, checks=(check,), kinds=kinds))
    for words in ("9 of 10 (60% to 98%)", "0.8000 with the group, 0.8300 without", "Pearson +0.9", "by influence",
                  "+3.75 (95 % +3 to +4.5) drop in margin; +0.1 after a random"):  # fmt: skip
        assert words in page
    assert "<img src=x" not in page
    assert page.count("<script") == 2
    assert shown_samples(findings, ()) == list(dict.fromkeys([string, "a.png", "b.png", "c.png"]))


def test_the_page_loads_nothing_forbids_it_and_runs_its_own_script_only() -> None:
    text = render(audit_of([leak("t", "b", "c")]))
    page = Tags(text)
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(value and value.startswith(("data:", "#")) for value in sources)
    assert not any(tag in ("link", "iframe", "object", "form") for tag, _ in page.tags)
    policy = next(str(a["content"]) for tag, a in page.tags if "Content-Security-Policy" in a.values())
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules == {"default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'",
                     "script-src": f"'sha256-{digest}'", "base-uri": "'none'", "form-action": "'none'"}  # fmt: skip
    assert not re.search(r"innerHTML|eval\(|document\.write|fetch\(|XMLHttp", script)


def test_every_number_a_reviewer_needs_is_on_the_page() -> None:
    text = Tags(render(audit_of([leak("test/a.png", "train/b.png", "coat")]))).text
    for needed in ("FAIL", "LDS 0.50 (95 % confidence interval 0.40 to 0.60)", "80.0%", "0" * 64, "7 train, 1 test",
                   "accuracy", "test/a.png has a copy train/b.png", "5 of 5", "unverified", "a limit", "(+40 robust",
                   "Remove test/a.png; or remove train/b.png"):  # fmt: skip
        assert needed.lower() in text.lower()


def test_the_rules_of_the_policy_stand_first_those_that_are_broken_in_sight() -> None:
    page = render(audit_of([leak("t", "b", "c")]))
    first = page.index('id="verdict"')
    assert first < page.index('<tr class="broken">') < page.index('id="audited"')
    assert "broken: leakage" in Tags(page).text


def test_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataaudit.reporting.page.PageBudget", lambda: PageBudget(cards=10, exhibits=10, rows=0))
    findings = [leak(f"t{i}", f"b{i}", "c") for i in range(17)]
    samples = tuple({"id": id} for finding in findings for id in finding.sample_ids)
    page = render(audit_of(findings, samples=samples))
    assert "7 more are in" in page
    assert "This page shows 10 of them; 7 more" in page
    assert page.count("<article") == 10
    assert "Pictures, texts or values of 20 samples were left out" in page
    assert "The picture, text or values of 1 sample were left out" in render(audit_of(findings, samples=samples[:1]))
    assert "left out to keep this file small" not in render(audit_of(findings, samples=()))
    assert set(data_of(page)["findings"]) == {finding.id for finding in findings[:10]}  # type: ignore[call-overload]


def test_a_page_stays_below_its_size_whatever_the_audit() -> None:
    long = "n" * 5000
    findings = [leak(f"{i}{long}", f"b{i}{long}", long) for i in range(700)]
    findings += [replace(wrong(f"w{i}", long), kind=f"kind_{i % 12}") for i in range(700)]
    exhibits = {id: Exhibit(text=long) for finding in findings for id in finding.sample_ids}
    classes = [f"{i} {long}" for i in range(1000)]
    audit = audit_of(findings, exhibits=exhibits)
    counts = {split: dict.fromkeys(classes, 1) for split in ("train", "test")}
    ignored = [{"path": long, "reason": "hidden"}] * 5000
    dataset = {**audit.dataset, "classes": classes, "counts": counts, "ignored": ignored, "notes": [long] * 1000}
    page = render(replace(audit, dataset=dataset))
    assert len(page.encode()) <= MOST_BYTES
    assert page.count("<article") > 100
    assert "more classes are in" in page
    assert len(set(re.findall(r'id="kind-(\w+?)"', page))) == 13


def test_more_labels_for_review_than_a_page_can_ask_about_are_counted() -> None:
    ids = [f"{i}{'n' * 5000}" for i in range(1000)]
    figures = {"review": [{"split": "train", "size": 5000, "drawn": ids, "suggested": ["x"] * len(ids)}]}
    audit = audit_of(
        [], checks=(Check("mislabeled", "ran", 5, 5, 0, figures=figures),),
        samples=tuple({"id": id, "split": "train", "label": "y"} for id in ids),
        exhibits={id: Exhibit(text="t" * 400) for id in ids},
    )  # fmt: skip
    page = render(audit)
    asked = data_of(page)["review"]
    assert len(page.encode()) <= MOST_BYTES
    assert asked["strata"] == [{"split": "train", "size": 5000, "drawn": 1000}]  # type: ignore[index]
    assert page.count('<li class="question">') == len(asked["samples"]) == 250  # type: ignore[index]
    assert "This page asks about 250 of them; the other 750 are in" in page


def test_samples_can_be_left_out_and_the_page_says_so() -> None:
    finding = leak("t", "b", "c")
    finding = replace(finding, evidence={**finding.evidence, "copies": [
        {**finding.evidence["copies"][0], "differences": [["left", "secret words"], ["right", "other"]]}]})  # fmt: skip
    shown = audit_of([finding], heat_maps={finding.id: HeatMap("t", "b", "data:image/png;base64,BBBB", "hot")})
    assert "secret words" in render(shown)
    assert "data:image/png;base64,BBBB" in render(shown)
    page = render(replace(shown, shows_samples=False, exhibits={}))
    assert "secret words" not in page
    assert "data:image" not in page
    assert "were left out of this page, as requested" in page
    assert "t has a copy b" in page


def test_changes_since_the_baseline_are_on_the_cards_and_in_sum() -> None:
    known, fresh = leak("t", "b", "c"), leak("t2", "b2", "c")
    line = Accepted(known.fingerprint, known.id, known.message, "a known one", "Ada", "2026-01-01", "2027-01-31")
    gone = replace(line, message="one that went")
    text = Tags(render(audit_of([known, fresh], changes=Changes("base.json", {known.id: line}, (), (gone,))))).text
    assert "1 new, 1 known, 0 expired, 1 gone" in text
    assert "accepted by Ada until 2027-01-31: a known one" in text
    assert "one that went" in text


def test_no_trust_and_no_findings_are_said() -> None:
    page = render(audit_of([], trust=None))
    assert "PASS" in page
    assert "Not measured" in page
    assert "<p>None.</p>" in page


def test_ids_in_the_page_are_unique_anchors_and_all_links_lead_somewhere() -> None:
    audit = audit_of([leak("t", "b", "c"), wrong("w", "c"), hanging("h", ["b"], "c"), hanging("i", ["b"], "c")],
                     samples=({"label_quality": 0.5}, {"label_quality": 0.9}))  # fmt: skip
    page = Tags(render(audit))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag in ("a", "use")}
    assert targets <= set(ids)


def test_what_a_decision_names_is_on_the_page_in_full() -> None:
    finding = wrong("folder/</script>.png", "cat")
    data = data_of(render(audit_of([finding])))
    assert data["dataset"] == {"name": "shirt", "fingerprint": "0" * 64,
                               "reading": {"seed": 0, "label": None, "rows": 100_000}}  # fmt: skip
    known = data["findings"][finding.id]  # type: ignore[index]
    assert known["fingerprint"] == finding.fingerprint
    assert known["remedies"][0] == {
        "words": "Relabel folder/</script>.png as 'other'",
        "remedy": {"action": "relabel", "sample_ids": ["folder/</script>.png"], "to": ["other"]},
    }


def test_severity_and_verdict_are_never_told_by_colour_alone() -> None:
    page = render(audit_of([leak("t", "b", "c")]))
    assert re.search(r'class="severity"><svg [^>]*><use href="#icon-high"/></svg>high<', page)
    assert re.search(r'<p class="status">FAIL</p>', page)


def test_a_kind_that_no_card_was_made_for_shows_its_plain_evidence() -> None:
    odd = Finding("odd", Severity.LOW, ("x/y.png",), 1.0, "odd", fingerprint("odd", ["x"]),
                  {"q_value": 0.0123, "split": "train", "deviations": {"pixels": 4.5}, "list": [1, 2]})  # fmt: skip
    large = PIXEL + "A" * 8000
    page = render(audit_of([odd], kinds={"odd": ("odd", "Odd ones")}, exhibits={"x/y.png": Exhibit(picture=large)}))
    for words in ('<a href="#kind-odd"><span>Odd ones</span>', "Q value", "0.0123", "pixels 4.5", large):
        assert words in page


def test_documents_keep_to_the_published_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    audit = audit_of([leak("t", "b", "c"), wrong("w", "c")])
    audit = replace(audit, reproduce={**audit.reproduce, "settings": []})
    validator.validate(document(audit))
    validator.validate(document(replace(audit, trust=None)))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**document(audit), "surprise": 1})


def test_exports_write_whole_files_only(tmp_path: Path) -> None:
    audit = audit_of([leak("t", "b", "c"), wrong("w", "c")])
    for name in plugins.names("exports"):
        plugins.get("exports", name).write(audit, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert {"audit.json", "cost.json", "findings.jsonl", "pairs.csv", "report.html", "samples.csv"} <= written
    lines = [json.loads(line) for line in (tmp_path / "findings.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [plain(finding_document(finding)) for finding in audit.findings]
    assert lines[1]["evidence"]["mean_influence"] is None
    assert list(pd.read_csv(tmp_path / "pairs.csv").columns) == list(Pair._fields)
    before = (tmp_path / "findings.jsonl").read_bytes()
    broken = replace(audit, findings=(replace(audit.findings[0], evidence={"bad": object()}),))
    with pytest.raises(TypeError):
        plugins.get("exports", "findings_jsonl").write(broken, tmp_path)
    assert (tmp_path / "findings.jsonl").read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))
