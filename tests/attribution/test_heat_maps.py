"""Heat maps: they mark what matters where that is known, and never cost an audit."""

import base64
import io
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dataaudit.api import configured_backend, problem_of
from dataaudit.attribution import heat_maps
from dataaudit.attribution.perturbations import InfluenceOfInput
from dataaudit.attribution.problem import Problem
from dataaudit.dataset import Dataset
from dataaudit.findings import Finding, Severity
from dataaudit.training.pool import Pool


def spotted(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Grey images of 12 x 12 pixels under faint noise; the class is where a bright spot is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    images = rng.normal(0.3, 0.05, (n, 1, 12, 12))
    for image, label in zip(images, labels, strict=True):
        image[0, 8:10, 2 + 6 * label : 4 + 6 * label] += 1
    return torch.from_numpy(images).float(), torch.from_numpy(labels)


def test_the_map_lies_where_alone_the_class_is() -> None:
    train, target = spotted(120, 0), spotted(6, 1)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(15):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(train[0]), train[1]).backward()
        optimizer.step()
    # So strongly damped that the curvature, which stretches what varies little, as noise does, plays no part.
    backend = configured_backend("influence", {"damping": 100.0})
    influence = InfluenceOfInput(problem_of(model.eval(), train, target, None), backend)
    pairs = [(i, at) for i in range(10) for at in range(6) if train[1][i] == target[1][at]]
    assert len(pairs) > 20
    for i, at in pairs:
        shares, _ = heat_maps.influence_by_pixel(influence, train[0][[i]], train[1][[i]], at)
        left = 1 + 6 * int(train[1][i])
        mass = shares.clip(0)
        assert mass[7:11, left : left + 4].sum() > 0.8 * mass.sum()  # of 16 pixels in 144


def test_an_image_without_detail_has_nothing_to_share_out() -> None:
    train, target = spotted(40, 0), spotted(2, 1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 2)).eval()
    influence = InfluenceOfInput(problem_of(model, train, target, None), configured_backend("influence", {}))
    shares, left = heat_maps.influence_by_pixel(influence, torch.full((1, 1, 12, 12), 0.5), train[1][:1], 0)
    np.testing.assert_allclose(shares, 0, atol=1e-6)
    assert left == pytest.approx(1)


def findings(dataset: Dataset, count: int = 10) -> list[Finding]:
    """As many of either kind; pairs of the same class, so that the one speaks for the other."""
    train, test = dataset.rows("train"), dataset.rows("test")
    made = []
    for number in range(count):
        target = test[number]
        like = train[dataset.targets[train] == dataset.targets[target]][number % 5]
        ids, prefix = (dataset.ids[like], dataset.ids[target]), f"{number:012d}"
        leak = {"copies": [{"train_id": ids[0], "test_id": ids[1]}]}
        label = {"for_suggested": [{"id": ids[0]}], "suggested_label": dataset.class_names[dataset.targets[target]]}
        made += [
            Finding("leakage", Severity.HIGH, ids, 1.0, "", prefix, leak),
            Finding("mislabeled", Severity.HIGH, ids[1:], 1.0, "", prefix, label),
            Finding("outlier", Severity.HIGH, ids, 1.0, "", prefix, {}),
        ]
    return made


@pytest.fixture
def pool(small_pool: Pool) -> Pool:
    return replace(small_pool, dataset=replace(small_pool.dataset, sources=()))


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


def test_a_few_findings_of_either_kind_get_one(pool: Pool) -> None:
    asked = findings(pool.dataset)
    maps, notes = heat_maps.heat_maps(pool.dataset, partial(Problem.from_pool, pool), asked, 56)
    assert notes == ()
    by_kind = [[id for id in maps if id.startswith(kind)] for kind in ("leakage", "mislabeled", "outlier")]
    assert [0 < len(ids) <= heat_maps.MAX_MAPS for ids in by_kind] == [True, True, False]
    known = {finding.id: finding for finding in asked}
    for id, one in maps.items():
        assert {one.sample_id, one.target_id} >= set(known[id].sample_ids)
        assert "in one of the models" in one.words
        picture = opened(one.uri)
        assert (picture.size, picture.mode) == ((56, 56), "RGBA")
        opacity = np.asarray(picture)[..., 3]
        assert opacity.min() == 0
        assert opacity.max() > 150
    again, _ = heat_maps.heat_maps(pool.dataset, partial(Problem.from_pool, pool), asked, 56)
    assert again == maps


def test_maps_that_do_not_bear_out_are_left_out(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heat_maps, "influence_by_pixel", lambda *_: (np.zeros((8, 8)), heat_maps.MAX_REMAINING + 0.01))
    assert heat_maps.heat_maps(pool.dataset, partial(Problem.from_pool, pool), findings(pool.dataset), 56) == ({}, ())


def test_what_goes_wrong_is_a_note_and_no_crash(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_: object) -> Problem:
        raise RuntimeError("out of <memory>")

    asked = findings(pool.dataset)
    assert heat_maps.heat_maps(pool.dataset, failing, asked, 56) == ({}, ("There are no heat maps: out of <memory>.",))
    assert heat_maps.heat_maps(replace(pool.dataset, modality="text"), failing, asked, 56) == ({}, ())
    assert heat_maps.heat_maps(pool.dataset, failing, [], 56) == ({}, ())
    monkeypatch.setattr(heat_maps, "PARAMETERS", 10)
    maps, (note,) = heat_maps.heat_maps(pool.dataset, partial(Problem.from_pool, pool), asked, 56)
    assert maps == {}
    assert "expected a model of at most 10 parameters" in note


def test_what_speaks_against_is_clear_and_the_shape_is_the_pictures() -> None:
    shares = np.full((4, 8), -1.0)
    shares[:, :2] = 1.0
    picture = np.asarray(opened(heat_maps.overlay(shares, (80, 40))))
    assert picture.shape == (40, 80, 4)
    assert picture[:, :10, 3].min() > 150
    assert picture[:, 40:, 3].max() == 0
