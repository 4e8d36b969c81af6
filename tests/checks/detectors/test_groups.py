"""Groups that splits part are found, named or not; honest categories and splits in time are left alone."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import groups
from dataaudit.dataset import Dataset, Groups, Layout, Task, silent
from dataaudit.findings import Finding, Severity

from ...fixtures_tables import dataset_of, make

SESSIONS, VISITS = 40, 6


def detect(dataset: Dataset) -> Detection:
    return groups.detect(CheckContext(dataset, None, None, 0, silent))  # type: ignore[arg-type]


def sessions(seed: int = 0, task: Task = "classification") -> tuple[Dataset, NDArray[np.int64]]:
    """Rows of 40 sessions in both splits, which resemble each other more than others of their label; their sessions."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(SESSIONS), VISITS)
    centres, labels = rng.normal(size=(SESSIONS, 5)), rng.permutation(np.arange(SESSIONS) % 2)
    order = rng.permutation(len(session))
    session = session[order]
    values = centres[session] + rng.normal(0, 0.2, (len(session), 5))
    targets = {
        "classification": labels[session],
        "regression": rng.normal(size=SESSIONS)[session],
        "multilabel": np.stack([labels[session] == 0, labels[session] == 1, session % 2 == 0], 1),
    }[task]
    frame = pd.DataFrame(values, columns=list("abcde"))
    return dataset_of(frame, targets, 180, "table", task), session


def grouped(dataset: Dataset, codes: NDArray[np.int64]) -> Dataset:
    return replace(dataset, groups=Groups("session", codes, tuple(f"s{i}" for i in range(codes.max() + 1))))


def with_columns(dataset: Dataset, **columns: object) -> Dataset:
    frame = dataset.frame.assign(**columns)
    return dataset_of(frame, dataset.targets, len(dataset.rows("train")), "table", dataset.task)


def drawn(dataset: Dataset) -> Dataset:
    return replace(dataset, layout=Layout("memory", "made here: stratified fifth for testing, seed 0"))


def only(detection: Detection) -> Finding:
    (finding,) = detection.findings
    json.dumps(finding.evidence, allow_nan=False)
    return finding


# Groups that the user names


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_shared_groups_are_a_grave_finding_with_what_they_are_worth(task: Task) -> None:
    dataset, session = sessions(task=task)
    finding = only(detect(grouped(dataset, session)))
    test = dataset.rows("test")
    shared = np.isin(session[test], session[dataset.rows("train")])
    assert (finding.kind, finding.severity) == ("shared_group", Severity.HIGH)
    assert set(finding.sample_ids) == {dataset.ids[row] for row in test[shared]}
    assert f"{shared.sum()} of 60 test samples" in finding.message
    assert finding.evidence["groups_shared"] == len(np.unique(session[test][shared]))
    low, high = finding.evidence["optimism"]["interval"]
    assert 0 < low < high


def test_groups_are_named_few_and_samples_of_no_group_share_none() -> None:
    dataset, session = sessions()
    codes = np.where(session < 10, session, -1)
    finding = only(detect(grouped(dataset, codes)))
    affected = {dataset.ids[row] for row in dataset.rows("test") if codes[row] >= 0}
    assert set(finding.sample_ids) <= affected
    assert re.search(r"in training, too: ('s\d', ){4}'s\d' and \d more;", finding.message)


def test_images_and_texts_have_groups_too() -> None:
    for modality in ("image", "text"):
        dataset = make(modality, "classification", 60, 30)  # type: ignore[arg-type]
        assert only(detect(grouped(dataset, np.arange(90) % 12))).kind == "shared_group"


def test_groups_on_one_side_are_no_finding() -> None:
    dataset, _ = sessions()
    codes = np.where(dataset.splits == "train", np.arange(240) % 15, 15 + np.arange(240) % 5)
    detection = detect(grouped(dataset, codes))
    assert detection.findings == ()
    assert detection.notes == ("no group of session is in training and in test",)


def test_without_groups_and_columns_it_is_skipped() -> None:
    assert "--group" in detect(make("array", "classification", 60, 30)).skipped


# Groups that nobody named


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_a_column_of_sessions_is_proposed_as_a_group(task: Task) -> None:
    for seed, named in ((0, lambda code: code * 37 % 101 + 1000), (1, lambda code: f"S{code}")):
        dataset, session = sessions(seed, task)
        finding = only(detect(with_columns(dataset, session=[named(code) for code in session])))
        assert (finding.kind, finding.severity) == ("possible_group", Severity.MEDIUM)
        assert finding.evidence["column"] == "session"
        assert "test values are in training" in finding.message
        assert finding.evidence["nearest_has_same_value"] > 0.8


def test_where_the_split_is_drawn_the_advice_is_to_draw_it_by_groups() -> None:
    dataset, session = sessions()
    assert "split so that each is on one side" in only(detect(with_columns(dataset, session=session))).message
    assert "run again with --group session, which keeps" in only(
        detect(drawn(with_columns(dataset, session=[f"S{code}" for code in session])))
    ).message  # fmt: skip


def test_what_a_session_has_once_neither_hides_it_nor_makes_more_findings() -> None:
    dataset, session = sessions()
    facts = {"room": [f"room {code % 12}" for code in session], "booking": session * 3 + 500}
    finding = only(detect(with_columns(dataset, session=[f"S{code}" for code in session], **facts)))
    assert (finding.kind, finding.evidence["column"]) == ("possible_group", "session")
    assert set(finding.evidence["coarser"]) >= {"booking"}


def test_sessions_that_the_split_keeps_apart_are_no_finding() -> None:
    dataset, session = sessions()
    order = np.argsort(session, kind="stable")
    frame = dataset.frame.iloc[order].reset_index(drop=True).assign(session=[f"S{code}" for code in session[order]])
    assert detect(dataset_of(frame, dataset.targets[order], 180, "table")).findings == ()


def test_sessions_from_which_models_gain_nothing_are_no_finding() -> None:
    dataset, session = sessions()
    label = (dataset.frame["a"] > 0).to_numpy().astype(int)
    easy = dataset_of(
        dataset.frame.assign(a=label * 20.0, session=[f"S{code}" for code in session]), label, 180, "table"
    )
    assert detect(easy).findings == ()


@pytest.mark.parametrize("task", ["classification", "regression", "multilabel"])
def test_honest_categories_and_whole_numbers_are_left_alone(task: Task) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        dataset = make("table", task, 300, 120, seed=seed)
        age, city = rng.integers(18, 80, 420), rng.integers(0, 40, 420)
        honest = with_columns(
            dataset,
            city=[f"city {code}" for code in city],
            population=1000 * city**2,
            zip=rng.integers(0, 90, 420) + 10_000,
            job=[f"job {code}" for code in rng.geometric(0.06, 420)],
            age=age,
            born=2024 - age - (rng.random(420) < 0.5),
            pay=(age * 900 + rng.normal(0, 4000, 420)).round(-2).astype(int),
        )
        assert detect(honest).findings == ()


@pytest.mark.parametrize(
    "load", [datasets.load_iris, datasets.load_wine, datasets.load_breast_cancer, datasets.load_diabetes]
)
def test_real_tables_are_left_alone(load: object) -> None:
    data = load(as_frame=True)  # type: ignore[operator]
    rows = np.random.default_rng(0).permutation(len(data.data))
    task: Task = "regression" if load is datasets.load_diabetes else "classification"
    frame, targets = data.data.iloc[rows].reset_index(drop=True), data.target.to_numpy()[rows]
    assert detect(dataset_of(frame, targets, int(0.8 * len(frame)), "table", task)).findings == ()


# Time


def days(first: str, count: int, seed: int = 0) -> NDArray[np.datetime64]:
    start = np.datetime64(first, "ns")
    return start + np.random.default_rng(seed).permutation(count) * np.timedelta64(1, "D").astype("timedelta64[ns]")


def dated(train: NDArray[np.datetime64], test: NDArray[np.datetime64], **columns: object) -> Dataset:
    frame = make("table", "classification", len(train), len(test))
    return with_columns(frame, date=np.concatenate([train, test]), **columns)


def test_test_rows_among_training_rows_in_time_are_said() -> None:
    finding = only(detect(dated(days("2019-01-01", 200), days("2019-02-01", 60))))
    assert (finding.kind, finding.severity) == ("time_order", Severity.LOW)
    assert "test rows are from 2019-02-01 to 2019-04-01 by the column 'date'" in finding.message
    assert "training rows from 2019-01-01 to 2019-07-19: they are interleaved" in finding.message


def test_test_rows_older_than_training_rows_are_said() -> None:
    assert "they are older" in only(detect(dated(days("2020-01-01", 200), days("2018-01-01", 60)))).message


def test_a_split_that_follows_training_is_left_alone_whatever_other_dates_say() -> None:
    born = days("1960-01-01", 260)
    assert detect(dated(days("2019-01-01", 200), days("2019-07-20", 60), born=born)).findings == ()


def test_dates_are_no_matter_where_the_split_is_drawn_or_they_are_few() -> None:
    assert detect(drawn(dated(days("2019-01-01", 200), days("2019-02-01", 60)))).findings == ()
    assert detect(dated(days("2019-01-01", 200).astype("datetime64[Y]").astype("datetime64[ns]"),
                        days("2019-02-01", 60))).findings == ()  # fmt: skip
