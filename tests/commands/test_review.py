"""`dataaudit review`: from an audit's review sample and answers to the share of wrong labels."""

import itertools
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
from dataaudit.verdict.audit_file import read_audit
from dataaudit.verdict.review import Answer, strata_of

from ..cleaning import deciding
from ..cleaning.deciding import decision, document
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


def review(audit: Path, *answers: Path, options: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(cli, ["review", str(audit), *map(str, answers), *options])


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
    said = [re.fullmatch(LINE, line) for line in result.output.splitlines()[:3]]
    for found, name, labels, truth in zip(
        said, ("wrong labels", "  train", "  test"), (300, 200, 100), (10, 15, 0), strict=True
    ):
        assert found is not None
        assert (found["name"], int(found["labels"])) == (name, labels)
        assert float(found["low"]) <= truth <= float(found["high"])
        assert abs(float(found["share"]) - truth) < 3


def said_by(audit: Path) -> dict[str, Answer]:
    """The answers of a reviewer who knows the truth, by sample id."""
    drawn = [id for stratum in strata_of(read_audit(audit)) for id in stratum.drawn]
    return {id: "suggested" if int(id.lstrip("=")) < 30 else "given" for id in drawn}


def test_the_list_is_redrawn_and_written(audited: Path, tmp_path: Path) -> None:
    result = review(audited, answered(audited, tmp_path / "answers.csv"))
    said = re.search(
        r"reported now: (\d+) labels, \d+% of them wrong \(95 % CI \d+% to \d+%\), (\d+) of", result.output
    )
    assert said is not None, result.output
    assert re.search(r"of the next 200 labels, \d+% of them wrong", result.output)
    table = pd.read_csv(audited / "reviewed_labels.csv", dtype={"answer": str}, keep_default_na=False)
    columns = ["id", "split", "label", "suggested_label", "label_quality", "reported", "answer"]
    assert list(table) == columns
    assert len(table) == 300
    assert table["label_quality"].is_monotonic_increasing
    listed = table[table["reported"]]
    assert len(listed) == int(said[1])
    rows = listed["id"].str.lstrip("'=").astype(int)
    assert (rows < 30).mean() >= 0.8
    assert len(listed) >= 20
    assert all(listed["suggested_label"] != listed["label"])
    judged = table[table["answer"] != ""]
    assert set(judged["label_quality"]) == {0, 1}
    assert (judged["reported"] == (judged["answer"] == "suggested")).all()
    assert not list(audited.glob("*.tmp"))


def test_the_same_follows_in_python_and_a_higher_precision_makes_the_list_no_longer(audited: Path) -> None:
    answers = said_by(audited)
    judged = dataaudit.review(audited, answers)
    assert judged.wrong[""].low <= 0.1 <= judged.wrong[""].high
    assert set(judged.wrong) == {"", "train", "test"}
    assert judged.reported.labels == judged.labels["reported"].sum()
    assert [share.labels for share in judged.worth_a_look] == [50, 100, 200]
    assert dataaudit.review(audited, answers, precision=0.99).reported.labels <= judged.reported.labels
    unsure = dataaudit.review(audited, dict.fromkeys(answers, "unsure"))
    assert unsure.worth_a_look[0].high - unsure.worth_a_look[0].low > 0.5


def test_in_python_blank_answers_are_none_and_any_other_word_is_refused(audited: Path) -> None:
    answers = said_by(audited)
    blank = dict(zip(answers, itertools.cycle(["", None, float("nan")]), strict=False))
    assert dataaudit.review(audited, blank).wrong[""].reviewed == 0
    with pytest.raises(InputError, match="expected given, suggested, neither, unsure or nothing, found 'Given'"):
        dataaudit.review(audited, dict.fromkeys(answers, "Given"))


def test_what_stays_wrong_after_decisions(audited: Path, tmp_path: Path) -> None:
    document = read_audit(audited)
    findings = [finding for finding in document["findings"] if finding["kind"] == "mislabeled"]
    accepted = [decision(finding["remedies"][0], number) for number, finding in enumerate(findings)]
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps(deciding.document(document["dataset"]["fingerprint"], *accepted)))
    result = review(audited, answered(audited, tmp_path / "answers.csv"), options=("--decisions", str(path)))
    assert result.exit_code == 0, result.output
    assert "still wrong after these decisions: " in result.output
    judged = dataaudit.review(audited, said_by(audited), decisions=path)
    corrected = {finding["sample_ids"][0] for finding in findings}
    left = sum(f"={row}" not in corrected for row in range(30))
    made_wrong = sum(int(id.lstrip("=")) >= 30 for id in corrected)
    assert judged.still_wrong[""].low <= (left + made_wrong) / 300 <= judged.still_wrong[""].high
    before, after = judged.wrong[""].estimate, judged.still_wrong[""].estimate
    assert before is not None
    assert after is not None
    assert after < before
    path.write_text(json.dumps(deciding.document("0" * 64, *accepted)))
    with pytest.raises(InputError, match="about other data"):
        dataaudit.review(audited, said_by(audited), decisions=path)


def test_labels_whose_finding_was_rejected_are_reported_no_more(audited: Path, tmp_path: Path) -> None:
    document = read_audit(audited)
    answers = said_by(audited)
    findings = [
        one for one in document["findings"] if one["kind"] == "mislabeled" and one["sample_ids"][0] not in answers
    ]
    assert len(findings) > 2
    refused = [
        decision(finding["remedies"][0], number) | {"finding": finding["id"], "decision": "reject", "remedy": None}
        for number, finding in enumerate(findings[:2])
    ]
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps(deciding.document(document["dataset"]["fingerprint"], *refused)))
    before, after = (dataaudit.review(audited, answers, **more) for more in ({}, {"decisions": path}))
    rejected = {finding["sample_ids"][0] for finding in findings[:2]}
    reported = [set(judged.labels["id"][judged.labels["reported"]]) for judged in (before, after)]
    assert rejected <= reported[0]
    assert not rejected & reported[1]
    qualities = after.labels.set_index("id")["label_quality"]
    assert (qualities[list(rejected)] == 1).all()
    assert before.wrong == after.wrong


def test_what_cannot_be_reviewed_is_refused(audited: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'nobody' is not in this audit's review sample"):
        dataaudit.review(audited, {"nobody": "given"})
    with pytest.raises(InputError, match=r"--precision 1\.5: expected a share between 0 and 1"):
        dataaudit.review(audited, said_by(audited), precision=1.5)
    (tmp_path / "audit.json").write_bytes((audited / "audit.json").read_bytes())
    with pytest.raises(InputError, match=r"samples.csv: expected the samples.csv that `dataaudit run` writes"):
        dataaudit.review(tmp_path, said_by(audited))


def test_before_any_answer_what_is_worth_a_look_is_said_with_a_wide_interval(audited: Path) -> None:
    (check,) = (check for check in read_audit(audited)["checks"] if check["name"] == "mislabeled")
    shares = check["figures"]["worth_a_look"]
    assert [share["labels"] for share in shares] == [50, 100, 200]
    assert all(share["low"] <= share["expected"] <= share["high"] for share in shares)
    assert any(note.startswith("worth a look, down the ranking") for note in check["notes"])


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
    table.loc[1:, "answer"] = ""
    table.to_csv(path, index=False)
    output = review(audited, path).output
    assert "note: 59 of 60 labels have no answer yet" in output
    assert "wrong labels: not yet known of 300 (95 % CI 0.0% to " in output
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
