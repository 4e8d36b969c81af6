import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from PIL import Image

from dataaudit import cli, pipeline, plugins
from dataaudit.checks.detectors import integrity
from dataaudit.config import AuditConfig
from dataaudit.errors import InputError, NumericsError

from ..data.test_images import bomb

OUTPUTS = ["audit.json", "audit.sarif", "cost.json", "findings.csv", "findings.jsonl", "junit.xml", "metrics.json",
           "pairs.csv", "report.html", "samples.csv", "scores.h5", "summary.md"]  # fmt: skip


def picture(path: Path, seed: int, bright: bool, mode: str = "L") -> None:
    """Noise, brighter on the left or on the right."""
    pixels = np.random.default_rng(seed).integers(0, 100, (8, 8), np.uint8)
    pixels[:, slice(4) if bright else slice(4, 8)] += 150
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)


def photos(root: Path, train: int = 4, test: int = 2, classes: tuple[str, str] = ("cat", "dog")) -> Path:
    for split, count, first in (("train", train, 0), ("test", test, 1000)):
        for number in range(first, first + count):
            picture(root / split / classes[0] / f"{number}.png", number, bright=False)
            picture(root / split / classes[1] / f"{number}.png", 5000 + number, bright=True)
    return root


def tree(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def dataaudit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command, in this process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["dataaudit", *map(str, arguments)])
        try:
            cli.main()
            code: Any = 0
        except SystemExit as stop:
            code = stop.code or 0
        return Ended(code, *capsys.readouterr())

    yield run
    torch.set_num_threads(threads)


def subprocess_run(*arguments: object) -> Ended:
    """The command, as a shell would run it."""
    command = [sys.executable, "-m", "dataaudit", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="strict", check=False)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("an audit was begun")

    monkeypatch.setattr(pipeline, "run", refuse)


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["unknown"],
        ["run", ".", "--unknown"],
        ["run", ".", "--fail-on", "sometimes"],
        ["run", ".", "--seed", "many"],
        ["run", ".", "--seed", "-1"],
        ["run", ".", "--jobs", "0"],
        ["run", ".", "--verify", "2"],
        ["run", ".", "--brittle", "-1"],
        ["run", ".", "extra"],
        ["explain", "unknown"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_a_message(dataaudit: Command, no_training: None, arguments: list[str]) -> None:
    ended = dataaudit(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert "rror: " in ended.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], ["run", "--help"], ["explain"]], ids=" ".join)
def test_asking_for_help_ends_with_0(dataaudit: Command, arguments: list[str]) -> None:
    ended = dataaudit(*arguments)
    assert ended.code == 0
    assert ended.out
    assert ended.err == ""


def test_explain_lists_every_check_and_tells_of_each_what_it_is_and_what_to_do(dataaudit: Command) -> None:
    names = plugins.names("detectors")
    assert [line.split()[0] for line in dataaudit("explain").out.splitlines()] == names
    for name in names:
        told = dataaudit("explain", name).out
        assert [title for title in ("What it finds", "Why it matters", "What to do") if title not in told] == []


def test_fewer_runs_than_an_audit_needs_are_refused_before_training(tmp_path: Path, dataaudit: Command) -> None:
    ended = dataaudit("run", photos(tmp_path / "photos"), "--runs", "7")
    assert ended.code == 2
    assert "at least 8" in ended.err
    assert not list(tmp_path.rglob("run-*"))


# Input


def _missing(root: Path) -> None:
    pass


def _a_file(root: Path) -> None:
    root.write_text("no folder")


def _empty(root: Path) -> None:
    root.mkdir()


def _no_images(root: Path) -> None:
    root.mkdir()
    (root / "notes.txt").write_text("no image")


def _two_training_folders(root: Path) -> None:
    photos(root)
    shutil.copytree(root / "train", root / "training")


def _no_training_folder(root: Path) -> None:
    photos(root)
    shutil.rmtree(root / "train")


def _one_class(root: Path) -> None:
    photos(root)
    shutil.rmtree(root / "train/dog")
    shutil.rmtree(root / "test/dog")


def _wrapped(root: Path) -> None:
    photos(root / "photos")


def _link_to_itself(root: Path) -> None:
    root.symlink_to(root)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (_missing, "no such file or directory"),
        (_a_file, "folder"),
        (_empty, "expected"),
        (_no_images, "expected"),
        (_two_training_folders, "merge them"),
        (_no_training_folder, "expected a training split"),
        (_one_class, "expected at least two class folders, found one"),
        (_wrapped, "did you mean to audit"),
        (_link_to_itself, "photos"),
    ],
)
def test_input_that_cannot_be_audited_ends_with_2_before_anything_is_written(
    tmp_path: Path, dataaudit: Command, no_training: None, build: Callable[[Path], None], words: str
) -> None:
    root = tmp_path / "photos"
    build(root)
    before = tree(tmp_path)
    ended = dataaudit("run", root)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith(f"error: {root}")
    assert words in ended.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "output", ["photos", "photos/audit", "photos/train/new/audit", "link", "link/audit", "photos/."]
)
def test_an_output_folder_in_the_dataset_ends_with_2(
    tmp_path: Path, dataaudit: Command, no_training: None, output: str
) -> None:
    root = photos(tmp_path / "photos")
    (tmp_path / "link").symlink_to(root)
    before = tree(tmp_path)
    ended = dataaudit("run", root, "--output", tmp_path / output)
    assert ended.code == 2
    assert "--output" in ended.err
    assert "name a folder outside it" in ended.err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("output", ["file", "file/audit", "loop"])
def test_an_output_that_cannot_be_a_folder_ends_with_2_before_training(
    tmp_path: Path, dataaudit: Command, output: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "loop").symlink_to("loop")
    ended = dataaudit("run", photos(tmp_path / "photos"), "--output", tmp_path / output)
    assert ended.code == 2
    assert "--output" in ended.err
    assert not list(tmp_path.rglob("run-*"))


def test_the_root_of_the_file_system_has_no_place_for_results_beside_it() -> None:
    with pytest.raises(InputError, match="--output"):
        AuditConfig(Path("/"))


def test_results_go_beside_the_dataset_by_default(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert AuditConfig(tmp_path / "photos").directory == tmp_path / "photos-audit"


@pytest.mark.parametrize("name", ["\x1b[31mphotos", "photos\n", "photos\udcff", "photos\u202e"], ids=ascii)
def test_an_error_sends_no_control_characters(tmp_path: Path, dataaudit: Command, name: str) -> None:
    ended = dataaudit("run", tmp_path / name)
    assert ended.code == 2
    assert ended.err.removesuffix("\n").isprintable()


# Dry run


def test_a_dry_run_shows_the_layout_and_leaves_no_trace(tmp_path: Path, dataaudit: Command, no_training: None) -> None:
    root = photos(tmp_path / "photos", train=4, test=2)
    picture(root / "train/.hidden.png", 0, True)
    (root / "test/dog/broken.png").write_bytes(b"")
    before = tree(tmp_path)
    ended = dataaudit("run", root, "--dry-run")
    assert ended.code == 0
    words = [line.split() for line in ended.out.splitlines()]
    assert words[0][:2] == [f"{root}:", "image_folder,"]
    assert words[1:6] == [
        ["splits:", "split", "folders"],
        ["train", "test"],
        ["cat", "4", "2"],
        ["dog", "4", "2"],
        ["all", "8", "4"],
    ]
    assert "ignored (hidden): train/.hidden.png" in ended.out
    assert "unreadable in test: 1, such as test/dog/broken.png" in ended.out
    assert "estimated time: about" in ended.out
    assert tree(tmp_path) == before


def test_a_dry_run_tells_that_and_how_a_split_is_made(tmp_path: Path, dataaudit: Command, no_training: None) -> None:
    root = photos(tmp_path / "all", train=10) / "train"
    ended = dataaudit("run", root, "--dry-run", "--seed", "5")
    assert ended.code == 0
    assert "made here" in ended.out
    assert "seed 5" in ended.out
    assert "no split folders: 4 of 20 images were set aside" in ended.out


@pytest.mark.parametrize("train", [1, 33, 65, 150])
def test_the_time_is_estimated_for_any_number_of_images(
    tmp_path: Path, dataaudit: Command, no_training: None, train: int
) -> None:
    ended = dataaudit("run", photos(tmp_path / "photos", train=train), "--dry-run")
    assert ended.code == 0
    assert "estimated time: about" in ended.out


def test_an_audit_shows_the_layout_on_standard_error_before_it_begins(
    tmp_path: Path, dataaudit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run", interrupt)
    root = photos(tmp_path / "photos")
    ended = dataaudit("run", root)
    assert ended.code == 130
    assert ended.out == ""
    assert f"{root}: image_folder" in ended.err
    assert "run the same command again" in ended.err


# What goes wrong on the way


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (NumericsError("run 3: the model's output for 'a.png' is not finite"), 3, "run 3"),
        (InputError("expected this, found that"), 2, "expected this"),
        (RuntimeError("out of memory"), 3, "out of memory"),
    ],
    ids=["numerics", "input", "unexpected"],
)
def test_a_failed_audit_does_not_look_like_one_with_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataaudit: Command, raised: Exception, code: int, words: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise raised

    monkeypatch.setattr(pipeline, "run", fail)
    ended = dataaudit("run", photos(tmp_path / "photos"))
    assert ended.code == code
    assert words in ended.err


# A whole audit


@dataclass(frozen=True)
class Audited:
    root: Path
    output: Path
    ended: Ended

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.output / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def audit(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.output / "audit.json").read_text(encoding="utf-8"))
        return document

    @property
    def findings(self) -> list[dict[str, Any]]:
        lines = (self.output / "findings.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        return [json.loads(line) for line in lines]


QUICK = ("--runs", "8", "--jobs", "1", "--verify", "3", "--brittle", "1", "--learner", "linear")


def audited(root: Path) -> Audited:
    output = root.with_name("out")
    ended = subprocess_run("run", root, "--output", output, *QUICK)
    if "Traceback" in ended.err:
        pytest.fail(ended.err[-1000:])
    return Audited(root, output, ended)


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
    exact = [pair for pair in plain.rows("pairs.csv") if pair["kind"] == "exact"]
    assert [{pair["test_id"], pair["train_id"]} for pair in exact] == [LEAK]
    assert plain.ended.code == 1
    assert plain.audit["verdict"]["status"] == "FAIL"


def test_the_summary_ends_with_where_the_report_is(plain: Audited) -> None:
    assert plain.ended.out.startswith("FAIL: ")
    assert plain.ended.out.endswith(f"report: {plain.output / 'report.html'}\n")


def test_findings_jsonl_holds_the_findings_of_audit_json(plain: Audited) -> None:
    assert plain.findings == plain.audit["findings"]


@pytest.fixture
def again(plain: Audited, tmp_path: Path) -> Path:
    """A copy of the finished audit, to go on from without training."""
    return shutil.copytree(plain.output, tmp_path / "out")


def test_below_fail_on_the_same_findings_pass(plain: Audited, again: Path, dataaudit: Command) -> None:
    ended = dataaudit("run", plain.root, "--output", again, *QUICK, "--fail-on", "critical")
    assert ended.code == 0
    document = json.loads((again / "audit.json").read_text(encoding="utf-8"))
    assert document["verdict"]["status"] == "PASS"
    assert document["findings"] == plain.audit["findings"]
    assert json.loads((again / "cost.json").read_text(encoding="utf-8"))["resumed_runs"] == 8


def test_no_samples_keeps_pictures_off_the_page_and_findings_on_it(
    plain: Audited, again: Path, dataaudit: Command
) -> None:
    ended = dataaudit("run", plain.root, "--output", again, *QUICK, "--no-samples")
    assert ended.code == plain.ended.code
    page = (again / "report.html").read_text(encoding="utf-8")
    assert "data:image" in (plain.output / "report.html").read_text(encoding="utf-8")
    assert "data:image" not in page
    assert all(finding["id"] in page for finding in plain.findings)
    assert "--no-samples" in json.loads((again / "audit.json").read_text(encoding="utf-8"))["reproduce"]["arguments"]


def test_a_check_that_cannot_run_makes_the_audit_incomplete(
    plain: Audited, again: Path, dataaudit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(case: object) -> NoReturn:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(integrity, "detect", broken)
    ended = dataaudit("run", plain.root, "--output", again, *QUICK)
    assert ended.code == 3
    assert ended.out.startswith("INCOMPLETE: integrity: could not run: ZeroDivisionError: no such luck")
    assert json.loads((again / "audit.json").read_text(encoding="utf-8"))["verdict"]["exit_code"] == 3


def test_a_dataset_whose_own_name_is_not_utf_8_can_be_audited(
    plain: Audited, again: Path, tmp_path: Path, dataaudit: Command
) -> None:
    root = shutil.copytree(plain.root, tmp_path / "photos\udcff")
    ended = dataaudit("run", root, "--output", again, *QUICK)
    assert ended.code == 1
    document = json.loads((again / "audit.json").read_text(encoding="utf-8"))
    assert document["dataset"]["name"] == "photos\\xff"
    assert "photos\\xff" in (again / "report.html").read_text(encoding="utf-8")


def test_models_of_another_seed_are_not_taken_for_these(plain: Audited, again: Path, dataaudit: Command) -> None:
    ended = dataaudit("run", plain.root, "--output", again, *QUICK, "--seed", "1")
    assert ended.code == 2
    assert "seed was 0, is now 1" in ended.err
    assert (again / "audit.json").read_bytes() == (plain.output / "audit.json").read_bytes()


# A whole audit of a dataset that means harm

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>.png'
BROKEN = "{{ 7 * 7 }}<b>new\nline'\".png"
HOSTILE = [IMAGE, "new\nline.png", "return\rcarriage.png", "quo\"te and quo'te, comma.png", "\x1b[31m \u202e.png"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """Every hostile name is one of a training image and of a copy of it in the test split, so that it is reported."""
    place = tmp_path_factory.mktemp("hostile")
    root = photos(place / "photos <b>&amp;", train=16, test=4, classes=(SCRIPT, "dog"))
    for number, name in enumerate([*HOSTILE, "not utf-8 \udcff.png"]):
        for split in ("train", "test"):
            picture(root / split / SCRIPT / name, 9000 + number, bright=False)
    (root / "train/dog" / BROKEN).write_bytes(b"no image")
    (root / "train/dog/gone.png").symlink_to(place / "nowhere.png")
    (root / "train/dog/loop").symlink_to("..")
    return audited(root)


def test_hostile_names_do_not_stop_an_audit(hostile: Audited) -> None:
    assert hostile.ended.code == 1
    assert [name for name in OUTPUTS if not (hostile.output / name).stat().st_size] == []
    assert all(check["status"] in ("ran", "skipped") for check in hostile.audit["checks"])


def test_hostile_names_are_escaped_in_the_report(hostile: Audited) -> None:
    page = (hostile.output / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "{{ 7 * 7 }}&lt;b&gt;" in page


def test_the_report_runs_its_own_script_alone_and_fetches_nothing(hostile: Audited) -> None:
    tags = Tags()
    tags.feed((hostile.output / "report.html").read_text(encoding="utf-8"))
    pictures = [attributes["src"] or "" for tag, attributes in tags.seen if tag == "img"]
    assert len(pictures) >= 2 * len(HOSTILE)
    assert [source for source in pictures if not source.startswith("data:image/")] == []
    assert {tag for tag, _ in tags.seen} & {"iframe", "object", "embed", "link", "base", "form"} == set()
    assert [dict(attributes) for tag, attributes in tags.seen if tag == "script"] == [
        {"type": "application/json", "id": "data"}, {},
    ]  # fmt: skip
    assert [name for _, attributes in tags.seen for name in attributes if name.startswith("on")] == []
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in tags.seen)


def test_hostile_names_come_back_whole_from_samples_csv(hostile: Audited) -> None:
    ids = {row["id"] for row in hostile.rows("samples.csv")}
    assert {f"{split}/{SCRIPT}/{name}" for split in ("train", "test") for name in HOSTILE} - ids == set()
    assert f"train/dog/{BROKEN}" in ids
    assert f"train/{SCRIPT}/not utf-8 \\xff.png" in ids


def test_hostile_names_come_back_whole_from_pairs_csv(hostile: Audited) -> None:
    exact = {(pair["test_id"], pair["train_id"]) for pair in hostile.rows("pairs.csv") if pair["kind"] == "exact"}
    assert {(f"test/{SCRIPT}/{name}", f"train/{SCRIPT}/{name}") for name in HOSTILE} - exact == set()


def test_hostile_names_come_back_whole_from_findings_jsonl(hostile: Audited) -> None:
    leaks = {id for finding in hostile.findings if finding["kind"] == "leakage" for id in finding["sample_ids"]}
    assert {f"test/{SCRIPT}/{name}" for name in HOSTILE} - leaks == set()
    (unreadable,) = [finding for finding in hostile.findings if finding["sample_ids"] == [f"train/dog/{BROKEN}"]]
    assert unreadable["kind"] == "unreadable"


def test_a_dangling_link_and_a_loop_of_links_are_in_the_audit(hostile: Audited) -> None:
    document = json.dumps(hostile.audit)
    assert "train/dog/gone.png" in document
    assert "train/dog/loop" in document


def test_hostile_names_send_no_control_characters(hostile: Audited) -> None:
    for shown in (hostile.ended.out, hostile.ended.err):
        assert {character for character in shown if not character.isprintable()} <= {"\n"}


def test_nothing_is_written_where_a_name_points(hostile: Audited) -> None:
    assert {path.name for path in hostile.root.parent.iterdir()} == {hostile.root.name, "out"}
