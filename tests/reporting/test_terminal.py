from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataaudit.dataset import Dataset, IgnoredPath, Layout, UnreadableSample
from dataaudit.findings import Finding, Severity, Verification
from dataaudit.reporting import terminal
from dataaudit.result import Check, Verdict

from ..fixtures_findings import audit_of

HOSTILE = "\x1b[2Jcat\r\n\u202egod\x9b\udcff"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("a\rb", "a\\rb"),
        ("a\tb", "a\\tb"),
        ("\0", "\\x00"),
        ("\x7f", "\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egod", "\\u202egod"),
        ("\u200bcat", "\\u200bcat"),
        ("\udcff", "\\udcff"),
    ],
    ids=ascii,
)
def test_control_characters_are_shown_and_not_sent(line: str, shown: str) -> None:
    assert terminal.printable(line) == shown


@pytest.mark.parametrize("line", ["", "cat 1, dog 2", "naïve café", "猫と犬", "😀 ✓", "back\\slash", "\"quotes' <b>"])
def test_other_text_is_left_alone(line: str) -> None:
    assert terminal.printable(line) == line


def sent(shown: str) -> set[str]:
    """Characters of an output that a terminal could act on."""
    return {character for character in shown if not character.isprintable()} - {"\n"}


def hostile_dataset() -> Dataset:
    return Dataset(
        root=Path(HOSTILE),
        ids=(f"{HOSTILE}/1.png", f"{HOSTILE}/2.png", "dog/3.png"),
        inputs=np.zeros((3, 1, 8, 8), np.uint8),
        targets=np.array([0, 0, 1]),
        splits=np.array(["train", "test", "train"]),
        class_names=(HOSTILE, "dog"),
        contents=("a", "b", "c"),
        sources=(Path("1"), Path("2"), Path("3")),
        layout=Layout("image_folder", "split folders", (IgnoredPath(HOSTILE, "hidden"),), (f"note {HOSTILE}",)),
        rejected=(UnreadableSample(HOSTILE, "test", HOSTILE, f"broken {HOSTILE}"),),
    )


def test_names_in_the_layout_reach_no_terminal_raw() -> None:
    dataset = hostile_dataset()
    shown = terminal.layout(dataset, 30)
    assert sent(shown) == set()
    assert shown.encode("utf-8")
    assert any(line.startswith("  \\x1b[2Jcat\\r\\n\\u202egod") for line in shown.splitlines())


def test_the_layout_shows_splits_classes_and_what_was_left_out() -> None:
    lines = terminal.layout(hostile_dataset(), 30).splitlines()
    words = [line.split() for line in lines]
    assert "splits: split folders" in lines
    assert ["train", "test"] in words
    assert ["dog", "1", "0"] in words
    assert ["all", "2", "1"] in words
    assert [line.split(":")[0] for line in lines[-5:]] == [
        "note",
        "ignored (hidden)",
        "unreadable in test",
        "audited",
        "estimated time",
    ]


def test_long_names_of_classes_are_seen_to_be_cut() -> None:
    dataset = replace(hostile_dataset(), class_names=("n" * 24, "m" * 25))
    names = [line.split()[0] for line in terminal.layout(dataset, 30).splitlines()]
    assert "n" * 24 in names
    assert "m" * 21 + "..." in names


def test_messages_in_the_summary_reach_no_terminal_raw() -> None:
    checks = (
        Check("leakage", "error", 0, 3, 0, f"ValueError: {HOSTILE}"),
        Check("integrity", "ran", 3, 3, 1, notes=(HOSTILE,)),
    )
    audit = audit_of([], HOSTILE, verdict=Verdict("INCOMPLETE", (f"could not run: {HOSTILE}",), 3), checks=checks)
    shown = terminal.summary(audit, f"/data/{HOSTILE}/report.html")
    assert sent(shown) == set()
    assert shown.startswith("INCOMPLETE: could not run: \\x1b[2Jcat\\r\\n")
    assert "  leakage         could not run: ValueError: \\x1b" in shown
    assert shown.splitlines()[-1] == "report: /data/\\x1b[2Jcat\\r\\n\\u202egod\\x9b\\udcff/report.html"


def test_the_summary_tells_what_was_planted_and_what_was_proven() -> None:
    planted = {"planted": {"a": 4, "b": 2}, "found": {"a": 3, "b": 0}, "reported": 5, "right": 3, "procedure": "",
               "threshold": None}  # fmt: skip
    confirmed = Finding("odd", Severity.LOW, (), 1.0, "odd", "0", verification=Verification("confirmed"))
    findings = [confirmed, confirmed, Finding("odd", Severity.LOW, (), 1.0, "odd", "1")]
    audit = audit_of(findings, checks=(Check("odd", "ran", 3, 3, 1, calibration=planted),))
    shown = terminal.summary(audit, "report.html")
    assert "planted faults: 3 of 6 found; 3 of 5 reports were right" in shown
    assert "retraining test: 2 confirmed, 1 unverified" in shown
    assert "findings: 3 low" in shown
