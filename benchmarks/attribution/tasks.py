"""The tasks on which attribution methods are compared: data, models to attribute, and what retraining really did.

Everything that costs training is kept in a work folder and made once; a cut-off `prepare` goes on where it stopped.
"""

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

import dataaudit
from dataaudit.attribution.problem import Runs
from dataaudit.config import AuditConfig
from dataaudit.data.loading import load as load_dataset
from dataaudit.dataset import Dataset, Layout, silent
from dataaudit.training.learners.image import ImageLearner
from dataaudit.training.learners.text import TextLearner
from dataaudit.training.learning import Differentiable
from dataaudit.training.pool import Pool, train_pool

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
GLOSSES = Path(__file__).parents[2] / "sample_data" / "glosses"
MODELS = 20
"""Models of each kind: trained on all rows, and trained on random halves."""
SUBSETS = 50
"""Random halves that were trained on for the ground truth; no attributed model shares a half or a seed with them."""
SEEDLESS = ("glosses",)
"""Tasks whose training has no seeds: of models trained on the same samples one is all there is."""
FULL_SEED, HALF_SEED, TRUTH_SEED = 1_000, 2_000, 3_000


@dataclass(frozen=True)
class Task:
    """Rows, targets and a learner.

    inputs    of the training rows, then of the targets, as modules take them; `labels` likewise
    fit       trains a module on the given positions of training rows with the given seed
    build     an untrained module to load a kept state into
    seeds     trainings on each of the ground truth's subsets
    learner   the one of dataaudit, if it is one
    """

    name: str
    dataset: Dataset
    inputs: Tensor
    labels: Tensor
    n_train: int
    fit: Callable[[NDArray[np.int64], int], nn.Module]
    build: Callable[[], nn.Module]
    seeds: int
    learner: Differentiable | None = None

    @property
    def train(self) -> tuple[Tensor, Tensor]:
        return self.inputs[: self.n_train], self.labels[: self.n_train]

    @property
    def target(self) -> tuple[Tensor, Tensor]:
        return self.inputs[self.n_train :], self.labels[self.n_train :]

    @property
    def models(self) -> int:
        return 1 if self.name in SEEDLESS else MODELS


def load(name: str, fashion_mnist: Path = FASHION_MNIST) -> Task:
    match name:
        case "fashion":
            return _fashion(fashion_mnist)
        case "digits":
            return _digits()
        case _:
            return _glosses()


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """z_y - logsumexp of the other logits (n,): the output that is attributed. Works under vmap."""
    own = labels[..., None] == torch.arange(logits.shape[-1])
    return (logits * own).sum(-1) - logits.masked_fill(own, -torch.inf).logsumexp(-1)


def prepare(task: Task, work: Path, jobs: int) -> None:
    """Train what the folder does not hold yet: full models, models on halves, ground truth, an audit's pool."""
    folder = work / task.name
    for part in ("full", "half", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    plans = [(_model_path(folder, "full", m), np.arange(task.n_train), FULL_SEED + m) for m in range(task.models)]
    plans += [
        (_truth_path(folder, subset, seed), _half(task.n_train, TRUTH_SEED + subset), TRUTH_SEED + 100 * seed + subset)
        for subset in range(SUBSETS)
        for seed in range(task.seeds)
    ]
    plans += [
        (_model_path(folder, "half", m), _half(task.n_train, HALF_SEED + m), HALF_SEED + m) for m in range(task.models)
    ]
    Parallel(jobs)(delayed(_train)(task.name, *plan) for plan in plans if not plan[0].exists())
    if task.learner is not None:
        with parallel_config(n_jobs=jobs):
            pool(task, work)


def models(task: Task, work: Path, kind: str, count: int) -> list[nn.Module]:
    """The first `count` models trained on all rows ("full") or on random halves ("half"), in evaluation mode."""
    modules = []
    for number in range(min(count, task.models)):
        module = task.build()
        module.load_state_dict(torch.load(_model_path(work / task.name, kind, number), weights_only=True))
        modules.append(module.eval())
    return modules


def pool(task: Task, work: Path) -> Pool:
    """dataaudit's own pool of models on random halves, one for each version; what is missing is trained."""
    assert task.learner is not None
    folder = work / task.name / f"pool-{dataaudit.__version__}"
    return train_pool(task.dataset, task.learner, folder, MODELS, HALF_SEED, silent)


def truth(task: Task, work: Path) -> Runs:
    """The targets' margins after each training of the ground truth."""
    runs = _truth_runs(task)
    masks = np.zeros((len(runs), task.n_train), bool)
    for mask, (subset, _) in zip(masks, runs, strict=True):
        mask[_half(task.n_train, TRUTH_SEED + subset)] = True
    labels = task.target[1]
    margins = np.stack([margin(logits, labels).numpy() for logits in truth_logits(task, work)])
    return Runs(masks, margins, np.array([subset for subset, _ in runs]), seedless=task.name in SEEDLESS)


def truth_logits(task: Task, work: Path) -> list[Tensor]:
    """The targets' logits (n_target, classes) after each of these trainings, every subset's seeds together."""
    folder = work / task.name
    return [torch.from_numpy(np.load(_truth_path(folder, *run))["logits"]) for run in _truth_runs(task)]


def _truth_runs(task: Task) -> list[tuple[int, int]]:
    """(subset, seed) of each training of the ground truth."""
    return [(subset, seed) for subset in range(SUBSETS) for seed in range(task.seeds)]


def _half(n: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(n)[: n // 2])


def _model_path(folder: Path, kind: str, number: int) -> Path:
    return folder / kind / f"{number:02d}.pt"


def _truth_path(folder: Path, subset: int, seed: int) -> Path:
    return folder / "truth" / f"{subset:02d}-{seed}.npz"


def _train(name: str, path: Path, rows: NDArray[np.int64], seed: int) -> None:
    torch.set_num_threads(1)
    task = load(name)
    module = task.fit(rows, seed).eval()
    temporary = path.with_name("tmp-" + path.name)
    if path.suffix == ".npz":
        with torch.no_grad():
            np.savez(temporary, logits=module(task.target[0]).numpy())
    else:
        torch.save(module.state_dict(), temporary)
    temporary.replace(path)


def _fashion(source: Path, n_train: int = 2000, n_target: int = 200) -> Task:
    """Random rows of Fashion-MNIST under dataaudit's default image learner: convolutions and batch norm."""
    rng = np.random.default_rng(0)
    images, labels = [], []
    for split, count in (("train", n_train), ("t10k", n_target)):
        every = read_idx(source / f"{split}-images-idx3-ubyte.gz")
        rows = rng.choice(len(every), count, replace=False)
        images.append(every[rows][:, None])
        labels.append(read_idx(source / f"{split}-labels-idx1-ubyte.gz")[rows].astype(np.int64))
    return _of_learner("fashion", _dataset(np.concatenate(images), np.concatenate(labels), n_train), ImageLearner(), 2)


def _glosses() -> Task:
    """The project's sample of texts under dataaudit's default learner for texts, a linear model on words."""
    return _of_learner("glosses", load_dataset(AuditConfig(GLOSSES), silent), TextLearner(), 1)


def _of_learner(name: str, dataset: Dataset, learner: Differentiable, seeds: int) -> Task:
    train, target = dataset.rows("train"), dataset.rows("test")
    order = np.concatenate([train, target])
    return Task(
        name,
        dataset,
        learner.tensors(dataset, order),
        torch.from_numpy(dataset.targets[order]),
        len(train),
        lambda positions, seed: learner.fit(dataset, train[positions], seed),
        partial(learner.build, dataset),
        seeds,
        learner,
    )


def _digits(n_train: int = 1400, n_target: int = 200) -> Task:
    """scikit-learn's digits under a plain network of linear layers."""
    images, labels = load_digits(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(images))[: n_train + n_target]
    dataset = _dataset(images[rows].astype(np.uint8), labels[rows].astype(np.int64), n_train)
    inputs, targets = torch.from_numpy(dataset.inputs).float() / 16, torch.from_numpy(dataset.targets)
    return Task("digits", dataset, inputs, targets, n_train, partial(_fit_mlp, inputs, targets), _mlp, seeds=3)


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


def _fit_mlp(inputs: Tensor, labels: Tensor, rows: NDArray[np.int64], seed: int) -> nn.Module:
    torch.manual_seed(seed)
    module = _mlp()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=0.01)
    for _ in range(40):
        for batch in torch.from_numpy(rows)[torch.randperm(len(rows))].split(32):
            optimizer.zero_grad()
            functional.cross_entropy(module(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    return module.eval()


def _dataset(inputs: NDArray[np.uint8], labels: NDArray[np.int64], n_train: int) -> Dataset:
    """A dataset in memory."""
    n = len(inputs)
    return Dataset(
        root=Path(),
        ids=tuple(f"{i:04d}" for i in range(n)),
        inputs=inputs,
        targets=labels,
        splits=np.array(["train"] * n_train + ["test"] * (n - n_train)),
        class_names=tuple("abcdefghij"),
        contents=tuple(row.tobytes().hex() for row in inputs),
        sources=(),  # so that features are of the pixels
        layout=Layout("memory", "given"),
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    data = gzip.decompress(path.read_bytes())
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
