"""``fednids config``: every setting with its meaning, or a resolved file."""

from __future__ import annotations

import json

import typer
from rich.table import Table

from fednids.cli import options
from fednids.cli.screen import print_table, say
from fednids.config import describe_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("config", epilog="Example: fednids config train.epochs=2 --toml > settings.toml")(
        show
    )


def show(
    settings: options.Settings = None,
    config: options.File = None,
    toml: bool = typer.Option(False, "--toml", help="Print a TOML file for --config."),
    as_json: options.Json = False,
) -> None:
    """List all settings with default and meaning; or resolve some and print the file."""
    resolved = options.resolve(config, settings)
    if as_json:
        say(json.dumps(resolved.flat()))
    elif toml:
        say(resolved.to_toml().rstrip())
    else:
        values, table = resolved.flat(), Table(box=None, padding=(0, 2))
        for title in ("setting", "value", "meaning"):
            table.add_column(title, no_wrap=title == "setting")
        for each in describe_settings():
            default = "of the preset" if each.default is None else str(each.default)
            meaning = f"{each.member}: {each.meaning}" if each.member else each.meaning
            table.add_row(each.name, str(values.get(each.name, "")) or default, meaning)
        print_table(table)
