"""`dataaudit completion`."""

import click
from click.shell_completion import get_completion_class

from ..errors import InputError

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in SHELL.

    For bash: dataaudit completion bash > ~/.local/share/bash-completion/completions/dataaudit; for zsh put it on the
    fpath as _dataaudit; for fish: ~/.config/fish/completions/dataaudit.fish.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise InputError(f"no completion for {shell}; there are: {', '.join(SHELLS)}")
    root = context.find_root().command
    click.echo(kind(root, {}, "dataaudit", "_DATAAUDIT_COMPLETE").source())
