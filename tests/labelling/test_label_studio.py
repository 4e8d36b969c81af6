"""Findings as tasks of Label Studio, and what it exports as answers."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from dataaudit.dataset import Dataset
from dataaudit.errors import InputError
from dataaudit.labelling import label_studio_tasks as label_studio_tasks_module
from dataaudit.labelling.answers import CHOICES, decide
from dataaudit.labelling.label_studio_config import label_config
from dataaudit.labelling.label_studio_export import read_export
from dataaudit.labelling.label_studio_tasks import label_studio_tasks

from .. import fixtures_tables
from ..cleaning.deciding import remedy
from ..commands.auditing import photos
from ..data.formats.reading import recognised, texts
from .exporting import SKIPPED, annotation, audit, choices, exported, finding, number, reason

FINGERPRINT = "ab" * 32


def relabelling(id: str, to: str = "dog", **more: Any) -> dict[str, Any]:
    return finding("mislabeled-1", id, remedies=[remedy("relabel", id, to=to), remedy("remove", id)], **more)


@pytest.fixture
def pictures(tmp_path: Path) -> Dataset:
    root = photos(tmp_path / "my photos")
    (root / "train/cat/0.png").rename(root / "train/cat/0 & 100%#é.png")
    (root / "train/cat/broken.png").write_bytes(b"")
    return recognised(root)


def test_a_picture_is_served_from_where_label_studio_finds_it(pictures: Dataset) -> None:
    document = audit(relabelling("train/cat/0 & 100%#é.png", evidence={"probability_wrong": 0.75}))
    (task,) = label_studio_tasks(document, pictures)
    assert task["data"]["images"] == ["/data/local-files/?d=my%20photos/train/cat/0%20%26%20100%25%23%C3%A9.png"]
    assert task["data"]["given"] == ["cat"]
    assert (task["data"]["finding"], task["data"]["dataset"]) == ("mislabeled-1", FINGERPRINT)
    (prediction,) = task["predictions"]
    assert prediction["score"] == 0.75
    assert prediction["result"][0]["value"] == {"choices": ["dog"]}
    (task,) = label_studio_tasks(document, pictures, "s3://bucket/")
    assert task["data"]["images"] == ["s3://bucket/train/cat/0 & 100%#é.png"]
    (task,) = label_studio_tasks(document, pictures, "https://example.org/")
    assert task["data"]["images"] == ["https://example.org/train/cat/0%20%26%20100%25%23%C3%A9.png"]


def test_a_finding_shows_all_its_samples_and_says_what_else_was_found_on_them(pictures: Dataset) -> None:
    ids = ("test/cat/1000.png", "train/cat/1.png")
    pair = finding("leakage-2", *ids, remedies=[remedy("remove", ids[0])])
    first, second = label_studio_tasks(audit(pair, relabelling(ids[1])), pictures)
    assert len(first["data"]["images"]) == 2
    assert first["data"]["given"] is None
    assert first["predictions"] == []
    assert first["data"]["about"].splitlines() == [
        "test/cat/1000.png (test): cat",
        "train/cat/1.png (train): cat",
        "accept: Remove test/cat/1000.png",
        "also: mislabeled of train/cat/1.png",
    ]
    assert (first["data"]["also"], second["data"]["also"]) == (["mislabeled-1"], ["leakage-2"])


def test_of_many_samples_some_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    data = recognised(photos(tmp_path / "photos", train=15))
    group = finding("underperforming_group-2", *data.ids)
    (task,) = label_studio_tasks(audit(group), data)
    assert len(task["data"]["images"]) == 20
    assert f"and {len(data) - 20} more, which are not shown" in task["data"]["about"]
    assert task["data"]["sample_ids"] == list(data.ids)


def test_what_cant_be_shown_is_no_task(pictures: Dataset) -> None:
    (broken,) = (sample.id for sample in pictures.rejected)
    left = finding("unreadable-3", broken), finding("constant_column-4")
    assert [
        task["data"]["kind"] for task in label_studio_tasks(audit(*left, relabelling("train/dog/1.png")), pictures)
    ] == ["mislabeled"]


def test_texts_are_shown_whole(tmp_path: Path) -> None:
    long = "word " * 500
    pd.DataFrame({"text": [long, *texts(11)], "label": ["cat", "dog"] * 6}).to_csv(tmp_path / "train.csv", index=False)
    data = recognised(tmp_path / "train.csv")
    pair = finding("duplicate-2", "train.csv#0", "train.csv#1")
    one, two = label_studio_tasks(audit(relabelling("train.csv#0"), pair, modality="text"), data)
    assert one["data"]["text"] == long
    assert two["data"]["text"] == f"train.csv#0\n{long}\n\ntrain.csv#1\n{texts(1)[0]}"


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_rows_of_tables_are_shown_with_their_targets(task: Any) -> None:
    data = fixtures_tables.make("table", task, 20, 10)
    id, others = data.ids[0], data.ids[:2]
    name = {"regression": "2.5"}.get(task, data.class_names[-1] if data.class_names else "")
    one = finding("mislabeled-1", id, remedies=[remedy("relabel", id, to=name)])
    first, second = label_studio_tasks(audit(one, finding("duplicate-2", *others), task=task, modality="table"), data)
    assert set(first["data"]["row"]) == set(map(str, data.frame.columns))
    assert all(value.count(" | ") == 1 for value in second["data"]["row"].values())
    assert ", ".join(first["data"]["given"]) == data.label(0)
    value = first["predictions"][0]["result"][0]["value"]
    assert value == ({"number": 2.5} if task == "regression" else {"choices": [name]})


def test_samples_without_files_that_are_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = fixtures_tables.make("table", "classification", 20, 10)
    monkeypatch.setattr(label_studio_tasks_module, "CHARACTERS", 100)
    with pytest.raises(
        InputError, match=r"which takes more than 0 MB, since they have no files of their own; decide in"
    ):
        label_studio_tasks(audit(finding("duplicate-2", *data.ids[:4]), modality="table"), data)


CONFIGS = {
    "image": audit(), "text": audit(modality="text"), "table": audit(modality="table", task="multilabel"),
    "numbers": audit(modality="table", task="regression", classes=()),
    "array": audit(modality="array", classes=['a "quoted" <class> & more', "naïve 猫", " spaced "]),
}  # fmt: skip


@pytest.mark.parametrize("document", CONFIGS.values(), ids=list(CONFIGS))
def test_the_configuration_asks_for_a_label_and_a_decision(document: dict[str, Any]) -> None:
    root = ElementTree.fromstring(label_config(document["dataset"]))
    controls = {tag.get("name"): tag for tag in root.iter() if tag.get("toName") == "sample"}
    assert set(controls) == {"label", "decision", "reason"}
    assert [choice.get("value") for choice in controls["label"]] == document["dataset"]["classes"]
    assert [choice.get("value") for choice in controls["decision"]] == list(CHOICES)
    assert controls["label"].tag == ("Choices" if document["dataset"]["classes"] else "Number")


def test_many_classes_are_chosen_from_a_list() -> None:
    assert 'layout="select"' in label_config(audit(classes=list(map(str, range(21))))["dataset"])
    assert "select" not in label_config(audit()["dataset"])


@pytest.mark.parametrize("name", ["", "  ", "nul \x00", "lone \ud800"])
def test_a_class_that_has_no_name_there_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"the class .* has no name that its configuration can hold; decide in report"):
        label_config(audit(classes=["cat", name])["dataset"])


def test_label_studios_own_kit_takes_tasks_and_configuration(pictures: Dataset) -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface
    ids = pictures.ids[:2]
    document = audit(relabelling(ids[0]), finding("leakage-2", *ids, remedies=[remedy("remove", ids[1])]))
    made = interface(label_config(document["dataset"]))
    made.validate()
    for task in label_studio_tasks(document, pictures):
        assert made.validate_task({"data": task["data"]})
        assert not any(made.validate_prediction(one, return_errors=True) for one in task["predictions"])
    for one in (choices("label", "dog"), choices("decision", "defer"), reason("why")):
        assert made.validate_annotation({"result": [one]})
    numbers = interface(label_config(CONFIGS["numbers"]["dataset"]))
    assert numbers.validate_annotation({"result": [number(2.5)]})


Tasks = list[dict[str, Any]]


@pytest.fixture
def tasks(pictures: Dataset) -> Tasks:
    ids = [id for id in pictures.ids if "cat" in id][:4]
    found = [relabelling(id) | {"id": f"mislabeled-{place}"} for place, id in enumerate(ids)]
    return label_studio_tasks(audit(*found), pictures)


def test_answers_are_read_with_who_when_and_why(tasks: Tasks, tmp_path: Path) -> None:
    person = {"id": 3, "email": "ada@example.org", "first_name": ""}
    path = exported(
        tmp_path / "export.json",
        tasks,
        [annotation(choices("label", "dog"), reason("ears"), by=person)],
        [annotation(choices("decision", "defer"), choices("label", "dog"), by=2)],
        [SKIPPED],
    )
    read = read_export(path, FINGERPRINT)
    assert (read.skipped, read.unanswered) == (1, 1)
    first, second = read.answers
    assert (first.finding, first.label, first.choice, first.given) == ("mislabeled-0", ("dog",), None, ("cat",))
    assert (first.reviewer, first.reason, first.where) == ("ada@example.org", "ears", f"{path}: task 100")
    assert (second.label, second.choice, second.reviewer) == (("dog",), "defer", "Label Studio user 2")


def test_ground_truths_skipped_and_empty_annotations(tasks: Tasks, tmp_path: Path) -> None:
    truth = annotation(choices("label", "eel"), by=2, ground_truth=True)
    path = exported(
        tmp_path / "export.json",
        tasks,
        [annotation(choices("label", "dog")), truth],
        [SKIPPED, annotation(choices("label", "dog"), by=2)],
        [annotation()],
        [annotation(reason("too dark"))],
    )
    read = read_export(path, FINGERPRINT)
    assert [(one.finding, one.label, one.choice) for one in read.answers] == [
        ("mislabeled-0", ("eel",), None),
        ("mislabeled-1", ("dog",), None),
        ("mislabeled-3", None, "defer"),
    ]
    assert (read.skipped, read.unanswered) == (0, 1)


Change = Callable[[list[dict[str, Any]]], object]


def answering(*results: Any) -> Change:
    """What the first annotation of the first task says."""
    return lambda tasks: tasks[0]["annotations"][0].update(result=list(results))


REFUSED: dict[str, tuple[Change, str]] = {
    "min": (lambda t: t.__setitem__(0, {"label": "dog", "id": 9}), "task 9: expected an object with data"),
    "foreign": (lambda t: t[1].update(data={"text": "x"}), "task 101: its data name no finding, so it was not made by"),
    "other data": (lambda t: t[2]["data"].update(dataset="cd" * 32), "task 102: .* cdcdcdcd.*…, the audit about abab"),
    "no list": (lambda t: t[0].pop("annotations"), "task 100: expected a list of annotations"),
    "result": (lambda t: t[0]["annotations"][0].update(result=None), "task 100: expected a list under result"),
    "word": (answering(choices("decision", "yes")), "expected one of accept, remove, reject, defer, found 'yes'"),
    "words": (answering(choices("decision", "accept", "reject")), "found 'accept, reject'"),
    "control": (answering(choices("bird", "yes")), "expected answers named label, decision or reason, found 'bird'"),
    "number": (answering(number("4")), "task 100: expected a number, found '4'"),  # type: ignore[arg-type]
    "no number": (answering(number(float("nan"))), "task 100: expected a number, found 'nan'"),
    "two answers": (answering(choices("label", "cat"), choices("label", "dog")), "found '2 answers to 1'"),
    "text": (answering("x"), "task 100: expected an object, found 'x'"),
    "given": (lambda t: t[0]["data"].update(given=[3]), "task 100: expected a list of texts"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=list(REFUSED))
def test_other_exports_are_refused_by_file_and_task(change: Change, message: str, tasks: Tasks, tmp_path: Path) -> None:
    path = exported(tmp_path / "export.json", tasks, [annotation(choices("label", "dog"))])
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"export.json: .*{message}"):
        read_export(path, FINGERPRINT)


@pytest.mark.parametrize("content", ["id,label\n1,dog\n", "{}", "[]", "", "\x00", "[" * 100_000])
def test_what_is_no_export_as_json_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"export.csv: .*export the project from Label Studio as JSON"):
        read_export(path, FINGERPRINT)


def test_ten_thousand_findings_go_out_and_come_back(tmp_path: Path) -> None:
    count, classes = 10_000, ("cat", "dog", "eel")
    rng = np.random.default_rng(0)
    with (tmp_path / "train.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("text", "label"))
        rows.writerows((text, classes[place % 3]) for place, text in enumerate(texts(count)))
    data = recognised(tmp_path / "train.csv")
    suggested = [classes[(classes.index(data.label(row)) + 1) % 3] for row in range(len(data))]
    found = [
        finding(f"mislabeled-{row:x}", id, remedies=[remedy("relabel", id, to=label), remedy("remove", id)])
        for row, (id, label) in enumerate(zip(data.ids, suggested, strict=True))
    ]
    document = audit(*found, modality="text")
    tasks = json.loads(json.dumps(label_studio_tasks(document, data)))
    assert len(tasks) == count
    chosen = rng.choice(classes, count)
    answers = [[annotation(choices("label", str(label)))] for label in chosen]
    shuffled = rng.permutation(count)
    path = exported(tmp_path / "export.json", [tasks[i] for i in shuffled], *(answers[i] for i in shuffled))
    made = decide(document, read_export(path, FINGERPRINT).answers).document["decisions"]
    assert [one["finding"] for one in made] == [one["id"] for one in found]
    for row, one in enumerate(made):
        kept = chosen[row] == data.label(row)
        assert one["decision"] == ("reject" if kept else "accept")
        assert one["remedy"] == (None if kept else remedy("relabel", data.ids[row], to=str(chosen[row])))
