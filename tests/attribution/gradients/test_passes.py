"""Passes where models are trained give what plain ones here do, in the order of the models."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import joblib
import pytest
import torch

from dataaudit.attribution.gradients import passes as module
from dataaudit.attribution.gradients.model_gradients import ModelGradients
from dataaudit.attribution.gradients.passes import Wanted, passes
from dataaudit.attribution.gradients.per_sample import EARLY
from dataaudit.attribution.problem import PoolModel, Problem
from dataaudit.errors import NumericsError
from dataaudit.training.pool import Pool

WANTED = Wanted(200, "tempered", 1.0, EARLY)


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_they_are_those_of_a_plain_loop(
    small_pool: Pool, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:  # fmt: skip
    problem = Problem.from_pool(small_pool, max_models=5)
    n, t = len(problem.train), len(problem.target)
    monkeypatch.setattr(module, "IN_MEMORY", at_once * 4 * WANTED.dimensions * (n + t))
    with joblib.parallel_config(n_jobs=2):
        passed = list(passes(problem, range(1, 5), WANTED))
    for number, found in enumerate(passed, 1):
        plain = ModelGradients(problem, number, 200, "tempered", convolutions=EARLY)
        phi, weights = plain.train("tempered")
        assert torch.equal(found.train, phi)
        assert torch.equal(found.weights, weights)
        assert torch.equal(found.target(3, 8), plain.target(0, t)[3:8])
        assert found.notes == plain.notes
    assert len(passed) == 4


def altered(problem: Problem, change: Callable[[str, torch.Tensor], torch.Tensor]) -> Problem:
    """With another state of the model of number 2."""

    class Altered(PoolModel):
        def state(self) -> dict[str, torch.Tensor]:
            return {name: change(name, value) for name, value in super().state().items()}

    models = list(problem.models)
    assert isinstance(models[2], PoolModel)
    models[2] = Altered(**vars(models[2]))
    return replace(problem, models=tuple(models))


def test_a_dead_model_is_warned_of_by_its_number(small_pool: Pool) -> None:
    dead = altered(Problem.from_pool(small_pool, max_models=3), lambda name, value: value * (name != "10.weight"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(passes(dead, range(3), WANTED))
    assert caught
    assert all(str(warning.message).startswith("model 2: ") for warning in caught)


def test_gradients_that_are_not_finite_are_an_error_that_names_model_and_sample(small_pool: Pool) -> None:
    broken = altered(Problem.from_pool(small_pool, max_models=3), lambda name, value: value * float("nan"))
    with joblib.parallel_config(n_jobs=2), pytest.raises(NumericsError, match=r"model 2: the .* of '.*png' is not"):
        list(passes(broken, range(3), WANTED))
