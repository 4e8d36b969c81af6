"""The learners of every modality learn every task, the same for a seed, and are attributed by their gradients."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from dataaudit import plugins
from dataaudit.attribution.backends.trak import Trak
from dataaudit.attribution.problem import Problem
from dataaudit.attribution.trust import trust
from dataaudit.data.features.vectors import features
from dataaudit.dataset import Modality, Task, silent
from dataaudit.training.learners.image import cropped, erased, network
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.models.linear_learner import LinearLearner
from dataaudit.training.pool import quality, train_pool

from ...fixtures_tables import make

MODALITIES = get_args(Modality)
TASKS = get_args(Task)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("modality", MODALITIES)
def test_every_modality_learns_every_task_and_repeats_itself(modality: Modality, task: Task) -> None:
    dataset, learner = make(modality, task), learner_of(None, modality)
    train, test = dataset.rows("train"), dataset.rows("test")
    outputs = learner.outputs(learner.fit(dataset, train, 3), dataset, test)
    again = learner.outputs(learner.fit(dataset, train, 3), dataset, test)
    np.testing.assert_array_equal(outputs, again)
    assert outputs.shape == (len(test), 1 if task == "regression" else 3)
    predicted = {"classification": outputs.argmax(1), "regression": outputs[:, 0], "multilabel": outputs > 0}[task]
    assert quality(dataset, predicted, test) > (0.4 if task == "regression" else 0.7)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("modality", ["table", "text"])
def test_scores_of_every_task_foretell_what_training_on_subsets_does(
    modality: Modality, task: Task, tmp_path: Path
) -> None:
    dataset = make(modality, task, n_train=120, n_test=60)
    pool = train_pool(dataset, learner_of(None, modality), tmp_path / "pool", 24, 0, silent)
    problem = Problem.from_pool(pool)
    assert problem.runs is not None
    assert problem.runs.margins.shape == (24, 60)
    measured = trust(problem.runs, Trak().attribute(problem, tmp_path / "scores.h5", silent).held_out)
    assert measured is not None
    assert measured.interval[0] > 0.15


def test_relu_after_pooling_makes_the_net_that_it_makes_before() -> None:
    nets = [network(3, 32, 4), network(3, 32, 4)]
    nets[1].load_state_dict(nets[0].state_dict())
    layers = list(nets[1])
    for i in range(len(layers) - 1):
        if isinstance(layers[i], nn.MaxPool2d) and isinstance(layers[i + 1], nn.ReLU):
            layers[i : i + 2] = layers[i + 1], layers[i]
    nets[1] = nn.Sequential(*layers)
    assert [type(layer) for layer in nets[0]] != [type(layer) for layer in nets[1]]
    pixels = 255 * torch.rand(16, 3, 32, 32)
    outputs = [net(pixels) for net in nets]
    assert torch.equal(*outputs)
    gradients = [
        torch.autograd.grad(of.square().sum(), list(net.parameters())) for net, of in zip(nets, outputs, strict=True)
    ]
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


def test_the_linear_model_is_that_of_scikit_learn() -> None:
    dataset = make("table", "classification")
    train, test = dataset.rows("train"), dataset.rows("test")
    learner = LinearLearner(C=3.0)
    ours = learner.outputs(learner.fit(dataset, train, 0), dataset, test).argmax(1)
    theirs = LogisticRegression(C=3.0, max_iter=2000).fit(features(dataset)[train], dataset.targets[train])
    probabilities = torch.from_numpy(learner.outputs(learner.fit(dataset, train, 0), dataset, test)).softmax(1).numpy()
    assert (ours == theirs.predict(features(dataset)[test])).mean() > 0.98
    np.testing.assert_allclose(probabilities, theirs.predict_proba(features(dataset)[test]), atol=0.03)


def test_the_linear_model_has_no_seed_and_copes_with_a_class_that_is_not_there() -> None:
    dataset = make("text", "classification")
    rows = np.flatnonzero((dataset.splits == "train") & (dataset.targets < 2))
    learner = learner_of(None, "text")
    one, two = (learner.outputs(learner.fit(dataset, rows, seed), dataset, rows) for seed in (0, 1))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one).all()
    assert (one.argmax(1) < 2).all()


def test_numbers_far_from_zero_are_learnt_in_their_own_unit() -> None:
    dataset = make("table", "regression")
    far = replace(dataset, targets=dataset.targets * 1e6 - 5e8)
    learner = learner_of(None, "table")
    test = dataset.rows("test")
    found = learner.outputs(learner.fit(far, far.rows("train"), 0), far, test)[:, 0]
    assert quality(far, found, test) > 0.8


def test_features_are_made_once_for_the_same_inputs_and_never_see_labels() -> None:
    dataset = make("text", "classification")
    relabelled = replace(dataset, targets=1 - dataset.targets.clip(max=1))
    assert features(dataset) is features(relabelled)
    shuffled = np.random.default_rng(0).permutation(dataset.rows("train"))
    moved = replace(dataset, inputs=np.concatenate([np.asarray(dataset.inputs)[shuffled], dataset.inputs[200:]]))
    assert np.abs(features(moved)[:200] @ features(moved)[200:].T
                  - (features(dataset) @ features(dataset)[200:].T)[shuffled]).max() < 1e-3  # fmt: skip


@pytest.mark.parametrize("augment", ["none", "shift", "flip", "crop", "erase"])
def test_images_can_be_augmented(augment: str) -> None:
    dataset = make("image", "classification", 60, 20)
    learner = learner_of(f"image:augment={augment},epochs=2", "image")
    outputs = learner.outputs(learner.fit(dataset, dataset.rows("train"), 0), dataset, dataset.rows("test"))
    assert np.isfinite(outputs).all()
    assert learner.recipe["augment"] == augment


def test_erasing_overwrites_one_rectangle_of_each_image_and_cropping_draws_out_a_part() -> None:
    pixels = torch.arange(12.0)[:, None] + torch.arange(16.0) + torch.zeros(9, 3, 12, 16)
    gone = (erased(pixels, torch.Generator().manual_seed(0)) != pixels).all(1)
    for one in gone:
        rows, columns = (one.any(axis).nonzero().flatten() for axis in (1, 0))
        assert one.sum() == len(rows) * len(columns)
        assert 3 <= len(rows) <= 6
        assert 4 <= len(columns) <= 8
    assert len({tuple(one.flatten().tolist()) for one in gone}) > 4
    part = cropped(pixels, torch.Generator().manual_seed(0))
    assert part.shape == pixels.shape
    spans = part.amax((1, 2, 3)) - part.amin((1, 2, 3))
    assert (spans < 25).all()
    assert (spans > 10).all()


def test_every_learner_says_what_it_is() -> None:
    for name in plugins.names("learners"):
        assert plugins.get("learners", name).LEARNER().recipe["learner"] == name
