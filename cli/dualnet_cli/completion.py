"""``dualnet completion``: the script that makes Tab work in the shell."""

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
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root().command
    # Without the shell's version check of source(): the script may be made for another machine.
    made = kind(root, {}, "dualnet", "_DUALNET_COMPLETE")
    click.echo(made.source_template % made.source_vars())
