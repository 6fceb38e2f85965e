"""``fednids config``: every setting with its meaning, or a resolved file."""

from __future__ import annotations

import typer

from fednids.cli import options
from fednids.cli.screen import plain_table, print_json, print_table, say
from fednids.config import describe_settings


def show_settings(
    settings: options.Settings = None,
    config: options.File = None,
    toml: bool = typer.Option(False, "--toml", help="Print a TOML file for --config."),
    as_json: options.Json = False,
) -> None:
    """List every setting, or print a file of settings."""
    resolved = options.resolve(config, settings)
    if as_json:
        print_json(resolved.flat())
    elif toml:
        say(resolved.to_toml().rstrip())
    else:
        values, titles = resolved.flat(), ("setting", "value", "meaning")
        table = plain_table(*titles, left=titles, unbroken=("setting",))
        for each in describe_settings():
            default = "of the preset" if each.default is None else str(each.default)
            meaning = f"{each.member}: {each.meaning}" if each.member else each.meaning
            table.add_row(each.name, str(values.get(each.name, "")) or default, meaning)
        print_table(table)
