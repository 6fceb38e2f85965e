"""``fednids sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fednids.cli import options
from fednids.cli.logs import logging_to
from fednids.cli.progress import following, show_end
from fednids.cli.screen import EXIT_FAILED, plain_table, print_json, print_table, say
from fednids.config import parse_settings
from fednids.errors import ConfigError

if TYPE_CHECKING:
    from fednids.studies.study import Study


def sweep(
    study: Annotated[
        str | None, typer.Argument(help="Study file, or a shipped study's name.")
    ] = None,
    settings: options.Settings = None,
    out: options.StudyOut = None,
    data: options.Data = None,
    gateways: options.Gateways = None,
    rounds: options.Rounds = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds in place of the study's: 1,2,3.")] = None,
    workers: options.Processes = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs with estimates, and run nothing.")
    ] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List the shipped studies.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Run a study: a grid of settings, seeds and arms.

    Runs go side by side, one a processor, and one report is written about all. The same
    command continues a sweep that was stopped or killed; finished runs are kept, and a study
    that has grown uses them again.
    """
    from fednids.studies.study import read_study, shipped_studies

    if show_list:
        if as_json:
            print_json(shipped_studies())
            return
        titles = ("study", "what it is")
        table = plain_table(*titles, left=titles, unbroken=("study",))
        for name, title in shipped_studies().items():
            table.add_row(name, title)
        print_table(table)
        return
    if study is None or out is None:
        missing = "a study" if study is None else "--out FOLDER"
        raise ConfigError(
            f"expected {missing}, got none; `fednids sweep --list` shows the shipped studies, "
            "and `fednids sweep quick --out study` runs one"
        )
    flags = options.name_flags(data=data, gateways=gateways, rounds=rounds)
    wanted = read_study(study).changed(
        {**parse_settings(settings or []), **flags},
        seeds=None if seeds is None else options.read_seeds(seeds),
    )
    if dry_run:
        _show_agenda(wanted, out, workers, as_json=as_json)
        return
    with logging_to(log_file, verbose=verbose, quiet=quiet, new=out):
        _run(wanted, out, workers, as_json=as_json, quiet=quiet)


def _run(study: Study, out: Path, workers: int, *, as_json: bool, quiet: bool) -> None:
    """Run the study, show what its report finds, and end with 1 where a run failed."""
    from fednids.studies.report import findings
    from fednids.studies.sweep import run_study

    with following(shown=not (quiet or as_json)) as progress:
        report = run_study(study, out, workers=workers, watcher=progress)
    if as_json:
        print_json(report.to_json())
    elif not quiet:
        say("")
        for line in findings(report):
            say(line)
        show_end(report.failed, out, synthetic=report.synthetic)
        say(f"written to {out}: report.md, report.json, cells.parquet, pictures, runs")
    if report.failed:
        raise typer.Exit(EXIT_FAILED)


def _show_agenda(study: Study, out: Path, workers: int, *, as_json: bool) -> None:
    """List runs, longest first, with a guess of their time."""
    from fednids.studies.engine import processors
    from fednids.studies.sweep import plan_sweep

    count, agenda = len(processors(workers)), plan_sweep(study, out)
    if as_json:
        runs = [
            {"run": each.run.name, "windows": each.windows, "seconds": each.seconds}
            for each in agenda.planned
        ]
        print_json({"cells": len(agenda.cells), "finished": agenda.finished, "runs": runs})
        return
    table = plain_table("run", "windows trained on", "about")
    for each in sorted(agenda.planned, key=lambda planned: -planned.seconds):
        table.add_row(each.run.name, f"{each.windows:,}", f"{each.seconds:.0f} s")
    print_table(table)
    total = sum(each.seconds for each in agenda.planned) / count / 60
    say(
        f"{len(agenda.cells)} cells are {agenda.finished + len(agenda.planned)} runs, "
        f"{agenda.finished} of them finished; the rest takes roughly {total:.0f} min on "
        f"{count} processor{'s' * (count != 1)}"
    )
