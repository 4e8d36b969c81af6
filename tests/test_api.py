"""Attribution of a user's own models, and the names that are public."""

import copy
import gc
import inspect
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import dataaudit
from dataaudit.errors import InputError, NumericsError


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
    names = ["Attribution", "Runs", "__version__", "attribute", "audit", "perturbation", "review"]
    assert sorted(dataaudit.__all__) == names
    assert all(hasattr(dataaudit, name) for name in dataaudit.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = dataaudit.nonsense


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, dataaudit.cli; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scores_are_train_by_target_and_the_mean_over_models(tmp_path: Path) -> None:
    first, second = trained(1), trained(2)
    train, target = data(50, 0), data(7, 1)
    both = dataaudit.attribute([first, second], train, target, gradient="loss")
    assert both.shape == (50, 7)
    assert repr(both) == "Attribution(50 training samples x 7 targets, trak)"
    mean = (
        dataaudit.attribute(first, train, target, gradient="loss").scores()
        + dataaudit.attribute(second, train, target, gradient="loss").scores()
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


def test_arrays_and_torch_datasets_are_the_same_samples() -> None:
    net, (x, y), (xt, yt) = trained(1), data(50, 0), data(7, 1)
    plain = dataaudit.attribute(net, (x, y), (xt, yt)).scores()
    arrays = dataaudit.attribute(net, (x.double().numpy(), y.numpy()), (xt.numpy(), yt.tolist())).scores()
    np.testing.assert_array_equal(arrays, plain)
    pairs = [TensorDataset(*part) for part in ((x, y), (xt, yt))]
    np.testing.assert_array_equal(dataaudit.attribute(net, *pairs).scores(), plain)


def test_one_logit_is_the_second_of_two() -> None:
    torch.manual_seed(0)
    single = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)).eval()

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.single = single

        def forward(self, x: Tensor) -> Tensor:
            logit = self.single(x)
            return torch.cat([torch.zeros_like(logit), logit], 1)

    (x, y), (xt, yt) = data(50, 0), data(7, 1)
    y, yt = y % 2, yt % 2
    one = dataaudit.attribute(single, (x, y), (xt, yt))
    assert one.provenance["identity"]["objective"] == "binary"
    np.testing.assert_allclose(one.scores(), dataaudit.attribute(Two().eval(), (x, y), (xt, yt)).scores(), atol=1e-4)


def test_regression_attributes_the_prediction() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(40, 3), torch.randn(40)
    design = torch.cat([x, torch.ones(40, 1)], 1)
    solution = torch.linalg.solve(design.T @ design + 1e-2 * torch.eye(4), design.T @ y)
    net = nn.Linear(3, 1)
    with torch.no_grad():
        net.weight.copy_(solution[None, :3])
        net.bias.copy_(solution[3:])
    target = torch.randn(6, 3)
    scored = dataaudit.attribute(net.eval(), (x, y[:, None]), (target, torch.zeros(6)))
    assert scored.provenance["identity"]["objective"] == "regression"
    drops = []
    for i in range(40):
        rest = torch.arange(40) != i
        without = torch.linalg.solve(design[rest].T @ design[rest] + 1e-2 * torch.eye(4), design[rest].T @ y[rest])
        drops.append(torch.cat([target, torch.ones(6, 1)], 1) @ (solution - without))
    assert np.corrcoef(scored.scores().ravel(), torch.stack(drops).ravel())[0, 1] > 0.97


def test_a_language_model_brings_its_own_loss_and_output() -> None:
    torch.manual_seed(0)

    class Next(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = nn.Embedding(11, 6), nn.Linear(6, 11)

        def forward(self, tokens: Tensor) -> Tensor:
            out: Tensor = self.head(torch.tanh(self.words(tokens)).cumsum(1))
            return out

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return (
            nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="none")
            .view_as(labels)
            .sum(1)
        )

    def output(outputs: Tensor, labels: Tensor) -> Tensor:
        return -loss(outputs, labels)

    tokens = torch.randint(0, 11, (20, 7))
    train, target = (tokens[:, :-1], tokens[:, 1:]), (tokens[:4, :-1], tokens[:4, 1:])
    scored = dataaudit.attribute(Next().eval(), train, target, loss=loss, output=output)
    scores = scored.scores()
    assert scores.shape == (20, 4)
    assert scored.provenance["coverage"] == 1.0
    assert [int(i) for i in scores.argmax(0)] == [0, 1, 2, 3]  # a text is its own best support
    assert scored.self_influence is not None
    np.testing.assert_allclose(scored.self_influence[:4], np.diag(scores), rtol=1e-3)
    with pytest.raises(InputError, match="go together"):
        dataaudit.attribute(Next().eval(), train, target, loss=loss)
    with pytest.raises(InputError, match=r"loss: expected one value per sample, a tensor \(1,\); found \(\)"):
        dataaudit.attribute(Next().eval(), train, target, loss=lambda o, y: loss(o, y).mean(), output=output)
    with pytest.raises(InputError, match="output: expected a value that depends on the model's outputs"):
        dataaudit.attribute(Next().eval(), train, target, loss=loss, output=lambda o, y: torch.ones(len(o)))


def test_scores_are_kept_as_factors_where_those_are_smaller(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Linear(5, 3).eval()
    train, target = data(300, 0), data(200, 1)
    wide = dataaudit.attribute(net, train, target)
    assert wide.path.stat().st_size < 300 * 200 * 2  # bytes: half of what the matrix alone would take
    full = wide.scores()
    few = dataaudit.attribute(net, train, (target[0][:9], target[1][:9]))
    np.testing.assert_allclose(full[:, :9], few.scores(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(full[:, 50:70], wide.scores(50, 70), rtol=1e-5, atol=1e-7)
    weights = np.random.default_rng(0).random((4, 300)).astype(np.float32)
    np.testing.assert_allclose(wide.sums(weights), weights @ full, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(wide.sums_over_targets(), full.sum(1), rtol=1e-3, atol=1e-4)
    positions, values = wide.top(7)
    np.testing.assert_allclose(values, -np.sort(-full, 0)[:7].T, rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(full, positions.T, 0).T, values, rtol=1e-5)
    wide.save(tmp_path / "scores.h5")
    np.testing.assert_array_equal(dataaudit.Attribution.load(tmp_path / "scores.h5").scores(), full)


def test_hostile_input_is_an_error_or_a_warning_that_names_layer_or_sample() -> None:
    net, (x, y), target = trained(1), data(50, 0), data(7, 1)
    broken = x.clone()
    broken[13, 2] = torch.nan
    with pytest.raises(NumericsError, match="model 0: the gradient of 'train#13' is not finite"):
        dataaudit.attribute(net, (broken, y), target)
    with pytest.raises(NumericsError, match="model 0: the gradient of 'target#3' is not finite"):
        dataaudit.attribute(net, (x, y), (broken[10:17], y[10:17]))

    dead = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    with torch.no_grad():
        dead[0].bias.fill_(-1e3)
    with pytest.warns(UserWarning, match=r"no gradient reaches 0\.weight, 0\.bias, 2\.weight"):
        scores = dataaudit.attribute(dead, (x, y), target).scores()
    assert np.isfinite(scores).all()

    constant = nn.Sequential(nn.Linear(5, 3), nn.Hardtanh(-1e-9, 1e-9)).eval()
    with pytest.warns(UserWarning, match="no gradient"), pytest.raises(NumericsError, match="dead or saturated"):
        dataaudit.attribute(constant, (x + 10, y), target)

    certain = nn.Linear(5, 3).eval()
    with torch.no_grad():
        certain.weight.copy_(torch.eye(5)[:3] * 300)
    certain_x = nn.functional.one_hot(y, 5).float() * 2
    certain_x[4] = 0
    with pytest.warns(UserWarning, match="49 of 50 training samples have no loss gradient, such as 'train#0'"):
        dataaudit.attribute(certain, (certain_x, y), target, backend="trak")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("backend", ["trak", "influence", "tracin", "similarity"])
def test_half_precision_is_taken_as_the_float32_that_it_stands_for(dtype: torch.dtype, backend: str) -> None:
    net, (x, y), (xt, yt) = trained(1).to(dtype), data(50, 0), data(7, 1)
    x, xt = x.to(dtype), xt.to(dtype)
    expected = dataaudit.attribute(trained(1).to(dtype).float(), (x.float(), y), (xt.float(), yt), backend=backend)
    for model, inputs in ((net, x), (net, x.float()), (copy.deepcopy(net).float(), x)):
        halves = dataaudit.attribute(model, (inputs, y), TensorDataset(xt, yt), backend=backend)
        np.testing.assert_array_equal(halves.scores(), expected.scores())
        assert halves.provenance["identity"] == expected.provenance["identity"]
    assert {parameter.dtype for parameter in net.parameters()} == {dtype}


def test_a_regression_in_half_precision_has_the_slopes_of_its_float32() -> None:
    torch.manual_seed(0)
    x, y, one = torch.randn(40, 3).bfloat16(), torch.randn(40).bfloat16(), nn.Linear(3, 1).bfloat16().eval()
    scored = dataaudit.attribute(one, (x, y), (x[:4], y[:4]))
    assert scored.provenance["identity"]["objective"] == "regression"
    slopes = dataaudit.perturbation(one, (x, y), (x[:4], y[:4]), [2], solver="exact")
    single = dataaudit.perturbation(one.float(), (x.float(), y.float()), (x[:4].float(), y[:4]), [2], solver="exact")
    np.testing.assert_array_equal(slopes, single)


class Cast(nn.Module):
    """Computes in half precision whatever it is given."""

    def __init__(self, net: nn.Module, autocast: bool) -> None:
        super().__init__()
        self.net, self.autocast = net, autocast

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            out: Tensor = self.net(x if self.autocast else x.bfloat16())
            return out


def test_a_model_that_casts_to_half_precision_is_told_not_to() -> None:
    train = data(50, 0)
    with pytest.raises(InputError, match=r"train: expected outputs of float32 .*; take autocast or the cast out"):
        dataaudit.attribute(Cast(trained(1), True).eval(), train, train)
    with pytest.raises(InputError, match=r"weights in half precision are taken as float32: take casts out"):
        dataaudit.attribute(Cast(trained(1).bfloat16(), False).eval(), train, train)


def test_probabilities_are_not_taken_for_logits() -> None:
    (x, y), target = data(50, 0), data(7, 1)
    softmax = nn.Sequential(trained(1), nn.Softmax(1)).eval()
    for model in (softmax, softmax.bfloat16()):
        with pytest.raises(
            InputError, match=r"train: expected logits, found probabilities: .* each of 32 samples; leave"
        ):
            dataaudit.attribute(model, (x, y), target)
    # Their logarithms are logits.
    logarithms = nn.Sequential(trained(1), nn.LogSoftmax(1)).eval()
    plain = dataaudit.attribute(trained(1), (x, y), target).scores()
    np.testing.assert_allclose(dataaudit.attribute(logarithms, (x, y), target).scores(), plain, rtol=1e-3, atol=1e-4)
    sigmoid = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid()).eval()
    with pytest.warns(UserWarning, match=r"train: .* all between 0 and 1 and taken for logits; if they are prob"):
        dataaudit.attribute(sigmoid, (x, y % 2), (target[0], target[1] % 2))


def test_shares_that_sum_to_one_are_no_logits_where_they_are_meant() -> None:
    """An objective of one's own, and a regression, take any outputs."""
    (x, y), (xt, yt) = data(50, 0), data(7, 1)
    softmax = nn.Sequential(trained(1), nn.Softmax(1)).eval()

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.nll_loss(outputs.log(), labels, reduction="none")

    scored = dataaudit.attribute(softmax, (x, y), (xt, yt), loss=loss, output=lambda o, y: -loss(o, y))
    assert np.isfinite(scored.scores()).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sigmoid = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid()).eval()
        dataaudit.attribute(sigmoid, (x, y / 3), (xt, yt / 3))


def test_what_does_not_fit_is_refused() -> None:
    net, train = trained(1), data(50, 0)
    with pytest.raises(InputError, match="model 0 is in training mode"):
        dataaudit.attribute(trained(1).train(), train, train)
    with pytest.raises(InputError, match=r"there is no backend called 'magic'; there are: .*trak"):
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
    with pytest.raises(InputError, match="model 0: expected a module with parameters, found ReLU without"):
        dataaudit.attribute(nn.ReLU().eval(), train, train)
    with pytest.raises(InputError, match="at least one model"):
        dataaudit.attribute([], train, train)
    with pytest.raises(InputError, match="expected train and target"):
        dataaudit.attribute(net, train)


def test_what_a_new_user_gets_wrong_is_said_in_their_words() -> None:
    net, (x, y), target = trained(1), data(50, 0), data(7, 1)
    with pytest.raises(InputError, match=r"'trak' has no setting 'foo'; its settings: dimensions=4096"):
        dataaudit.attribute(net, (x, y), target, foo=1)
    with pytest.raises(InputError, match=r"'trak' has no setting 'weight'; .*; 'weight' is one of backend='linear'"):
        dataaudit.attribute(net, (x, y), target, weight=0.5)
    with pytest.raises(InputError, match=r"a setting is of the wrong type: found ridge='a'; defaults: dimensions=4096"):
        dataaudit.attribute(net, (x, y), target, ridge="a")
    with pytest.raises(InputError, match=r"backend 'trak': expected positive dimensions and ridges, found .*ridge=0"):
        dataaudit.attribute(net, (x, y), target, ridge=0)
    with pytest.raises(InputError, match="expected torch modules or Runs; found dict"):
        dataaudit.attribute({}, (x, y), target)  # type: ignore[arg-type]
    one = nn.Linear(5, 1).eval()
    with pytest.raises(InputError, match=r"all 0 or 1: pass integers"):
        dataaudit.attribute(one, (x, (y % 2).float()), (target[0], (target[1] % 2).float()))
    column = dataaudit.attribute(one, (x, (y % 2)[:, None]), (target[0], (target[1] % 2)[:, None])).scores()
    flat = dataaudit.attribute(one, (x, y % 2), (target[0], target[1] % 2)).scores()
    np.testing.assert_allclose(column, flat, rtol=1e-5)
    small = dataaudit.attribute(net, (x, y.to(torch.uint8)), (target[0], target[1].int())).scores()
    np.testing.assert_array_equal(small, dataaudit.attribute(net, (x, y), target).scores())
    with pytest.raises(InputError, match="module: expected one torch module, found list"):
        dataaudit.perturbation([net], (x, y), target, [0])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"expected rows of 50 training samples, found \(50,\)"):
        dataaudit.attribute(net, (x, y), target).sums(np.ones(50, np.float32))


def test_public_signatures_name_nothing_of_ours_that_is_not_public() -> None:
    public = {getattr(dataaudit, name) for name in dataaudit.__all__}
    for function in (dataaudit.attribute, dataaudit.perturbation):
        named = re.findall(r"dataaudit[.\w]*\.(\w+)", str(inspect.signature(function)))
        assert set(named) <= {value.__name__ for value in public if inspect.isclass(value)}, function


def test_runs_that_contradict_themselves_are_refused() -> None:
    masks = np.random.default_rng(0).random((8, 5)) < 0.5
    outputs = np.zeros((8, 2), np.float32)
    with pytest.raises(InputError, match="masks: expected only 0 and 1"):
        dataaudit.attribute(dataaudit.Runs(masks + 0.5, outputs, np.arange(8)), backend="datamodels")
    with pytest.raises(InputError, match="run 1 has the subset number 0 of run 0, but another mask"):
        dataaudit.attribute(dataaudit.Runs(masks, outputs, np.arange(8) // 2), backend="datamodels")


def test_the_file_of_scores_goes_with_them() -> None:
    scored = dataaudit.attribute(trained(1), data(50, 0), data(7, 1))
    path = scored.path
    assert path.exists()
    del scored
    gc.collect()
    assert not path.parent.exists()
