"""One summary says the same on the page, in audit.json and in the terminal."""

from dataclasses import replace

from dataaudit.findings import Verification
from dataaudit.reporting import terminal
from dataaudit.reporting.exports.audit_json import document
from dataaudit.reporting.gallery import PageBudget, groups
from dataaudit.reporting.page import render
from dataaudit.reporting.summary import summarize
from dataaudit.result import Accepted, Changes, Check, Verdict

from ..fixtures_findings import audit_of, leak, wrong


def test_page_terminal_and_json_say_the_same() -> None:
    audit = audit_of([leak("t", "b", "c"), wrong("w", "c")])
    summary = summarize(audit)
    page, printed, data = render(audit), terminal.summary(audit, "report.html"), document(audit)["summary"]
    assert summary.trust is not None
    for words in (summary.trust.short, summary.retraining, summary.status):
        assert words in page
        assert words in printed
    assert data["trust"] == summary.trust.short
    assert data["retraining"] == summary.retraining == "none made, 2 unverified"
    assert data["severities"] == {"critical": 0, "high": 1, "medium": 1, "low": 0, "info": 0}
    assert data["kinds"] == {"leakage": 1, "mislabeled": 1}
    assert [rule["mark"] for rule in data["rules"]] == [rule.mark for rule in summary.rules]
    assert "broken" in [rule.mark for rule in summary.rules]


def test_kinds_come_in_the_order_of_their_worst() -> None:
    lines = summarize(audit_of([wrong("w", "c"), leak("t", "b", "c"), leak("t2", "b2", "c")])).kinds
    assert [(line.kind, line.total, line.worst) for line in lines] == [
        ("leakage", 2, "high"),
        ("mislabeled", 1, "medium"),
    ]


def test_a_learner_on_a_nets_features_is_named_as_it_is_asked_for() -> None:
    audit = audit_of([])
    learner = {**audit.learner, "recipe": {"learner": "image", "C": 10.0, "features": "lite0"}}
    facts = dict(summarize(replace(audit, learner=learner)).facts)
    assert facts["Learner"].startswith("image:features=lite0, 8 models on ")
    assert dict(summarize(audit).facts)["Learner"].startswith("image, 8 models on ")


def test_coverage_tells_ran_skipped_and_broken_apart() -> None:
    checks = (Check("a", "ran", 3, 3, 0, notes=("n",)), Check("b", "skipped", 0, 3, 0, "no images"),
              Check("c", "error", 0, 3, 0, "ValueError"), Check("d", "not run", 0, 3, 0, "not allowed"))  # fmt: skip
    summary = summarize(audit_of([], checks=checks))
    assert [(line.status, line.mark) for line in summary.coverage] == [
        ("ran", "kept"), ("skipped", "open"), ("could not run", "broken"), ("not run", "broken")]  # fmt: skip
    assert [line.notes for line in summary.coverage] == [("n",), ("no images",), ("ValueError",), ("not allowed",)]
    assert summary.basis[0] == "8 samples; 1 of 4 checks ran"


def test_retraining_is_counted_with_its_seeds() -> None:
    confirmed = replace(leak("t", "b", "c"), verification=Verification("confirmed", "drop", 1.0, (0.5, 1.5), 0.0, 4))
    assert (
        summarize(audit_of([confirmed, wrong("w", "c")])).retraining == "1 confirmed, 1 unverified (4 training seeds)"
    )
    assert summarize(audit_of([])).retraining == ""


def test_an_interval_that_holds_zero_is_warned_of_everywhere() -> None:
    audit = audit_of([])
    assert audit.trust is not None
    unsure = replace(audit, trust={**audit.trust, "interval": (-0.1, 0.6)})
    assert "not significantly better than chance" in terminal.summary(unsure, "r")
    assert "not significantly better than chance" in render(unsure)
    assert "better than chance" not in terminal.summary(audit, "r")


def test_changes_are_counted_and_nothing_that_differs_from_run_to_run_is_in_the_headline() -> None:
    known, expired = leak("t", "b", "c"), leak("t2", "b2", "c")
    line = Accepted(known.fingerprint, known.id, known.message, "", "", "2026-01-01", "")
    past = replace(line, fingerprint=expired.fingerprint, message=expired.message, by="Ada", expires="2026-02-01")
    changes = Changes("b.json", {known.id: line}, (past,), ())
    audit = audit_of([known, expired, wrong("w", "c")], changes=changes)
    summary = summarize(audit)
    assert summary.changes is not None
    assert summary.headline()["changes"] == summary.changes.words == "1 new, 1 known, 1 expired, 0 gone"
    assert summary.changes.known == (("t has a copy b", "accepted by an unnamed reviewer with no expiry date"),)
    cards = [card for group in groups(audit, PageBudget())[0] for card in group.cards]
    assert [(card.change, card.accepted) for card in cards] == [
        ("known", "accepted by an unnamed reviewer with no expiry date"),
        ("expired", "accepted by Ada until 2026-02-01"),
        ("new", ""),
    ]  # fmt: skip
    slower = replace(audit, cost=replace(audit.cost, seconds={"pool": 99.0}))
    assert summarize(slower).headline() == summary.headline()
    assert summarize(slower).cost != summary.cost
    reusing = replace(audit, cost=replace(audit.cost, saved=500.0))
    assert summarize(reusing).cost.endswith("; what the earlier audit had saved 8 minutes")


def test_an_accuracy_too_good_to_be_true_is_said_on_the_first_page() -> None:
    audit = audit_of([])
    assert not any("Too good" in line for line in summarize(audit).basis)
    performance = {**audit.learner["performance"], "ensemble": 0.998, "lowest_skill": 0.992}
    suspicious = replace(audit, learner={**audit.learner, "performance": performance})
    (line,) = (line for line in summarize(suspicious).basis if "Too good" in line)
    assert "accuracy 99.8%" in line
    assert line in render(suspicious)
    assert line in document(suspicious)["summary"]["rests_on"]


def test_every_verdict_has_a_meaning() -> None:
    audit = audit_of([])
    meanings = {
        summarize(replace(audit, verdict=Verdict(status, (), 0))).meaning  # type: ignore[arg-type]
        for status in ("PASS", "FAIL", "INCOMPLETE")
    }
    assert len(meanings) == 3


def test_a_score_above_its_estimated_ceiling_is_said_to_be_at_it() -> None:
    audit = audit_of([])
    assert audit.trust is not None
    above = summarize(replace(audit, trust={**audit.trust, "lds": 0.9, "ceiling": 0.8}))
    assert above.trust is not None
    assert above.trust.words.endswith(", at the noise ceiling (0.80), which is estimated as well")
    below = summarize(replace(audit, trust={**audit.trust, "lds": 0.4, "ceiling": 0.8}))
    assert below.trust is not None
    assert below.trust.words.endswith(", 50% of the noise ceiling (0.80)")
