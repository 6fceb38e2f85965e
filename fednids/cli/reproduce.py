"""``fednids reproduce``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fednids.cli import options
from fednids.cli.logs import logging_to
from fednids.cli.progress import following, show_end
from fednids.cli.screen import EXIT_FAILED, plain_table, print_json, print_table, say

if TYPE_CHECKING:
    from fednids.studies.reproduce import ReproductionTable

_SHOWN = ("all.accuracy", "all.macro_f1", "novel.macro_f1", "all.false_alarm_rate")


def reproduce(
    out: Annotated[Path, typer.Option("--out", help="Folder, new or to continue.")],
    data: options.Data = None,
    flows: Annotated[int, typer.Option(min=0, help="Largest number of flows; 0 for all.")] = 0,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds of every row.")] = "1,2,3",
    quick: Annotated[
        bool, typer.Option("--quick", help="A short version of every row, with one seed.")
    ] = False,
    parts: Annotated[str, typer.Option(help="Parts to run: published,honest,...; else all.")] = "",
    workers: options.Processes = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Run the published CNN-BiLSTM, with and without its leak.

    One table and one page compare the paper's protocol, which leaks labels into the features,
    with the same protocol without that leak, with simpler detectors, halves of the network and
    other windows, and with runs over gateways. The same command continues a stopped
    reproduction.
    """
    from fednids.studies.reproduce import ReproductionPlan, run_reproduction

    read = tuple(dict.fromkeys(options.read_seeds(seeds)))
    plan = ReproductionPlan(
        data=data or "", flows=flows, seeds=read[:1] if quick else read, quick=quick
    )
    chosen = [part.strip() for part in parts.split(",") if part.strip()]
    with (
        logging_to(log_file, verbose=verbose, quiet=quiet, new=out),
        following(shown=not (quiet or as_json)) as progress,
    ):
        table = run_reproduction(plan, out, parts=chosen, workers=workers, watcher=progress)
    if as_json:
        print_json(table.to_json())
    elif not quiet:
        _show(table, out)
    if table.failed:
        raise typer.Exit(EXIT_FAILED)


def _show(table: ReproductionTable, out: Path) -> None:
    from fednids.studies.reproduce import EXPERIMENTS, PARTS, can_write_page, measures_of
    from fednids.studies.statistics import show_number

    titles = measures_of("honest")
    for part, heading in PARTS.items():
        grid = plain_table(heading, *(titles[measure] for measure in _SHOWN), "seconds")
        for name in table.in_part(part):
            rates = [show_number(table.interval(name, measure).mean) for measure in _SHOWN]
            seconds = show_number(table.interval(name, "seconds").mean, 0)
            grid.add_row(EXPERIMENTS[name].title, *rates, seconds)
        if grid.row_count:
            say("")
            print_table(grid)
    say("")
    for line in table.findings():
        say(line)
    show_end(table.failed, out, synthetic=table.synthetic)
    page = "index.html, " if can_write_page() else ""
    say(f"written to {out}: {page}reproduce.md, reproduce.json, pictures, runs")
    if not page:
        say("no page: it needs pip install 'fednids[report]', and the same command again")
