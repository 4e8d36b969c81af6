"""Accepted findings: recorded with a reason, known again by content, for a time."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataaudit.cli import cli
from dataaudit.errors import InputError
from dataaudit.findings import Finding, Severity
from dataaudit.result import SCHEMA_VERSION, Accepted
from dataaudit.verdict.baseline import accept, compared, read_baseline, write_baseline

TODAY = date(2026, 5, 1)


def finding(number: int) -> Finding:
    return Finding("leakage", Severity.HIGH, (f"test/{number}.png",), 1.0, f"m{number}", f"{number:01x}" * 64)


def accepted(number: int, expires: str = "") -> Accepted:
    one = finding(number)
    return Accepted(one.fingerprint, one.id, one.message, "known", "the lab", "2026-04-01", expires)


def test_a_baseline_is_read_as_it_was_written(tmp_path: Path) -> None:
    lines = [accepted(2), accepted(1, "2026-06-01")]
    write_baseline(tmp_path / "b.json", lines)
    assert set(read_baseline(tmp_path / "b.json")) == set(lines)
    write_baseline(tmp_path / "c.json", reversed(lines))
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "c.json").read_bytes()


def test_findings_are_new_known_expired_or_gone() -> None:
    lines = [accepted(1), accepted(2, "2026-05-01"), accepted(3, "2026-04-30"), accepted(4)]
    changes = compared(Path("b.json"), lines, [finding(number) for number in (1, 2, 3, 5)], {"leakage"}, TODAY)
    assert changes.known == {finding(1).id: lines[0], finding(2).id: lines[1]}  # the last day still counts
    assert changes.expired == (lines[2],)
    assert changes.gone == (lines[3],)
    assert compared(Path("b.json"), lines, [], {"mislabeled"}, TODAY).gone == ()  # nobody looked


def test_the_later_word_on_a_finding_holds() -> None:
    document = {"fingerprint": "1" * 64, "id": "leakage-111111111111", "message": "m1"}
    old, new = accept([document], [accepted(1), accepted(2)], "better", "us", TODAY, "2027-01-01")
    assert new == accepted(2) or old == accepted(2)
    (mine,) = [entry for entry in (old, new) if entry.fingerprint == "1" * 64]
    assert (mine.reason, mine.by, mine.recorded, mine.expires) == ("better", "us", "2026-05-01", "2027-01-01")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a baseline"),
        ("[]", "schema_version 1, found 'list'"),
        ('{"schema_version": 2, "accepted": []}', "found 2"),
        ('{"schema_version": 1}', "expected a list under 'accepted'"),
        ('{"schema_version": 1, "accepted": [{"id": "x"}]}', r"accepted\[0\]: expected the words fingerprint"),
        ("[" * 100_000, "expected a baseline"),
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InputError, match=expected):
        read_baseline(tmp_path / "b.json")


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    write_baseline(tmp_path / "b.json", [accepted(1, "next year")])
    with pytest.raises(InputError, match="expected a day as in 2027-01-31, found 'next year'"):
        read_baseline(tmp_path / "b.json")


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an audit with two findings; commands run beside it."""
    lines = [{"fingerprint": f.fingerprint, "id": f.id, "message": f.message} for f in (finding(1), finding(2))]
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "audit.json").write_text(json.dumps({"schema_version": SCHEMA_VERSION, "findings": lines}))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "audit"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["baseline", *arguments])


def test_the_command_accepts_all_or_those_that_are_named(audit: Path) -> None:
    assert run("audit", "--reason", "known", "--by", "us", "--expires", "2999-01-01").exit_code == 0
    accepted = read_baseline(Path("dataaudit-baseline.json"))
    assert {entry.id for entry in accepted} == {finding(1).id, finding(2).id}
    assert {(entry.reason, entry.by, entry.expires) for entry in accepted} == {("known", "us", "2999-01-01")}
    assert run("audit/audit.json", finding(2).id, "--reason", "other", "--output", "b.json").exit_code == 0
    assert run("audit", finding(1).id, "--reason", "one more", "--output", "b.json").exit_code == 0
    assert {entry.id: entry.reason for entry in read_baseline(Path("b.json"))} == {
        finding(1).id: "one more", finding(2).id: "other",
    }  # fmt: skip


def test_the_command_takes_what_a_reviewer_rejected_or_deferred(audit: Path) -> None:
    decisions = [
        {"finding": f.id, "fingerprint": f.fingerprint, "kind": "leakage", "message": f.message, "decision": decision,
         "remedy": None, "reason": reason, "reviewer": "Kim", "at": "2026-05-01T12:00:00.000Z"}
        for f, decision, reason in ((finding(1), "reject", "twins"), (finding(2), "accept", "yes"))
    ]  # fmt: skip
    content = {"schema_version": 1, "signature": None, "decisions": decisions,
             "dataset": {"name": "photos", "fingerprint": "0" * 64,
                         "reading": {"seed": 0, "label": None, "rows": 100_000}}}  # fmt: skip
    Path("decisions.json").write_text(json.dumps(content))
    result = run("audit", "--decisions", "decisions.json")
    assert result.exit_code == 0, result.output
    (entry,) = read_baseline(Path("dataaudit-baseline.json"))
    assert (entry.id, entry.reason, entry.by) == (finding(1).id, "twins", "Kim")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["audit"], "accepted for a reason"),
        (["audit", "--reason", "  "], "accepted for a reason"),
        (["audit", "leakage-ffff", "--reason", "x"], "'leakage-ffff' is no finding of the audit"),
        (["audit", "--reason", "x", "--expires", "soon"], "expected a day as in 2027-01-31"),
        (["audit", "--reason", "x", "--expires", "2020-01-01"], "expected a day to come"),
        (["nowhere", "--reason", "x"], "expected the audit.json of `dataaudit run`"),
        (["audit", "leakage-ffff", "--decisions", "d.json"], "found both"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_nothing_is_written(
    audit: Path, arguments: list[str], expected: str
) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert expected in str(result.exception)
    assert not Path("dataaudit-baseline.json").exists()
