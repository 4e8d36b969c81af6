"""`dataaudit card`: from an audit, answers and decisions to a data card."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import dataaudit
from dataaudit.cli import cli
from dataaudit.errors import InputError
from dataaudit.verdict.audit_file import read_audit

from ..cleaning import deciding


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of 120 labels, of which the first 12 are wrong, by given probabilities."""
    rng, output = np.random.default_rng(0), tmp_path_factory.mktemp("card") / "audit"
    truth = rng.integers(2, size=120)
    frame = pd.DataFrame(rng.normal(size=(120, 3)) + 2 * truth[:, None], columns=list("abc"))
    frame["label"] = np.array(["no", "yes"])[np.where(np.arange(120) < 12, 1 - truth, truth)]
    frame.index = pd.Index([f"row {row}" for row in range(120)])
    given = np.where(np.eye(2, dtype=bool)[truth], 0.9, 0.1)
    dataaudit.audit(
        {"train": frame[:80], "test": frame[80:]}, label="label", checks="mislabeled", output=output,
        pred_probs={"train": given[:80], "test": given[80:]},
    )  # fmt: skip
    return output


@pytest.fixture
def answers(audited: Path, tmp_path: Path) -> Path:
    """What a reviewer who knows the truth says."""
    drawn = pd.read_csv(audited / "review.csv", dtype=str, keep_default_na=False)
    drawn["answer"] = np.where(drawn["id"].str.removeprefix("row ").astype(int) < 12, "suggested", "given")
    drawn.to_csv(tmp_path / "answers.csv", index=False)
    return tmp_path / "answers.csv"


@pytest.fixture
def decisions(audited: Path, tmp_path: Path) -> Path:
    """Two labels mended, a sample removed, a finding rejected."""
    remedies = [deciding.remedy("relabel", f"row {row}", to="yes") for row in (0, 1)]
    made = [deciding.decision(remedy, number) for number, remedy in enumerate(remedies)]
    made.append(deciding.decision(deciding.remedy("remove", "row 2"), 2) | {"reviewer": "Ada `*"})
    made.append(deciding.decision(None, 3, "reject"))
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps(deciding.document(read_audit(audited)["dataset"]["fingerprint"], *made)))
    return path


def card(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["card", *map(str, arguments)])


def test_a_card_lies_in_the_audit_and_says_what_it_lacks(audited: Path) -> None:
    result = card(audited)
    assert result.exit_code == 0, result.output
    assert result.output == f"card: {audited / 'card.md'}\n"
    text = (audited / "card.md").read_text(encoding="utf-8")
    sizes = read_audit(audited)["dataset"]["sizes"]
    assert f"- Audited: 120 samples ({sizes['train']} train, {sizes['test']} test)." in text
    assert "| `leakage` | 0 of " in text
    assert "> **Not measured:** Samples removed, relabelled or moved: neither decisions" in text
    assert " CI " not in text
    card(audited / "audit.json")
    assert (audited / "card.md").read_text(encoding="utf-8") == text


def test_answers_and_decisions_are_told_as_review_tells_them(
    audited: Path, answers: Path, decisions: Path, tmp_path: Path
) -> None:
    assert card(audited, answers, "--decisions", decisions, "--output", tmp_path / "README.md").exit_code == 0
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    said = dict(pd.read_csv(answers, dtype=str).set_index("id")["answer"])
    judged = dataaudit.review(audited, said, decisions=decisions)
    for title, share in (
        ("Share of wrong labels", judged.wrong[""]),
        ("Share of wrong labels once the decisions are applied", judged.still_wrong[""]),
    ):
        figure = f"{share.estimate:.1%} of {share.labels} (95% CI {share.low:.1%} to {share.high:.1%}; "
        assert f"- {title}: {figure}{share.reviewed} reviewed)." in text
    assert f"    - Judged by `answers.csv`: {len(said)} labels." in text
    assert "1 sample to be removed, 2 samples to be relabelled, 1 finding rejected.\n" in text
    assert "    - `R. Eviewer`: 2 samples to be relabelled, 1 finding rejected.\n" in text
    assert "    - `` Ada `* ``: 1 sample to be removed.\n" in text
    assert "    - Signed by `R. Eviewer` on `2026-11-26`: `approved`." in text
    assert "Measured in part: 10(2)(c), 10(2)(e)" in text


def test_the_card_of_cleaned_data_says_what_was_done_and_by_whom(
    audited: Path, decisions: Path, tmp_path: Path
) -> None:
    """The record of a cleaning, as if it had made the audited data; one that made others is refused."""
    deciding_on = [{"reviewer": "Ada <b>"}, {"reviewer": "R. Eviewer"}, {"reviewer": "R. Eviewer"}]
    record = {
        "schema_version": 1, "dataset": {"after": read_audit(audited)["dataset"]["fingerprint"]}, "signature": None,
        "counts": {"removed": 1, "relabelled": 1, "moved": 0, "unchanged": 118}, "verified": True,
        "changes": [{"action": "remove", "because": deciding_on}, {"action": "relabel", "because": deciding_on[:1]}],
    }  # fmt: skip
    path = tmp_path / "a.changes.json"
    path.write_text(json.dumps(record))
    assert card(audited, "--changes", path, "--decisions", decisions).exit_code == 0
    text = (audited / "card.md").read_text(encoding="utf-8")
    assert (
        "- Cleaned by dataaudit apply, before this audit: 1 removed, 1 relabelled, 0 moved, 118 unchanged (the result "
        "was compared with the decisions).\n    - `Ada <b>`: 1 sample removed, 1 sample relabelled.\n"
        "    - `R. Eviewer`: 1 sample removed.\n    - Not signed.\n- Decided after this audit"
    ) in text
    path.write_text(json.dumps(record | {"dataset": {"after": "0" * 64}}))
    assert "found one that made other data" in str(card(audited, "--changes", path).exception)
    assert "expected the NAME.changes.json" in str(card(audited, "--changes", decisions).exception)


def test_the_ending_says_the_form(audited: Path, tmp_path: Path) -> None:
    assert card(audited, "--output", tmp_path / "card.html").exit_code == 0
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    result = card(audited, "--output", tmp_path / "card.json")
    assert "note: Croissant also requires url, license, creator" in result.output
    assert json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))["@type"] == "sc:Dataset"
    assert isinstance(card(audited, "--output", tmp_path / "card.pdf").exception, InputError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["card.html", "card.json"]


def test_decisions_on_other_data_and_blank_answers_are_refused(audited: Path, tmp_path: Path) -> None:
    other = tmp_path / "decisions.json"
    other.write_text(json.dumps(deciding.document("0" * 64)))
    with pytest.raises(InputError, match="found ones about other data"):
        CliRunner().invoke(cli, ["card", str(audited), "--decisions", str(other)], catch_exceptions=False)
    with pytest.raises(InputError, match="there is no answer"):
        CliRunner().invoke(cli, ["card", str(audited), str(audited / "review.csv")], catch_exceptions=False)
