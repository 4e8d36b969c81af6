"""What an audit costs, by its parts."""

from dataclasses import replace
from pathlib import Path

from dataaudit.checks.cost import END, Costs, costs
from dataaudit.checks.detection import trainings
from dataaudit.checks.proof_set import ENOUGH
from dataaudit.config import AuditConfig
from dataaudit.plugins import get

from ..fixtures_tables import make

COSTS = Costs(
    10_000, reading=10.0, judging=5.0, half=1.0, full=2.0, scores=3.0, tested=("brittle", "leakage", "mislabeled")
)
"""Without retraining tests 18 seconds and one a run; 8 and two a training of these tests."""
ARMS = 4 + 2 + 2 * 2 * 4
"""Trainings of the tests of two checks, and without any removal; support sets are dearer."""


def test_the_parts_of_an_audit_add_up() -> None:
    config = AuditConfig(Path(), brittle=0, as_needed=False)
    proof = 8 + 2 * ARMS
    assert COSTS.of(config) == 18 + 24 + proof
    assert COSTS.of(config, trained=8) == 8 + 16 + proof
    assert COSTS.of(config, trained=24, is_scored=True) == END + 2 * ARMS
    assert COSTS.of(replace(config, verify=0)) == 18 + 24
    assert replace(COSTS, seedless=True).of(config) == 18 + 24 + 8 + 2 * (1 + 1 + 2 * 2)
    assert replace(COSTS, seedless=True, nearby=0.5).of(config) == 18 + 24 + 8 + 2 * (1 + 0.5 * 2 * 2)
    assert trainings(get("detectors", "brittle"), 4, 2, 3) > trainings(get("detectors", "brittle"), 4, 2, 0) == 0
    assert trainings(get("detectors", "harmful"), 4, 2, 0) == 3 * 2 + 2 * 4


def test_where_no_number_of_models_is_asked_for_many_rows_are_likely_to_need_the_fewest() -> None:
    config = AuditConfig(Path())
    assert [replace(COSTS, rows=rows).models(config) for rows in (2_000, 20_000)] == [24, 16]
    assert COSTS.models(replace(config, as_needed=False)) == COSTS.models(replace(config, budget=600)) == 24


def test_fewer_supports_are_searched_of_many_rows_and_of_nets() -> None:
    config = AuditConfig(Path())
    sizes = (1_000, 20_000, 1_000_000)
    assert [replace(COSTS, rows=rows).predictions(config) for rows in sizes] == [2, 2, 2]
    linear = replace(COSTS, seedless=True, nearby=0.3)
    assert [replace(linear, rows=rows).predictions(config) for rows in sizes] == [20, 10, 2]
    assert replace(COSTS, rows=sizes[-1], seedless=True).predictions(config) == 20  # on a part of the rows


def test_tests_of_many_rows_cost_little_more_than_those_of_a_part() -> None:
    config = AuditConfig(Path())
    part, many = (replace(COSTS, rows=rows, full=rows / 1000) for rows in (ENOUGH, 20 * ENOUGH))
    assert many.tests(config, ["leakage"]) < 4 * part.tests(config, ["leakage"])
    linear = replace(many, seedless=True, nearby=0.3)
    assert linear.tests(config, ["leakage"]) > 15 * replace(part, seedless=True, nearby=0.3).tests(config, ["leakage"])
    assert replace(COSTS, seedless=True).predictions(replace(config, brittle=0)) == 0


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
