"""What the first page says in sentences."""

from dataclasses import replace

from dataaudit.findings import Severity
from dataaudit.reporting.conclusions import conclusions
from dataaudit.result import Accepted, Changes, Check, Rule

from ..fixtures_findings import audit_of, leak, wrong

FINDINGS = [leak("t0", "b0", "c"), leak("t1", "b1", "c"), wrong("t2", "c"), wrong("w0", "c")]
EXPLANATIONS = {"leakage": {"What to do": "Remove the copy from one of the splits. If labels differ, look."}}


def row(id: str, right: bool = True, split: str = "test") -> dict[str, object]:
    return {"id": id, "split": split, "label": "c", "predicted": "c" if right else "other"}


def test_what_was_found_what_it_means_and_what_comes_first() -> None:
    rows = [row("t0"), row("t1"), row("t2", right=False), row("t3"), row("t4", right=False), row("w0", split="train")]
    checks = (Check("leakage", "ran", 5, 5, 2), Check("brittle", "error", 0, 5, 0, "broken"))
    audit = replace(audit_of(FINDINGS, samples=tuple(rows), checks=checks), explanations=EXPLANATIONS)
    assert list(conclusions(audit)) == [
        "Reported: train-test leakage (2), label errors (2).",
        "Accuracy measured on the test split: 60.0%, 33.3% without its 2 samples with a copy in training, 75.0% "
        "without its 1 label that models doubt.",
        "First, train-test leakage: remove the copy from one of the splits.",
        "Not checked: brittle.",
    ]


def test_nothing_is_said_of_what_there_is_not() -> None:
    assert list(conclusions(audit_of([], samples=(row("t0"),)))) == ["Nothing of medium severity or above was found."]
    limited = replace(audit_of([]), left_out=("The budget of 20 minutes leaves out 16 of 24 models.",))
    assert list(conclusions(limited))[-1] == limited.left_out[0]
    minor = [replace(finding, severity=Severity.LOW) for finding in FINDINGS]
    assert next(conclusions(audit_of(minor))) == ("Nothing of medium severity or above was found; 4 minor findings.")
    many = [replace(FINDINGS[0], kind="unsampled_copies", evidence={"count": 296})]
    assert next(conclusions(audit_of(many))) == "Reported: unsampled copies (296)."
    kinds = [replace(finding, kind=f"kind_{i}") for i, finding in enumerate(FINDINGS * 2)]
    assert next(conclusions(audit_of(kinds))).endswith("kind 4 (1), 3 other kinds.")


def test_what_was_accepted_before_is_neither_named_nor_first() -> None:
    audit = replace(audit_of(FINDINGS), explanations=EXPLANATIONS)
    known = {one.id: Accepted(one.fingerprint, one.id, one.kind, "fine", "Ada", "", "") for one in audit.findings}
    told = list(conclusions(replace(audit, changes=Changes("baseline.json", known, (), ()))))
    assert told == ["Nothing new of medium severity or above was found; 4 accepted before."]
    leaks = {id: one for id, one in known.items() if one.message != "mislabeled"}
    told = list(conclusions(replace(audit, changes=Changes("baseline.json", leaks, (), ()))))
    assert told[0] == "Reported: label errors (2); 2 accepted before."
    assert not any("leakage: remove" in sentence for sentence in told)


def test_a_rule_on_the_models_that_alone_is_broken_comes_first() -> None:
    rules = Rule("", "LDS at least 0.40", "LDS 0.32", kept=False), Rule("leakage", "none", "none", kept=True)
    audit = audit_of([])
    told = list(conclusions(replace(audit, verdict=replace(audit.verdict, rules=rules))))
    assert told[1].startswith("First, the attribution quality, which is below the policy's limit")
