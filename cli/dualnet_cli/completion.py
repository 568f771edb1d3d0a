"""``dualnet completion``: the shell completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_EPILOG = """
\b
bash:  dualnet completion bash >> ~/.bashrc
zsh:   dualnet completion zsh >> ~/.zshrc
fish:  dualnet completion fish > ~/.config/fish/completions/dualnet.fish
Then open a new shell.
"""


@click.command(epilog=_EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that completes commands, options and configs."""
    completion_class = get_completion_class(shell)
    assert completion_class is not None
    root = click.get_current_context().find_root().command
    # Without source(), which checks the version of the local shell: the script may be for another machine.
    completion = completion_class(root, {}, "dualnet", "_DUALNET_COMPLETE")
    click.echo(completion.source_template % completion.source_vars())
