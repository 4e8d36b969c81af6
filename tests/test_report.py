"""The page holds what the audit holds, escaped, self-contained and bounded; the documents keep to their schema."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from dataaudit import plugins
from dataaudit.audit import Audit, Check, Cost, finding_document, plain
from dataaudit.exhibits import Exhibit
from dataaudit.exports.audit_json import SCHEMA
from dataaudit.findings import Finding, Pair, Severity, Verification, fingerprint
from dataaudit.gate import judge
from dataaudit.report import SHOWN_PER_KIND, render, shown_samples

HOSTILE = [
    '"><img src=x onerror=alert(1)>.png',
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "</style><style>*{display:none}",
    "javascript:alert(1)",
    "&lt;already escaped&gt;",
    "right-to-left \u202e override",
    "a" * 5000,
]


def leak(test: str, train: str, label: str) -> Finding:
    copy = {"test_id": test, "train_id": train, "splits": ["test", "train"], "test_label": label, "train_label": label,
            "labels_agree": True, "exact": False, "similarity": 0.99, "mirrored": True, "score": 12.0, "q_value": 0.01,
            "influence": 0.5, "influence_deviations": 40.0, "influence_place": 1}  # fmt: skip
    largest = [{"id": train, "influence": 0.5, "influence_deviations": 40.0}]
    evidence = {"copies": [copy], "labels_agree": True, "largest_influencers": largest}
    print_ = fingerprint("leakage", [test, train])
    return Finding("leakage", Severity.HIGH, (test, train), 12.0, f"{test} has a copy {train}", print_, evidence)


def wrong(id: str, label: str) -> Finding:
    evidence = {"split": "train", "label": label, "suggested_label": "other", "probability_wrong": 0.9,
                "q_value": 0.05, "self_confidence": 0.02, "views": {"pool": {"label": 0.1, "suggested": 0.8}},
                "self_influence": 1.0, "self_influence_percentile": 99.0, "mean_influence": float("nan"),
                "for_label": [{"id": label, "label": label, "influence": 0.3}],
                "for_suggested": [{"id": f"like {label}", "label": "other", "similarity": 0.8}]}  # fmt: skip
    return Finding(
        "mislabeled", Severity.MEDIUM, (id,), 0.9, f"{id} {label}", fingerprint("mislabeled", [id]), evidence
    )


def audit_of(findings: list[Finding], label: str = "shirt", **changes: object) -> Audit:
    checks = (Check("leakage", "ran", 5, 5, len(findings), notes=(f"note about {label}",)),)
    audit = Audit(
        verdict=judge(checks, findings, Severity.HIGH),
        dataset={
            "name": label, "path": f"/data/{label}", "fingerprint": "0" * 64, "format": "image_folder",
            "modality": "image", "task": "classification", "split_origin": "split folders", "target_split": "test",
            "sizes": {"train": 7, "test": 1}, "target_quartiles": None,
            "classes": [label, "other"], "counts": {"train": {label: 3, "other": 4}, "test": {label: 1, "other": 0}},
            "unreadable": 0, "ignored": [{"path": label, "reason": "hidden"}], "notes": [label],
            "reading": {"seed": 0, "label": None, "rows": 100_000},
        },
        learner={
            "recipe": {"learner": "image"}, "gradients_of": None, "checkpoints": [], "models": 8,
            "distinct_subsets": 6, "training_rows_per_model": 3,
            "performance": {"measure": "accuracy", "split": "test", "mean": 0.8, "standard_deviation": 0.01,
                            "ensemble": 0.85},
        },
        trust={
            "lds": 0.5, "interval": (0.4, 0.6), "ceiling": 0.8, "n_subsets": 4, "n_targets": 5, "slope": 2.0,
            "ridge": 0.1,
        },
        checks=checks,
        findings=tuple(findings),
        reproduce={"arguments": ["run", f"/data/{label}"], "versions": {"dataaudit": "0"}, "device": "cpu"},
        limits=("a limit",),
        cost=Cost({"pool": 1.0}, 100.0, 0),
        samples=({"id": label, "split": "train", "label": label},),
        pairs=(Pair("t", label, 0.9, float("nan"), 1.0, "candidate", 1),),
        exhibits={"t": Exhibit(picture="data:image/png;base64,AAAA")},
        explanations={"leakage": {"summary": "s", "What it finds": "f"}},
    )  # fmt: skip
    return replace(audit, **changes)  # type: ignore[arg-type]


class Tags(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("string", HOSTILE, ids=lambda string: string[:20])
def test_strings_from_the_data_are_text_and_nothing_else(string: str) -> None:
    harmless = Tags(render(audit_of([leak("t", "x", "x"), wrong("w", "x")], "x")))
    hostile = Tags(render(audit_of([leak("t", string, string), wrong(string, string)], string)))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in harmless.tags]
    assert not any(name.startswith("on") for _, attributes in hostile.tags for name in attributes)
    assert string in hostile.text


def test_the_page_loads_nothing_and_forbids_it() -> None:
    page = Tags(render(audit_of([leak("t", "b", "c")])))
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(value and value.startswith(("data:", "#")) for value in sources)
    assert not any(tag in ("script", "link", "iframe", "object") for tag, _ in page.tags)
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and "Content-Security-Policy" in a.values()]
    assert policies[0] is not None
    assert policies[0].startswith("default-src 'none'")


def test_every_number_a_reviewer_needs_is_on_the_page() -> None:
    text = Tags(render(audit_of([leak("test/a.png", "train/b.png", "coat")]))).text
    for needed in ("FAIL", "1 leakage finding of severity high", "LDS 0.50 (95 % interval 0.40 to 0.60)", "80.0%",
                   "test/a.png has a copy train/b.png", "5 of 5", "unverified", "a limit", "(+40 robust"):  # fmt: skip
        assert needed in text


def test_what_is_left_out_is_counted() -> None:
    findings = [leak(f"t{i}", f"b{i}", "c") for i in range(SHOWN_PER_KIND + 7)]
    page = render(audit_of(findings))
    assert "7 more are in" in page
    assert page.count("<article") == SHOWN_PER_KIND
    assert "pictures or texts were left out" in page
    assert len(shown_samples(findings)) == 2 * SHOWN_PER_KIND


def test_no_trust_and_no_findings_are_said() -> None:
    page = render(audit_of([], trust=None))
    assert "PASS" in page
    assert "Not measured" in page


def test_ids_in_the_page_are_unique_anchors_and_all_links_lead_somewhere() -> None:
    page = Tags(render(audit_of([leak("t", "b", "c"), wrong("w", "c")])))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {str(attributes["href"])[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= set(ids)


def test_documents_keep_to_the_published_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    audit = audit_of([leak("t", "b", "c"), wrong("w", "c")])
    validator.validate(audit.document())
    validator.validate(replace(audit, trust=None).document())
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**audit.document(), "surprise": 1})


def test_exports_write_whole_files_only(tmp_path: Path) -> None:
    audit = audit_of([leak("t", "b", "c"), wrong("w", "c")])
    for name in plugins.names("exports"):
        plugins.get("exports", name).write(audit, tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"audit.json", "cost.json", "findings.jsonl", "pairs.csv", "report.html", "samples.csv"}
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


def test_severity_and_verdict_are_never_told_by_colour_alone() -> None:
    page = render(audit_of([leak("t", "b", "c")]))
    assert re.search(r'class="severity">high<', page)
    assert re.search(r"FAIL\s*</p>", page)


def hanging(id: str, support: list[str], label: str) -> Finding:
    evidence = {"test_id": id, "label": label, "predicted": label, "support_size": len(support), "flips": 4,
                "trainings": 4, "flips_after_random_removal": 0, "random_trainings": 8, "q_value": 0.002, "lead": 2.5,
                "lead_without": -1.25, "support": [{"train_id": one, "label": label, "influence": 0.5}
                                                   for one in support]}  # fmt: skip
    verification = Verification("confirmed", "fall of the lead", 3.75, (3.0, 4.5), 0.1, 4)
    return Finding("brittle", Severity.LOW, (id, *support), 0.5, f"{id} flips", fingerprint("brittle", [id]), evidence,
                   verification)  # fmt: skip


def group(ids: list[str], label: str) -> Finding:
    measure = {"with": 0.8, "without": 0.83, "after_random_removal": 0.79, "gain": [0.03, 0.02, 0.04],
               "more_than_random": [0.04, 0.03, 0.05]}  # fmt: skip
    evidence = {"size": len(ids), "classes": {label: len(ids)}, "measures": {"accuracy": measure},
                "members": [{"train_id": id, "label": label, "harm": 0.1} for id in ids]}  # fmt: skip
    return Finding("harmful", Severity.MEDIUM, tuple(ids), 0.03, "harm", fingerprint("harmful", ids), evidence)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_proof_planted_faults_and_plots_are_shown_and_escaped(hostile: str) -> None:
    findings = [hanging(hostile, ["a.png", "b.png"], hostile), group([hostile, "c.png"], hostile)]
    planted = {"planted": {hostile: 10}, "found": {hostile: 9}, "reported": 9, "right": 9, "procedure": hostile,
               "threshold": None}  # fmt: skip
    figures = {
        "counterfactual": {"predicted": [1.0, 2.0, 4.0], "actual": [0.5, 2.5, 3.5], "correlation": 0.95},
        "supports": [
            {"id": hostile, "size": 2, "status": "confirmed"},
            {"id": "x", "size": None, "status": "not found"},
        ],
        "most": 80,
    }
    check = Check("brittle", "ran", 2, 5, 1, calibration=planted, figures=figures)
    audit = audit_of(
        findings, checks=(check,), kinds={"brittle": ("brittle", "Hanging"), "harmful": ("harmful", "Harm")}
    )
    page = render(audit)
    assert "9 of 10 (60% to 98%)" in page
    assert "fall of the lead: +3.75 (95 % +3 to +4.5); +0.1 after a random removal" in page
    assert "0.8000 with the group, 0.8300 without" in page
    assert page.count("<circle") == 3
    assert "Pearson +0.9" in page
    assert "<img src=x" not in page
    assert "<script" not in page
    assert shown_samples(findings) == list(dict.fromkeys([hostile, "a.png", "b.png", "c.png"]))


def test_a_kind_that_no_card_was_made_for_shows_its_plain_evidence() -> None:
    odd = Finding("odd", Severity.LOW, ("x/y.png",), 1.0, "odd", fingerprint("odd", ["x"]),
                  {"q_value": 0.0123, "split": "train", "deviations": {"pixels": 4.5}, "list": [1, 2]})  # fmt: skip
    page = render(audit_of([odd], kinds={"odd": ("odd", "Odd ones")}))
    assert "Odd ones" in page
    for words in ("Q value", "0.0123", "pixels 4.5"):
        assert words in page
