"""``fednids config``: every setting with its meaning; ``fednids doctor``: the machine."""

from __future__ import annotations

from dataclasses import asdict

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


def doctor(as_json: options.Json = False) -> None:
    """Check versions and known problems of this machine.

    Each problem is printed with its remedy.
    """
    from fednids.experiment.health import examine

    findings = list(examine())
    traps = [finding for finding in findings if finding.is_trap]
    if as_json:
        print_json([{**asdict(finding), "trap": finding.is_trap} for finding in findings])
    else:
        titles = ("", "found", "what to do")
        table = plain_table(*titles, left=titles)
        for finding in findings:
            table.add_row(finding.subject, finding.state, finding.remedy)
        print_table(table)
        say(f"{len(traps)} traps found" if traps else "no traps found")
    if traps:
        raise typer.Exit(2)
