"""``fednids reproduce``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid

from fednids.cli import options
from fednids.cli.logs import logging_to
from fednids.cli.progress import SweepProgress
from fednids.cli.screen import print_table, say
from fednids.errors import ConfigError

if TYPE_CHECKING:
    from fednids.studies.reproduce.table import Table

_EXIT_FAILED = 1
_SHOWN = ("all.accuracy", "all.macro_f1", "novel.macro_f1", "all.false_alarm_rate")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    example = "Example: fednids reproduce --data flows.csv.gz --out paper"
    child = "Example: fednids reproduce-rows paper five-lite@1"
    app.command(epilog=example)(reproduce)
    app.command("reproduce-rows", hidden=True, epilog=child)(_rows)


def reproduce(
    out: Annotated[Path, typer.Option("--out", help="Folder, new or to go on.")],
    data: options.Data = None,
    flows: Annotated[
        int, typer.Option("--flows", min=0, help="At most so many flows; 0 for all.")
    ] = 0,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds of every row.")] = "1,2,3",
    quick: Annotated[
        bool, typer.Option("--quick", help="Every row, small and with one seed: does it run?")
    ] = False,
    parts: Annotated[
        str, typer.Option("--parts", help="Parts to run: published,honest,...; all without.")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", help="Rows at once; 0 for one a processor.")
    ] = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Run the published CNN-BiLSTM as published and honestly, in one table and one page.

    With and without the class among the features; against simpler detectors, halves of the
    network and other windows; and over gateways. What was stopped goes on when it is started
    again.
    """
    from fednids.studies.reproduce.folder import Plan
    from fednids.studies.reproduce.run import reproduce as run

    read = _read_seeds(seeds)
    plan = Plan(data=data or "", flows=flows, seeds=read[:1] if quick else read, quick=quick)
    chosen = [part.strip() for part in parts.split(",") if part.strip()]
    progress = None if quiet or as_json else SweepProgress()
    with logging_to(log_file, verbose=verbose, quiet=quiet, new=out):
        if progress:
            with progress.showing():
                table = run(plan, out, parts=chosen, workers=workers, watcher=progress)
        else:
            table = run(plan, out, parts=chosen, workers=workers)
    if as_json:
        say(json.dumps(table.to_json()))
    elif not quiet:
        _show(table, out)
    if table.failures:
        raise typer.Exit(_EXIT_FAILED)


def _show(table: Table, out: Path) -> None:
    from fednids.studies.report import SYNTHETIC
    from fednids.studies.reproduce.findings import findings
    from fednids.studies.reproduce.rows import PARTS, ROWS
    from fednids.studies.reproduce.text import columns_of
    from fednids.studies.reproduce.writing import can_write_page
    from fednids.studies.statistics import show_number

    titles = columns_of("honest")
    for part, heading in PARTS.items():
        grid = Grid(box=None, padding=(0, 2))
        grid.add_column(heading)
        for measure in _SHOWN:
            grid.add_column(titles[measure], justify="right")
        grid.add_column("seconds", justify="right")
        for name in [name for name in table.rows if ROWS[name].part == part]:
            rates = [show_number(table.interval(name, measure).mean) for measure in _SHOWN]
            seconds = show_number(table.interval(name, "seconds").mean, 0)
            grid.add_row(ROWS[name].title, *rates, seconds)
        if grid.row_count:
            say("")
            print_table(grid)
    say("")
    for line in findings(table):
        say(line)
    if table.synthetic:
        say(SYNTHETIC)
    for failure in table.failures:
        say(f"failed: {failure.name}: {failure.reason} ({out / failure.log})")
    page = "index.html, " if can_write_page() else ""
    say(f"written to {out}: {page}reproduce.md, reproduce.json, pictures, runs")
    if not page:
        say("no page: it needs pip install 'fednids[report]', and the same command again")


def _rows(folder: Path, labels: Annotated[list[str], typer.Argument()]) -> None:
    """Run rows of a reproduction in this process; `fednids reproduce` begins it."""
    from fednids.studies.reproduce.folder import ReproductionFolder
    from fednids.studies.reproduce.measuring import measure
    from fednids.studies.reproduce.rows import ROWS

    place = ReproductionFolder(folder)
    for label in labels:
        name, _, seed = label.rpartition("@")
        if name not in ROWS or not _is_number(seed):
            raise ConfigError(
                f"expected ROW@SEED with one of {', '.join(ROWS)}, got {label!r}; `fednids "
                "reproduce` names them itself"
            )
        measure(place, name, int(seed))


def _read_seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(map(_is_number, parts)):
        raise ConfigError(f"expected --seeds as numbers like 1,2,3, got {text!r}; correct it")
    return tuple(dict.fromkeys(map(int, parts)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
