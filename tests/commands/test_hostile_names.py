"""A complete audit, through the command, of a dataset whose names are meant to do harm."""

import json
from html.parser import HTMLParser

import pytest

from .auditing import OUTPUTS, Audited, audited, photos, picture

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
    exact = {(pair["test_id"], pair["train_id"]) for pair in hostile.rows("pairs.csv") if pair["kind"] == "equal"}
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
