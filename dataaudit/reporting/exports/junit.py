"""junit.xml: the policy's rules as test cases, a suite a check, for the test views of CI servers."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from ...files import replacing
from ...result import Audit, Check, Rule
from ..sanitizing import short

SHOWN = 20
"""Findings in the text of a failure."""
LINE = 500
"""Characters of one of them, and of an attribute."""
WHOLE = "audit"
"""The suite of the rules that are about no single check."""
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold, not even escaped."""


def write(audit: Audit, directory: Path) -> None:
    """Write junit.xml."""
    with replacing(directory / "junit.xml") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(ElementTree.tostring(suites(audit), encoding="unicode") + "\n")


def suites(audit: Audit) -> ElementTree.Element:
    """The document: a suite for every check, and one for the verdict, which is never better than the audit's."""
    root = ElementTree.Element("testsuites", name="dataaudit")
    for check in audit.checks:
        suite = ElementTree.SubElement(root, "testsuite", name=_text(check.name))
        _ran(suite, check)
        for rule in audit.verdict.rules:
            if rule.check == check.name:
                _kept(suite, rule, audit)
        _count(suite, audit.cost.seconds.get(check.name, 0.0))
    suite = ElementTree.SubElement(root, "testsuite", name=WHOLE)
    names = {check.name for check in audit.checks}
    for rule in audit.verdict.rules:
        if rule.check not in names:
            _kept(suite, rule, audit)
    _verdict(suite, audit)
    _count(suite, 0.0)
    _count(root, sum(audit.cost.seconds.get(name, 0.0) for name in names))
    ElementTree.indent(root)
    return root


def _ran(suite: ElementTree.Element, check: Check) -> None:
    case = _case(suite, "the check ran")
    if check.status in ("skipped", "not asked"):
        ElementTree.SubElement(case, "skipped", message=_text(check.reason))
    elif check.status != "ran":
        ElementTree.SubElement(case, "error", message=_text(check.reason), type=check.status)


def _kept(suite: ElementTree.Element, rule: Rule, audit: Audit) -> None:
    case = _case(suite, rule.expects)
    if rule.kept is None:
        ElementTree.SubElement(case, "error", message=_text(rule.found), type="open")
    elif not rule.kept:
        failure = ElementTree.SubElement(case, "failure", message=_text(rule.found), type="rule")
        failure.text = "\n".join(_findings(audit, rule.check))


def _verdict(suite: ElementTree.Element, audit: Audit) -> None:
    case = _case(suite, "verdict")
    if audit.verdict.status != "PASS":
        tag = "error" if audit.verdict.status == "INCOMPLETE" else "failure"
        found = ElementTree.SubElement(case, tag, message=audit.verdict.status, type="verdict")
        found.text = "\n".join(map(_text, audit.verdict.reasons))


def _findings(audit: Audit, check: str) -> Iterator[str]:
    """The most severe findings of a check, or of all, that no baseline accepts."""
    known = audit.changes.known if audit.changes else {}
    found = [
        finding
        for finding in sorted(audit.findings, key=lambda finding: -finding.severity)
        if finding.id not in known and (not check or audit.kinds.get(finding.kind, (check,))[0] == check)
    ]
    for finding in found[:SHOWN]:
        yield _text(f"{finding.severity}: {finding.message}")
    if len(found) > SHOWN:
        yield f"and {len(found) - SHOWN} more, see findings.jsonl"


def _case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=f"dataaudit.{suite.get('name')}", name=_text(name), time="0"
    )


def _count(element: ElementTree.Element, seconds: float) -> None:
    cases = list(element.iter("testcase"))
    results = Counter(result.tag for case in cases for result in case)
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(results[tag]))
    element.set("time", f"{seconds:.2f}")


def _text(text: str) -> str:
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", short(text, LINE))
