"""Settings: flags over --set over files over defaults; nothing unknown is passed over, nothing foreign is trusted."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from dataaudit.commands.init import TEMPLATE
from dataaudit.config import AuditConfig
from dataaudit.errors import InputError
from dataaudit.findings import Finding, Severity
from dataaudit.verdict.policy import Limit, Policy
from dataaudit.verdict.settings import LIMITS, OPTIONS, POLICY, SEVERITY, read_settings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, with an empty dataset in it."""
    (tmp_path / "project" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_without_files_there_are_defaults(here: Path) -> None:
    settings = read_settings(Path("photos"), None, [])
    assert (settings.options, settings.policy, settings.files) == ({}, {}, ())
    assert settings.resolve_policy(fail_on=None) == Policy(Severity.HIGH)


POLICY_TEXT = 'fail_on = "low"\nmin_trust_lds = 0.2\nleakage.max_fraction = 0.0\n[mislabeled]\nmax_findings = 3\n'


@pytest.mark.parametrize("place", ["own", "dataset", "pyproject", "named"])
def test_the_policy_is_read_from_every_place(here: Path, place: str) -> None:
    path = {"own": "dataaudit.toml", "dataset": "photos/dataaudit.toml", "pyproject": "pyproject.toml",
            "named": "other.toml"}[place]  # fmt: skip
    text = POLICY_TEXT
    if place == "pyproject":
        text = "[project]\nname = 'x'\n[tool.dataaudit]\n" + text.replace("[mislabeled]", "[tool.dataaudit.mislabeled]")
    Path(path).write_text(text)
    settings = read_settings(Path("photos"), Path(path) if place == "named" else None, [])
    assert settings.files == (Path(path),)
    assert settings.resolve_policy() == Policy(
        Severity.LOW, 0.2, {"leakage": Limit(max_fraction=0.0), "mislabeled": Limit(max_findings=3)}
    )


def test_what_is_said_later_holds(here: Path) -> None:
    Path("photos/dataaudit.toml").write_text('runs = 10\nseed = 1\nfail_on = "low"\nleakage.max_fraction = 0.5\n')
    Path("dataaudit.toml").write_text('runs = 11\nleakage.max_findings = 1\nfail_on = "medium"\n')
    settings = read_settings(Path("photos"), None, ["runs=12", "leakage.max_findings=2"])
    assert settings.options == {"runs": 12, "seed": 1}
    assert settings.resolve_policy(fail_on="info") == Policy(
        Severity.INFO, None, {"leakage": Limit(max_fraction=0.5, max_findings=2)}
    )
    assert settings.resolve_policy(fail_on=None).fail_on == Severity.MEDIUM
    assert settings.files == (Path("photos/dataaudit.toml"), Path("dataaudit.toml"))


def test_a_named_file_stands_in_place_of_the_folders_own(here: Path) -> None:
    Path("dataaudit.toml").write_text("runs = 10\n")
    Path("other.toml").write_text("seed = 3\n")
    assert read_settings(Path("photos"), Path("other.toml"), []).options == {"seed": 3}


def test_a_pyproject_without_the_table_says_nothing(here: Path) -> None:
    Path("pyproject.toml").write_text("[tool.ruff]\nline-length = 88\n")
    assert read_settings(Path("photos"), None, []).files == ()


def test_inside_the_dataset_its_file_is_read_once_and_as_the_datasets(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("photos/dataaudit.toml").write_text('runs = 10\n[layout]\nlabel = "x"\n')
    monkeypatch.chdir("photos")
    settings = read_settings(Path(), None, [])
    assert settings.options == {"runs": 10}
    assert len(settings.files) == 1


def test_files_are_beside_the_file_that_names_them(here: Path) -> None:
    Path("conf").mkdir()
    Path("conf/a.toml").write_text('output = "out"\nbaseline = "known.json"\n')
    settings = read_settings(Path("photos"), Path("conf/a.toml"), [])
    assert settings.options == {"output": Path("conf/out"), "baseline": Path("conf/known.json")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leakage.max_fractoin = 0.0", "leakage: there is no setting 'max_fractoin'; did you mean 'max_fraction'"),
        ("leekage.max_fraction = 0.0", "there is no setting 'leekage'; did you mean 'leakage'"),
        ("fail-on = 'high'", "there is no setting 'fail-on'; did you mean 'fail_on'"),
        ("min_trust = 0.1", "did you mean 'min_trust_lds'"),
        ("xyzzy = 1", "there is no setting 'xyzzy'; there are: baseline"),
        ("leakage = 0.0", "expected a table for the check 'leakage'"),
        ("leakage.max_fraction = 'none'", "leakage.max_fraction: expected a number, found 'none'"),
        ("leakage.max_fraction = 1.5", "expected a share from 0 to 1, found 1.5"),
        ("leakage.max_fraction = nan", "expected a share from 0 to 1, found nan"),
        ("leakage.max_fraction = true", "expected a number, found True"),
        ("leakage.max_findings = 1.5", "expected a whole number, found 1.5"),
        ("leakage.max_findings = -1", "expected zero or more, found -1"),
        ("leakage.fail_on = 'grave'", "expected one of info, low, medium, high, critical, found 'grave'"),
        ("fail_on = 3", "fail_on: expected words in quotes, found 3"),
        ("min_trust_lds = 2", "expected a correlation from -1 to 1, found 2.0"),
        ("runs = true", "runs: expected a whole number, found True"),
        ("samples = 'no'", "samples: expected true or false, found 'no'"),
        ("checkpoints = ['a.pt']", "there is no setting 'checkpoints'"),
        ("any_code = true", "there is no setting 'any_code'"),
        ("learner = 'os:system'", "names code to run"),
        ("[layout]\nlabel = 'x'", "describes the folder that it is in"),
        ("= 3", "not readable as TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_is_known(here: Path, text: str, expected: str) -> None:
    Path("dataaudit.toml").write_text(text)
    with pytest.raises(InputError, match=r"dataaudit\.toml") as error:
        read_settings(Path("photos"), None, [])
    assert expected in str(error.value)


def test_brittle_is_an_option_and_a_check(here: Path) -> None:
    Path("dataaudit.toml").write_text("brittle = 5\n")
    settings = read_settings(Path("photos"), None, ["brittle.max_findings=0"])
    assert settings.options == {"brittle": 5}
    assert settings.resolve_policy().limits == {"brittle": Limit(max_findings=0)}


def test_a_missing_file_is_refused(here: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml: no such file"):
        read_settings(Path("photos"), Path("nowhere.toml"), [])


@pytest.mark.parametrize("text", ["learner = 'linear'", "output = '/tmp/x'", "baseline = '../b.json'", "jobs = 64"])
def test_a_dataset_does_not_say_where_files_are_nor_what_is_run(here: Path, text: str) -> None:
    Path("photos/dataaudit.toml").write_text(text)
    with pytest.raises(InputError, match="can't be set by the dataset itself"):
        read_settings(Path("photos"), None, [])


def test_code_is_named_in_a_file_that_the_user_names(here: Path) -> None:
    Path("a.toml").write_text("learner = 'my_code:net'")
    assert read_settings(Path("photos"), Path("a.toml"), []).options == {"learner": "my_code:net"}
    Path("dataaudit.toml").write_text("learner = 'text:C=1'")
    assert read_settings(Path("photos"), None, []).options == {"learner": "text:C=1"}


@pytest.mark.parametrize(
    ("assigned", "expected"),
    [
        ("runs=9", {"runs": 9}),
        ("label=species", {"label": "species"}),
        ("label='two words'", {"label": "two words"}),
        ("samples=false", {"samples": False}),
    ],
)
def test_assignments_are_toml_or_plain_words(here: Path, assigned: str, expected: dict[str, object]) -> None:
    assert read_settings(Path("photos"), None, [assigned]).options == expected


@pytest.mark.parametrize("assigned", ["runs", "=3", "leakage.max_fraction=lots", "nonsense=1"])
def test_assignments_that_cannot_be_used_are_refused(here: Path, assigned: str) -> None:
    with pytest.raises(InputError, match="--set"):
        read_settings(Path("photos"), None, [assigned])


def test_copies_get_severities_by_how_they_agree(here: Path) -> None:
    Path("photos/dataaudit.toml").write_text('[leakage.severity]\nnear = "low"\nequal_text = "info"\n')
    Path("dataaudit.toml").write_text('leakage.severity.near = "MEDIUM"\nduplicates.severity.equal = "high"\n')
    settings = read_settings(Path("photos"), None, ["leakage.severity.equal_after_cleaning=critical"])
    policy = settings.resolve_policy()
    assert policy.limits["leakage"].severity == {
        "near": Severity.MEDIUM, "equal text": Severity.INFO, "equal after cleaning": Severity.CRITICAL,
    }  # fmt: skip
    near = Finding("leakage", Severity.HIGH, ("a", "b"), 1.0, "m", "0" * 64, {"agreement": "near"})
    assert policy.graded("leakage", near).severity == Severity.MEDIUM
    assert policy.graded("mislabeled", near) == near
    equal = replace(near, evidence={"agreement": "equal"})
    assert policy.graded("leakage", equal) == equal
    assert policy.graded("duplicates", replace(equal, kind="duplicate")).severity == Severity.HIGH
    conflicting = replace(equal, kind="conflicting_labels", severity=Severity.MEDIUM)
    assert policy.graded("duplicates", conflicting) == conflicting
    of_a_plugin = replace(near, kind="own", evidence={"agreement": ["a", "b"]})
    assert policy.graded("own", of_a_plugin) == of_a_plugin


@pytest.mark.parametrize(
    ("assigned", "said"),
    [
        ("leakage.severity.nearly=low", "did you mean 'near'"),
        ("leakage.severity.near=bad", "expected one of info, low"),
        ("leakage.severity=low", "expected a severity for each way to agree"),
        ("drift.severity.near=low", "no setting 'severity'"),
    ],
)
def test_severities_that_cannot_be_used_are_refused(here: Path, assigned: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_settings(Path("photos"), None, [assigned])


def test_the_written_template_holds_every_setting_at_its_default(here: Path) -> None:
    assert tomllib.loads(TEMPLATE) == {}
    lines = [line.removeprefix("# ") for line in TEMPLATE.splitlines()]
    assignments = [
        line for line in lines if line.partition(" = ")[1] and line[0].isalpha() and " " not in line.partition(" = ")[0]
    ]
    Path("dataaudit.toml").write_text("\n".join(assignments))
    settings = read_settings(Path("photos"), None, [])
    assert {*settings.options, *settings.policy} >= {*OPTIONS, *POLICY}
    assert {name for own in settings.policy.values() if isinstance(own, dict) for name in own} == {*LIMITS, SEVERITY}
    default = AuditConfig(Path("photos"))
    for name in ("seed", "runs", "verify", "rows", "samples"):
        assert settings.options[name] == getattr(default, name)
    assert settings.resolve_policy().fail_on == default.policy.fail_on
