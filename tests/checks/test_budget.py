"""What of an audit fits into the time that it may take."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dataaudit import pipeline
from dataaudit.checks.budget import FIRST_SHARE, Budget
from dataaudit.checks.stages import NO_TIME
from dataaudit.config import AuditConfig, configured
from dataaudit.dataset import silent
from dataaudit.errors import InputError
from dataaudit.progress import Clock
from dataaudit.result import Audit
from dataaudit.training import pool
from dataaudit.training.models.learner_spec import learner_of
from dataaudit.training.pool import Pool

from ..fixtures_tables import make
from .test_cost import COSTS


@dataclass(frozen=True)
class Stopped:
    """A clock that stands still."""

    left: float


def budget_of(seconds: float | None, **options: object) -> Budget:
    config = AuditConfig(Path(), budget=seconds, **options)  # type: ignore[arg-type]
    clock = Stopped(float("inf") if seconds is None else seconds)
    return Budget(config, config, COSTS, clock, COSTS)  # type: ignore[arg-type]


def numbers(budget: Budget) -> tuple[int, int, int]:
    return budget.config.runs, budget.config.verify, budget.costs.predictions(budget.config)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, (24, 4, 2)),
        (200, (24, 4, 2)),
        (100, (24, 4, 0)),
        (90, (16, 4, 0)),
        (80, (16, 3, 0)),
        (70, (8, 3, 0)),
        (60, (24, 0, 0)),
        (40, (16, 0, 0)),
        (30, (8, 0, 0)),
        (10, (8, 0, 0)),
    ],
)
def test_less_and_less_is_done_the_shorter_the_time(seconds: float | None, expected: tuple[int, int, int]) -> None:
    assert numbers(budget_of(seconds).fitted()) == expected


def test_no_more_is_done_than_was_asked_for() -> None:
    assert numbers(budget_of(1000, runs=8, verify=0, brittle=0).fitted()) == (8, 0, 0)
    assert numbers(budget_of(20, runs=9, verify=3, brittle=0).fitted()) == (8, 0, 0)


def test_slow_models_make_it_less_and_quick_ones_more() -> None:
    slow = budget_of(120).fitted().timed(8, 40.0)
    assert (slow.costs.half, slow.costs.full) == (5.0, 10.0)
    assert numbers(slow) == (24, 0, 0)
    quick = budget_of(30).fitted()
    assert numbers(quick) == (8, 0, 0)
    assert numbers(quick.timed(8, 0.8)) == (24, 4, 2)
    assert numbers(quick.timed(0, 0.0)) == (8, 0, 0)  # all were kept from an earlier run


def test_once_influences_are_scored_retraining_tests_get_what_is_left() -> None:
    scored = budget_of(60).fitted().fitted(8, is_scored=True)
    assert numbers(scored) == (8, 4, 0)
    assert scored.affords("leakage")
    assert not budget_of(10).affords("leakage")
    assert budget_of(None).affords("leakage")


def test_rows_are_given_up_where_not_even_models_are_affordable() -> None:
    assert budget_of(None).affordable_rows() == budget_of(60).affordable_rows() == 10_000
    rows = budget_of(13).affordable_rows()
    assert rows == pytest.approx(10_000 * FIRST_SHARE * 13 / 26, rel=0.01)
    assert budget_of(13).of_rows(5_000).costs.half == 0.5
    products = replace(COSTS, rows=100_000, scored=20_000, cores=2)  # with half of the rows, twice the targets
    scoring = replace(budget_of(60), costs=products, config=replace(budget_of(60).config, rows=100_000))
    assert scoring.costs.of_rows(50_000).products(scoring.config, 8) > 0.7 * products.products(scoring.config, 8)
    assert (products.of_rows(50_000).scored, products.of_rows(1_000).scored) == (10_000, 200)
    fewer = scoring.affordable_rows()
    least = replace(scoring.config, runs=8, verify=0)
    assert products.of_rows(fewer).of(least) <= FIRST_SHARE * 60 < products.of_rows(fewer + 1).of(least)
    assert replace(budget_of(13), clock=Stopped(-5.0)).affordable_rows() == 50


def test_an_interrupted_audit_goes_on_with_the_rows_it_had(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    assert budget_of(1000).rows_kept_in(folder) == 10_000
    assert not folder.exists()
    rows = budget_of(13).rows_kept_in(folder)
    assert rows < 10_000
    later = replace(budget_of(13), clock=Stopped(5))
    assert later.affordable_rows() < rows == later.rows_kept_in(folder)
    assert budget_of(10).rows_kept_in(folder) < rows
    more = replace(later, costs=replace(COSTS, rows=20_000))
    assert more.rows_kept_in(folder) == more.affordable_rows()


def test_what_is_left_out_is_said() -> None:
    assert budget_of(None).left_out() == budget_of(200).fitted().left_out() == ()
    sampled = budget_of(60).of_rows(5_000).fitted()
    assert sampled.left_out() == (
        "The budget of 60 seconds leaves out 5,000 of 10,000 training rows, support sets of predictions.",
    )
    assert sampled.seconds_of_all == budget_of(None).costs.of(sampled.asked) > sampled.costs.of(sampled.asked)
    (said,) = budget_of(20).fitted().left_out()
    assert said == "The budget of 20 seconds leaves out 16 of 24 models, retraining tests."
    assert budget_of(200).fitted().left_out(["leakage", "harmful"]) == (
        "The budget of 200 seconds leaves out the retraining test of leakage, the retraining test of harmful.",
    )


@pytest.mark.parametrize(("words", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), (75, 75)])
def test_durations(words: str | int, seconds: float) -> None:
    assert configured(Path(), budget=words).budget == seconds


def test_a_duration_in_the_settings() -> None:
    assert configured(Path(), set=('budget="20m"',)).budget == 1200


@pytest.mark.parametrize("words", ["", "20", "m", "20 minutes", "1.2.3m", "-5m", "5s", "nan"])
def test_no_durations(words: str) -> None:
    with pytest.raises(InputError, match=r"--budget.*: expected"):
        configured(Path(), budget=words)


def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float | None) -> Audit:
    dataset = make("table", "classification", 120, 40)
    monkeypatch.setattr(pipeline, "load", lambda config, track: dataset)
    config = AuditConfig(tmp_path, output=tmp_path.with_name("audit"), jobs=1, budget=seconds, learner="linear")
    budget, _ = pipeline.prepare(config, silent)
    return pipeline.run(budget, dataset, silent)


def test_training_goes_on_until_predictions_settle_or_as_far_as_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make("table", "classification", 60, 20)
    empty = Pool.empty(dataset, learner_of("linear", "table"), tmp_path)

    def models(
        settled: float, as_needed: bool = True, seconds: float | None = None, affordable: int = 24
    ) -> tuple[int, tuple[str, ...]]:
        monkeypatch.setattr(pool, "SETTLED", settled)
        config = AuditConfig(Path(__file__), output=tmp_path / "audit", budget=seconds, as_needed=as_needed)
        free = replace(COSTS, rows=60, half=0.0, full=0.0)
        monkeypatch.setattr(Budget, "timed", lambda self, runs, seconds: self)
        fitted = Budget(config, replace(config, runs=affordable), free, Clock(seconds), free)
        budget, trained = pipeline._trained(fitted, empty, silent)
        assert len(trained) == budget.config.runs
        return len(trained), budget.left_out()

    assert models(0.0) == models(0.0, seconds=600) == (16, ())
    assert models(2.0) == models(0.0, as_needed=False) == (24, ())
    # There was time for no more: left out are only models that were needed.
    assert models(0.0, seconds=600, affordable=16) == (16, ())
    assert models(2.0, seconds=600, affordable=16)[1] == ("The budget of 10 minutes leaves out 8 of 24 models.",)


def test_an_audit_within_a_budget_says_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dear = replace(COSTS, rows=120, half=50.0, full=100.0)
    monkeypatch.setattr(pipeline, "costs", lambda *arguments: dear)
    monkeypatch.setattr(Budget, "affordable_rows", lambda self: self.costs.rows)
    monkeypatch.setattr(Budget, "timed", lambda self, runs, seconds: self)
    audit = audited(tmp_path, monkeypatch, 30)
    assert audit.learner["models"] == 8
    assert audit.left_out == ("The budget of 30 seconds leaves out 16 of 24 models, retraining tests.",)
    assert audit.document()["limits"][-1] == audit.left_out[0]
    assert audit.reproduce["arguments"][4:8] == ["--runs", "8", "--verify", "0"]
    assert audit.cost.seconds_of_all == pytest.approx(dear.of(AuditConfig(tmp_path)))


def test_a_retraining_test_that_no_time_was_left_for_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget, "affords", lambda self, check: check != "harmful")
    audit = audited(tmp_path, monkeypatch, 1000)
    assert audit.left_out == ("The budget of 1000 seconds leaves out the retraining test of harmful.",)
    (harmful,) = [check for check in audit.checks if check.name == "harmful"]
    assert NO_TIME in harmful.notes


def test_an_audit_within_a_budget_that_leaves_nothing_out_is_the_one_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    within = audited(tmp_path, monkeypatch, 10_000)
    shutil.rmtree(tmp_path.with_name("audit"))
    without = audited(tmp_path, monkeypatch, None)
    assert within.left_out == ()
    assert within.document() == without.document()
