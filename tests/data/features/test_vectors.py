"""Features of the user's own are standardised by their training rows, whatever their precision and number."""

from dataclasses import replace

import numpy as np
import pytest

from dataaudit.data.features import vectors

from ...fixtures import MakeDataset


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_training_rows_have_mean_zero_and_deviation_one(
    make_dataset: MakeDataset, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "ROWS", 7)
    dataset = make_dataset()
    given = (5 + np.random.default_rng(0).normal(size=(len(dataset), 3))).astype(kind)
    given[:, 2] = 0.1  # constant: no deviation to divide by
    before, train = given.copy(), dataset.rows("train")
    made = vectors.features(replace(dataset, features=given))
    assert made.dtype == np.float32
    np.testing.assert_array_equal(given, before)
    np.testing.assert_allclose(made[train].mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(made[train].std(0), [1, 1, 0], atol=1e-3)
    exact = given.astype(np.float64)
    expected = (exact - exact[train].mean(0)) / np.maximum(exact[train].std(0), 1e-3)
    np.testing.assert_allclose(made[:, :2], expected[:, :2], atol=1e-3)
