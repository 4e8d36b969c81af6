"""Pages and parts of pages that are made from the code: checks, commands, settings, the Python API and the schema."""

import inspect
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import click

import dataaudit
from dataaudit import plugins
from dataaudit.checks.detection import explanation
from dataaudit.cli import cli
from dataaudit.commands.init import TEMPLATE
from dataaudit.reporting.notebook import AuditResult
from dataaudit.verdict.reviewed import Review

SCHEMA = Path(dataaudit.__file__).parent / "reporting" / "exports" / "audit.schema.json"
PICTURES = Path(__file__).parent / "assets" / "checks"
CODE = re.compile(r"(`[^`]*`)")
FIELD = re.compile(r"(\w+(?:, \w+)*) {2,}(\S.*)")
"""A line of a docstring that says what a parameter or an attribute is."""
SELF = ("self", "cls")


def checks() -> dict[str, str]:
    """The page of every check, by name."""
    return {name: _check(name, plugins.get("detectors", name)) for name in plugins.names("detectors")}


def _check(name: str, detector: typing.Any) -> str:
    sections = explanation(detector)
    facts = {
        "name": f"`{name}`",
        "kinds of findings": ", ".join(f"{title} (`{kind}`)" for kind, title in detector.KINDS.items()),
        "made for": ", ".join(getattr(detector, "TASKS", ())) or "all tasks",
        "needs": {"models": "trained models", "predictions": "predictions out of sample"}.get(
            getattr(detector, "NEEDS", ""), "the data alone"
        ),
        "tried on planted faults": "yes" if hasattr(detector, "calibrate") else "no",
        "retraining test": "yes" if hasattr(detector, "verify") else "no",
    }
    title = sections.pop("summary").partition(":")
    parts = [f"# {escaped(title[0])}", escaped(title[2].strip()[:1].upper() + title[2].strip()[1:])]
    parts += [f"| | |\n| --- | --- |\n{_rows(facts.items())}"]
    if (PICTURES / f"{name}.png").is_file():  # made by gallery.py
        parts += [f"![A finding of this check](../assets/checks/{name}.png)"]
    parts += [f"## {heading}\n\n{escaped(text)}" for heading, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def overview() -> str:
    """A table of the checks."""
    rows = []
    for name in plugins.names("detectors"):
        summary = explanation(plugins.get("detectors", name))["summary"].partition(":")
        rows.append((f"[{name}]({name}.md)", f"{summary[0]}:{summary[2]}"))
    return f"| check | what it finds |\n| --- | --- |\n{_rows(rows)}"


def commands() -> str:
    """Every command, from click."""
    return "\n\n".join(_command(name, command) for name, command in cli.commands.items())


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, parent=click.Context(cli, info_name="dataaudit"))
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    options = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1]:
            options.append((f"`{record[0]}`", record[1]))
    return "\n\n".join(
        [
            f"## `dataaudit {name}` {{ #{name} }}",
            f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```",
            *(escaped(" ".join(paragraph.split())) for paragraph in paragraphs),
            f"| option | meaning |\n| --- | --- |\n{_rows(options)}",
        ]
    )


def settings() -> str:
    """The file that `dataaudit init` writes."""
    return f"```toml\n{TEMPLATE}```"


def schema() -> str:
    """The keys of audit.json and of a finding."""
    document = json.loads(SCHEMA.read_text(encoding="utf-8"))
    parts = []
    for title, part in (("audit.json", document), ("A finding", document["$defs"]["finding"])):
        rows = [(f"`{path}`", kind, text) for path, kind, text in _keys(part)]
        parts.append(f"### {title}\n\n| key | type | |\n| --- | --- | --- |\n{_rows(rows)}")
    return "\n\n".join(parts)


def _keys(part: dict[str, typing.Any], within: str = "", depth: int = 1) -> Iterator[tuple[str, str, str]]:
    for key, value in part.get("properties", {}).items():
        kind = value.get("type") or ("one of " + ", ".join(map(str, value["enum"])) if "enum" in value else "")
        yield f"{within}{key}", ", ".join(kind) if isinstance(kind, list) else kind, value.get("description", "")
        if depth:
            yield from _keys(value, f"{within}{key}.", depth - 1)


def python_api() -> str:
    """The public names, from their docstrings."""
    values = {name: getattr(dataaudit, name) for name in dataaudit.__all__ if name != "__version__"}
    functions = {name: value for name, value in values.items() if inspect.isfunction(value)}
    classes = {name: value for name, value in values.items() if inspect.isclass(value)}
    parts = [_function(f"dataaudit.{name}", value, 2) for name, value in functions.items()]
    parts += [_class(f"dataaudit.{name}", value) for name, value in classes.items()]
    parts += [_class(value.__name__, value) for value in (AuditResult, Review)]
    return "\n\n".join(parts)


def _class(name: str, value: type) -> str:
    parts = [f"## {name}", described(value, name)]
    for key, member in vars(value).items():
        if key.startswith("_"):
            continue
        member_name = f"{name.rpartition('.')[2]}.{key}"
        function = member.__func__ if isinstance(member, classmethod) else member
        if isinstance(member, property):
            parts.append(f"### {member_name}\n\n{described(member, member_name)}")
        elif inspect.isfunction(function):
            parts.append(_function(member_name, function, 3))
    return "\n\n".join(parts)


def _function(name: str, function: typing.Any, level: int) -> str:
    signature = inspect.signature(function)
    bare = inspect.Parameter.empty
    parameters = [
        parameter.replace(annotation=bare) for key, parameter in signature.parameters.items() if key not in SELF
    ]
    call = f"{name}{signature.replace(parameters=parameters, return_annotation=bare)}"
    if len(call) > 78:
        call = call.replace("(", "(\n    ", 1).replace(", ", ",\n    ").removesuffix(")") + ",\n)"
    return f"{'#' * level} {name}\n\n```python\n{call}\n```\n\n{described(function, name)}"


def described(value: typing.Any, name: str) -> str:
    """A docstring as Markdown; lines that say what a parameter or an attribute is are rows of a table."""
    if not value.__doc__:
        raise ValueError(f"{name} is public: expected a docstring, found none; write one")
    return "\n\n".join(_paragraph(part) for part in inspect.cleandoc(value.__doc__).split("\n\n"))


def _paragraph(text: str) -> str:
    lines = text.splitlines()
    if not FIELD.fullmatch(lines[0]):
        return escaped(" ".join(text.split()))
    rows: list[list[str]] = []
    for line in lines:
        field = None if line.startswith("    ") else FIELD.fullmatch(line)
        if field:
            rows.append([f"`{field[1]}`", field[2]])
        else:
            rows[-1][1] += f" {line.strip()}"
    return f"| | |\n| --- | --- |\n{_rows(rows)}"


def _rows(rows: typing.Iterable[typing.Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows)


def _cell(text: str) -> str:
    return escaped(text).replace("|", "\\|")


def escaped(text: str) -> str:
    """Plain text as Markdown that shows it as it is; code and links stay."""
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<$\\])", r"\\\1", part) for part in parts)
