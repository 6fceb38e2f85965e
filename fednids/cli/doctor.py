"""``fednids doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.table import Table

from fednids.cli import options
from fednids.cli.screen import print_table, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: fednids doctor")(doctor)


def doctor(as_json: options.Json = False) -> None:
    """Show versions and name each trap of this machine, with what to do about it."""
    from fednids.experiment.health import examine

    findings = list(examine())
    traps = [finding for finding in findings if finding.is_trap]
    if as_json:
        say(json.dumps([{**asdict(finding), "trap": finding.is_trap} for finding in findings]))
    else:
        table = Table(box=None, padding=(0, 2))
        for title in ("", "found", "what to do"):
            table.add_column(title)
        for finding in findings:
            table.add_row(finding.subject, finding.state, finding.remedy)
        print_table(table)
        say(f"{len(traps)} traps found" if traps else "no traps found")
    if traps:
        raise typer.Exit(2)
