"""``--plugin FILE`` on every command, and ``run.plugins`` in a file of settings."""

from __future__ import annotations

from pathlib import Path

import click

from fednids.config import listed_plugins
from fednids.extensions import load_plugins


def with_plugins(command: click.Command) -> click.Command:
    """Return a command whose subcommands take ``--plugin`` and load what ``--config`` lists.

    Plug-ins are run while the command line is read, before any setting is.
    """
    if isinstance(command, click.Group):
        for each in command.commands.values():
            with_plugins(each)
        return command
    command.params.append(
        click.Option(
            ["--plugin"],
            multiple=True,
            type=click.Path(path_type=Path),
            is_eager=True,
            expose_value=False,
            callback=_load,
            metavar="FILE",
            help="Python file that adds partitioners, algorithms, networks, data sets or sinks; "
            "may be given several times.",
        )
    )
    for option in command.params:
        if option.name == "config":
            option.is_eager, option.callback = True, _load_listed
    return command


def _load(context: click.Context, option: click.Parameter, files: tuple[Path, ...]) -> None:
    load_plugins(files)


def _load_listed(context: click.Context, option: click.Parameter, file: object) -> object:
    if file is not None:
        load_plugins(listed_plugins(Path(str(file))))
    return file
