"""TracIn, similarity, retrieval and kNN-Shapley against their definitions."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dataaudit
from dataaudit.attribution.backends.knn_shapley import shapley_values
from dataaudit.attribution.backends.retrieval import Retrieval
from dataaudit.attribution.problem import Problem
from dataaudit.data.features.bm25 import Bm25
from dataaudit.dataset import silent
from dataaudit.errors import InputError, NumericsError
from dataaudit.training.learners.text import TextLearner
from dataaudit.training.objectives import margin
from dataaudit.training.pool import train_pool

from ...fixtures import blobs_of
from .test_contract import data, net


@pytest.mark.parametrize("k", [1, 2, 4, 6, 8])
def test_shapley_values_are_those_of_every_coalition(k: int) -> None:
    agree = [1, 0, 1, 1, 0, 1]
    n = len(agree)

    def earned(coalition: tuple[int, ...]) -> float:
        return sum(agree[i] for i in sorted(coalition)[:k]) / k

    exact = [
        sum(
            math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n) * (earned((*s, i)) - earned(s))
            for size in range(n)
            for s in itertools.combinations([j for j in range(n) if j != i], size)
        )
        for i in range(n)
    ]
    np.testing.assert_allclose(shapley_values(torch.tensor([agree]).float(), k)[0], exact, atol=1e-6)


def test_knn_shapley_sorts_by_distance_before_the_last_layer_and_sums_to_the_vote() -> None:
    model, train, target = net(0), data(30, 0), data(7, 1)
    scores = dataaudit.attribute(model, train, target, backend="knn_shapley", k=5).scores()
    hidden = model[:2]  # type: ignore[index]
    nearest = torch.cdist(hidden(target[0]), hidden(train[0])).argsort(1)[:, :5]
    vote = (train[1][nearest] == target[1][:, None]).float().mean(1)
    np.testing.assert_allclose(scores.sum(0), vote, atol=1e-5)


def test_tracin_is_the_product_of_gradients() -> None:
    model, train, target = net(0), data(12, 0), data(5, 1)

    def gradient(value: Tensor) -> Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(model.parameters()))])

    ours = dataaudit.attribute(model, train, target, backend="tracin")
    left = torch.stack(
        [gradient(-nn.functional.cross_entropy(model(x[None]), y[None])) for x, y in zip(*train, strict=True)]
    )
    right = torch.stack([gradient(margin(model(x[None]), y[None]).sum()) for x, y in zip(*target, strict=True)])
    np.testing.assert_allclose(ours.scores(), left @ right.T, atol=0.02)  # bases keep 99.9 % a side
    assert ours.self_influence is not None
    np.testing.assert_allclose(ours.self_influence, left.square().sum(1), rtol=0.02)
    cosines = dataaudit.attribute(model, train, target, backend="tracin", normalised=True).scores()
    expected = nn.functional.normalize(left, dim=1) @ nn.functional.normalize(right, dim=1).T
    np.testing.assert_allclose(cosines, expected, atol=1e-2)


def test_similarity_is_the_cosine_and_turns_with_the_label() -> None:
    model, train, (x, y) = net(0), data(12, 0), data(5, 1)
    hidden = model[:2]  # type: ignore[index]
    cosine = torch.cosine_similarity(hidden(train[0])[:, None], hidden(x)[None], dim=2).detach()
    expected = cosine * torch.where(train[1][:, None] == y[None], 1.0, -0.5)
    np.testing.assert_allclose(
        dataaudit.attribute(model, train, (x, y), backend="similarity").scores(), expected, atol=1e-5
    )


def test_bm25_is_its_formula_for_every_pair() -> None:
    texts = ["a cat sat", "The cat, the dog", "", "dog", "a a a bird in the tree"]
    split = [text.lower().replace(",", "").split() for text in texts]
    mean = sum(map(len, split)) / len(split)

    def likeness(query: list[str], text: list[str]) -> float:
        total = 0.0
        for word in query:
            having, count = sum(word in other for other in split), text.count(word)
            rarity = math.log(1 + (len(split) - having + 0.5) / (having + 0.5))
            total += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(text) / mean))
        return total

    queries = ["the CAT", "dog dog", "unknown", ""]
    expected = [[likeness(query.lower().split(), text) for text in split] for query in queries]
    np.testing.assert_allclose(Bm25(texts)(queries), expected, rtol=1e-5)
    assert not Bm25(["", "!"])(["word", "no"]).any()


def test_retrieval_is_the_cosine_of_centred_inputs_and_asks_no_model() -> None:
    train, (x, y) = data(12, 0), data(5, 1)
    mean = train[0].mean(0)
    cosine = torch.cosine_similarity((train[0] - mean)[:, None], (x - mean)[None], dim=2)
    expected = cosine * torch.where(train[1][:, None] == y[None], 1.0, -0.5)
    for model in (net(0), net(1)):
        scores = dataaudit.attribute(model, train, (x, y), backend="retrieval").scores()
        np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_retrieval_of_texts_is_bm25_turned_with_the_label(tmp_path: Path) -> None:
    texts = ["red apple", "green apple", "blue sky", "grey sky", "ripe apple", "dark sky", "an apple", "the sky"]
    labels = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    dataset = replace(
        blobs_of(tmp_path, 6, 2),
        modality="text",
        inputs=np.array(texts, object),
        targets=labels,
        class_names=("a", "b"),
    )
    pool = train_pool(dataset, TextLearner(), tmp_path / "pool", 8, 0, silent)
    scored = Retrieval().attribute(Problem.from_pool(pool), tmp_path / "scores.h5", silent)
    expected = Bm25(texts[:6])(texts[6:]) * np.where(labels[6:, None] == labels[None, :6], 1, -1)
    scores = scored.scores().T  # on the scale that the runs show
    np.testing.assert_allclose(scores / scores.max(), expected / expected.max(), rtol=1e-6)
    assert scored.provenance["likeness"] == "BM25"


def test_what_the_baselines_cannot_do_is_said() -> None:
    regression = net(0, outputs=1), (data(12, 0)[0], torch.randn(12)), (data(5, 1)[0], torch.randn(5))
    for name in ("similarity", "knn_shapley", "retrieval"):
        with pytest.raises(InputError, match="compares class numbers"):
            dataaudit.attribute(*regression, backend=name)
    for name in ("similarity", "knn_shapley"):
        flat = nn.Sequential(nn.Conv1d(1, 3, 5), nn.Flatten()).eval()
        with pytest.raises(InputError, match="expected a linear layer"):
            dataaudit.attribute(
                flat, (torch.randn(6, 1, 5), torch.arange(6) % 3), (torch.randn(2, 1, 5), torch.arange(2)), backend=name
            )
    assert np.isfinite(dataaudit.attribute(*regression, backend="tracin").scores()).all()
    broken = data(9, 0)
    broken[0][4, 1] = torch.nan
    with pytest.raises(NumericsError, match="the input of 'train#4' is not finite"):
        dataaudit.attribute(net(0), broken, data(3, 0), backend="retrieval")
    with pytest.raises(NumericsError, match="the input of 'target#4' is not finite"):
        dataaudit.attribute(net(0), data(9, 0), broken, backend="retrieval")
    with pytest.raises(InputError, match="only runs"):
        dataaudit.attribute(dataaudit.Runs(np.eye(4, dtype=bool), np.ones((4, 2)), np.arange(4)), backend="retrieval")
    with pytest.raises(InputError, match="k: expected at least 1"):
        dataaudit.attribute(net(0), data(9, 0), data(3, 0), backend="knn_shapley", k=0)
