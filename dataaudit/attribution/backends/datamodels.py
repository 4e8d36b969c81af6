"""Datamodels (Ilyas et al. 2022): outcomes of training on many known subsets, regressed on which samples were in them.

Runs alone give the LASSO of the paper, one penalty for each target, chosen on held-out runs. Where there are models,
cheap gradient scores are known before any regression, and the runs correct them (see `prior_regression`): a few
hundred runs improve on either alone, where the LASSO by itself would need thousands. Should the LASSO
predict held-out runs better all the same, because the gradients carry no signal, the scores are the LASSO's.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ... import plugins
from ...dataset import Track
from ...errors import InputError
from .. import store
from ..attribution import Attribution, Backend, identity
from ..problem import Problem
from ..regression import lasso, prior_regression
from ..regression.prior_regression import NOISES
from ..regression.run_rows import BLOCK as RUNS
from ..regression.run_rows import Centred, Floats, Split, correlation, folds_of, rows_of, splits_of, squared_error
from ..trust import lds

BLOCK = 64
"""Targets fitted before their scores are written."""
CHOOSING = 64
"""Targets that the noise is chosen with."""
TRIAL = 16
"""Targets on which the LASSO is compared with the corrected prior."""


@dataclass(frozen=True)
class Datamodels:
    """Settings.

    prior   name of the backend whose scores the runs correct; without models, or with None, runs alone count
    """

    prior: str | None = "trak"

    needs = ("runs",)

    def identity(self, problem: Problem) -> Mapping[str, Any]:
        """See `attribution.Backend`."""
        prior = self._prior(problem)
        prior_identity = {} if prior is None else prior.identity(problem)
        relevant = {name: value for name, value in prior_identity.items() if name not in problem.identity}
        return identity("datamodels", {"prior": self.prior}, problem) | {
            "prior_identity": relevant,
            "scikit-learn": sklearn.__version__,
        }

    def attribute(self, problem: Problem, path: Path, track: Track) -> Attribution:
        """See `attribution.Backend`.

        The correlation of each target's held-out predictions with its outcomes is
        `evaluation.lds(runs.subset_margins(), attribution.held_out)`.

        Raises InputError where there are too few distinct subsets, or the prior is a backend that needs no models.
        """
        runs = problem.runs
        if runs is None:
            raise InputError("datamodels need the outcomes of training on known subsets, and there are none")
        folds, engine = folds_of(runs), self._prior(problem)
        with tempfile.TemporaryDirectory(prefix="dataaudit-") as folder:
            prior = None if engine is None else engine.attribute(problem, Path(folder) / "prior.h5", track)
            parts = rows_of(runs, folds, None if prior is None else prior.held_out)
            rows, splits = splits_of(parts)
            del parts
            method = _Lasso(rows, splits) if prior is None else _best_method(prior, rows, splits, track)
            held_out = np.zeros((len(folds), len(problem.target)), np.float32)
            first = np.unique(runs.subsets, return_index=True)[1]
            with store.writing(path, problem.train.ids, problem.target.ids) as file:
                starts = range(0, len(problem.target), BLOCK)
                for start in track(starts, "fitting datamodels", len(starts)):
                    columns = slice(start, min(start + BLOCK, len(problem.target)))
                    fitted = method.fit(np.arange(columns.start, columns.stop))
                    file.add(start, fitted.weights.astype(np.float32))
                    for fold, split in enumerate(splits):
                        members = np.flatnonzero(folds == fold)
                        for block in np.split(members, range(RUNS, len(members), RUNS)):
                            contrasts = runs.masks[first[block]] - 0.5 - split.fitted.contrast_mean
                            held_out[block, columns] = contrasts @ fitted.fold_weights[fold]
                        if prior is not None:
                            predicted = prior.held_out[members, columns] - split.fitted.prior_mean[columns]
                            held_out[members, columns] += predicted * fitted.slopes[fold]
                correlations = np.nan_to_num(lds(runs.subset_margins(), held_out))
                provenance = {
                    "identity": dict(self.identity(problem)),
                    "slope": 1.0,
                    "runs": len(runs.masks),
                    "subsets": len(folds),
                    "held_out_correlation": _summary(correlations),
                    **method.notes(),
                }
                file.finish(None if prior is None else prior.self_influence, held_out, provenance)
        return Attribution.load(path)

    def _prior(self, problem: Problem) -> Backend | None:
        if self.prior is None or not problem.models:
            return None
        prior: Backend = plugins.get("backends", self.prior).BACKEND()
        if "models" not in prior.needs:
            raise InputError(f"prior: expected a backend that scores by trained models, found {self.prior!r}")
        return prior


@dataclass(frozen=True)
class _Fitted:
    """Several targets' scores; each fold's runs are predicted by `fold_weights` and `slopes` times the prior."""

    weights: Floats  # (n_train, m)
    fold_weights: Floats  # (folds, n_train, m)
    slopes: Floats  # (folds, m)


class _Lasso:
    def __init__(self, rows: Centred, splits: Sequence[Split]) -> None:
        self._rows, self._splits = rows, splits
        self._penalties: list[float] = []

    def fit(self, targets: NDArray[np.int64]) -> _Fitted:
        fits = Parallel(require="sharedmem")(
            delayed(lasso.fit)(self._rows, self._splits, int(target)) for target in targets
        )
        self._penalties += [fit.penalty for fit in fits]
        return _Fitted(
            np.stack([fit.weights for fit in fits], 1),
            np.stack([fit.fold_weights for fit in fits], 2),
            np.zeros((len(self._splits), len(targets))),
        )

    def notes(self) -> dict[str, Any]:
        return {"method": "LASSO", "penalty": _summary(np.array(self._penalties))}


class _Corrected:
    def __init__(self, prior: Attribution, rows: Centred, splits: Sequence[Split], noise: float) -> None:
        self._prior, self._rows, self._splits, self._noise = prior, rows, splits, noise
        self._slope = prior_regression.common_slope(rows)
        self._slopes = [prior_regression.common_slope(split.fitted) for split in splits]

    def fit(self, targets: NDArray[np.int64]) -> _Fitted:
        tau = self._prior.scores(int(targets[0]), int(targets[-1]) + 1).astype(np.float64)
        weights, slopes = np.empty(tau.shape), np.empty((len(self._splits), len(targets)))
        fold_weights = np.empty((len(self._splits), *tau.shape))
        for column, target in enumerate(targets):
            correction = prior_regression.correct(self._rows, int(target), tau[:, column], self._slope, [self._noise])
            weights[:, column] = correction.slopes[0] * tau[:, column] + correction.weights[:, 0]
            for fold, (split, slope) in enumerate(zip(self._splits, self._slopes, strict=True)):
                correction = prior_regression.correct(split.fitted, int(target), tau[:, column], slope, [self._noise])
                fold_weights[fold, :, column], slopes[fold, column] = correction.weights[:, 0], correction.slopes[0]
        return _Fitted(weights, fold_weights, slopes)

    def notes(self) -> dict[str, Any]:
        return {"method": "prior scores corrected by runs", "penalty": self._noise, "prior_slope": self._slope}


def _best_method(prior: Attribution, rows: Centred, splits: Sequence[Split], track: Track) -> _Lasso | _Corrected:
    """The corrected prior at its best noise, or the LASSO if its predictions correlate better with held-out runs."""
    varying = np.flatnonzero(rows.outputs.any(0))
    if not len(varying):
        return _Lasso(rows, splits)
    targets, moments = _spread(varying, CHOOSING), {}
    for target in track(targets, "choosing how far runs correct the prior", len(targets)):
        tau = prior.scores(target, target + 1)[:, 0].astype(np.float64)
        moments[target] = prior_regression.moments(splits, target, tau, NOISES)
    relative = [squared_error(values) / values[0] for values in moments.values()]
    best = int(np.mean(relative, 0).argmin())
    trial = _spread(np.array(targets), TRIAL)
    fits = Parallel(require="sharedmem")(delayed(lasso.fit)(rows, splits, target) for target in trial)
    by_lasso = np.mean([correlation(fit.moments) for fit in fits])
    if by_lasso > np.mean([correlation(moments[target])[best] for target in trial]):
        return _Lasso(rows, splits)
    return _Corrected(prior, rows, splits, NOISES[best])


def _spread(targets: NDArray[np.int64], count: int) -> list[int]:
    """At most `count` of them, evenly spaced."""
    return [
        int(target) for target in targets[np.linspace(0, len(targets) - 1, min(count, len(targets))).astype(np.int64)]
    ]


def _summary(values: NDArray[np.float64]) -> dict[str, Any]:
    return {"mean": float(values.mean()), "quartiles": [float(q) for q in np.quantile(values, [0.25, 0.5, 0.75])]}


BACKEND = Datamodels
