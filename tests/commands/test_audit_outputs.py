"""A complete audit through the command: its outputs, and runs that go on from it."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import NoReturn

import pytest

from dataaudit.checks.detectors import integrity

from ..data.test_images import bomb
from .auditing import OUTPUTS, QUICK, Audited, Command, audited, photos, picture, tree

UNREADABLE = {
    "train/cat/zero.png": b"",
    "train/dog/text.png": b"not an image",
    "test/dog/cut.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
}
LEAK = {"test/cat/copy.bmp", "train/cat/3.png"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """40 images, four that can't be read, and one that is in both splits."""
    root = photos(tmp_path_factory.mktemp("plain") / "photos", train=16, test=4)
    for id, content in (UNREADABLE | {"test/dog/bomb.png": bomb()}).items():
        (root / id).write_bytes(content)
    picture(root / "test/cat/copy.bmp", 3, bright=False, mode="RGB")
    return audited(root)


def test_an_audit_writes_every_output_and_leaves_nothing_half_done(plain: Audited) -> None:
    assert [name for name in OUTPUTS if not (plain.output / name).stat().st_size] == []
    assert [path for path in tree(plain.output) if path.endswith(("tmp", ".writable"))] == []


def test_an_audit_leaves_the_dataset_alone(plain: Audited) -> None:
    assert len(tree(plain.root)) == 6 + 45


def test_samples_csv_has_a_row_for_every_image_read_or_not(plain: Audited) -> None:
    rows = plain.rows("samples.csv")
    assert [row["id"] for row in rows] == sorted(path for path in tree(plain.root) if Path(path).suffix)
    assert Counter(row["split"] for row in rows) == {"train": 34, "test": 11}
    unread = [row for row in rows if row["id"] in UNREADABLE]
    assert len(unread) == 3
    assert all(row["predicted"] == "" and row["findings"].startswith("unreadable-") for row in unread)
    assert all(row["predicted"] in ("cat", "dog") for row in rows if not row["findings"].startswith("unreadable"))


def test_pairs_csv_has_five_candidates_for_every_test_sample_that_can_be_read(plain: Audited) -> None:
    pairs = plain.rows("pairs.csv")
    per_sample = Counter(pair["test_id"] for pair in pairs)
    readable = [row["id"] for row in plain.rows("samples.csv") if row["split"] == "test" and row["predicted"]]
    assert len(readable) == 9
    assert per_sample.keys() == set(readable)
    assert min(per_sample.values()) >= 5
    assert len({(pair["test_id"], pair["train_id"]) for pair in pairs}) == len(pairs)


def test_every_unreadable_image_is_a_finding(plain: Audited) -> None:
    unreadable = [finding for finding in plain.findings if finding["kind"] == "unreadable"]
    assert {id for finding in unreadable for id in finding["sample_ids"]} == {*UNREADABLE, "test/dog/bomb.png"}


def test_a_copy_in_another_encoding_is_an_exact_leak_and_fails_the_audit(plain: Audited) -> None:
    assert LEAK in [set(finding["sample_ids"]) for finding in plain.findings if finding["kind"] == "leakage"]
    exact = [pair for pair in plain.rows("pairs.csv") if pair["kind"] == "equal"]
    assert [{pair["test_id"], pair["train_id"]} for pair in exact] == [LEAK]
    assert plain.ended.code == 1
    assert plain.audit["verdict"]["status"] == "FAIL"


def test_the_summary_ends_with_where_the_report_is(plain: Audited) -> None:
    assert plain.ended.out.startswith("FAIL: ")
    assert plain.ended.out.endswith(f"report: {plain.output / 'report.html'}\n")


def test_findings_jsonl_holds_the_findings_of_audit_json(plain: Audited) -> None:
    assert plain.findings == plain.audit["findings"]


@pytest.fixture
def resumable(plain: Audited, tmp_path: Path) -> Path:
    """A copy of the finished audit, to go on from without training."""
    return shutil.copytree(plain.output, tmp_path / "out")


def test_below_fail_on_the_same_findings_pass(plain: Audited, resumable: Path, dataaudit: Command) -> None:
    ended = dataaudit("run", plain.root, "--output", resumable, *QUICK, "--fail-on", "critical")
    assert ended.code == 0
    document = json.loads((resumable / "audit.json").read_text(encoding="utf-8"))
    assert document["verdict"]["status"] == "PASS"
    assert document["findings"] == plain.audit["findings"]
    assert json.loads((resumable / "cost.json").read_text(encoding="utf-8"))["resumed_runs"] == 8


def test_no_samples_keeps_pictures_off_the_page_and_findings_on_it(
    plain: Audited, resumable: Path, dataaudit: Command
) -> None:
    ended = dataaudit("run", plain.root, "--output", resumable, *QUICK, "--no-samples")
    assert ended.code == plain.ended.code
    page = (resumable / "report.html").read_text(encoding="utf-8")
    assert "data:image" in (plain.output / "report.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert all(finding["id"] in page for finding in plain.findings)
    assert (
        "--no-samples" in json.loads((resumable / "audit.json").read_text(encoding="utf-8"))["reproduce"]["arguments"]
    )


def test_a_check_that_cannot_run_makes_the_audit_incomplete(
    plain: Audited, resumable: Path, dataaudit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(case: object) -> NoReturn:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(integrity, "detect", broken)
    ended = dataaudit("run", plain.root, "--output", resumable, *QUICK)
    assert ended.code == 3
    assert ended.out.startswith("INCOMPLETE: integrity: could not run: ZeroDivisionError: no such luck")
    assert json.loads((resumable / "audit.json").read_text(encoding="utf-8"))["verdict"]["exit_code"] == 3


def test_a_dataset_whose_own_name_is_not_utf_8_can_be_audited(
    plain: Audited, resumable: Path, tmp_path: Path, dataaudit: Command
) -> None:
    root = shutil.copytree(plain.root, tmp_path / "photos\udcff")
    ended = dataaudit("run", root, "--output", resumable, *QUICK)
    assert ended.code == 1
    document = json.loads((resumable / "audit.json").read_text(encoding="utf-8"))
    assert document["dataset"]["name"] == "photos\\xff"
    assert "photos\\xff" in (resumable / "report.html").read_text(encoding="utf-8")


def test_models_of_another_seed_are_not_taken_for_these(plain: Audited, resumable: Path, dataaudit: Command) -> None:
    ended = dataaudit("run", plain.root, "--output", resumable, *QUICK, "--seed", "1")
    assert ended.code == 2
    assert "seed was 0, is now 1" in ended.err
    assert (resumable / "audit.json").read_bytes() == (plain.output / "audit.json").read_bytes()
