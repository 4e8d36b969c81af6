"""Pool: models of one learning algorithm, each trained on a known random half of the training rows.

Label errors, attributions, their ridge and their measured trust all come from the same runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import beta
from torch import nn

from ..dataset import Dataset, Task, Track
from ..errors import InputError
from .learning import Differentiable, LearningAlgorithm, Linear, is_linear, is_seedless
from .reuse import carry_over
from .training import Plan, read_outputs, read_states, train_runs

BLOCK = 8
"""Runs come in blocks: three random halves and their complements, then the first pair again with new seeds, or a fourth
pair where the learner has no seeds. Where samples have groups, the halves are of groups.

Every row is in exactly half of a block's runs, so each has out-of-sample outputs; the repeated pair shows how much
of a run's outcome is due to the seed.
"""
TOLERANCE = 1e-8
"""Change of the mean loss at which fits at other weights end: influence need not be known to the last percent."""
FEWEST, SETTLED = 2 * BLOCK, 0.99
"""Runs that leave enough halves to measure the LDS on, and the reliability from which more would change little: at .98
the average precision for planted label errors was .689 on images where 24 runs gave .715."""


@dataclass(frozen=True)
class Pool:
    """R finished runs over n rows of a dataset with c classes.

    masks     (R, n) bool, the rows each run was trained on
    outputs   (R, n, c) float32 of each run on every row: logits of classes or labels; for regression c = 1, values
    subsets   (R,) runs with equal numbers were trained on the same rows, with different seeds
    snapshots (R,) states kept of each run's model in the course of its training, the final one included
    resumed   how many runs were already finished
    """

    dataset: Dataset
    learner: LearningAlgorithm
    directory: Path
    masks: NDArray[np.bool_]
    outputs: NDArray[np.float32]
    seeds: NDArray[np.int64]
    subsets: NDArray[np.int64]
    snapshots: NDArray[np.int64]
    resumed: int = 0

    @classmethod
    def empty(cls, dataset: Dataset, learner: LearningAlgorithm, directory: Path) -> "Pool":
        """A pool without runs."""
        n, no_runs = len(dataset), np.zeros(0, np.int64)
        masks, outputs = np.zeros((0, n), bool), np.zeros((0, n, max(1, len(dataset.class_names))), np.float32)
        return cls(dataset, learner, directory, masks, outputs, no_runs, no_runs, no_runs)

    def __len__(self) -> int:
        return len(self.masks)

    def model(self, run: int, back: int = 0) -> nn.Module:
        """The trained module of one run, in evaluation mode, or the snapshot this many back from the final one.

        There is none where the learner is not differentiable: then `snapshots` are zero.
        """
        module = cast(Differentiable, self.learner).build(self.dataset)
        module.load_state_dict(self.state(run, back))
        return module.eval()

    def state(self, run: int, back: int = 0) -> dict[str, Any]:
        """The state that `model` loads."""
        return read_states(self.directory, _name(run))[-1 - back]

    def fitted(self, run: int) -> Any:
        """The trained model of one run, as the learner's `outputs` takes it; where no state is kept, fitted again."""
        if self.snapshots[run]:
            return self.model(run)
        return self.learner.fit(self.dataset, np.flatnonzero(self.masks[run]), int(self.seeds[run]))

    @cached_property
    def near_all_rows(self) -> Linear:
        """A linear learner that starts from its model of all training rows."""
        assert is_linear(self.learner)
        model = self.learner.fit(self.dataset, self.dataset.rows("train"), 0)
        return self.learner.starting(model, self.dataset, TOLERANCE)

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(n, c) class probabilities, averaged over the runs that did not train on the row (out of sample).

        Those that the user brings, where there are any. For multilabel the probability of each label; not for
        regression, see `predictions`.
        """
        if self.dataset.pred_probs is not None:
            return self.dataset.pred_probs
        return self._mean_over_runs(~self.masks, _softmax if self.dataset.task == "classification" else expit)

    @cached_property
    def predictions(self) -> NDArray[Any]:
        """What the models together predict out of sample, as the dataset's targets are given."""
        if self.dataset.task == "classification":
            return np.asarray(self.probabilities.argmax(1))
        if self.dataset.task == "multilabel":
            return np.asarray(self.probabilities > 0.5)
        return self._mean_over_runs(~self.masks, lambda outputs: outputs.astype(np.float64))[:, 0]

    @cached_property
    def reliability(self) -> float:
        """How little held-out predictions for training rows depend on which runs there are, 0 to 1.

        1 less the mean variance of a row's mean over its runs, as a share of the variance of these means between rows:
        of the probability of the given label or labels, or of the error of a number.
        """
        rows, targets = self.dataset.rows("train"), self.dataset.targets
        held_out = ~self.masks[:, rows]
        total, squares, counts = np.zeros(len(rows)), np.zeros(len(rows)), held_out.sum(0)
        for outputs, without in zip(self.outputs, held_out, strict=True):
            values = np.where(without, _fit(self.dataset.task, outputs[rows], targets[rows]), 0.0)
            total += values
            squares += values**2
        means = total / counts
        noise = (squares / counts - means**2).clip(min=0) / np.maximum(counts - 1, 1)
        spread = float(means.var())
        return max(0.0, 1 - float(noise.mean()) / spread) if spread > 0 else 1.0

    @property
    def is_settled(self) -> bool:
        """Whether more runs would change little."""
        return len(self) >= FEWEST and self.reliability >= SETTLED

    def _mean_over_runs(
        self, included: NDArray[np.bool_], transform: Callable[[NDArray[np.float32]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        total = np.zeros(self.outputs.shape[1:])
        for outputs, rows in zip(self.outputs, included, strict=True):
            total += transform(outputs) * rows[:, None]
        return np.asarray(total / np.maximum(included.sum(0), 1)[:, None])

    def margins(self, rows: NDArray[np.int64], labels: NDArray[Any]) -> NDArray[np.float32]:
        """(R, len(rows)) the output that is attributed, of each run, under these labels; see `attributed`."""
        return attributed(self.dataset.task, self.outputs[:, rows], labels)

    def accuracies(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(R,) how well each run does on the given rows; see `quality`."""
        task = self.dataset.task
        if task == "regression":
            predicted: NDArray[Any] = self.outputs[:, rows, 0]
        else:
            predicted = self.outputs[:, rows].argmax(2) if task == "classification" else self.outputs[:, rows] > 0
        return np.array([quality(self.dataset, predictions, rows) for predictions in predicted])


QUALITY: dict[Task, str] = {
    "classification": "accuracy",
    "regression": "R²",
    "multilabel": "accuracy per label",
}
"""What `quality` measures."""


def quality(dataset: Dataset, predicted: NDArray[Any], rows: NDArray[np.int64]) -> float:
    """How well predictions for these rows do, 1 at best: the share that is right, or the variance explained (R²)."""
    targets = dataset.targets[rows]
    if dataset.task != "regression":
        return float((predicted == targets).mean())
    spread = float(np.square(targets - targets.mean()).sum())
    return 1 - float(np.square(predicted - targets).sum()) / max(spread, 1e-300)


def lowest_skill(dataset: Dataset, predicted: NDArray[Any], rows: NDArray[np.int64]) -> float:
    """The share of a guesser's errors that predictions for these rows surely avoid: a lower limit, 97.5 % one-sided.

    A guesser names the most frequent label of these rows, or their mean. The limit is Clopper and Pearson's (1934) for
    labels, from 500 resamples of the rows for numbers.
    """
    targets = dataset.targets[rows]
    n = len(rows)
    if dataset.task == "regression":
        squares, spread = np.square(predicted - targets), np.square(targets - targets.mean())
        drawn = np.random.default_rng(0).integers(n, size=(500, n))
        return float(np.quantile(1 - squares[drawn].sum(1) / np.maximum(spread[drawn].sum(1), 1e-300), 0.025))
    shares = targets.mean(0) if dataset.task == "multilabel" else np.bincount(targets) / n
    guessing = np.minimum(shares, 1 - shares).mean() if dataset.task == "multilabel" else 1 - shares.max()
    errors = n * float((predicted != targets).mean())
    most = 1.0 if errors >= n else float(beta.ppf(0.975, errors + 1, n - errors))
    return 1 - most / max(float(guessing), 1e-12)


def attributed(task: Task, outputs: NDArray[np.float32], labels: NDArray[Any]) -> NDArray[np.float32]:
    """The output that attributions are about, (R, n) from outputs (R, n, c) and labels (n, ...).

    As `objectives.OF_TASK` has it: the margin of the class, the predicted value, or the sum of the labels' margins.
    """
    if task == "classification":
        return log_odds(outputs, labels)
    if task == "regression":
        return outputs[..., 0]
    return np.asarray(np.where(labels, outputs, -outputs).sum(2), np.float32)


def _fit(task: Task, outputs: NDArray[np.float32], targets: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) how well one run's outputs (n, c) fit the targets: a probability, or the error of a number."""
    if task == "regression":
        return np.asarray(outputs[:, 0] - targets, np.float64)
    if task == "classification":
        return np.asarray(expit(log_odds(outputs[None], targets)[0].astype(np.float64)))
    return np.asarray(expit(np.where(targets, outputs, -outputs).astype(np.float64)).mean(1))


def train_pool(
    dataset: Dataset, learner: LearningAlgorithm, directory: Path, runs: int, seed: int, track: Track,
    halves_of: LearningAlgorithm | None = None, previous: Path | None = None,
) -> Pool:  # fmt: skip
    """Train the runs that `directory` does not hold yet, and return them all.

    halves_of   the learner on whose pool's halves they are to be, where it is another
    previous    folder of the pool of an earlier audit, whose models may be the same

    Raises StaleError, before training, if what the directory holds was made from other data, by another recipe or by
    another version; NumericsError if a model's output is not finite, naming the run and the sample.
    """
    if runs < BLOCK:
        raise InputError(
            f"{runs} runs asked for; expected at least {BLOCK}, so that every row has out-of-sample outputs"
        )
    plans = [planned(dataset, seed, run, is_seedless(halves_of or learner)) for run in range(runs)]
    if previous is not None:
        carry_over(dataset, learner, directory, seed, [plan for plan, _ in plans], previous)
    resumed = train_runs(dataset, learner, directory, seed, [plan for plan, _ in plans], True, track)
    return Pool(
        dataset,
        learner,
        directory,
        masks=np.stack([plan.mask for plan, _ in plans]),
        outputs=np.stack([read_outputs(directory, plan.name) for plan, _ in plans]),
        seeds=np.array([plan.seed for plan, _ in plans]),
        subsets=np.array([subset for _, subset in plans]),
        snapshots=np.array([len(read_states(directory, plan.name)) for plan, _ in plans]),
        resumed=resumed,
    )


def planned(dataset: Dataset, seed: int, run: int, seedless: bool = False) -> tuple[Plan, int]:
    """One run, and the number of its subset; see BLOCK."""
    block, place = divmod(run, BLOCK)
    pair = 0 if place >= 6 and not seedless else place // 2
    train = dataset.rows("train")
    rng = np.random.default_rng([seed, block, pair])
    inside = np.zeros(len(train), bool)
    if dataset.groups is None:
        inside[rng.permutation(len(train))[: len(train) // 2]] = True
    else:
        inside = _half_of_groups(dataset.groups.units[train], rng)
    if place % 2:
        inside = ~inside
    mask = np.zeros(len(dataset), bool)
    mask[train] = inside
    training_seed = int(np.random.SeedSequence([seed, run]).generate_state(1)[0])
    return Plan(_name(run), mask, training_seed), block * BLOCK + 2 * pair + place % 2


def _half_of_groups(units: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) the samples of randomly drawn groups that hold about half of all samples; some and not all groups."""
    _, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    drawn = 1 + int(np.abs(np.cumsum(sizes[order])[:-1] - len(units) / 2).argmin())
    return np.isin(unit, order[:drawn])


def _name(run: int) -> str:
    return f"run-{run:05d}"


def log_odds(outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Margins log p / (1 - p) (R, n) of labels (n,) from logits (R, n, c) (Park et al. 2023, eq. 6)."""
    logits = outputs.astype(np.float64)
    label_logits = np.take_along_axis(logits, labels[None, :, None], 2)
    np.put_along_axis(logits, np.broadcast_to(labels[None, :, None], label_logits.shape), -np.inf, 2)
    top = logits.max(2, keepdims=True)
    other_logits = top[..., 0] + np.log(np.exp(logits - top).sum(2))
    return np.asarray(label_logits[..., 0] - other_logits, np.float32)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))


def lead_over_best_other(outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logit of these labels (n,) less the largest other logit, (R, n) from logits (R, n, c)."""
    label_logits = np.take_along_axis(outputs, labels[None, :, None], 2)
    other_logits = outputs.copy()
    np.put_along_axis(other_logits, np.broadcast_to(labels[None, :, None], label_logits.shape), -np.inf, 2)
    return np.asarray(label_logits[..., 0] - other_logits.max(2), np.float32)
