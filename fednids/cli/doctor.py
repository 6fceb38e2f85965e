"""``fednids doctor``."""

from __future__ import annotations

from dataclasses import asdict

import typer

from fednids.cli import options
from fednids.cli.screen import plain_table, print_json, print_table, say


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
