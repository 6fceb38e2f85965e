"""``fednids tune``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fednids.cli import options
from fednids.cli.logs import logging_to
from fednids.cli.progress import following, show_end
from fednids.cli.screen import EXIT_FAILED, plain_table, print_json, print_table, say
from fednids.config import parse_settings
from fednids.errors import ConfigError
from fednids.report.tables import decimal

if TYPE_CHECKING:
    from fednids.studies.search import Search, SearchReport


def tune(
    search: Annotated[str, typer.Argument(help="Search file.")],
    settings: options.Settings = None,
    out: options.StudyOut = None,
    data: options.Data = None,
    gateways: options.Gateways = None,
    rounds: options.Rounds = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds in place of the search's: 1,2,3.")
    ] = None,
    workers: options.Processes = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the candidates, and run nothing.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Search settings by validation flows alone; test flows are never read.

    A search file names values or ranges of settings. All candidates are run with the first seed,
    the better ones with the next, and so on. The same command continues a search that was stopped
    or killed.
    """
    from fednids.studies.search import read_search

    flags = options.name_flags(data=data, gateways=gateways, rounds=rounds)
    wanted = read_search(search).changed(
        {**parse_settings(settings or []), **flags},
        seeds=None if seeds is None else options.read_seeds(seeds),
    )
    if dry_run:
        _show_candidates(wanted, as_json=as_json)
        return
    if out is None:
        raise ConfigError(
            "expected --out FOLDER for the runs and the report, got none; name a new folder"
        )
    with logging_to(log_file, verbose=verbose, quiet=quiet, new=out):
        from fednids.studies.search import run_search

        with following(shown=not (quiet or as_json)) as progress:
            report = run_search(wanted, out, workers=workers, watcher=progress)
        if as_json:
            print_json(report.to_json())
        elif not quiet:
            _show(report)
            show_end(report.failed, out, synthetic=report.synthetic)
            say(f"written to {out}: report.md, report.json, runs")
    if report.default.reason:
        raise typer.Exit(EXIT_FAILED)


def _show_candidates(search: Search, *, as_json: bool) -> None:
    """List what would be tried."""
    search.study()
    candidates = search.drawn()
    if as_json:
        print_json({each.name: each.settings for each in candidates})
        return
    table = plain_table("candidate", "settings", left=("candidate", "settings"))
    for each in candidates:
        changed = (f"{name}={value}" for name, value in each.settings.items())
        table.add_row(each.name, " ".join(changed))
    print_table(table)
    cases = max(len(search.cases), 1)
    say(
        f"{len(candidates)} candidates, {cases} case{'s' * (cases != 1)}: "
        f"{len(candidates) * cases} runs with the first seed, fewer with each of the "
        f"{len(search.seeds) - 1} others"
    )


def _show(report: SearchReport) -> None:
    """Print the candidates that went furthest, and which is best."""
    from fednids.studies.statistics import mean_of

    table = plain_table("candidate", "seeds", "score", "minus default", "false alarms")
    for each in report.candidates[:10]:
        less = each.over(report.default)
        table.add_row(
            each.name,
            each.reason or str(len(each.scores)),
            decimal(each.score),
            f"{mean_of(less):+.3f}" if less else "–",
            decimal(mean_of([rates[1] for rates in each.rates.values()])),
        )
    say("")
    print_table(table)
    flows = ", ".join(f"{count:,} {name}" for name, count in report.flows.items())
    say(f"judged by validation flows ({flows} with the first seed); no test flow was read")
