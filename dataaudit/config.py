"""AuditConfig: every choice of one audit, in one frozen value."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from joblib import cpu_count

from . import plugins
from .dataset import TASKS, ReadOptions, Task, is_encoding
from .errors import InputError
from .verdict.audit_file import is_audit
from .verdict.policy import Policy
from .verdict.settings import OPTIONS, read_settings

MIN_RUNS = 8
MIN_VERIFY = 3
MIN_ROWS = 50
MIN_BUDGET = 10
CLUSTER = re.compile(r"(dask|ray)(://[^\s:]\S*:\d+)?")


@dataclass(frozen=True)
class AuditConfig:
    """What to audit and how.

    path       the dataset
    output     where results go: beside the dataset by default, never inside it
    runs       models in the pool, at least 8
    as_needed  whether fewer will do, see `Pool.is_settled`
    jobs       training runs at a time; None for one a core
    cluster    where models are trained and images' features computed, see `training.cluster`; None for here
    verify     trainings of every removal that findings are checked by; 0 for no training beyond the pool's
    brittle    predictions whose support is searched by retraining; None for as many as the learner is quick for
    review     labels drawn for a reviewer, from whose answers the share of wrong ones follows
    policy     what the verdict is judged by
    baseline   file of accepted findings, which do not fail the verdict
    previous   folder of an audit of an earlier version of the dataset, from which is kept what is still right
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
    budget     seconds that the audit may take; None for as long as it takes
    scores     whether influence on "all" audited samples is computed however many they are, or a sample will do
    header     whether the first row of a table in text names its columns; None where its cells tell
    encoding   of text; None where its bytes tell
    data       what is audited in place of files at `path`, see `data.in_memory`
    checkpoints   trained models of the learner, which are attributed in place of models trained here
    retrain       whether checks may train models beside the checkpoints
    unsafe_checkpoints   whether checkpoints may hold more than weights, which runs code

    Raises InputError for values that can't be used.
    """

    path: Path
    output: Path | None = None
    seed: int = 0
    runs: int = 24
    jobs: int | None = None
    verify: int = 4
    brittle: int | None = None
    review: int = 60
    policy: Policy = field(default_factory=Policy)
    baseline: Path | None = None
    settings: tuple[Path, ...] = ()
    label: str | None = None
    learner: str | None = None
    rows: int = 100_000
    budget: float | None = None
    checkpoints: tuple[Path, ...] = ()
    retrain: bool = False
    unsafe_checkpoints: bool = False
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
    cluster: Any = None
    as_needed: bool = True
    scores: Literal["sample", "all"] = "sample"
    previous: Path | None = None

    def __post_init__(self) -> None:
        if self.data is None and not self.path.exists():
            raise InputError(f"{self.path}: no such file or directory")
        for name in (name for name, kind in OPTIONS.items() if kind is int):
            if not isinstance(value := getattr(self, name), Integral | None):
                raise InputError(f"--{name} {value!r}: expected a whole number")
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
        if self.brittle is not None and self.brittle < 0:
            raise InputError(f"--brittle {self.brittle}: expected zero or more")
        if self.review < 0:
            raise InputError(f"--review {self.review}: expected zero or more")
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
        if self.budget is not None and self.budget < MIN_BUDGET:
            raise InputError(f"--budget: expected at least {MIN_BUDGET} seconds, found {self.budget:g}")
        if self.scores not in ("sample", "all"):
            raise InputError(f"--scores {self.scores}: expected sample or all")
        if self.baseline is not None and not self.baseline.is_file():
            raise InputError(f"--baseline {self.baseline}: no such file; `dataaudit baseline` records one")
        if self.previous is not None and not (self.previous.is_dir() and is_audit(self.previous)):
            raise InputError(f"--previous {self.previous}: expected the folder of an audit, with its audit.json")
        for path in self.checkpoints:
            if not path.is_file():
                raise InputError(f"--checkpoint {path}: no such file")
        if self.checkpoints and self.learner is None:
            raise InputError("--checkpoint: expected --learner package.module:name too, the factory of the module")
        if (self.retrain or self.unsafe_checkpoints) and not self.checkpoints:
            raise InputError("--retrain and --unsafe-checkpoints are about --checkpoint, and there is none")
        if self.jobs is not None and self.jobs < 1:
            raise InputError(f"--jobs {self.jobs}: expected one or more")
        if isinstance(self.cluster, str) and not CLUSTER.fullmatch(self.cluster):
            raise InputError(
                f"--cluster {self.cluster}: expected dask://HOST:PORT, ray://HOST:PORT, or dask or ray for one here"
            )
        try:
            output, dataset = self.directory.resolve(), self.path.resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a root folder, which has no name
            raise InputError(
                f"--output {self.output}: expected a folder for results outside {self.path}: {error}"
            ) from error
        if self.previous is not None and output == self.previous.resolve():
            raise InputError(f"--previous {self.previous}: it is the output folder, too; name another --output")
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


PathLike = str | Path


class Options(TypedDict, total=False):
    """What `dataaudit run` and `dataaudit.audit` may be told, by the same names; None is as good as not said."""

    output: PathLike | None
    seed: int | None
    runs: int | None
    jobs: int | None
    cluster: Any
    verify: int | None
    brittle: int | None
    review: int | None
    label: str | None
    task: Task | None
    header: bool | None
    encoding: str | None
    group: str | None
    checks: str | Sequence[str] | None
    skip: str | Sequence[str] | None
    pred_probs: Any
    features: Any
    learner: str | None
    rows: int | None
    budget: str | float | None
    scores: Literal["sample", "all"] | None
    checkpoint: Sequence[PathLike] | None
    retrain: bool
    unsafe_checkpoints: bool
    fail_on: str | None
    min_trust_lds: float | None
    baseline: PathLike | None
    previous: PathLike | None
    config: PathLike | None
    set: Sequence[str]
    no_samples: bool


FILES = ("output", "baseline", "previous", "pred_probs", "features")
"""Options that may name a file or folder."""


def configured(path: Path, data: Any = None, **options: Unpack[Options]) -> AuditConfig:
    """The choices of an audit: these options override `set`, which overrides settings from files.

    path      the dataset
    options   of the command by their names; checks and skip also in one string with commas

    Raises InputError for an option that is not there, naming the nearest, or a value that can't be used.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    for name in sorted(given.keys() - Options.__annotations__.keys()):
        near = difflib.get_close_matches(name, sorted(Options.__annotations__), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(Options.__annotations__))}"
        raise InputError(f"audit: there is no option {name!r}; {hint}")
    settings_file = given.pop("config", None)
    settings = read_settings(path, None if settings_file is None else Path(settings_file), given.pop("set", ()))
    policy = settings.resolve_policy(**{name: given.pop(name, None) for name in ("fail_on", "min_trust_lds")})
    for name in FILES:
        if isinstance(given.get(name), str):
            given[name] = Path(given[name])
    for name in ("checks", "skip"):
        if isinstance(given.get(name), str):
            given[name] = tuple(part.strip() for part in given[name].split(",") if part.strip())
        elif name in given:
            given[name] = tuple(given[name])
    given["checkpoints"] = tuple(map(Path, given.pop("checkpoint", ())))
    if given.pop("no_samples", False):
        given["samples"] = False
    chosen = {**settings.options, **given}
    if isinstance(budget := chosen.get("budget"), str):
        chosen["budget"] = _seconds(budget)
    as_needed = "runs" not in chosen
    return AuditConfig(path, data=data, policy=policy, settings=settings.files, as_needed=as_needed, **chosen)


def _seconds(duration: str) -> float:
    """Of a duration in words, as in 90s, 20m or 1h30m."""
    parts = re.fullmatch(r"(?:([\d.]+)h)?(?:([\d.]+)m)?(?:([\d.]+)s)?", duration.strip())
    try:
        if parts is not None and any(parts.groups()):
            return sum(float(number or 0) * unit for number, unit in zip(parts.groups(), (3600, 60, 1), strict=True))
    except ValueError:  # two points in a number
        pass
    raise InputError(f"--budget {duration}: expected a duration such as 90s, 20m or 1h30m")
