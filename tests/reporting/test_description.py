"""What an audit says of itself."""

import json
from pathlib import Path

import pytest

from dataaudit.reporting.description import NOTICED, saved


@pytest.mark.parametrize(("earlier", "expected"), [(20.0, 12.0), (8.0 + NOTICED - 0.1, 0.0), (2.0, 0.0)])
def test_a_few_seconds_are_not_said_to_be_saved(earlier: float, expected: float, tmp_path: Path) -> None:
    (tmp_path / "cost.json").write_text(json.dumps({"seconds": {"reading": 0.5 * earlier, "pool": 0.5 * earlier}}))
    assert saved(tmp_path, {"reading": 3.0, "pool": 5.0}, ("reading", "pool")) == expected


def test_an_audit_without_its_costs_says_nothing_of_time(tmp_path: Path) -> None:
    assert saved(tmp_path, {"pool": 5.0}, ("pool",)) is None
