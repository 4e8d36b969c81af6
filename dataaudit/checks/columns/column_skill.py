"""How well columns of a table predict the label, row by row and out of sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, spearmanr
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ...data.features.columns import Values, encode
from ...dataset import Dataset
from .table import Table

FOLDS, LEAF, TREES = 5, 5, 100
FEW = 12
"""Most different numbers that are taken one by one."""
MIN_REPEATS = 20
LEVEL = 0.95
DRAWS = 1000


@dataclass(frozen=True)
class Label:
    """A prediction target of some rows, (n,) class numbers or numbers.

    name   that of one label of a set, else empty
    """

    name: str
    values: NDArray[Any]
    numeric: bool

    def of(self, rows: NDArray[np.int64]) -> "Label":
        """The same of these rows."""
        return Label(self.name, self.values[rows], self.numeric)

    @property
    def guessing(self) -> float:
        """Errors, or squared errors, of guessing the commonest class or the mean."""
        if self.numeric:
            return float(np.square(self.values - self.values.mean()).sum())
        counts = np.bincount(self.values)
        return float(counts.sum() - counts.max())


@dataclass(frozen=True)
class Prediction:
    """Predictions of a label, out of sample.

    errors    (n,) of each row: 0 or 1, or the squared error
    guessing  sum of the errors of a guesser
    form      what of the column they were made from: "measure", or one of its parts: "gap", "value", "commonest value"
    """

    errors: NDArray[np.float64]
    guessing: float
    form: str

    @property
    def skill(self) -> float:
        """Share of the guesser's errors that are avoided, at least 0."""
        return max(0.0, 1 - float(self.errors.sum()) / self.guessing)

    @property
    def lowest_skill(self) -> float:
        """Lower limit of the skill, one-sided, 95 %: of a count of errors exact (Poisson), else by resampling rows."""
        if np.isin(self.errors, (0, 1)).all():
            most = chi2.ppf(LEVEL, 2 * (self.errors.sum() + 1)) / 2
        else:
            most = np.quantile(_resampled_sums(self.errors[:, None])[:, 0], LEVEL)
        return float(max(0.0, 1 - most / self.guessing))


def labels_of(dataset: Dataset) -> list[Label]:
    """The target, or one binary target for each label of sets, of all rows."""
    if dataset.task == "multilabel":
        return [
            Label(name, dataset.targets[:, place].astype(np.int64), False)
            for place, name in enumerate(dataset.class_names)
        ]
    return [Label("", dataset.targets, dataset.task == "regression")]


def graded(table: Table, place: int, rows: NDArray[np.int64], label: Label) -> Prediction:
    """By a tree on the column's value, or, of numbers, by a monotone function of it if that is better."""
    column, values = table.columns[place], table.values[place]
    features: NDArray[Any] = _tree_features(values, rows)
    if column.kind == "text":
        features = encode(table.frame.iloc[rows, [place]], np.arange(len(rows)))
    model = DecisionTreeRegressor if label.numeric else DecisionTreeClassifier
    prediction = _cross_validated(model(min_samples_leaf=LEAF, random_state=0), features, label)
    numbers = features[:, 0]
    if label.numeric and column.kind == "numeric" and not np.isnan(numbers).any():
        rises = bool(spearmanr(numbers, label.values).statistic >= 0)
        monotone = _cross_validated(IsotonicRegression(increasing=rises, out_of_bounds="clip"), numbers, label)
        prediction = max(prediction, monotone, key=lambda candidate: candidate.skill)
    return prediction


def by_parts(table: Table, place: int, rows: NDArray[np.int64], label: Label) -> Iterator[Prediction]:
    """By what most other rows have in the same part of the column: its gap, its commonest value, one of its few."""
    values = table.values[place]
    missing = values.missing[rows]
    if missing.any() and not missing.all():
        yield _left_one_out(missing.astype(np.int64), label, "gap")
    codes = pd.factorize(values.codes[rows] if (values.codes >= 0).any() else values.numbers[rows])[0]
    counts = np.bincount(codes[codes >= 0], minlength=1)
    is_words = (values.codes[rows] >= 0).any()
    if is_words or len(counts) <= FEW:
        yield _left_one_out(codes + 1, label, "value")
    elif counts.max() > 1:
        commonest = codes == counts.argmax()
        yield _left_one_out(np.where(missing, 2, commonest), label, "commonest value")


def joint(table: Table, places: Sequence[int], rows: NDArray[np.int64], label: Label) -> Prediction:
    """By extremely randomised trees on the columns at these places together."""
    features = encode(table.frame.iloc[rows, list(places)], np.arange(len(rows)))
    model = ExtraTreesRegressor if label.numeric else ExtraTreesClassifier
    return _cross_validated(model(TREES, min_samples_leaf=2, random_state=0), features, label)


def paired(
    table: Table, places: tuple[int, int], rows: NDArray[np.int64], label: Label, folds: int = FOLDS
) -> Prediction:
    """By a tree on two columns, on the sum, difference, product and ratio of their numbers or dates, and on whether
    their words are equal; or by what most rows have that share both values, where these are few.
    """
    one, other = (table.values[place] for place in places)
    x, y = one.numbers[rows], other.numbers[rows]
    with np.errstate(all="ignore"):
        arithmetic = np.stack([x + y, x - y, x * y, x / y], 1)
    arithmetic[~(np.abs(arithmetic) < np.finfo(np.float32).max)] = np.nan
    said, said_there = (np.append(values.words, "").astype(object)[values.codes[rows]] for values in (one, other))
    features = [_tree_features(values, rows) for values in (one, other)]
    model = DecisionTreeRegressor if label.numeric else DecisionTreeClassifier
    prediction = _cross_validated(
        model(min_samples_leaf=LEAF, random_state=0),
        np.column_stack([*features, arithmetic, said == said_there]), label, folds,
    )  # fmt: skip
    codes = [pd.factorize(values.codes[rows] if (values.codes >= 0).any() else values.numbers[rows])[0] + 1
             for values in (one, other)]  # fmt: skip
    if not label.numeric and max(code.max() for code in codes) <= FEW:
        cells = _left_one_out(codes[0] * (FEW + 1) + codes[1], label, "value")
        prediction = max(prediction, cells, key=lambda candidate: candidate.skill)
    return prediction


def errs_less(better: Prediction, worse: Prediction, times: float) -> bool:
    """Whether a prediction makes, by resampling rows, surely less than one in so many of the other's errors."""
    sums = _resampled_sums(np.stack([better.errors, worse.errors], 1))
    return bool(np.quantile(sums[:, 1] - times * sums[:, 0], 1 - LEVEL) > 0)


def is_bijective(values: Values, rows: NDArray[np.int64], label: Label) -> bool:
    """Whether labels and values correspond one to one; numbers as labels must repeat for that to say something."""
    pairs = pd.DataFrame({"number": values.numbers[rows], "word": values.codes[rows], "label": label.values})
    distinct = pairs.drop_duplicates()
    labels = distinct["label"].nunique()
    says_something = labels > 1 and (not label.numeric or labels <= len(pairs) - MIN_REPEATS)
    return says_something and len(distinct) == labels == len(distinct[["number", "word"]].drop_duplicates())


def _tree_features(values: Values, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(rows, 2) the number, and the word's alphabetical rank: trees need only an order."""
    place = np.empty(len(values.words))
    place[np.argsort(values.words.astype(str))] = np.arange(len(values.words))
    return np.stack([values.numbers[rows], np.append(place, np.nan)[values.codes[rows]]], 1)


def _cross_validated(model: Any, features: NDArray[Any], label: Label, n_folds: int = FOLDS) -> Prediction:
    targets = label.values
    if label.numeric:
        folds: Any = KFold(n_folds, shuffle=True, random_state=0)
        errors = np.square(cross_val_predict(model, features, targets, cv=folds) - targets)
    else:
        counts = np.bincount(targets)
        # Stratified folds warn of classes with fewer samples than folds.
        too_rare = counts[counts > 0].min() < n_folds
        folds = (KFold if too_rare else StratifiedKFold)(n_folds, shuffle=True, random_state=0)
        errors = (cross_val_predict(model, features, targets, cv=folds) != targets).astype(np.float64)
    return Prediction(errors, label.guessing, "measure")


def _left_one_out(parts: NDArray[np.int64], label: Label, form: str) -> Prediction:
    """By the commonest class among the other rows of the same part; a tie is an error.

    parts   (n,) from 0
    """
    counts = np.zeros((int(parts.max()) + 1, int(label.values.max()) + 1), np.int64)
    np.add.at(counts, (parts, label.values), 1)
    others = counts[parts].copy()
    own = others[np.arange(len(parts)), label.values] - 1
    others[np.arange(len(parts)), label.values] = -1
    return Prediction((own <= others.max(1)).astype(np.float64), label.guessing, form)


def _resampled_sums(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(DRAWS, k) sums of errors (n, k) over rows drawn with replacement."""
    rng = np.random.default_rng(0)
    different, counts = np.unique(errors, axis=0, return_counts=True)
    draws = rng.multinomial(len(errors), counts / len(errors), DRAWS)
    return np.asarray(draws @ different)
