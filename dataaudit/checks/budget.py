"""What of an audit fits into the time that it may take."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import MIN_ROWS, MIN_RUNS, MIN_VERIFY, AuditConfig
from ..files import replacing
from ..progress import Clock
from .cost import Costs

ROWS_FILE = "budget.json"
FIRST_SHARE = 0.7
"""Share of a budget that the rows are chosen for, without any retraining test: the rest is for these, and for what the
estimate gets wrong."""


@dataclass(frozen=True)
class Budget:
    """What of an audit is done in the time that it may take.

    asked    what the user asked for
    config   what is done of it
    costs    of an audit of the rows at hand
    clock    has been running since before the data was read
    whole    the same of all rows that were asked for
    """

    asked: AuditConfig
    config: AuditConfig
    costs: Costs
    clock: Clock
    whole: Costs

    @property
    def is_limited(self) -> bool:
        """Whether the user set one."""
        return self.asked.budget is not None

    def fitted(self, trained: int = 0, is_scored: bool = False) -> "Budget":
        """With as many models and retraining tests as there is time left for; see `Costs.of`.

        Given up are, in this order: support sets, models beyond 16, trainings a removal beyond 3, models beyond 8; then
        all retraining tests, in return for models.
        """
        if not self.is_limited:
            return self
        plans = [replace(plan, runs=trained) if is_scored else plan for plan in _plans(self.asked)]
        fitting = (plan for plan in plans if self.costs.of(plan, trained, is_scored) <= self.clock.left)
        plan = next(fitting, plans[-1])
        return replace(self, config=replace(self.config, runs=plan.runs, verify=plan.verify, brittle=plan.brittle))

    def affordable_rows(self) -> int:
        """How many training rows there is time for, without retraining tests, and with time to spare."""
        plan, time = replace(self.config, runs=MIN_RUNS, verify=0), FIRST_SHARE * self.clock.left
        most = self.costs.rows
        if most <= MIN_ROWS or self.costs.of(plan) <= time:
            return most
        return (
            bisect_right(range(MIN_ROWS + 1, most), time, key=lambda rows: self.costs.of_rows(rows).of(plan)) + MIN_ROWS
        )

    def rows_kept_in(self, directory: Path) -> int:
        """The same, or as many as an interrupted audit there had within the same time: its models are of use.

        The number is noted there if it is not that of all rows.
        """
        file, asked = directory / ROWS_FILE, {"budget": self.asked.budget, "of": self.costs.rows}
        if file.is_file():
            noted = json.loads(file.read_text(encoding="utf-8"))
            if asked.items() <= noted.items():
                return int(noted["rows"])
        rows = self.affordable_rows()
        if rows < self.costs.rows:
            directory.mkdir(parents=True, exist_ok=True)
            with replacing(file) as text:
                json.dump({**asked, "rows": rows}, text)
        return rows

    def of_rows(self, rows: int) -> "Budget":
        """The same with a sample of so many training rows."""
        return replace(self, config=replace(self.config, rows=rows), costs=self.costs.of_rows(rows))

    def settled(self, runs: int) -> "Budget":
        """Where no more models are needed: none is left out."""
        return replace(self, asked=replace(self.asked, runs=runs), config=replace(self.config, runs=runs))

    def timed(self, runs: int, seconds: float) -> "Budget":
        """Fitted again once the first models have shown how long one takes, and so what attribution does."""
        ratio = seconds / max(runs, 1) / max(self.costs.half, 1e-9)
        names = ("half", "full", "scores", "scores_per_run")
        costs = replace(self.costs, **{name: ratio * getattr(self.costs, name) for name in names})
        return replace(self, costs=costs).fitted(runs) if runs else self

    def affords(self, check: str) -> bool:
        """Whether there is time left for one check's retraining test."""
        return not self.is_limited or self.costs.tests(self.config, [check]) <= self.clock.left

    def left_out(self, untested: Sequence[str] = ()) -> tuple[str, ...]:
        """What there is no time for, in a sentence if there is anything.

        untested   checks whose retraining test was given up at the end, see `affords`
        """
        asked, done = self.asked, self.config
        parts = []
        if self.costs.rows < self.whole.rows:
            parts.append(f"{self.whole.rows - self.costs.rows:,} of {self.whole.rows:,} training rows")
        if done.runs < asked.runs:
            parts.append(f"{asked.runs - done.runs} of {asked.runs} models")
        if asked.verify and not done.verify:
            parts.append("retraining tests")
        elif done.verify < asked.verify:
            parts.append(f"{asked.verify - done.verify} of {asked.verify} trainings of every removal")
        elif done.brittle == 0 != asked.brittle:
            parts.append("support sets of predictions")
        parts.extend(f"the retraining test of {name}" for name in untested)
        return (f"The budget of {_exactly(asked.budget or 0)} leaves out {', '.join(parts)}.",) if parts else ()

    @property
    def seconds_of_all(self) -> float:
        """About how long everything that was asked for takes."""
        return self.whole.of(self.asked)


def _exactly(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 90 and seconds % 60 == 0 else f"{seconds:g} seconds"


def _plans(config: AuditConfig) -> Iterator[AuditConfig]:
    """What was asked for, and less and less of it."""
    most, some, times = config.runs, min(config.runs, 2 * MIN_RUNS), min(config.verify, MIN_VERIFY)
    yield config
    for runs, verify in ((most, config.verify), (some, config.verify), (some, times), (MIN_RUNS, times)):
        yield replace(config, runs=runs, verify=verify, brittle=0)
    for runs in (most, some, MIN_RUNS):
        yield replace(config, runs=runs, verify=0, brittle=0)
