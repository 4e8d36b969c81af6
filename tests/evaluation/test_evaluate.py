"""`dataaudit evaluate` on a small set: what it measures, what it writes, and what it says when something can't run."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dataaudit import cli, plugins
from dataaudit.attribution.attribution import Attribution
from dataaudit.config import AuditConfig
from dataaudit.dataset import Dataset, silent
from dataaudit.errors import InputError
from dataaudit.evaluation import alignment, evaluate
from dataaudit.evaluation.evaluate import Effort, Evaluation
from dataaudit.evaluation.report import lines, write_evaluation
from dataaudit.training.retraining import Retraining

from ..commands.auditing import photos
from ..fixtures import SmallLearner, blobs_of

QUICK = SmallLearner(epochs=3, batch_size=16)


@dataclass(frozen=True)
class Unable:
    needs = ("models",)

    def attribute(self, *_: object) -> Attribution:
        raise InputError("no <b>layers</b> here")


@dataclass(frozen=True)
class Measured:
    root: Path
    dataset: Dataset
    evaluation: Evaluation


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("evaluated")
    real = plugins.get
    replaced = {
        ("backends", "unable"): SimpleNamespace(BACKEND=Unable),
        ("learners", "image"): SimpleNamespace(LEARNER=lambda: QUICK),
    }
    (root / "set").mkdir()
    config = AuditConfig(root / "set", root / "out", runs=8, jobs=1)
    dataset = blobs_of(root, n_train=80, n_test=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "get", lambda group, name: replaced.get((group, name)) or real(group, name))
        found = evaluate.evaluate(config, dataset, ["tracin", "similarity", "unable"], Effort(2, 3, 2), silent)
    return Measured(root, dataset, found)


def test_every_backend_is_measured_or_says_why_not(measured: Measured, tmp_path: Path) -> None:
    evaluation = measured.evaluation
    tracin, similarity, unable = evaluation.measured
    assert tracin.trust is not None
    assert -1 <= tracin.trust.lds <= 1
    assert tracin.left_out is not None
    assert tracin.left_out.predicted.shape == tracin.left_out.actual.shape == (3, 20)
    assert tracin.removal is not None
    assert tracin.removal.sizes == evaluation.sizes == (1, 2)
    assert tracin.removal.actual.shape == (2, 2)
    assert tracin.auc is not None
    assert similarity.auc is None  # it has no self-influence
    assert [tracin.baseline, similarity.baseline, unable.baseline] == [False, True, False]
    assert unable.error == "no <b>layers</b> here"
    assert unable.trust is None
    assert evaluation.self_confidence_auc > 0.8

    page = write_evaluation(evaluation, tmp_path).read_text(encoding="utf-8")
    assert "no &lt;b&gt;layers&lt;/b&gt; here" in page
    figures = page.split("<figure")[1:]
    assert [figure.count("h0") for figure in figures] == [9, 4, 4, 60, 60]  # three lines of three sizes, then pairs
    data = json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert [one["backend"] for one in data["measured"]] == ["tracin", "similarity", "unable"]
    assert np.shape(data["measured"][0]["left_out"]["actual"]) == (3, 20)
    table = "\n".join(lines(evaluation))
    assert "unable: no <b>layers</b> here" in table
    assert "random, same class" in table
    assert "margin drops: mean of 2 predictions that are right, drawn at random" in table
    assert "<dd>mean of 2 predictions that are right, drawn at random</dd>" in " ".join(page.split())


def test_removals_are_of_the_largest_scores_and_the_drop_is_of_that_target(measured: Measured, tmp_path: Path) -> None:
    dataset = measured.dataset
    tracin = measured.evaluation.measured[0]
    assert tracin.removal is not None
    scores = Attribution.load(measured.root / "out" / "evaluation" / "tracin.h5")
    best = scores.scores().max(0)
    found = [int(np.argmin(np.abs(best - value))) for value in tracin.removal.predicted[:, 0]]
    np.testing.assert_allclose(tracin.removal.predicted[:, 0], best[found], rtol=1e-5)
    rows = dataset.rows("test")[found]
    for at, target in enumerate(found):
        top = np.argsort(-scores.scores()[:, target], kind="stable")[:2]
        retraining = Retraining(dataset, QUICK, tmp_path / "again", 0, 2, silent)
        margins = retraining.margins([np.zeros(0, np.int64), top], range(2), rows).mean(1)
        assert margins[0, at] - margins[1, at] == pytest.approx(tracin.removal.actual[at, 1], abs=1e-4)


def test_without_names_it_is_those_that_serve_the_learner(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    real = plugins.get
    replaced = {("learners", "image"): SimpleNamespace(LEARNER=lambda: QUICK)}
    monkeypatch.setattr(plugins, "get", lambda group, name: replaced.get((group, name)) or real(group, name))
    monkeypatch.setattr(plugins, "names", lambda group: ["leaves", "linear", "similarity"])
    config = AuditConfig(measured.root / "set", measured.root / "out", runs=8, jobs=1)
    found = evaluate.evaluate(config, measured.dataset, [], Effort(0, 0, 2), silent)
    assert [(one.backend, one.error) for one in found.measured] == [("similarity", "")]
    named = evaluate.evaluate(config, measured.dataset, ["leaves"], Effort(0, 0, 2), silent)
    assert "whose learner is a tree" in named.measured[0].error


def test_a_baseline_above_the_interval_of_a_method_is_said_to_be(measured: Measured, tmp_path: Path) -> None:
    def with_lds(**lds: float) -> Evaluation:
        tracin = measured.evaluation.measured[0]
        assert tracin.trust is not None
        return replace(
            measured.evaluation,
            measured=tuple(
                replace(
                    tracin,
                    backend=name,
                    baseline=name in ("similarity", "retrieval"),
                    trust=replace(tracin.trust, lds=value, interval=(value - 0.1, value + 0.1)),
                )
                for name, value in lds.items()
            ),
        )

    beaten = with_lds(trak=0.3, tracin=0.6, influence=0.45, similarity=0.2, retrieval=0.5)
    sentence = "LDS: retrieval, a baseline (0.50), is above the interval of trak (0.30)."
    assert lines(beaten)[-1] == sentence
    assert any(line.startswith("retrieval (baseline)") for line in lines(beaten))
    assert sentence in write_evaluation(beaten, tmp_path).read_text(encoding="utf-8")
    assert "is above the interval" not in "\n".join(lines(with_lds(trak=0.45, retrieval=0.5)))
    assert "is above the interval" not in "\n".join(lines(with_lds(trak=0.3)))


def test_leave_one_out_alignment_knows_perfect_scores_and_noise() -> None:
    rng = np.random.default_rng(0)
    effect = rng.normal(size=(5, 7)).astype(np.float32)
    full = np.zeros((4, 7), np.float32)
    without = np.repeat(-effect[:, None], 4, 1)
    perfect = alignment.leave_one_out(effect, full, without)
    assert perfect.correlation == pytest.approx(1)
    assert perfect.reproducible == pytest.approx(1)
    noise = alignment.leave_one_out(effect, full, rng.normal(size=(5, 4, 7)).astype(np.float32))
    assert abs(noise.reproducible) < 0.5
    assert np.isnan(alignment.leave_one_out(effect * 0, full, without).correlation)


def test_effort_that_measures_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="--times 1: expected at least 2"):
        Effort(times=1)
    with pytest.raises(InputError, match="zero or more"):
        Effort(targets=-1)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["dataaudit", "evaluate", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_writes_page_and_data_and_trains_what_run_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos(tmp_path / "photos", train=12, test=4)
    effort = ["--runs", 8, "--jobs", 1, "--targets", 1, "--leave-out", 1, "--learner", "linear"]
    assert command(monkeypatch, folder, "--backend", "tracin", *effort) == 0
    assert "tracin" in capsys.readouterr().out
    out = tmp_path / "photos-audit"
    assert (out / "evaluation.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((out / "evaluation.json").read_text(encoding="utf-8"))["name"] == "photos"
    assert len(list((out / "pool").glob("run-*.pt"))) == 8
    trained = {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")}
    assert command(monkeypatch, folder, "--backend", "tracin", *effort) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.pt")} == trained


def test_what_cannot_be_measured_ends_with_2_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photos(tmp_path / "photos")
    assert command(monkeypatch, folder, "--backend", "magic") == 2
    assert "there is no backend called 'magic'" in capsys.readouterr().err
    assert command(monkeypatch, folder, "--times", 1) == 2
    assert command(monkeypatch, tmp_path / "nothing") == 2
    assert not (tmp_path / "photos-audit").exists()
