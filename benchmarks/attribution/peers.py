"""The peers, each called as its documentation shows, behind one interface.

A method takes trained modules in evaluation mode, training and target tensors, and a folder for its files; it returns
scores (n_train, n_target) float32, positive where including the training sample raises the target's margin. Several
models are handed to the peer where it averages over them itself, otherwise scores are averaged here.

Influence functions multiply the gradient of a target's measurement by the inverse Hessian and the gradient of a
training sample's *loss*. Under the margin as measurement a helpful sample is negative, so the negated one is measured.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tasks import margin
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

Labelled = tuple[Tensor, Tensor]
Scores = NDArray[np.float32]


def traker(
    models: Sequence[nn.Module],
    train: Labelled,
    target: Labelled,
    folder: Path,
    dimensions: int = 512,
    ridge: float = 0.0,
    batch: int = 250,
) -> Scores:
    """traker's TRAK with its projector for CPUs, in float32; `ridge` is its lambda_reg, which is absolute.

    The projection matrix is drawn anew for every batch, so larger batches are faster.
    """
    import logging

    from trak import TRAKer

    module = copy.deepcopy(models[0])
    tracer = TRAKer(
        model=module,
        task="image_classification",
        train_set_size=len(train[0]),
        save_dir=str(folder),
        device="cpu",
        proj_dim=dimensions,
        use_half_precision=False,
        lambda_reg=ridge,
        logging_level=logging.ERROR,
    )
    for number, model in enumerate(models):
        tracer.load_checkpoint(model.state_dict(), model_id=number)
        for inputs, labels in _batches(train, batch):
            tracer.featurize(batch=(inputs, labels), num_samples=len(labels))
    tracer.finalize_features()
    for number, model in enumerate(models):
        tracer.start_scoring_checkpoint("targets", model.state_dict(), number, num_targets=len(target[0]))
        for inputs, labels in _batches(target, batch):
            tracer.score(batch=(inputs, labels), num_samples=len(labels))
    return np.array(tracer.finalize_scores("targets"), np.float32)


def kronfluence(
    models: Sequence[nn.Module],
    train: Labelled,
    target: Labelled,
    folder: Path,
    strategy: str = "ekfac",
    damping: float | None = None,
    batch: int = 500,
) -> Scores:
    """kronfluence's influence functions on linear and convolutional layers; damping None is its heuristic."""
    from kronfluence.analyzer import Analyzer, prepare_model
    from kronfluence.arguments import FactorArguments, ScoreArguments
    from kronfluence.task import Task

    class Classification(Task):
        def compute_train_loss(self, batch: Labelled, model: nn.Module, sample: bool = False) -> Tensor:
            logits = model(batch[0])
            labels = torch.distributions.Categorical(logits=logits.detach()).sample() if sample else batch[1]
            return functional.cross_entropy(logits, labels, reduction="sum")

        def compute_measurement(self, batch: Labelled, model: nn.Module) -> Tensor:
            return -margin(model(batch[0]), batch[1]).sum()

    total = np.zeros((len(train[0]), len(target[0])), np.float32)
    for number, model in enumerate(models):
        task = Classification()
        analyzer = Analyzer(
            f"model{number}",
            prepare_model(copy.deepcopy(model), task),
            task,
            cpu=True,
            output_dir=str(folder),
            disable_tqdm=True,
            disable_model_save=True,
        )
        analyzer.fit_all_factors(
            "factors",
            TensorDataset(*train),
            per_device_batch_size=batch,
            factor_args=FactorArguments(strategy=strategy),
            overwrite_output_dir=True,
        )
        analyzer.compute_pairwise_scores(
            "scores",
            "factors",
            TensorDataset(*target),
            TensorDataset(*train),
            per_device_query_batch_size=len(target[0]),
            per_device_train_batch_size=batch,
            score_args=ScoreArguments(damping_factor=damping),
            overwrite_output_dir=True,
        )
        total += analyzer.load_pairwise_scores("scores")["all_modules"].T.float().numpy() / len(models)
    return total


def dattri_trak(
    models: Sequence[nn.Module],
    train: Labelled,
    target: Labelled,
    folder: Path,
    dimensions: int = 512,
    ridge: float = 0.0,
    batch: int = 250,
) -> Scores:
    """dattri's TRAK; `ridge` is its regularization, which is absolute."""
    from dattri.algorithm import TRAKAttributor
    from dattri.task import AttributionTask

    module, states = _copies(models)

    def output(parameters: dict[str, Tensor], sample: Labelled) -> Tensor:
        return margin(torch.func.functional_call(module, parameters, sample[0][None])[0], sample[1])

    def correct(parameters: dict[str, Tensor], sample: Labelled) -> Tensor:
        logits = torch.func.functional_call(module, parameters, sample[0][None])
        return torch.exp(-functional.cross_entropy(logits, sample[1][None]))

    attributor = TRAKAttributor(
        task=AttributionTask(loss_func=output, model=module, checkpoints=states),
        correct_probability_func=correct,
        projector_kwargs={"proj_dim": dimensions, "device": "cpu"},
        regularization=ridge,
    )
    with torch.no_grad():
        attributor.cache(DataLoader(TensorDataset(*train), batch))
        return _array(attributor.attribute(DataLoader(TensorDataset(*target), batch)))


def dattri_influence(
    models: Sequence[nn.Module],
    train: Labelled,
    target: Labelled,
    folder: Path,
    solver: str,
    last_layer: bool = False,
    target_batch: int = 25,
    **settings: float,
) -> Scores:
    """One of dattri's influence functions: Explicit, CG, LiSSA, DataInf or Arnoldi.

    All training rows are one batch, since it adds up the inverse-Hessian products of batches.
    """
    from dattri import algorithm
    from dattri.task import AttributionTask

    module, states = _copies(models)

    def loss(parameters: dict[str, Tensor], batch: Labelled) -> Tensor:
        logits = torch.func.functional_call(module, parameters, batch[0])
        return functional.cross_entropy(logits, batch[1].long())  # its LiSSA hands labels over as floats

    def measured(parameters: dict[str, Tensor], batch: Labelled) -> Tensor:
        return -margin(torch.func.functional_call(module, parameters, batch[0]), batch[1]).sum()

    layers = {"layer_name": [f"{_last_linear(module)}.{part}" for part in ("weight", "bias")]} if last_layer else {}
    attributor = getattr(algorithm, f"IFAttributor{solver}")(
        task=AttributionTask(loss_func=loss, target_func=measured, model=module, checkpoints=states),
        **layers,
        **settings,
    )
    rows = DataLoader(TensorDataset(*train), len(train[0]))
    attributor.cache(rows)
    return _array(attributor.attribute(rows, DataLoader(TensorDataset(*target), target_batch)))


def dattri_ekfac(
    models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path, damping: float, batch: int = 250
) -> Scores:
    """dattri's EK-FAC, which knows linear layers only and estimates the Fisher matrix on what is attributed.

    So the loss is attributed, whose gradient is the margin's times a factor of the target: the same ranks.
    """
    from dattri.algorithm import IFAttributorEKFAC
    from dattri.task import AttributionTask

    total = np.zeros((len(train[0]), len(target[0])), np.float32)
    for model in models:
        module = copy.deepcopy(model)

        def loss(parameters: dict[str, Tensor], batch: Labelled, module: nn.Module = module) -> Tensor:
            return functional.cross_entropy(torch.func.functional_call(module, parameters, batch[0]), batch[1])

        attributor = IFAttributorEKFAC(
            task=AttributionTask(loss_func=loss, model=module, checkpoints=model.state_dict()), damping=damping
        )
        rows = DataLoader(TensorDataset(*train), batch)
        attributor.cache(rows)
        whole = DataLoader(TensorDataset(*train), len(train[0]))
        total += _array(attributor.attribute(whole, DataLoader(TensorDataset(*target), len(target[0])))) / len(models)
    return total


def dattri_logra(
    models: Sequence[nn.Module],
    train: Labelled,
    target: Labelled,
    folder: Path,
    dimensions: int = 4096,
    damping: float | None = None,
    batch: int = 250,
) -> Scores:
    """dattri's LoGra: gradients of linear layers, projected on both sides, under the empirical Fisher matrix.

    It probes a model with one sample without its batch dimension, so flat inputs go in as sequences of length one.
    The loss is attributed, with the ranks of the margin.
    """
    from dattri.algorithm import LoGraAttributor
    from dattri.task import AttributionTask

    def loss(module: nn.Module, batch: Labelled, device: str) -> Tensor:
        return functional.cross_entropy(module(batch[0]), batch[1], reduction="sum")

    flat = train[0].ndim == 2
    if flat:
        train, target = (train[0][:, None], train[1]), (target[0][:, None], target[1])
    total = np.zeros((len(train[0]), len(target[0])), np.float32)
    for number, model in enumerate(models):
        module = copy.deepcopy(nn.Sequential(model, nn.Flatten()) if flat else model)
        attributor = LoGraAttributor(
            task=AttributionTask(loss_func=loss, model=module, checkpoints=module.state_dict()),
            proj_dim=dimensions,
            damping=damping,
            offload="none",
            cache_dir=str(folder / f"model{number}"),  # left out, it reads back what an earlier call left in "."
        )
        rows = DataLoader(TensorDataset(*train), batch)
        attributor.cache(rows)
        total += _array(attributor.attribute(rows, DataLoader(TensorDataset(*target), batch))) / len(models)
    return total


def captum_tracin_fast(
    models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path, batch: int = 500
) -> Scores:
    """captum's TracInCPFast: the last linear layer, the models as its checkpoints."""
    from captum.influence import TracInCPFast

    module, states = _copies(models)
    tracer = TracInCPFast(
        module,
        _last_linear(module),
        TensorDataset(*train),
        checkpoints=states,
        checkpoints_load_func=_load_state,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        test_loss_fn=NegatedMargin(),
        batch_size=batch,
    )
    return _array(tracer.influence(target)).T


def captum_tracin(
    models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path, batch: int = 100
) -> Scores:
    """captum's TracInCP on all linear and convolutional layers, the models as its checkpoints."""
    from captum.influence import TracInCP

    module, states = _copies(models)
    tracer = TracInCP(
        module,
        TensorDataset(*train),
        checkpoints=states,
        checkpoints_load_func=_load_state,
        layers=_layers(module),
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        test_loss_fn=NegatedMargin(),
        batch_size=batch,
        sample_wise_grads_per_batch=True,
    )
    return _array(tracer.influence(target)).T


def captum_arnoldi(
    models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path, projection: int = 50, batch: int = 500
) -> Scores:
    """captum's Arnoldi influence function (Schioppa et al. 2022) on all linear and convolutional layers."""
    from captum.influence._core.arnoldi_influence_function import ArnoldiInfluenceFunction

    total = np.zeros((len(train[0]), len(target[0])), np.float32)
    for model in models:
        module = copy.deepcopy(model)
        attributor = ArnoldiInfluenceFunction(
            module,
            TensorDataset(*train),
            checkpoint=model.state_dict(),
            checkpoints_load_func=_load_state,
            layers=_layers(module),
            loss_fn=nn.CrossEntropyLoss(reduction="sum"),
            test_loss_fn=NegatedMargin(),
            batch_size=batch,
            sample_wise_grads_per_batch=True,
            projection_dim=projection,
        )
        total += _array(attributor.influence(target)).T / len(models)
    return total


def captum_similarity(models: Sequence[nn.Module], train: Labelled, target: Labelled, folder: Path) -> Scores:
    """captum's SimilarityInfluence: cosine of the last linear layer's inputs; it knows no labels.

    It is asked for two layers and given one batch, since it fails on one layer, and on a last batch of another size.
    """
    from captum.influence import SimilarityInfluence

    n = len(train[0])
    total = np.zeros((n, len(target[0])), np.float32)
    for number, model in enumerate(models):
        names = [name for name, _ in model.named_children()]
        last = _last_linear(model)
        before = names[names.index(last) - 1]
        tracer = SimilarityInfluence(
            copy.deepcopy(model), [before, last], Inputs(train[0]), str(folder), f"model{number}", batch_size=n
        )
        order, values = tracer.influence(target[0], top_k=n)[before]
        rows = np.zeros((len(target[0]), n), np.float32)
        np.put_along_axis(rows, order.numpy(), values.detach().numpy(), 1)
        total += rows.T / len(models)
    return total


class Inputs(Dataset[Tensor]):
    """Samples without labels, as SimilarityInfluence takes them."""

    def __init__(self, inputs: Tensor) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, position: int) -> Tensor:
        return self._inputs[position]


class NegatedMargin(nn.Module):
    """Minus the sum of the margins, as a loss that says how it reduces."""

    reduction = "sum"

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return -margin(logits, labels).sum()


def _array(scores: Tensor) -> Scores:
    return scores.detach().float().numpy()


def _batches(labelled: Labelled, size: int) -> DataLoader:
    return DataLoader(TensorDataset(*labelled), size)


def _copies(models: Sequence[nn.Module]) -> tuple[nn.Module, list[dict[str, Tensor]]]:
    """A module that a peer may load states into, and the states."""
    return copy.deepcopy(models[0]), [model.state_dict() for model in models]


def _load_state(module: nn.Module, state: dict[str, Tensor]) -> float:
    module.load_state_dict(state)
    return 1.0


def _layers(module: nn.Module) -> list[str]:
    return [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


def _last_linear(module: nn.Module) -> str:
    return [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear)][-1]
