"""`dataaudit explain`."""

import click

from .. import plugins


@click.command()
@click.argument("check", metavar="[CHECK|KIND]", required=False)
def explain(check: str | None) -> None:
    """What CHECK, or the check that makes findings of KIND, finds, why it matters, how it is checked and what to do.

    Without an argument: list the checks.
    """
    from ..checks.detection import explanation

    if check is None:
        for name in plugins.names("detectors"):
            click.echo(f"{name:<15} {explanation(plugins.get('detectors', name))['summary']}")
        return
    sections = explanation(plugins.get("detectors", _check_of(check)))
    click.echo(sections.pop("summary"))
    for title, body in sections.items():
        indent = "  "
        click.echo(f"\n{title}\n" + click.wrap_text(body, 100, indent, indent, preserve_paragraphs=True))


def _check_of(name: str) -> str:
    """The check of this name, else the one that makes findings of this kind, else the name."""
    checks = plugins.names("detectors")
    made_by = (check for check in checks if name in plugins.get("detectors", check).KINDS)
    return name if name in checks else next(made_by, name)
