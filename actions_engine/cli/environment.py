"""Options from the environment: `--store` is ACTIONS_ENGINE_STORE, so that a password does not show in `ps`."""

from __future__ import annotations

import os

import click

PREFIX = "ACTIONS_ENGINE_"
# What nobody may have answered beforehand, and what is no option of work.
_NEVER = frozenset({"yes", "force", "help", "version"})
# Names that mean another thing in another command: each is that command's own, such as ACTIONS_ENGINE_CHECK_FORMAT.
_APART = frozenset({"format", "mapping", "output", "reason"})


def read_environment(command: click.Command, path: tuple[str, ...]) -> None:
    """Let every option of a command, and of those beneath it, be given by a variable too.

    Args:
        command: The command.
        path: The names by which it is called, such as `dead list`.
    """
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            read_environment(below, (*path, name))
    for option in command.params:
        if not isinstance(option, click.Option):
            continue
        name = max(option.opts, key=len).lstrip("-")
        if name not in _NEVER:
            words = (*path, name) if name in _APART else (name,)
            option.envvar = PREFIX + "_".join(words).upper().replace("-", "_")
            # Told of the one that holds a password, and of those that are set: an error names where its value is from.
            option.show_envvar = name == "store" or option.envvar in os.environ
