"""AuditConfig: every choice of one audit, in one frozen value."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joblib import cpu_count

from . import plugins
from .dataset import TASKS, ReadOptions, Task, is_encoding
from .errors import InputError
from .verdict.policy import Policy

MIN_RUNS = 8
MIN_VERIFY = 3
MIN_ROWS = 50


@dataclass(frozen=True)
class AuditConfig:
    """What to audit and how.

    path       the dataset
    output     where results go: beside the dataset by default, never inside it
    runs       models in the pool, at least 8
    jobs       training runs at a time; None for one a core
    verify     trainings of every removal that findings are checked by; 0 for no training beyond the pool's
    brittle    predictions whose support is searched by retraining
    policy     what the verdict is judged by
    baseline   file of accepted findings, which do not fail the verdict
    settings   files that options and policy come from
    label      column or array that holds the targets, where the usual names don't tell
    task       what the targets are, where their values don't tell: "classification", "regression" or "multilabel"
    checks     names of those to be made; all where there are none
    skip       names of those to be left out
    pred_probs file, or array, of out-of-sample class probabilities, see `data.given`
    features   file, or array, of features, see `data.given`
    group      column, or pattern of paths, that says which samples belong together
    learner    what is trained, see `learner_spec.learner_of`; the modality's own by default
    rows       training rows audited at most; of more, a sample is drawn
    header     whether the first row of a table in text names its columns; None where its cells tell
    encoding   of text; None where its bytes tell
    data       what is audited in place of files at `path`, see `data.in_memory`
    checkpoints   trained models of the learner, which are attributed in place of models trained here
    retrain       whether checks may train models beside the checkpoints
    any_code      whether checkpoints may hold more than weights, which runs code

    Raises InputError for values that can't be used.
    """

    path: Path
    output: Path | None = None
    seed: int = 0
    runs: int = 24
    jobs: int | None = None
    verify: int = 4
    brittle: int = 2
    policy: Policy = field(default_factory=Policy)
    baseline: Path | None = None
    settings: tuple[Path, ...] = ()
    label: str | None = None
    learner: str | None = None
    rows: int = 100_000
    checkpoints: tuple[Path, ...] = ()
    retrain: bool = False
    any_code: bool = False
    samples: bool = True
    header: bool | None = None
    encoding: str | None = None
    task: Task | None = None
    group: str | None = None
    checks: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    pred_probs: Any = None
    features: Any = None
    data: Any = None

    def __post_init__(self) -> None:
        if self.data is None and not self.path.exists():
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
        if self.rows < MIN_ROWS:
            raise InputError(f"--rows {self.rows}: expected at least {MIN_ROWS}")
        if self.encoding is not None and not is_encoding(self.encoding):
            raise InputError(f"--encoding {self.encoding}: no such encoding; usual ones are utf-8, cp1252 and utf-16")
        if self.task is not None and self.task not in TASKS:
            raise InputError(f"--task {self.task}: expected {', '.join(TASKS[:-1])} or {TASKS[-1]}")
        known = plugins.names("detectors")
        for option, names in (("--checks", self.checks), ("--skip", self.skip)):
            for name in names:
                if name not in known:
                    near = difflib.get_close_matches(name, known, 1)
                    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
                    raise InputError(f"{option} {name}: there is no such check; {hint}")
        if not set(self.checks or known) - set(self.skip):
            raise InputError("--skip: every check that --checks asks for is left out; name fewer")
        for option, file in (("--pred-probs", self.pred_probs), ("--features", self.features)):
            if isinstance(file, Path) and not file.is_file():
                raise InputError(f"{option} {file}: no such file")
        if self.baseline is not None and not self.baseline.is_file():
            raise InputError(f"--baseline {self.baseline}: no such file; `dataaudit baseline` records one")
        for path in self.checkpoints:
            if not path.is_file():
                raise InputError(f"--checkpoint {path}: no such file")
        if self.checkpoints and self.learner is None:
            raise InputError("--checkpoint: expected --learner package.module:name too, the factory of the module")
        if (self.retrain or self.any_code) and not self.checkpoints:
            raise InputError("--retrain and --unsafe-checkpoints are about --checkpoint, and there is none")
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"--jobs {self.jobs}: expected one or more")
        try:
            output, dataset = self.directory.resolve(), self.path.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a root folder, which has no name
            raise InputError(
                f"--output {self.output}: expected a folder for results outside {self.path}: {error}"
            ) from error
        if output == dataset or dataset in output.parents:
            raise InputError(
                f"--output {self.directory}: results can't go into the dataset {self.path}; name a folder outside it"
            )

    @property
    def read_options(self) -> ReadOptions:
        """How the dataset is to be read, as far as the user says."""
        return ReadOptions(
            self.seed, self.label, self.rows, header=self.header, encoding=self.encoding, task=self.task,
            group=self.group,
        )  # fmt: skip

    @property
    def pooled(self) -> bool:
        """Whether models are trained on parts of the data."""
        return self.retrain or not self.checkpoints

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
