"""Texts beside other columns: models see both, however the table comes in and in whatever order its rows are."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dataaudit.data.features.vectors import features
from dataaudit.data.in_memory import read_in_memory
from dataaudit.dataset import Dataset, ReadOptions, silent
from dataaudit.training.models.learner_spec import learner_of

from ..formats.reading import recognised

KINDS = {
    "fruit": "ripe apple pear plum cherry sweet juicy orchard",
    "tool": "steel hammer saw drill nail sharp heavy workshop",
}


def reviews(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Whether one buys depends on what it is and, as much, on the price."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(KINDS), n)
    texts = [" ".join(rng.choice(KINDS[kind].split(), 8)) for kind in kinds]
    price = rng.uniform(1, 100, n).round(2)
    likely = (kinds == "fruit") * 2 - 1 + (50 - price) / 25
    bought = np.where(likely + rng.normal(0, 0.3, n) > 0, "yes", "no")
    return pd.DataFrame({"review": texts, "price": price, "bought": bought})


def read(frame: pd.DataFrame, **options: Any) -> Dataset:
    n = int(0.75 * len(frame))
    return read_in_memory({"train": frame[:n], "test": frame[n:]}, ReadOptions(**options), silent)


def accuracy(dataset: Dataset) -> float:
    learner, test = learner_of(None, dataset.modality), dataset.rows("test")
    outputs = learner.outputs(learner.fit(dataset, dataset.rows("train"), 0), dataset, test)
    return float((outputs.argmax(1) == dataset.targets[test]).mean())


@pytest.mark.parametrize("seed", range(3))
def test_both_tell_more_than_either(seed: int) -> None:
    frame = reviews(1200, seed)
    both = accuracy(read(frame, label="bought"))
    assert both > 0.88
    for column in ("review", "price"):
        assert both > accuracy(read(frame.drop(columns=column), label="bought")) + 0.08


def test_a_text_that_alone_tells_is_not_drowned_by_columns_that_say_nothing() -> None:
    frame, rng = reviews(), np.random.default_rng(1)
    frame["bought"] = frame["review"].str.contains("apple").map({True: "yes", False: "no"})
    alone = accuracy(read(frame[["review", "bought"]], label="bought"))
    noise = pd.DataFrame(rng.normal(size=(len(frame), 10))).add_prefix("noise ")
    beside = read(frame.drop(columns="price").join(noise), label="bought")
    assert beside.modality == "table"
    assert accuracy(beside) > alone - 0.05


def test_ids_empty_and_unnamed_columns_beside_a_text_change_nothing() -> None:
    plain = reviews()[["review", "bought"]]
    frame = plain.assign(idx=range(len(plain)), id=[f"r{row}" for row in range(len(plain))], source="web")
    frame["Unnamed: 5"], frame["Unnamed: 6"] = np.nan, range(len(plain), 0, -1)
    one, other = read(plain, label="bought"), read(frame, label="bought")
    assert (one.modality, other.modality) == ("text", "text")
    assert one.fingerprint == other.fingerprint
    np.testing.assert_array_equal(features(one), features(other))


def test_what_comes_beside_ids_and_empty_columns_does_not_depend_on_them() -> None:
    frame = reviews()
    more = frame.assign(id=range(len(frame)), **{"Unnamed: 4": np.nan})
    np.testing.assert_array_equal(features(read(frame, label="bought")), features(read(more, label="bought")))


def test_every_way_in_gives_the_same_model(tmp_path: Path) -> None:
    n = 200
    frame = reviews(n).assign(split=["train"] * 150 + ["test"] * 50, day=pd.date_range("2024-01-01", periods=n))
    frame = frame.assign(day=frame["day"].astype(str))
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    datasets = [recognised(tmp_path / name, label="bought") for name in ("a.csv", "a.parquet", "a.jsonl")]
    datasets.append(read_in_memory(frame, ReadOptions(label="bought"), silent))
    assert len({dataset.contents for dataset in datasets}) == 1
    for dataset in datasets:
        assert (dataset.modality, dataset.texts) == ("table", ("review",))
        assert any("columns of text: review; a model sees their words" in note for note in dataset.layout.notes)
        np.testing.assert_array_equal(features(dataset), features(datasets[0]))


def test_rows_in_another_order_are_as_far_apart() -> None:
    dataset = read(reviews(), label="bought")
    train, test = dataset.rows("train"), dataset.rows("test")
    order = np.r_[np.random.default_rng(0).permutation(train), test]
    moved = replace(dataset, inputs=dataset.frame.iloc[order].reset_index(drop=True))
    products, moved_products = (features(one) @ features(one)[test].T for one in (dataset, moved))
    np.testing.assert_allclose(moved_products, products[order], atol=1e-3)


def test_a_column_that_is_named_as_text_is_read_as_words_even_if_it_looks_like_an_id() -> None:
    frame = reviews().drop(columns="review")
    frame["title"] = [f"{'apple' if at % 2 else 'hammer'} {at}" for at in range(len(frame))]
    unnamed, named = read(frame, label="bought"), read(frame, label="bought", text=("title",))
    assert (unnamed.texts, named.texts) == ((), ("title",))
    assert features(named).shape[1] > features(unnamed).shape[1]
    assert named.fingerprint != unnamed.fingerprint
