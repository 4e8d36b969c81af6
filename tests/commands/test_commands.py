"""The small commands, and what all commands have in common."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataaudit.cli import cli
from dataaudit.errors import InputError
from dataaudit.verdict.settings import read_settings

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_explains_itself_and_a_guide_knows_it(name: str) -> None:
    assert (cli.commands[name].help or "").strip()
    pages = [*(DOCS / "guides").glob("*.md"), DOCS / "checks" / "index.md"]
    assert any(f"dataaudit {name}" in page.read_text(encoding="utf-8") for page in pages)


def test_every_option_of_run_is_in_its_table() -> None:
    text = (DOCS / "reference" / "options.md").read_text(encoding="utf-8")
    options = [
        option for parameter in cli.commands["run"].params for option in parameter.opts if option.startswith("--")
    ]
    assert [option for option in options if f"`{option}" not in text] == []


def test_init_writes_a_file_that_can_be_read_and_overwrites_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(cli, ["init"]).exit_code == 0
    assert read_settings(tmp_path / "photos", None, []).options == {}
    Path("dataaudit.toml").write_text("runs = 9\n")
    assert isinstance(CliRunner().invoke(cli, ["init"]).exception, InputError)
    assert Path("dataaudit.toml").read_text() == "runs = 9\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert f"_DATAAUDIT_COMPLETE={shell}_complete" in result.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    """The printed script, sourced by a bash that asks it what comes next."""
    (tmp_path / "complete.sh").write_text(CliRunner().invoke(cli, ["completion", "bash"]).output)

    def complete(words: str) -> set[str]:
        place = len(words.split(" ")) - 1
        script = f"""source {tmp_path}/complete.sh; COMP_WORDS=({words}); COMP_CWORD={place}
            _dataaudit_completion dataaudit; printf '%s\\n' "${{COMPREPLY[@]}}" """
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env={**os.environ, "PATH": path})
        return set(done.stdout.split())

    assert {"baseline"} == complete("dataaudit b")
    assert {"--min-trust-lds"} == complete("dataaudit run --min")
    assert {"high"} == complete("dataaudit run --fail-on h")


@pytest.mark.parametrize("command", [["evaluate"], ["compare", "--a", "table", "--b", "table"]])
def test_commands_that_train_heed_groups_as_run_does(command: list[str], tmp_path: Path) -> None:
    rows = "".join(f"{number},{number % 7},{'ab'[number % 2]}\n" for number in range(60))
    (tmp_path / "rows.csv").write_text("size,session,label\n" + rows)
    refused = CliRunner().invoke(cli, [command[0], str(tmp_path / "rows.csv"), *command[1:], "--group", "sesion"])
    assert "no column 'sesion' for the groups of --group; did you mean 'session'?" in str(refused.exception)
