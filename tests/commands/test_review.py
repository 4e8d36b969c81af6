"""`dataaudit review`: from an audit's review sample and answers to the share of wrong labels."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import dataaudit
from dataaudit.cli import cli
from dataaudit.errors import InputError
from dataaudit.reporting.exports import review_csv
from dataaudit.result import Audit

from ..cleaning.deciding import document
from ..fixtures_audits import audit_of

LINE = (
    r"(?P<name>[ \w]+): (?P<share>[\d.]+)% of (?P<labels>\d+) "
    r"\(95 % CI (?P<low>[\d.]+)% to (?P<high>[\d.]+)%; \d+ reviewed\)"
)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit of 300 labels, of which the first 30 of the training split are wrong, by given probabilities."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("review")
    truth = rng.integers(2, size=300)
    frame = pd.DataFrame(rng.normal(size=(300, 3)) + 2 * truth[:, None], columns=list("abc"))
    frame["label"] = np.array(["=no", "yes"])[np.where(np.arange(300) < 30, 1 - truth, truth)]
    frame.index = pd.Index([f"={row}" for row in range(300)])
    right = np.clip(0.9 + 0.05 * rng.normal(size=300), 0.5, 0.99)
    given = np.where(np.eye(2, dtype=bool)[truth], right[:, None], 1 - right[:, None])
    splits = {"train": frame[:200], "test": frame[200:]}
    probabilities = {"train": given[:200], "test": given[200:]}
    output = folder / "audit"
    dataaudit.audit(splits, label="label", pred_probs=probabilities, checks="mislabeled", output=output)
    return output


def review(audit: Path, *answers: Path) -> Result:
    return CliRunner().invoke(cli, ["review", str(audit), *map(str, answers)])


def answered(audit: Path, path: Path, wrong: int = 30) -> Path:
    """What a reviewer who knows the truth says."""
    drawn = pd.read_csv(audit / "review.csv", dtype=str, keep_default_na=False)
    rows = drawn["id"].str.lstrip("'=").astype(int)
    drawn["answer"] = np.where(rows < wrong, "suggested", "given")
    drawn.to_csv(path, index=False)
    return path


def test_the_sample_shows_no_scores_and_says_nothing_by_its_order(audited: Path) -> None:
    drawn = pd.read_csv(audited / "review.csv", dtype=str, keep_default_na=False)
    assert list(drawn) == ["id", "split", "label", "suggested_label", "answer"]
    assert len(drawn) == 60
    assert set(drawn["answer"]) == {""}
    assert set(drawn["label"]) == {"'=no", "yes"}
    assert all(drawn["label"] != drawn["suggested_label"])
    rows = drawn["id"].str.lstrip("'=").astype(int).to_numpy()
    assert abs(np.corrcoef(rows < 30, np.arange(60))[0, 1]) < 0.3


def test_the_share_of_wrong_labels_is_said_for_all_and_by_split(audited: Path, tmp_path: Path) -> None:
    result = review(audited, answered(audited, tmp_path / "answers.csv"))
    assert result.exit_code == 0, result.output
    said = [re.fullmatch(LINE, line) for line in result.output.splitlines()]
    for found, name, labels, truth in zip(
        said, ("wrong labels", "  train", "  test"), (300, 200, 100), (10, 15, 0), strict=True
    ):
        assert found is not None
        assert (found["name"], int(found["labels"])) == (name, labels)
        assert float(found["low"]) <= truth <= float(found["high"])
        assert abs(float(found["share"]) - truth) < 3


def test_two_reviewers_are_compared(audited: Path, tmp_path: Path) -> None:
    one, other = answered(audited, tmp_path / "one.csv"), answered(audited, tmp_path / "other.csv", wrong=15)
    result = review(audited, one, other)
    assert "% of 60 answers are the same, Cohen's kappa 0." in result.output
    assert "of them unsure" in result.output


def test_answers_to_another_audit_are_refused(audited: Path, tmp_path: Path) -> None:
    path = answered(audited, tmp_path / "answers.csv")
    path.write_text(path.read_text().replace("'=", "row "))
    assert isinstance(review(audited, path).exception, InputError)


def test_answers_of_several_reviewers_are_read_from_the_file_that_the_report_exports(
    audited: Path, tmp_path: Path
) -> None:
    given = pd.read_csv(answered(audited, tmp_path / "answers.csv"), dtype=str)
    answers = {id.removeprefix("'"): answer for id, answer in zip(given["id"], given["answer"], strict=True)}
    fingerprint = json.loads((audited / "audit.json").read_text())["dataset"]["fingerprint"]
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps(document(fingerprint) | {"review": {"Ada": answers, "Eve": answers}}))
    said = review(audited, path).output.splitlines()
    assert said[0] == "Ada and Eve: 100% of 60 answers are the same, Cohen's kappa 1.00"
    assert said[1:] == review(audited, tmp_path / "answers.csv").output.splitlines()
    for content, message in (
        (document(fingerprint), "there is no answer"),
        (document(fingerprint) | {"review": {"Ada": {"other": "given"}}}, "'other' is not in this audit's review"),
        (document("ab" * 32) | {"review": {"Ada": answers}}, "pass the audit that they are about"),
    ):
        path.write_text(json.dumps(content))
        assert message in str(review(audited, path).exception)


def test_labels_without_an_answer_are_counted_and_none_at_all_is_an_error(audited: Path, tmp_path: Path) -> None:
    path = answered(audited, tmp_path / "answers.csv")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[10:, "answer"] = ""
    table.to_csv(path, index=False)
    assert "note: 50 of 60 labels have no answer yet" in review(audited, path).output
    assert isinstance(review(audited, audited / "review.csv").exception, InputError)


def drawn(labels: dict[str, str]) -> Audit:
    """An audit that drew these samples, by their given labels."""
    audit = audit_of([])
    figures = {"review": [{"split": "train", "size": 9, "drawn": list(labels), "suggested": ["new"] * len(labels)}]}
    samples = tuple({"id": id, "split": "train", "label": label} for id, label in labels.items())
    return replace(audit, samples=samples, checks=(replace(audit.checks[0], figures=figures if labels else {}),))


def test_answers_in_the_audits_own_file_are_never_lost(tmp_path: Path) -> None:
    path = tmp_path / "review.csv"
    review_csv.write(drawn({"a": "cat", "b": "dog"}), tmp_path)
    path.write_text(path.read_text().replace("a,train,cat,new,", "a,train,cat,new,given"))
    before = path.read_text()
    review_csv.write(drawn({}), tmp_path)  # no label is drawn yet
    review_csv.write(drawn({"b": "dog", "a": "cat"}), tmp_path)
    assert path.read_text().split() == before.split()
    review_csv.write(drawn({"a": "cow", "c": "dog"}), tmp_path)  # another label, so another question
    assert "given" not in path.read_text()
    (kept,) = tmp_path.glob("review-*.csv")
    assert kept.read_text().split() == before.split()
    path.write_bytes(b"\xff\xfe\x00 not a table")
    review_csv.write(drawn({"a": "cow"}), tmp_path)
    assert len(list(tmp_path.glob("review-*.csv"))) == 2
    review_csv.write(drawn({}), tmp_path)
    assert not path.exists()
