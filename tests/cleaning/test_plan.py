"""What several decisions make of a sample, and what a decision can't ask for."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataaudit.cleaning.plan import Plan, plan
from dataaudit.dataset import Dataset, Edit, UnreadableSample
from dataaudit.errors import InputError
from dataaudit.verdict.decisions import read_decisions

from ..fixtures_tables import make
from .deciding import decision, document, remedy


@pytest.fixture
def dataset() -> Dataset:
    return replace(
        make("table", "classification", 8, 4), rejected=(UnreadableSample("table.csv#12", "test", "", "no label"),)
    )


def planned(folder: Path, dataset: Dataset, *decisions: dict[str, Any]) -> Plan:
    path = folder / "decisions.json"
    path.write_text(json.dumps(document("0" * 64, *decisions)))
    return plan(read_decisions(path), dataset)


def other(dataset: Dataset, row: int) -> str:
    return next(name for name in dataset.class_names if name != dataset.label(row))


def test_removal_goes_before_another_label_and_both_are_kept_on_record(tmp_path: Path, dataset: Dataset) -> None:
    id, new = dataset.ids[0], other(dataset, 0)
    found = planned(
        tmp_path, dataset, decision(remedy("relabel", id, to=new), 0), decision(remedy("remove", id), 1),
        decision(remedy("remove", id, "table.csv#12"), 2),
    )  # fmt: skip
    assert {id: edit.remove for id, edit in found.edits.items()} == {id: True, "table.csv#12": True}
    assert [(step.action, len(step.because)) for step in found.steps] == [("remove", 2), ("remove", 1)]
    assert [(step.sample, step.action, step.after) for step in found.overridden] == [(id, "relabel", new)]
    assert found.idle == ()


def test_only_accepted_remedies_that_change_something_are_made(tmp_path: Path, dataset: Dataset) -> None:
    id = dataset.ids[0]
    found = planned(
        tmp_path,
        dataset,
        decision(remedy("remove", id), 0, "reject"),
        decision(remedy("remove", "unknown"), 1, "defer"),
        decision(None, 2),
        decision(remedy("relabel", id, to=dataset.label(0)), 3),
        decision(remedy("move", id, to="train"), 4),
    )
    assert (found.edits, found.steps) == ({}, ())
    assert [one.reason[-1] for one in found.idle] == list("01234")


def test_two_decisions_may_agree_and_may_not_differ(tmp_path: Path, dataset: Dataset) -> None:
    id, new = dataset.ids[0], other(dataset, 0)
    third = next(name for name in dataset.class_names if name not in (new, dataset.label(0)))
    same = [decision(remedy("relabel", id, to=new), number) for number in range(2)]
    found = planned(tmp_path, dataset, *same, decision(remedy("move", id, to="test"), 2))
    assert found.edits[id] == Edit(
        False, (new,), "test", tuple(one.finding for step in found.steps for one in step.because)
    )
    with pytest.raises(InputError) as caught:
        planned(tmp_path, dataset, same[0], decision(remedy("relabel", id, to=third), 1))
    assert all(one["finding"] in str(caught.value) for one in same)
    found = planned(
        tmp_path,
        dataset,
        same[0],
        decision(remedy("relabel", id, to=third), 1),
        decision(remedy("remove", id), 2),
    )
    assert [step.action for step in found.steps] == ["remove"]
    assert {step.after for step in found.overridden} == {new, third}


HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "train/../../x",
    "a\0b",
    "table.csv#999",
    "table.csv#-1",
    "",
    "x" * 100_000,
]


@pytest.mark.parametrize("id", HOSTILE, ids=lambda id: repr(id[:20]))
@pytest.mark.parametrize("action", ["remove", "relabel", "move"])
def test_ids_are_looked_up_and_nothing_else(tmp_path: Path, dataset: Dataset, id: str, action: str) -> None:
    to = {"remove": (), "relabel": ("a",), "move": ("test",)}[action]
    with pytest.raises(InputError, match=r"mislabeled-\w{12}: expected the ids of samples") as caught:
        planned(tmp_path, dataset, decision(remedy(action, id, to=to)))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("to", [("../x",), ("/etc",), ("a\0",), ("",), (), ("a", "b"), ("z" * 10_000,)])
def test_labels_are_the_datasets_own(tmp_path: Path, dataset: Dataset, to: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"expected one of the dataset's classes \('a', 'b', 'c'\)") as caught:
        planned(tmp_path, dataset, decision(remedy("relabel", dataset.ids[0], to=to)))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("to", [("nan",), ("inf",), ("1e999",), ("one",), (), ("1", "2")])
def test_numbers_are_finite(tmp_path: Path, to: tuple[str, ...]) -> None:
    dataset = make("table", "regression", 8, 4)
    with pytest.raises(InputError, match="one finite number"):
        planned(tmp_path, dataset, decision(remedy("relabel", dataset.ids[0], to=to)))


@pytest.mark.parametrize("to", [("a", "../x"), ("a", "a")])
def test_sets_hold_known_names_once(tmp_path: Path, to: tuple[str, ...]) -> None:
    dataset = make("table", "multilabel", 8, 4)
    with pytest.raises(InputError, match="names out of the dataset's classes"):
        planned(tmp_path, dataset, decision(remedy("relabel", dataset.ids[0], to=to)))


def test_a_set_in_another_order_is_the_same(tmp_path: Path) -> None:
    dataset = make("table", "multilabel", 8, 4)
    row = int(np.flatnonzero(dataset.targets.sum(1) > 1)[0])
    names = tuple(reversed(dataset.label(row).split(", ")))
    assert planned(tmp_path, dataset, decision(remedy("relabel", dataset.ids[row], to=names))).steps == ()


def test_splits_are_those_that_are_there(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(InputError, match=r"expected a split that is there \(train, test\), found 'val'"):
        planned(tmp_path, dataset, decision(remedy("move", dataset.ids[0], to="val")))


def test_an_unreadable_sample_can_only_go(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(InputError, match="can only be removed"):
        planned(tmp_path, dataset, decision(remedy("move", "table.csv#12", to="train")))
