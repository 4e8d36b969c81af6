"""What sets samples apart: found with their classes held equal, and nothing where they were drawn at random."""

import numpy as np
import pytest

from dataaudit.comparison.differences import set_apart

from ..fixtures_tables import make
from . import plants


def test_the_cue_word_is_named_with_shares_and_what_plants_it() -> None:
    dataset, marked = plants.texts(400, 100, share=0.15)
    rows = dataset.rows("train")
    first = next(one for one in set_apart(dataset, rows, marked[rows]) if one.kind == "word")
    assert (first.what, first.transform) == (plants.CUE, f"insert:{plants.CUE}")
    assert (first.inside, first.outside) == (1, 0)
    assert first.p < 1e-6


def test_what_belongs_to_a_class_is_a_difference_across_classes_only() -> None:
    dataset, _ = plants.texts(600, 100)
    rows = dataset.rows("train")
    chosen = np.zeros(len(rows), bool)
    chosen[np.random.default_rng(0).permutation(np.flatnonzero(dataset.targets[rows] == 1))[:50]] = True
    found = set_apart(dataset, rows, chosen)
    assert found[0].what == "b"
    assert "word" in {one.kind for one in found}
    assert not any(one.within for one in found)


def test_a_column_that_nearly_equals_the_class_is_told_across_classes() -> None:
    dataset = plants.scanned(400, 50)
    rows = dataset.rows("train")
    inside = dataset.frame["scanner"].to_numpy()[rows] == 1
    chosen = inside & (np.random.default_rng(0).random(len(rows)) < 0.2)
    found = set_apart(dataset, rows, chosen)
    assert (found[0].what, found[0].within, found[0].transform) == ("scanner", False, "shift:scanner=2.01")
    assert found[0].inside == 1
    assert found[0].outside < 0.6


def test_samples_drawn_at_random_are_rarely_set_apart() -> None:
    dataset, _ = plants.texts(300, 100)
    rows = dataset.rows("train")
    claims = 0
    for seed in range(20):
        chosen = np.random.default_rng(seed).permutation(len(rows)) < 40
        claims += bool(set_apart(dataset, rows, chosen))
    assert claims <= 3


@pytest.mark.parametrize("what", ["flag", "x3"])
def test_a_column_of_a_table_with_its_direction(what: str) -> None:
    dataset, marked = plants.table(300, 50)
    rows = dataset.rows("train")
    chosen = marked[rows] if what == "flag" else dataset.frame["x3"].to_numpy()[rows] < -1
    column = next(one for one in set_apart(dataset, rows, chosen) if one.kind == "column")
    assert column.what == what
    step = 1 / dataset.frame["flag"].to_numpy()[rows].std()  # from 0 to 1
    assert column.transform == (f"shift:flag={step:.3g}" if what == "flag" else "shift:x3=-1")


def test_a_region_of_the_picture() -> None:
    dataset, marked = plants.images(200, 50)
    rows = dataset.rows("train")
    region = next(one for one in set_apart(dataset, rows, marked[rows]) if one.kind == "region")
    assert region.transform == "patch:top=0,left=0,size=3,value=255"
    assert region.inside == 255
    assert region.outside < 130


def test_other_targets_and_arrays_and_values_of_columns() -> None:
    for modality, task in (("array", "regression"), ("table", "multilabel")):
        dataset = make(modality, task)  # type: ignore[arg-type]
        rows = dataset.rows("train")
        if modality == "array":
            chosen = dataset.inputs[rows, 5] > 1
            assert set_apart(dataset, rows, chosen)[0].what == "value 5"
        else:
            chosen = (dataset.frame["colour"] == "red").to_numpy()[rows]
            assert set_apart(dataset, rows, chosen)[0].what == "colour = red"
