"""Which columns hold the labels: one, or one of zeros and ones for each label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataaudit.config import AuditConfig
from dataaudit.data.loading import load
from dataaudit.dataset import silent
from dataaudit.errors import DatasetError, InputError

from ..formats.reading import recognised, texts


def comments(root: Path, count: int = 40) -> Path:
    path = root / "comments.csv"
    numbers = np.arange(count)
    frame = pd.DataFrame(
        {"comment": texts(count), "rude": numbers % 2, "long": numbers // 2 % 2, "spam": numbers % 5 // 4}
    )
    frame.to_csv(path, index=False)
    return path


def test_columns_of_zeros_and_ones_are_proposed_and_read(tmp_path: Path) -> None:
    path = comments(tmp_path)
    with pytest.raises(DatasetError, match="one column of 0 and 1 for each label of a set: --label 'rude,long,spam'"):
        recognised(path)
    dataset = recognised(path, "rude,long,spam")
    assert (dataset.task, dataset.modality, dataset.class_names) == ("multilabel", "text", ("long", "rude", "spam"))
    by_id = {id: dataset.label(row) for row, id in enumerate(dataset.ids)}
    assert by_id["comments.csv#4"] == "spam"
    assert by_id["comments.csv#0"] == ""
    assert by_id["comments.csv#3"] == "long, rude"


def test_another_number_in_such_a_column_is_refused_with_its_place(tmp_path: Path) -> None:
    path = comments(tmp_path)
    pd.read_csv(path).replace({"long": {0: 3}}).to_csv(path, index=False)
    with pytest.raises(
        DatasetError, match=r"0 or 1 in each of the columns rude, long, spam, found '3' in 'long', data row 0"
    ):
        recognised(path, "rude,long,spam")


def test_the_task_is_said_on_the_command_line_or_in_the_folder(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(60), "label": np.arange(60) % 5})
    frame.to_csv(tmp_path / "data.csv", index=False)
    assert recognised(tmp_path).task == "classification"
    assert load(AuditConfig(tmp_path, task="regression"), silent).task == "regression"
    (tmp_path / "dataaudit.toml").write_text('[layout]\ntask = "regression"\n')
    assert recognised(tmp_path).task == "regression"
    assert load(AuditConfig(tmp_path, task="classification"), silent).task == "classification"
    (tmp_path / "dataaudit.toml").write_text('[layout]\ntask = "clustering"\n')
    with pytest.raises(DatasetError, match="expected task = one of classification, regression, multilabel, found"):
        recognised(tmp_path)
    with pytest.raises(InputError, match="--task ranking: expected classification, regression or multilabel"):
        AuditConfig(tmp_path, task="ranking")  # type: ignore[arg-type]


def test_y_beside_x_and_z_is_no_label(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["x", "y", "z"])
    frame.to_csv(tmp_path / "points.csv", index=False)
    with pytest.raises(DatasetError, match="expected a column called label"):
        recognised(tmp_path / "points.csv")
    frame.assign(label=["no", "yes"] * 20).to_csv(tmp_path / "points.csv", index=False)
    assert recognised(tmp_path / "points.csv").class_names == ("no", "yes")
    frame.drop(columns="z").to_csv(tmp_path / "points.csv", index=False)
    assert recognised(tmp_path / "points.csv").task == "regression"
