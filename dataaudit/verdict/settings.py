"""Settings from files: dataaudit.toml, or [tool.dataaudit] in pyproject.toml.

    runs = 24                      # what the flags of `dataaudit run` say, under their names
    fail_on = "high"
    min_trust_lds = 0.2
    leakage.max_fraction = 0.0     # a table for every check: fail_on, max_fraction, max_findings
    mislabeled.max_fraction = 0.02
    leakage.severity.near = "medium"   # of copies, by how they agree; _ for a blank, as in equal_after_cleaning

The file is the one that the user names, else the one in the folder that the command is run from. A dataaudit.toml in
the dataset's own folder comes last: it may not name code, and the report says that it was followed.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import plugins
from ..errors import InputError
from ..findings import AGREEMENTS, Severity
from .policy import OF_COPIES, Limit, Policy

FILE, PROJECT = "dataaudit.toml", "pyproject.toml"
LAYOUT = "layout"
"""The table of dataaudit.toml that describes a dataset's folder: see `reading.layout_file`."""

OPTIONS: dict[str, type[Any]] = {
    "output": str, "seed": int, "runs": int, "jobs": int, "verify": int, "brittle": int, "review": int,
    "label": str, "task": str, "learner": str, "rows": int, "samples": bool, "baseline": str, "header": bool,
    "encoding": str, "group": str, "checks": list, "skip": list, "pred_probs": str, "features": str,
    "budget": str, "cluster": str, "scores": str,
}  # fmt: skip
POLICY: dict[str, type[Any]] = {"fail_on": str, "min_trust_lds": float}
LIMITS: dict[str, type[Any]] = {"fail_on": str, "max_fraction": float, "max_findings": int}
SEVERITY = "severity"
"""The table of severities by how copies agree, within the limits of a check in OF_COPIES."""
OF_KEY = {agreement.replace(" ", "_"): agreement for agreement in AGREEMENTS}
TRUSTED = ("output", "jobs", "cluster", "learner", "baseline", "pred_probs", "features")
"""Options that a dataset's own file may not set: paths, machines, and code to run."""
SEVERITIES = tuple(str(severity) for severity in Severity)
WORDS = {
    str: "words in quotes",
    int: "a whole number",
    float: "a number",
    list: "a list of names in quotes",
    bool: "true or false",
}


@dataclass(frozen=True)
class Settings:
    """Settings of files and of `--set`; later ones override earlier ones.

    options   of the run, by the names of `AuditConfig`
    policy    keys of the policy, and a mapping for every check
    files     those that were followed
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    policy: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def resolve_policy(self, **flags: Any) -> Policy:
        """The policy: flags override files, files override defaults; a flag that is None was not given."""
        values = {**self.policy, **{name: value for name, value in flags.items() if value is not None}}
        severity = values.get("fail_on", str(Severity.HIGH))
        limits = {
            check: Limit(
                Severity[limit["fail_on"].upper()] if "fail_on" in limit else None,
                limit.get("max_fraction"),
                limit.get("max_findings"),
                {OF_KEY[key]: Severity[word.upper()] for key, word in limit.get(SEVERITY, {}).items()},
            )
            for check, limit in values.items()
            if isinstance(limit, Mapping)
        }
        return Policy(Severity[severity.upper()], values.get("min_trust_lds"), limits)

    def over(self, earlier: "Settings") -> "Settings":
        """Both, where these override the earlier."""
        policy = _merged(earlier.policy, self.policy)
        return Settings({**earlier.options, **self.options}, policy, (*earlier.files, *self.files))


def _merged(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Both, tables within as well."""
    merged = {**earlier}
    for key, value in later.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return merged


def read_settings(dataset: Path, config_path: Path | None, assignments: Sequence[str]) -> Settings:
    """The settings for an audit of `dataset`, run from the current folder.

    config_path   the file of --config
    assignments   KEY=VALUE of --set, which override every file

    Raises InputError for a file that is no TOML, an unknown key, naming the nearest, or a value of the wrong type.
    """
    dataset_file = dataset / FILE if dataset.is_dir() else None
    settings = Settings()
    if dataset_file is not None and dataset_file.is_file():
        settings = _read_file(dataset_file, code=False, of_dataset=True)
    chosen = config_path or _project_file(dataset_file)
    if chosen is not None:
        settings = _read_file(chosen, code=config_path is not None).over(settings)
    for assignment in assignments:
        settings = _parse_assignment(assignment).over(settings)
    return settings


def _project_file(dataset_file: Path | None) -> Path | None:
    """The settings of the folder that the command is run from, unless that is the dataset's own."""
    local, project = Path(FILE), Path(PROJECT)
    if local.is_file():
        return None if dataset_file is not None and dataset_file.is_file() and local.samefile(dataset_file) else local
    if project.is_file() and "dataaudit" in _toml(project).get("tool", {}):
        return project
    return None


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:  # TOML's and Unicode's errors are ValueErrors
        raise InputError(f"{path}: not readable as TOML: {error}") from error


def _read_file(path: Path, code: bool, of_dataset: bool = False) -> Settings:
    table, where = _toml(path), str(path)
    if path.name == PROJECT:
        where, table = f"{path}: [tool.dataaudit]", table.get("tool", {}).get("dataaudit", {})
    if LAYOUT in table and not of_dataset:
        raise InputError(
            f"{where}: [layout] describes the folder that it is in, and holds where that folder is audited, not a file "
            f"in it: dataaudit run {path.parent}"
        )
    settings = _checked(where, {key: value for key, value in table.items() if key != LAYOUT})
    options = dict(settings.options)
    if of_dataset and (forbidden := [name for name in TRUSTED if name in options]):
        raise InputError(
            f"{where}: {forbidden[0]!r} can't be set by the dataset itself; say it on the command line, or in a {FILE} "
            "in the folder that you run from"
        )
    if "learner" in options and not code and options["learner"].partition(":")[0] not in plugins.names("learners"):
        raise InputError(
            f"{where}: learner = {options['learner']!r} names code to run; pass it by --learner, or the file by "
            "--config"
        )
    for name in ("output", "baseline", "pred_probs", "features"):
        if name in options:
            options[name] = path.parent / options[name]  # beside the file that says it
    return Settings(options, settings.policy, (path,) if settings.options or settings.policy else ())


def _parse_assignment(assignment: str) -> Settings:
    """The setting of one KEY=VALUE; the value as in TOML, words with or without quotes."""
    key, equals, value = assignment.partition("=")
    where = f"--set {assignment}"
    if not equals or not key.strip():
        raise InputError(f"{where}: expected KEY=VALUE, as in leakage.max_fraction=0.0")
    for line in (f"{key} = {value}", f"{key} = {value.strip()!r}"):
        try:
            return _checked(where, tomllib.loads(line))
        except tomllib.TOMLDecodeError as error:
            reason = error
    raise InputError(f"{where}: not readable as TOML: {reason}")


def _checked(where: str, table: Mapping[str, Any]) -> Settings:
    """The settings, once every key is known and every value has its type, which tells options from checks by name."""
    checks = plugins.names("detectors")
    options, policy = {}, {}
    for key, value in table.items():
        if key in OPTIONS and not (key in checks and isinstance(value, Mapping)):
            options[key] = _typed(f"{where}: {key}", value, OPTIONS[key])
        elif key in POLICY:
            policy[key] = _typed(f"{where}: {key}", value, POLICY[key])
        elif key in checks:
            if not isinstance(value, Mapping):
                raise InputError(f"{where}: expected a table for the check {key!r}, as in {key}.max_fraction = 0.0")
            policy[key] = _limits(f"{where}: {key}", value, key in OF_COPIES)
        else:
            raise _unknown(where, key, [*OPTIONS, *POLICY, *checks, LAYOUT])
    return Settings(options, policy)


def _limits(where: str, table: Mapping[str, Any], of_copies: bool) -> dict[str, Any]:
    """The limits of one check, with the table of severities where it finds copies."""
    limits: dict[str, Any] = {}
    for name, value in table.items():
        if name == SEVERITY and of_copies:
            if not isinstance(value, Mapping):
                raise InputError(f'{where}: expected a severity for each way to agree, as in severity.near = "low"')
            for key in value:
                if key not in OF_KEY:
                    raise _unknown(f"{where}.{SEVERITY}", key, list(OF_KEY))
            limits[name] = {key: _typed(f"{where}.{name}.{key}", word, str) for key, word in value.items()}
        elif name in LIMITS:
            limits[name] = _typed(f"{where}.{name}", value, LIMITS[name])
        else:
            raise _unknown(where, name, [*LIMITS, *[SEVERITY] * of_copies])
    return limits


def _unknown(where: str, key: str, known: Sequence[str]) -> InputError:
    near = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(set(known)))}"
    return InputError(f"{where}: there is no setting {key!r}; {hint}")


def _typed(where: str, value: Any, expected_type: type[Any]) -> Any:
    """The value, if it is of the type and in the range of its key, the last part of `where`."""
    if expected_type is float and type(value) is int:
        value = float(value)
    if not isinstance(value, expected_type) or (expected_type is int and isinstance(value, bool)):
        raise InputError(f"{where}: expected {WORDS[expected_type]}, found {value!r}")
    if expected_type is list:
        if not all(isinstance(item, str) for item in value):
            raise InputError(f"{where}: expected {WORDS[list]}, found {value!r}")
        value = tuple(value)
    *_, table, name = f".{where.rpartition(': ')[2]}".split(".")
    if (name == "fail_on" or table == SEVERITY) and value.lower() not in SEVERITIES:
        raise InputError(f"{where}: expected one of {', '.join(SEVERITIES)}, found {value!r}")
    if name == "max_fraction" and not 0 <= value <= 1:
        raise InputError(f"{where}: expected a share from 0 to 1, found {value!r}")
    if name == "min_trust_lds" and not -1 <= value <= 1:
        raise InputError(f"{where}: expected a correlation from -1 to 1, found {value!r}")
    if name == "max_findings" and value < 0:
        raise InputError(f"{where}: expected zero or more, found {value!r}")
    return value
