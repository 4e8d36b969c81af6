"""decisions.json: read as its schema says, and refused by file and key otherwise."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import dataaudit
from dataaudit.dataset import ReadOptions
from dataaudit.errors import InputError
from dataaudit.findings import Remedy
from dataaudit.verdict.decisions import MOST_BYTES, read_decisions

from ..cleaning.deciding import AT, decision, document, remedy

SCHEMA = json.loads((Path(dataaudit.__file__).parent / "verdict" / "decisions.schema.json").read_text())
Change = Callable[[dict[str, Any]], object]


def complete_document() -> dict[str, Any]:
    return document(
        "ab" * 32,
        decision(remedy("relabel", "train/cat/1.png", to="dog"), 1),
        decision(remedy("remove", "a", "b"), 2, "reject"),
        decision(remedy("move", "c", to="val"), 3, "defer"),
        decision(None, 4),
        label="species",
    )


def written(folder: Path, content: Any) -> Path:
    path = folder / "decisions.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_what_the_report_exports_is_read_and_keeps_to_the_schema(tmp_path: Path) -> None:
    jsonschema.validate(complete_document(), SCHEMA)
    decisions = read_decisions(written(tmp_path, complete_document()))
    assert (decisions.dataset, decisions.fingerprint) == ("a", "ab" * 32)
    assert decisions.reading == ReadOptions(0, "species", 100_000)
    assert [decision.decision for decision in decisions.decisions] == ["accept", "reject", "defer", "accept"]
    assert decisions.decisions[0].remedy == Remedy("relabel", ("train/cat/1.png",), ("dog",))
    assert decisions.decisions[3].remedy is None
    assert decisions.signature is not None
    assert (decisions.signature.outcome, decisions.signature.at) == ("approved", AT)


def test_answers_to_the_review_sample_are_read_with_them(tmp_path: Path) -> None:
    content = complete_document() | {"review": {"Ada": {"a": "given", "__proto__": "unsure"}, "Eve": {}}}
    jsonschema.validate(content, SCHEMA)
    assert read_decisions(written(tmp_path, content)).review == content["review"]
    assert read_decisions(written(tmp_path, complete_document())).review == {}


def test_nothing_needs_to_be_signed_or_decided(tmp_path: Path) -> None:
    content = complete_document() | {"signature": None, "decisions": []}
    jsonschema.validate(content, SCHEMA)
    read = read_decisions(written(tmp_path, b"\xef\xbb\xbf" + json.dumps(content).encode()))
    assert (read.signature, read.decisions) == (None, ())


def first(content: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = content["decisions"][0]
    return entry


WRONG: dict[str, tuple[Change, str]] = {
    "version": (lambda d: d.update(schema_version=2), "schema_version: expected 1, which this version"),
    "version of another type": (lambda d: d.update(schema_version=True), "schema_version: expected 1"),
    "no version": (lambda d: d.pop("schema_version"), "expected a key 'schema_version'"),
    "misspelt key": (lambda d: d.update(decision=d.pop("decisions")), "no key \"decision\", did you mean 'decisions'"),
    "unknown key": (lambda d: first(d).update(x=1), r"no key \"x\" in decisions\[0\]; the keys are: finding"),
    "missing key": (lambda d: first(d).pop("reason"), r"expected a key 'reason' in decisions\[0\]"),
    "no list": (lambda d: d.update(decisions={}), "decisions: expected a list, found an object"),
    "no object": (lambda d: d.update(decisions=["x"]), r"decisions\[0\]: expected an object, found \"x\""),
    "short fingerprint": (lambda d: d["dataset"].update(fingerprint="ab"), "dataset.fingerprint: expected 64 hex"),
    "seed": (lambda d: d["dataset"]["reading"].update(seed=-1), "dataset.reading.seed: expected a whole number"),
    "seed that is true": (lambda d: d["dataset"]["reading"].update(seed=True), "dataset.reading.seed"),
    "rows": (lambda d: d["dataset"]["reading"].update(rows=1.5), "dataset.reading.rows: expected a whole number"),
    "label": (lambda d: d["dataset"]["reading"].update(label=3), "dataset.reading.label: expected text, found 3"),
    "decision": (lambda d: first(d).update(decision="yes"), r"decisions\[0\].decision: expected 'accept' or 'reject'"),
    "action": (lambda d: first(d)["remedy"].update(action="burn"), r"decisions\[0\].remedy.action: .*found \"burn\""),
    "answers": (lambda d: d.update(review=[]), "review: expected an object, found a list"),
    "answers of one": (lambda d: d.update(review={"Ada": "given"}), "review.Ada: expected an object, found \"given\""),
    "answer": (lambda d: d.update(review={"Ada": {"a": "yes"}}), "review.Ada.a: expected 'given' or 'suggested'"),
    "no ids": (lambda d: first(d)["remedy"].update(sample_ids=[]), r"remedy.sample_ids: expected the id of a sample"),
    "numbers as ids": (lambda d: first(d)["remedy"].update(sample_ids=[3]), r"sample_ids\[0\]: expected text, found 3"),
    "removed to a place": (lambda d: first(d)["remedy"].update(action="remove"), "remedy.to: expected an empty"),
    "an unknown split": (lambda d: first(d)["remedy"].update(action="move", to=["x"]), "to: expected one of train"),
    "moment": (lambda d: first(d).update(at="yesterday"), r"decisions\[0\].at: expected a moment"),
    "outcome": (lambda d: d["signature"].update(outcome="fine"), "signature.outcome: expected 'approved'"),
    "text": (lambda d: first(d).update(message=["x"]), r"decisions\[0\].message: expected text, found a list"),
    "half a character": (lambda d: first(d).update(reason="\ud800"), r"decisions\[0\].reason: expected text of whole"),
    "decided twice": (lambda d: d["decisions"].append(first(d)), "is decided 2 times"),
}  # fmt: skip
BEYOND_THE_SCHEMA = {"moment", "half a character", "decided twice"}


@pytest.mark.parametrize("name", list(WRONG))
def test_anything_else_is_refused_by_file_and_key(tmp_path: Path, name: str) -> None:
    change, words = WRONG[name]
    found = complete_document()
    change(found)
    with pytest.raises(InputError, match=words) as caught:
        read_decisions(written(tmp_path, found))
    assert str(tmp_path / "decisions.json") in str(caught.value)
    if name not in BEYOND_THE_SCHEMA:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found, SCHEMA)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not readable as JSON"),
        (b"\xff\xfe{", "not readable as JSON in UTF-8"),
        (b"[]", "expected an object, found a list"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"schema_version": NaN}', "no number NaN"),
        (b'{"schema_version": 1, "schema_version": 1}', "'schema_version' is there more than once"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}", "not readable as JSON"),
        (b'{"schema_version": "' + b"x" * 5000 + b'"}', "expected 1"),
    ],
)
def test_what_is_no_json_of_decisions_is_refused(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_decisions(written(tmp_path, raw))
    assert len(str(caught.value)) < 600


def test_a_huge_file_is_refused_unread_and_a_missing_one_too(tmp_path: Path) -> None:
    path = tmp_path / "decisions.json"
    with path.open("wb") as file:
        file.truncate(50 << 20)
    with pytest.raises(InputError, match=f"at most {MOST_BYTES >> 20} MiB"):
        read_decisions(path)
    for other in (tmp_path, tmp_path / "none.json", Path("a\0b")):
        with pytest.raises(InputError, match=r"no such file|not readable"):
            read_decisions(other)
