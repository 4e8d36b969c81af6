"""What an audit costs, and what of it fits into a budget."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dataaudit import pipeline
from dataaudit.checks.cost import Budget, Costs, costs
from dataaudit.checks.detection import trainings
from dataaudit.config import AuditConfig, configured
from dataaudit.dataset import silent
from dataaudit.errors import InputError
from dataaudit.plugins import get
from dataaudit.result import Audit

from ..fixtures_tables import make

COSTS = Costs(
    10_000, reading=10.0, judging=5.0, half=1.0, full=2.0, scores=3.0, tested=("brittle", "leakage", "mislabeled")
)
"""Without retraining tests 18 seconds and one a run; 8 and two a training of these tests."""
ARMS = 4 + 2 + 2 * 2 * 4
"""Trainings of the tests of two checks, and without any removal; support sets are dearer."""


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


def test_the_parts_of_an_audit_add_up() -> None:
    config = AuditConfig(Path(), brittle=0)
    proof = 8 + 2 * ARMS
    assert COSTS.of(config) == 18 + 24 + proof
    assert COSTS.of(config, trained=8) == 8 + 16 + proof
    assert COSTS.of(config, trained=24, is_scored=True) == 5 + proof
    assert COSTS.of(replace(config, verify=0)) == 18 + 24
    assert replace(COSTS, seedless=True).of(config) == 18 + 24 + 8 + 2 * (1 + 1 + 2 * 2)
    assert trainings(get("detectors", "brittle"), 4, 2, 3) > trainings(get("detectors", "brittle"), 4, 2, 0) == 0
    assert trainings(get("detectors", "harmful"), 4, 2, 0) == 3 * 2 + 2 * 4


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


def test_fewer_supports_are_searched_of_many_rows_and_of_nets() -> None:
    config = AuditConfig(Path())
    sizes = (1_000, 20_000, 1_000_000)
    assert [replace(COSTS, rows=rows).predictions(config) for rows in sizes] == [2, 2, 2]
    assert [replace(COSTS, rows=rows, seedless=True).predictions(config) for rows in sizes] == [20, 10, 2]
    assert replace(COSTS, seedless=True).predictions(replace(config, brittle=0)) == 0


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
    assert rows == pytest.approx(10_000 * 0.6 * 13 / 26, rel=0.01)
    assert budget_of(13).of_rows(5_000).costs.half == 0.5
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


def test_what_was_left_out_is_said_with_what_all_of_it_takes() -> None:
    assert budget_of(None).in_words() == budget_of(200).fitted().in_words() == ""
    (said,) = budget_of(60).of_rows(5_000).fitted().left_out()
    assert said == "The budget of 60 seconds left out 5,000 of 10,000 training rows, support sets of predictions."
    (said,) = budget_of(20).fitted().left_out()
    assert said == "The budget of 20 seconds left out 16 of 24 models, retraining tests."
    assert budget_of(20).fitted().in_words() == f"{said} All of it takes about 2 minutes."


@pytest.mark.parametrize(("words", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), (75, 75)])
def test_durations(words: str | int, seconds: float) -> None:
    assert configured(Path(), budget=words).budget == seconds
    assert configured(Path(), set=(f'budget="{words}"',)).budget == seconds if isinstance(words, str) else True


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


def test_an_audit_within_a_budget_says_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dear = replace(COSTS, rows=120, half=50.0, full=100.0)
    monkeypatch.setattr(pipeline, "costs", lambda *arguments: dear)
    monkeypatch.setattr(Budget, "affordable_rows", lambda self: self.costs.rows)
    monkeypatch.setattr(Budget, "timed", lambda self, runs, seconds: self)
    audit = audited(tmp_path, monkeypatch, 30)
    assert audit.learner["models"] == 8
    assert audit.limits[-1] == "The budget of 30 seconds left out 16 of 24 models, retraining tests."
    assert audit.cost.budget.startswith(audit.limits[-1])
    assert audit.reproduce["arguments"][4:8] == ["--runs", "8", "--verify", "0"]


def test_costs_are_measured_for_every_kind_of_learner(tmp_path: Path) -> None:
    dataset = make("table", "classification", 120, 40)
    config = AuditConfig(tmp_path, jobs=1)
    nothing, net = costs(config, dataset, False, ()), costs(config, dataset, True, ("leakage",))
    linear = costs(replace(config, learner="linear"), dataset, True, ())
    assert nothing.of(config) == nothing.reading + nothing.judging
    assert net.scores_per_run > 0 == net.scores
    assert linear.scores > 0 == linear.scores_per_run
    assert (net.seedless, linear.seedless, net.tested) == (False, True, ("leakage",))
    assert min(net.half, net.full, linear.half, linear.full) > 0
