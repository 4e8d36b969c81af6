"""`dataaudit explain`."""

import click

from .. import plugins


@click.command()
@click.argument("check", required=False)
def explain(check: str | None) -> None:
    """What CHECK finds, why it matters, how it is checked and what to do. Without CHECK: list the checks."""
    from ..checks.detection import explanation

    if check is None:
        for name in plugins.names("detectors"):
            click.echo(f"{name:<15} {explanation(plugins.get('detectors', name))['summary']}")
        return
    sections = explanation(plugins.get("detectors", check))
    click.echo(sections.pop("summary"))
    for title, body in sections.items():
        indent = "  "
        click.echo(f"\n{title}\n" + click.wrap_text(body, 100, indent, indent, preserve_paragraphs=True))
