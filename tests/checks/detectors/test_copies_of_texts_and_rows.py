"""Leakage and duplicates among texts, tables and arrays: planted copies are found, clean data stays silent."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from dataaudit.checks.detection import CheckContext, Detection
from dataaudit.checks.detectors import duplicates, leakage
from dataaudit.dataset import DRAWN, Dataset, silent
from dataaudit.findings import Severity

from ...data.features.test_words import SPELLINGS
from ...fixtures import KnownScores
from ...written import dataset_of, docstrings, measured, sentences

N_TRAIN, N_TEST = 400, 100
N = N_TRAIN + N_TEST


class NoPool:
    """Stands in for a pool without runs."""

    def __len__(self) -> int:
        return 0


class NoInfluence(KnownScores):
    """Stands in for an attribution: every score is zero."""

    def __init__(self, dataset: Dataset) -> None:
        shape = len(dataset.rows("train")), len(dataset.rows(dataset.target_split))
        super().__init__(np.zeros(shape, np.float32))


def context_of(dataset: Dataset) -> CheckContext:
    """Without models: a user's own, never retrained."""
    return CheckContext(dataset, NoPool(), NoInfluence(dataset), 0, silent)  # type: ignore[arg-type]


def frame(name: str) -> Dataset:
    load = {"wine": load_wine, "breast_cancer": load_breast_cancer, "diabetes": load_diabetes}[name]
    found = load(as_frame=True)
    rows = np.random.default_rng(0).permutation(len(found.data))
    targets = found.target.to_numpy()[rows]
    table, n_train = found.data.iloc[rows].reset_index(drop=True), 3 * len(rows) // 4
    if name == "diabetes":
        return dataset_of(table, n_train, "table", targets.astype(float), "regression")
    return replace(dataset_of(table, n_train, "table", targets), class_names=("a", "b", "c"))


CLEAN = {
    "made-up texts": lambda: dataset_of(sentences(N), N_TRAIN, "text"),
    "made-up table": lambda: dataset_of(measured(N), N_TRAIN, "table"),
    "wine": lambda: frame("wine"),
    "breast cancer": lambda: frame("breast_cancer"),
    "diabetes": lambda: frame("diabetes"),
    "digits": lambda: dataset_of(load_digits().images[:N].astype("f4"), N_TRAIN, "array"),
}


def pairs_of(detection: Detection) -> set[tuple[str, str]]:
    return {
        (copy["test_id"], copy["train_id"]) for finding in detection.findings for copy in finding.evidence["copies"]
    }


def no_pool(labels: np.ndarray) -> Any:
    raise AssertionError("leaks are planted into inputs, not labels")


@pytest.mark.parametrize("name", CLEAN)
def test_clean_data_has_no_finding_and_most_planted_copies_are_found(name: str) -> None:
    dataset = CLEAN[name]()
    context = context_of(dataset)
    detection = leakage.detect(context)
    assert len(pairs_of(detection)) <= 1
    assert {pair.kind for pair in detection.pairs if pair.ranked == 5} == {"candidate"}
    assert len(duplicates.detect(context).findings) <= 1
    calibration = leakage.calibrate(context, no_pool)
    assert calibration is not None
    assert sum(calibration.found.values()) >= 0.55 * sum(calibration.planted.values())
    assert calibration.reported - calibration.right <= 1


def test_of_real_texts_most_altered_copies_are_found_among_their_relatives() -> None:
    texts = np.random.default_rng(0).permutation(np.array(docstrings(), object))[:N]
    context = context_of(dataset_of(texts, N_TRAIN, "text"))
    calibration = leakage.calibrate(context, no_pool)
    assert calibration is not None
    assert sum(calibration.found.values()) >= 0.7 * sum(calibration.planted.values())
    assert calibration.reported - calibration.right <= 2


def test_copies_of_texts_are_found_with_the_words_that_differ_and_nothing_else() -> None:
    texts = sentences(N)
    texts[3] = texts[N_TRAIN + 3].upper() + "!"
    texts[8] = texts[N_TRAIN + 5].replace(texts[N_TRAIN + 5].split()[4], "elsewhere", 1)
    texts[9] = texts[N_TRAIN + 5]
    texts[20] = texts[N_TRAIN + 11] = "short one"
    dataset = dataset_of(texts, N_TRAIN, "text")
    detection = leakage.detect(context_of(dataset))
    found = {(N_TRAIN + 3, 3), (N_TRAIN + 5, 8), (N_TRAIN + 5, 9), (N_TRAIN + 11, 20)}
    assert pairs_of(detection) == {(f"rows#{a}", f"rows#{b}") for a, b in found}
    copies = {copy["train_id"]: copy for finding in detection.findings for copy in finding.evidence["copies"]}
    assert copies["rows#9"]["exact"]
    assert copies["rows#20"]["exact"]
    assert ["left", texts[N_TRAIN + 5].split()[4]] in copies["rows#8"]["differences"]
    assert ["right", "elsewhere"] in copies["rows#8"]["differences"]
    assert copies["rows#3"]["test_label"] == "b"
    assert detection.notes[0].startswith("3 of 100 test samples (3.0%) have a copy in the training set")
    assert len(detection.notes) == 1


def test_copies_of_rows_are_found_with_the_columns_that_differ_and_nothing_else() -> None:
    table = measured(N)
    table.iloc[3, :-1] = table.iloc[N_TRAIN + 3, :-1]
    table.iloc[8, :-1] = table.iloc[N_TRAIN + 5, :-1]
    table.loc[8, ["x2", "word"]] = [99.0, "violet"]
    table.iloc[[11, N_TRAIN + 11], :-1] = table.iloc[[12, 12], :-1].to_numpy()
    table.iloc[N_TRAIN + 11, :8] *= 1 + 1e-6
    detection = leakage.detect(context_of(dataset_of(table, N_TRAIN, "table")))
    found = {(N_TRAIN + 3, 3), (N_TRAIN + 5, 8), (N_TRAIN + 11, 11), (N_TRAIN + 11, 12)}
    assert pairs_of(detection) == {(f"rows#{a}", f"rows#{b}") for a, b in found}
    copies = {copy["train_id"]: copy for finding in detection.findings for copy in finding.evidence["copies"]}
    changed = {column: right for column, _, right in copies["rows#8"]["differences"]}
    assert changed == {"x2": "99", "word": "violet", "id": "8"}
    (repeated,) = duplicates.detect(context_of(dataset_of(table, N_TRAIN, "table"))).findings
    assert repeated.sample_ids == ("rows#11", "rows#12")
    assert "2 duplicates of one sample, equal but for ids and constant columns, such as" in repeated.message


def test_rows_that_must_repeat_are_a_note_and_not_a_finding() -> None:
    rng = np.random.default_rng(0)
    coarse = pd.DataFrame({f"c{j}": rng.choice(list("abcd"), N, p=[0.4, 0.3, 0.2, 0.1]) for j in range(4)})
    coarse["c0 again"] = coarse["c0"].str.upper()
    detection = leakage.detect(context_of(dataset_of(coarse, N_TRAIN, "table")))
    assert detection.findings == ()
    assert (
        "test samples equal one in the training set and are not reported: with so few distinct values, about"
        in detection.notes[0]
    )
    assert any(pair.kind == "equal" for pair in detection.pairs)
    repeated = duplicates.detect(context_of(dataset_of(coarse, N_TRAIN, "table")))
    assert repeated.findings == ()
    assert repeated.notes[0].startswith("train: ")
    assert "samples repeat an earlier one and are not reported" in repeated.notes[0]
    many = pd.DataFrame({f"c{j}": rng.choice(list("abcd"), N) for j in range(20)})
    many.iloc[7] = many.iloc[N_TRAIN + 2]
    copied = leakage.detect(context_of(dataset_of(many, N_TRAIN, "table")))
    assert pairs_of(copied) == {(f"rows#{N_TRAIN + 2}", "rows#7")}
    assert copied.findings[0].evidence["copies"][0]["q_value"] < 0.01


def beside(texts: list[str], **columns: Any) -> Dataset:
    return dataset_of(pd.DataFrame({"text": texts, **columns}), N_TRAIN, "table")


@pytest.mark.parametrize("columns", [{}, {"id": np.arange(N)}, {"id": np.arange(N), "kind": "a", "none": np.nan}])
def test_texts_are_compared_as_texts_whatever_stands_beside_them(columns: dict[str, Any]) -> None:
    texts = sentences(N)
    texts[20], texts[N_TRAIN + 11] = "Is it top-up?", "is it  TOP UP"
    texts[21] = texts[22] = "so short"
    texts[N_TRAIN + 30], texts[30] = "", "  "
    context = context_of(beside(texts, **columns) if columns else dataset_of(texts, N_TRAIN, "text"))
    detection = leakage.detect(context)
    assert pairs_of(detection) == {(f"rows#{N_TRAIN + 11}", "rows#20")}
    (copy,) = detection.findings[0].evidence["copies"]
    assert (copy["exact"], copy["agreement"]) == (True, "equal after cleaning")
    assert (
        "has a duplicate, equal after cleaning (but for case, punctuation and spaces), in the training set, rows#20"
        in detection.findings[0].message
    )
    (repeated,) = duplicates.detect(context).findings
    assert repeated.sample_ids == ("rows#21", "rows#22")
    assert repeated.evidence["pairs"][0]["agreement"] == ("equal without ids" if columns else "equal")


@pytest.mark.parametrize("sort", SPELLINGS["Latin"])
def test_however_short_texts_in_six_scripts_are_copies_if_equal_after_cleaning(sort: str) -> None:
    texts = [f"I can {text}" for text in sentences(N)]
    for place, of_script in enumerate(SPELLINGS.values()):
        texts[place], texts[N_TRAIN + place] = of_script[sort]
    different = [
        ("limit 10", "limit 100"),
        ("I can", "I can't"),
        ("C++", "C#"),
        ("$5", "5%"),
        ("5", "-5"),
        ("何時", "何故"),
    ]
    for place, pair in enumerate(different, 20):
        texts[place], texts[N_TRAIN + place] = pair
    context = context_of(dataset_of(texts, N_TRAIN, "text"))
    detection = leakage.detect(context)
    assert pairs_of(detection) == {(f"rows#{N_TRAIN + place}", f"rows#{place}") for place in range(len(SPELLINGS))}
    assert {finding.evidence["agreement"] for finding in detection.findings} == {"equal after cleaning"}
    assert [match for match in detection.columns["leakage_match"] if match] == ["equal after cleaning"] * 12
    assert {pair.kind for pair in detection.pairs} == {"equal after cleaning", "candidate"}


def test_texts_equal_after_cleaning_are_held_against_chance_as_equal_ones_are() -> None:
    rng = np.random.default_rng(0)
    thanks = rng.choice(["ok", "yes", "thanks", "top-up", "topup"], N).tolist()
    typed = [text.upper() + "!" if i % 2 else text for i, text in enumerate(thanks)]
    for texts in (thanks, typed):
        alone = leakage.detect(context_of(dataset_of(texts, N_TRAIN, "text")))
        assert sum(len(finding.sample_ids) for finding in alone.findings) == N
        besides = leakage.detect(context_of(beside(texts, stars=rng.normal(size=N))))
        assert besides.findings == ()  # other columns tell the rows apart
    rare = [*sentences(N - 2, length=(20, 30)), "", ""]
    rare[0], rare[N_TRAIN] = f"the top-up {rare[N_TRAIN]}", f"The TopUp {rare[N_TRAIN]}"
    (found,) = leakage.detect(context_of(beside(rare, stars=rng.normal(size=N)))).findings
    assert found.evidence["agreement"] == "equal text after cleaning"
    assert "has a duplicate of its text after cleaning" in found.message


def test_rows_say_whether_they_agree_in_all_without_ids_after_cleaning_or_in_their_texts() -> None:
    table = measured(N)
    table["note"] = sentences(N)
    for copy, origin in ((3, N_TRAIN + 3), (4, N_TRAIN + 4), (5, N_TRAIN + 5), (6, N_TRAIN + 6)):
        table.iloc[copy] = table.iloc[origin]
    table.loc[[4, 5, 6], "id"] = [4, 5, 6]
    table.loc[5, "note"] = table.loc[5, "note"].title() + "!"
    table["town"] = np.random.default_rng(1).choice(["north hill", "south hill"], N)
    table["genotype"] = np.random.default_rng(2).choice(["AA", "Aa", "aa"], N)
    for copy in (3, 4, 5, 6):
        table.loc[copy, ["town", "genotype"]] = table.loc[N_TRAIN + copy, ["town", "genotype"]].to_numpy()
    table.loc[6, "town"] = table.loc[6, "town"].title() + " "
    table.loc[7] = table.loc[N_TRAIN + 7]
    table.loc[7, "genotype"] = {"AA": "Aa", "Aa": "AA", "aa": "Aa"}[table.loc[7, "genotype"]]
    detection = leakage.detect(context_of(dataset_of(table, N_TRAIN, "table")))
    assert {finding.sample_ids[1]: finding.evidence["agreement"] for finding in detection.findings} == {
        "rows#3": "equal", "rows#4": "equal without ids", "rows#5": "equal after cleaning",
        "rows#6": "equal after cleaning", "rows#7": "equal text",
    }  # fmt: skip


def test_of_texts_beside_other_columns_equal_texts_equal_rows_and_near_ones_are_found_once() -> None:
    texts, rng = sentences(N), np.random.default_rng(0)
    topic, stars = rng.choice(list("abcd"), N), rng.integers(1, 6, N)
    for copy, origin in ((3, N_TRAIN + 3), (4, N_TRAIN + 4), (5, N_TRAIN + 5)):
        texts[copy], topic[copy], stars[copy] = texts[origin], topic[origin], stars[origin]
    topic[4] = "e"
    texts[5] = texts[5].replace(texts[5].split()[4], "elsewhere", 1)
    texts[40:60] = ["thank you"] * 20
    dataset = beside(texts, topic=topic, stars=stars, id=np.arange(N))
    detection = leakage.detect(context_of(dataset))
    copies = [copy for finding in detection.findings for copy in finding.evidence["copies"]]
    assert {(copy["test_id"], copy["train_id"], copy["agreement"]) for copy in copies} == {
        (f"rows#{N_TRAIN + 3}", "rows#3", "equal without ids"),
        (f"rows#{N_TRAIN + 4}", "rows#4", "equal text"),
        (f"rows#{N_TRAIN + 5}", "rows#5", "near"),
    }
    assert len(copies) == 3
    near = next(copy for copy in copies if copy["agreement"] == "near")
    assert ["right", "elsewhere"] in near["differences"]
    assert ["id", str(N_TRAIN + 5), "5"] in near["differences"]
    calibration = leakage.calibrate(context_of(dataset), no_pool)
    assert calibration is not None
    assert sum(calibration.found.values()) >= 0.5 * sum(calibration.planted.values())
    repeated = duplicates.detect(context_of(dataset))
    assert repeated.findings == ()  # the same short thanks with other stars
    assert "samples repeat an earlier one and are not reported" in repeated.notes[0]


def test_a_split_that_was_drawn_here_accuses_nobody() -> None:
    table = measured(N)
    table.iloc[3, :-1] = table.iloc[N_TRAIN + 4, :-1]
    table.iloc[5, :-1] = table.iloc[N_TRAIN + 6, :-1]
    table.loc[5, ["x2", "word"]] = [99.0, "violet"]
    table.iloc[[7, 8, N_TRAIN + 8], :-1] = table.iloc[[9, 9, 9], :-1].to_numpy()
    given = dataset_of(table, N_TRAIN, "table", np.arange(N) // 2 % 2)
    context = context_of(replace(given, layout=replace(given.layout, split_origin=f"{DRAWN}: a fifth")))
    detection = leakage.detect(context)
    assert detection.findings == ()
    assert detection.notes[0].startswith("the split was drawn here: 3 of 100 test samples (3.0%) have a copy in the")
    findings = {finding.sample_ids: finding for finding in duplicates.detect(context).findings}
    assert set(findings) == {
        ("rows#3", f"rows#{N_TRAIN + 4}"), ("rows#5", f"rows#{N_TRAIN + 6}"),
        ("rows#7", "rows#8", "rows#9", f"rows#{N_TRAIN + 8}"),
    }  # fmt: skip
    near = findings["rows#5", f"rows#{N_TRAIN + 6}"]
    assert (near.kind, near.severity, near.evidence["split"]) == ("conflicting_labels", Severity.MEDIUM, "train, test")
    accident = leakage.detect(context_of(given))
    assert len(pairs_of(accident)) == 5


def test_one_repeat_among_few_that_were_drawn_is_judged_with_all_rows() -> None:
    rng = np.random.default_rng(1)
    coarse = pd.DataFrame({f"c{j}": rng.choice(list("abcdefgh"), N) for j in range(6)})
    for first, again in ((1, 2), (3, 4), (5, 6), (7, 8), (N_TRAIN + 1, N_TRAIN + 2)):
        coarse.iloc[again] = coarse.iloc[first]
    given = dataset_of(coarse, N_TRAIN, "table")
    drawn = replace(given, layout=replace(given.layout, split_origin=f"{DRAWN}: a fifth"))
    apart, together = (duplicates.detect(context_of(dataset)) for dataset in (given, drawn))
    pair = f"rows#{N_TRAIN + 1}", f"rows#{N_TRAIN + 2}"
    assert pair in [finding.sample_ids for finding in together.findings]
    assert together.notes[0].startswith("all splits: ")
    assert pair not in [finding.sample_ids for finding in apart.findings]
    assert "about 0.032 are expected by chance, as many with a probability of 0.032" in apart.notes[1]


def test_arrays_and_numbers_as_targets() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(N, 5, 4)).astype("f4")
    targets = inputs.sum((1, 2)).astype(float)
    inputs[3] = inputs[N_TRAIN + 3] + 0.003
    inputs[4] = inputs[N_TRAIN + 4]
    targets[3] = targets[N_TRAIN + 3] * (1 + 1e-12)
    context = context_of(dataset_of(inputs, N_TRAIN, "array", targets, "regression"))
    detection = leakage.detect(context)
    assert pairs_of(detection) == {(f"rows#{N_TRAIN + 3}", "rows#3"), (f"rows#{N_TRAIN + 4}", "rows#4")}
    agree = {finding.sample_ids[1]: finding.evidence["labels_agree"] for finding in detection.findings}
    assert agree == {"rows#3": True, "rows#4": False}
    left = leakage.verify(context, detection, None)  # type: ignore[arg-type]
    assert {finding.verification.status for finding in left.findings} == {"unverified"}
    assert left.notes[-1].endswith("that is done for classification only")


def test_sets_of_labels_are_compared_as_sets() -> None:
    texts = sentences(N)
    texts[3], texts[4] = texts[N_TRAIN + 3], texts[N_TRAIN + 4]
    labels = np.random.default_rng(0).random((N, 2)) < 0.5
    labels[3], labels[4] = labels[N_TRAIN + 3], ~labels[N_TRAIN + 4]
    detection = leakage.detect(context_of(dataset_of(texts, N_TRAIN, "text", labels, "multilabel")))
    assert {finding.sample_ids[1]: finding.evidence["labels_agree"] for finding in detection.findings} == {
        "rows#3": True, "rows#4": False,
    }  # fmt: skip
    texts[10] = texts[11]
    (repeated,) = duplicates.detect(context_of(dataset_of(texts, N_TRAIN, "text", labels, "multilabel"))).findings
    assert repeated.kind == ("duplicate" if (labels[10] == labels[11]).all() else "conflicting_labels")


@pytest.mark.parametrize("train", [1, 2, 9])
@pytest.mark.parametrize("inputs", [sentences(10), ["", "", *[""] * 8], measured(10), np.ones((10, 3))], ids=str)
def test_tiny_splits_and_empty_samples_do_not_fail(inputs: Any, train: int) -> None:
    modality = {list: "text", pd.DataFrame: "table", np.ndarray: "array"}[type(inputs)]
    context = context_of(dataset_of(inputs, train, modality))  # type: ignore[arg-type]
    detection = leakage.detect(context)
    assert detection.examined == 10 - train
    assert detection.findings == ()
    leakage.calibrate(context, no_pool)
    duplicates.detect(context)


def test_copies_of_rows_whose_texts_say_nothing_are_planted_and_found_by_their_other_columns() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(words) for words in rng.choice(["fine", "good", "late", "cold"], (N, 5))]
    numbers = {f"size {column}": rng.normal(size=N) for column in range(8)}
    calibration = leakage.calibrate(context_of(beside(texts, **numbers)), no_pool)
    assert calibration is not None
    assert "in their texts and in their other columns" in calibration.procedure
    assert sum(calibration.found.values()) >= 0.8 * sum(calibration.planted.values())
    assert calibration.right >= 0.9 * calibration.reported
