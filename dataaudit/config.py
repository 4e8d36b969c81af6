"""AuditConfig: every choice of one audit, in one frozen value."""

from dataclasses import dataclass
from pathlib import Path

from joblib import cpu_count

from .errors import InputError
from .findings import Severity

MIN_RUNS = 8
MIN_VERIFY = 3


@dataclass(frozen=True)
class AuditConfig:
    """What to audit and how.

    path       the dataset
    output     where results go: beside the dataset by default, never inside it
    runs       models in the pool, at least 8
    jobs       training runs at a time; None for one a core
    verify     trainings of every removal that findings are checked by; 0 for no training beyond the pool's
    brittle    predictions whose support is searched by retraining
    fail_on    the least severity that fails the verdict

    Raises InputError for values that can't be used.
    """

    path: Path
    output: Path | None = None
    seed: int = 0
    runs: int = 24
    jobs: int | None = None
    verify: int = 4
    brittle: int = 2
    fail_on: Severity = Severity.HIGH

    def __post_init__(self) -> None:
        if not self.path.exists():
            raise InputError(f"{self.path}: no such file or directory")
        if self.runs < MIN_RUNS:
            raise InputError(
                f"--runs {self.runs}: expected at least {MIN_RUNS}, so that every sample is left out by some"
            )
        if self.seed < 0:
            raise InputError(f"--seed {self.seed}: expected zero or more")
        if self.verify and self.verify < MIN_VERIFY:
            raise InputError(
                f"--verify {self.verify}: expected 0, or at least {MIN_VERIFY}, so that the seeds' noise is seen"
            )
        if self.brittle < 0:
            raise InputError(f"--brittle {self.brittle}: expected zero or more")
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"--jobs {self.jobs}: expected one or more")
        try:
            inside, outer = self.directory.resolve(), self.path.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a root folder, which has no name
            raise InputError(
                f"--output {self.output}: expected a folder for results outside {self.path}: {error}"
            ) from error
        if inside == outer or outer in inside.parents:
            raise InputError(
                f"--output {self.directory}: results can't go into the dataset {self.path}; name a folder outside it"
            )

    @property
    def workers(self) -> int:
        """Training runs at a time."""
        return self.jobs or int(cpu_count())

    @property
    def directory(self) -> Path:
        """The output directory."""
        if self.output is not None:
            return self.output
        path = self.path.resolve()
        return path.with_name(f"{path.name}-audit")
