"""Strings that mean harm, as names of files, classes and columns, as labels and as texts, through a whole audit."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from dataaudit.cli import cli
from dataaudit.verdict.decisions import SCHEMA_VERSION

from .commands.auditing import picture
from .fixtures_findings import HOSTILE

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]
SURROGATES = [string for string in HOSTILE if any("\ud800" <= letter <= "\udfff" for letter in string)]


def pictures(root: Path) -> Path:
    """Every string that a file system takes as the name of a picture, two of them as classes."""
    names = [string for string in HOSTILE if not {"/", "\0"} & set(string) and len(string) < 100]
    names = [name for name in names if name not in SURROGATES]
    for number, name in enumerate(names):
        for place, folder in enumerate(("{{ 7 * 7 }}<script>", "# `b` | [x](y)")):
            picture(root / "train" / folder / f"{name}.png", 100 * place + number, bright=bool(place))
    for place, folder in enumerate(("{{ 7 * 7 }}<script>", "# `b` | [x](y)")):
        for number in range(5):  # the first is in training, too
            picture(root / "test" / folder / f"'><b>{number}.png", 100 * place + 1000 * number, bright=bool(place))
    return root


def texts(root: Path) -> Path:
    """Every string as a label, and in texts."""
    path, rng = root.with_name("texts.jsonl"), random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for string in HOSTILE:
            told = [f"{string} " + " ".join(rng.choices(WORDS, k=8)) for _ in range(4)]
            for text in (*told, told[0]):  # the last is a copy
                file.write(json.dumps({"text": text, "label": string}) + "\n")
    return path


def table(root: Path) -> Path:
    """Every string as a column, and in cells."""
    path, rng = root.with_name("table.csv"), random.Random(0)
    names = [name for name in HOSTILE if name not in SURROGATES and "\0" not in name and name.strip()]
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*names, "label"])
        for number in range(160):
            cells = [rng.choice(names[:12]) if place % 3 else rng.gauss(number % 2, 1) for place in range(len(names))]
            row = [*cells, "<b>yes</b>" if number % 2 else "{{no}}"]
            rows.writerows([row] * (1 + (number < 20)))  # some rows twice
    return path


@pytest.mark.parametrize("make", [pictures, texts, table])
def test_an_audit_reads_writes_and_mends_it_as_plain_text(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    data, out = make(tmp_path / "data"), tmp_path / "out"
    quick = ["--runs", "8", "--jobs", "1", "--verify", "0", "--brittle", "0", "--learner", "linear"]
    options = [*quick, "--output", str(out)]
    result = CliRunner().invoke(cli, ["run", str(data), *options])
    assert result.exit_code in (0, 1), result.output
    audit = json.loads((out / "audit.json").read_text(encoding="utf-8", errors="surrogatepass"))
    assert [check["reason"] for check in audit["checks"] if check["status"] == "error"] == []
    assert audit["findings"]
    page = (out / "report.html").read_text(encoding="utf-8")
    for tag in ("<script>alert", "<img src=x", "<svg onload", "<b>bold", "<b>yes", "<!-- comment", "<?php"):
        assert tag not in page
    assert json.loads((out / "audit.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert ElementTree.parse(out / "junit.xml").getroot().tag == "testsuites"
    with (out / "findings.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]

    decisions = [
        {"finding": one["id"], "fingerprint": one["fingerprint"], "kind": one["kind"], "message": one["message"],
         "decision": "accept", "remedy": one["remedies"][0], "reason": "</script>", "reviewer": "{{ 7 * 7 }}",
         "at": "2026-01-01T00:00:00.000Z"}
        for one in audit["findings"] if one["remedies"] and one["remedies"][0]["action"] == "remove"
    ]  # fmt: skip
    if decisions:
        whole = {"schema_version": SCHEMA_VERSION, "signature": None, "decisions": decisions,
                 "dataset": {key: audit["dataset"][key] for key in ("name", "fingerprint", "reading")}}  # fmt: skip
        (tmp_path / "decisions.json").write_text(json.dumps(whole))
        new = data.with_name("new" + data.suffix)
        result = CliRunner().invoke(cli, ["apply", str(data), str(tmp_path / "decisions.json"), "--output", str(new)])
        assert result.exit_code == 0, (result.output, result.exception)
        assert CliRunner().invoke(cli, ["diff", str(data), str(new)]).exit_code == 1
