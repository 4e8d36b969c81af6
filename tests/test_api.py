"""Attribution of a user's own models, and the names that are public."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import dataaudit
from dataaudit.errors import InputError
from dataaudit.pool import Pool


def data(n: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (n,), generator=generator)
    return torch.randn(n, 5, generator=generator) + nn.functional.one_hot(labels, 5) * 2, labels


def trained(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    x, y = data(50, 0)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net.eval()


def test_the_public_names_are_these() -> None:
    assert sorted(dataaudit.__all__) == ["Attribution", "__version__", "attribute"]
    assert all(hasattr(dataaudit, name) for name in dataaudit.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = dataaudit.nonsense


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, dataaudit.cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scores_are_train_by_target_and_the_mean_over_models(tmp_path: Path) -> None:
    first, second = trained(1), trained(2)
    train, target = data(50, 0), data(7, 1)
    both = dataaudit.attribute([first, second], train, target)
    assert both.shape == (50, 7)
    assert repr(both) == "Attribution(50 training samples x 7 targets, trak)"
    mean = (
        dataaudit.attribute(first, train, target).scores() + dataaudit.attribute(second, train, target).scores()
    ) / 2
    np.testing.assert_allclose(both.scores(), mean, rtol=1e-4, atol=1e-6)
    both.save(tmp_path / "scores.h5")
    again = dataaudit.Attribution.load(tmp_path / "scores.h5")
    np.testing.assert_array_equal(again.scores(), both.scores())
    assert not list(tmp_path.glob("*.tmp"))


def test_row_order_only_orders_the_scores() -> None:
    net, (x, y), target = trained(1), data(50, 0), data(7, 1)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    plain = dataaudit.attribute(net, (x, y), target).scores()
    shuffled = dataaudit.attribute(net, (x[order], y[order]), target).scores()
    np.testing.assert_allclose(shuffled, plain[order.numpy()], rtol=1e-3, atol=1e-5)


def test_same_class_samples_support_and_another_label_turns_the_sign() -> None:
    net, train, (x, y) = trained(1), data(50, 0), data(7, 1)
    scores = dataaudit.attribute(net, train, (x, y)).scores()
    same = train[1][:, None].numpy() == y[None].numpy()
    assert scores[same].mean() > max(0, scores[~same].mean())
    other = dataaudit.attribute(net, train, (x, (y + 1) % 3)).scores()
    assert np.corrcoef(scores.ravel(), other.ravel())[0, 1] < 0


def test_a_pool_brings_its_own_samples(small_pool: Pool) -> None:
    scored = dataaudit.attribute(small_pool)
    assert scored.shape == (60, 20)
    assert scored.target_ids[0] == small_pool.dataset.ids[60]
    with pytest.raises(InputError, match="pass them alone"):
        dataaudit.attribute(small_pool, data(3, 0), data(3, 0))


def test_what_does_not_fit_is_refused() -> None:
    net, train = trained(1), data(50, 0)
    with pytest.raises(InputError, match="model 0 is in training mode"):
        dataaudit.attribute(trained(1).train(), train, train)
    with pytest.raises(InputError, match="there is no backend called 'magic'; there are: trak"):
        dataaudit.attribute(net, train, train, backend="magic")
    with pytest.raises(InputError, match="train: expected as many labels as inputs"):
        dataaudit.attribute(net, (train[0], train[1][:3]), train)
    with pytest.raises(InputError, match="target: expected class numbers with room"):
        dataaudit.attribute(net, train, (train[0], train[1].float()))
    with pytest.raises(InputError, match=r"found labels torch.int64 \(50,\) from 0 to 9 and outputs \(1, 3\)"):
        dataaudit.attribute(net, (train[0], torch.arange(50) % 10), train)
    with pytest.raises(InputError, match="train: expected a pair of inputs and labels, or a torch D"):
        dataaudit.attribute(net, train[0], train)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"target: the model can't take inputs torch.float32 \(1, 4\)"):
        dataaudit.attribute(net, train, (train[0][:, :4], train[1]))
    with pytest.raises(InputError, match="at least one model"):
        dataaudit.attribute([], train, train)
    with pytest.raises(InputError, match="expected train and target"):
        dataaudit.attribute(net, train)
