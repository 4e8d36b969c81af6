"""How well single columns of a table predict the label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ...data.features.columns import Column, Values, encode
from ...dataset import Dataset

FOLDS, LEAF, TREES = 5, 5, 100


@dataclass(frozen=True)
class Label:
    """A prediction target, (n,) class numbers or numbers; `name` is that of one label of a set, else empty."""

    name: str
    values: NDArray[Any]
    numeric: bool


def labels_of(dataset: Dataset) -> list[Label]:
    """The target, or one binary target for each label of sets."""
    if dataset.task == "multilabel":
        return [
            Label(name, dataset.targets[:, place].astype(np.int64), False)
            for place, name in enumerate(dataset.class_names)
        ]
    return [Label("", dataset.targets, dataset.task == "regression")]


def column_skills(
    dataset: Dataset, columns: tuple[Column, ...], column_values: list[Values], rows: NDArray[np.int64], label: Label
) -> dict[int, float]:
    """How well each column alone predicts the label, by the column's place."""
    skills: dict[int, float] = {}
    if (label.values[rows] == label.values[rows[0]]).all():
        return skills
    for place, (column, values) in enumerate(zip(columns, column_values, strict=True)):
        if column.kind in ("constant", "missing"):
            continue
        features: NDArray[Any] = _tree_features(values, rows)
        if column.kind == "text":
            features = encode(dataset.frame.iloc[rows, [place]], np.arange(len(rows)))
        model = DecisionTreeRegressor if label.numeric else DecisionTreeClassifier
        skills[place] = _skill(model(min_samples_leaf=LEAF, random_state=0), features, label, rows)
        numbers = features[:, 0]
        if label.numeric and column.kind == "numeric" and not np.isnan(numbers).any():
            skills[place] = max(skills[place], float(spearmanr(numbers, label.values[rows]).statistic) ** 2)
    return skills


def _tree_features(values: Values, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows, 2) the number, and the word's alphabetical rank: trees need only an order."""
    place = np.empty(len(values.words))
    place[np.argsort(values.words.astype(str))] = np.arange(len(values.words))
    return np.stack([values.numbers[rows], np.append(place, np.nan)[values.codes[rows]]], 1)


def _skill(model: Any, features: NDArray[Any], label: Label, rows: NDArray[np.int64]) -> float:
    """Share of a baseline's errors, or squared errors, that a model avoids out of sample; at least 0."""
    targets = label.values[rows]
    if label.numeric:
        folds: Any = KFold(FOLDS, shuffle=True, random_state=0)
        errors = float(np.square(cross_val_predict(model, features, targets, cv=folds) - targets).sum())
        baseline_errors = float(np.square(targets - targets.mean()).sum())
    else:
        counts = np.bincount(targets)
        baseline_errors = float(counts.sum() - counts.max())
        if not baseline_errors:
            return 0.0
        # Stratified folds warn of classes with fewer samples than folds.
        too_rare = counts[counts > 0].min() < FOLDS
        folds = (KFold if too_rare else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
        errors = float((cross_val_predict(model, features, targets, cv=folds) != targets).sum())
    return max(0.0, 1 - errors / baseline_errors) if baseline_errors > 0 else 0.0


def is_bijective(values: Values, label: Label, rows: NDArray[np.int64]) -> bool:
    """Whether labels and values correspond one to one."""
    pairs = pd.DataFrame({"number": values.numbers[rows], "word": values.codes[rows], "label": label.values[rows]})
    distinct = pairs.drop_duplicates()
    labels = distinct["label"].nunique()
    return labels > 1 and len(distinct) == labels == len(distinct[["number", "word"]].drop_duplicates())


def joint_skill(dataset: Dataset, places: list[int], label: Label, rows: NDArray[np.int64]) -> float:
    """How well the columns at these places together predict the label."""
    if not places:
        return 0.0
    features = encode(dataset.frame.iloc[rows, places], np.arange(len(rows)))
    model = ExtraTreesRegressor if label.numeric else ExtraTreesClassifier
    return _skill(model(TREES, min_samples_leaf=2, random_state=0), features, label, rows)
