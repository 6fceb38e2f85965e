"""``fednids compare``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fednids.cli import options
from fednids.cli.logs import logging_to
from fednids.cli.progress import following, show_end
from fednids.cli.screen import EXIT_FAILED, plain_table, print_json, print_table, say
from fednids.config import Config, default_settings, parse_settings
from fednids.errors import ConfigError
from fednids.files import write_atomically
from fednids.report.tables import decimal

if TYPE_CHECKING:
    from fednids.studies.statistics import Interval, Ranking, Standing
    from fednids.studies.study import Study

RANKING = "ranking.json"
"""Written beside the report of a comparison that was run."""

_WIDE = 200

_Column = tuple[str, Callable[["Standing"], str], bool]
"""Title and content of a column, and whether any standing has it."""

_SEEDS = (1, 2, 3)


def compare(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DIR | SECTION.KEY=VALUE]...",
            help="Folders of finished runs or sweeps; or, with --strategies, any setting.",
        ),
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option(
            "--strategies",
            help="Strategies to run, settings of one behind it: "
            "'fedavg,fedprox(mu=0.1),fedadam(eta=0.03,tau=0.01)'.",
        ),
    ] = None,
    out: options.StudyOut = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds as 1,2,3, or how many; else 3.")] = None,
    data: options.Data = None,
    gateways: options.Gateways = None,
    scheme: options.Scheme = None,
    alpha: options.Alpha = None,
    rounds: options.Rounds = None,
    config: options.File = None,
    target: Annotated[
        float | None,
        typer.Option("--target", help="Macro-F1 to reach; 0.95 of the best if left out."),
    ] = None,
    no_clean: Annotated[
        bool,
        typer.Option("--no-clean", help="With attack.share: no runs without malicious gateways."),
    ] = False,
    workers: options.Processes = 0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    log_file: options.LogFile = None,
    verbose: options.Verbose = False,
) -> None:
    """Rank strategies, or runs that exist already, in one table.

    With --strategies, each is run over the same plans with each seed, one run a processor; the
    same command continues a stopped comparison. With folders, runs on the same flows and split
    are ranked by the settings that differ. Intervals are bootstrap intervals over seeds; with
    fewer than three seeds, over gateways.
    """
    if target is not None and not 0 < target <= 1:
        raise ConfigError(
            f"expected --target above 0 and at most 1, got {target:g}; it is a macro-F1"
        )
    if strategies is None:
        given_for_runs = (out, seeds, data, gateways, scheme, alpha, rounds, config)
        _rank_folders(given, target, given_for_runs, as_json=as_json, quiet=quiet)
        return
    from fednids.studies.compare import make_contest, parse_strategies

    if out is None:
        raise ConfigError("expected --out FOLDER for the runs, got none; name a new folder")
    settings = _settings(
        given, config, data=data, gateways=gateways, scheme=scheme, alpha=alpha, rounds=rounds
    )
    study = make_contest(
        parse_strategies(strategies), settings, read_seeds_or_count(seeds),
        target=target, clean=not no_clean,
    )  # fmt: skip
    with logging_to(log_file, verbose=verbose, quiet=quiet, new=out):
        _run(study, out, workers, as_json=as_json, quiet=quiet)


def read_seeds_or_count(text: str | None) -> tuple[int, ...]:
    """Read ``1,2,3``, or a number alone, which is how many seeds from 1.

    Raises
    ------
    ConfigError
        It is neither.
    """
    if text is None:
        return _SEEDS
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if part.isdecimal()]
    if len(numbers) < len(parts) or (len(parts) == 1 and not 1 <= numbers[0] <= 1000):
        raise ConfigError(
            f"expected --seeds as numbers like 1,2,3, or how many, 1 to 1000, got {text!r}; "
            "correct it"
        )
    return tuple(numbers) if len(parts) > 1 else tuple(range(1, numbers[0] + 1))


def _settings(
    given: list[str] | None, file: Path | None, **flags: str | float | None
) -> dict[str, object]:
    """Return the settings of file, arguments and flags; a file's strategy and ``run`` are not."""
    from fednids.studies.relevance import STRATEGY

    found: dict[str, object] = {}
    if file is not None:
        config = Config.resolve(file=file)
        inside, defaults = config.flat(), default_settings(config)
        found = {
            name: value
            for name, value in inside.items()
            if value != defaults[name] and name != STRATEGY and not name.startswith("run.")
        }
    return {**found, **parse_settings(given or []), **options.name_flags(**flags)}


def _rank_folders(
    given: list[str] | None,
    target: float | None,
    others: Sequence[object],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Rank runs that are there."""
    from fednids.studies.compare import rank_folders

    if not given or any(other is not None for other in others):
        raise ConfigError(
            "expected --strategies NAMES --out FOLDER, or folders of finished runs and nothing "
            f"to run them by, got {'no folder' if not given else 'both or neither'}; see "
            "`fednids compare --help`"
        )
    ranking = rank_folders([Path(each) for each in given], target=target)
    _print_ranking(ranking, as_json=as_json, quiet=quiet)


def _run(study: Study, out: Path, workers: int, *, as_json: bool, quiet: bool) -> None:
    """Run what is missing, and rank; it ends with 1 where a run failed."""
    from fednids.studies.compare import rank_report
    from fednids.studies.sweep import run_study

    with following(shown=not (quiet or as_json)) as progress:
        report = run_study(study, out, workers=workers, watcher=progress)
    ranking = rank_report(report, out)
    content = json.dumps(ranking.to_json(), indent=2, allow_nan=False)
    write_atomically(out / RANKING, content.encode())
    _print_ranking(ranking, as_json=as_json, quiet=quiet)
    if not (as_json or quiet):
        show_end(report.failed, out, synthetic=report.synthetic)
        say(f"written to {out}: {RANKING}, report.md, report.json, cells.parquet, pictures, runs")
    if report.failed:
        raise typer.Exit(EXIT_FAILED)


def _print_ranking(ranking: Ranking, *, as_json: bool, quiet: bool) -> None:
    """Print the one table, and what it shows in words."""
    if as_json:
        print_json(ranking.to_json())
    if as_json or quiet:
        return
    columns = [(title, show) for title, show, wanted in _columns(ranking) if wanted]
    table = plain_table("", left=(), padding=(0, 1))
    table.add_column("", overflow="fold", min_width=8)
    for title, _ in columns:
        table.add_column(title, justify="right")
    for each in ranking.standings:
        table.add_row(str(each.place), each.name, *(show(each) for _, show in columns))
    table.add_row("", "majority class", f"{ranking.majority:.3f}", *["–"] * (len(columns) - 1))
    print_table(table, wide=_WIDE)
    for each in ranking.standings[1:]:
        say(ranking.in_words(each))
    say(_about_intervals(ranking))
    say(
        f"The target is a macro-F1 of {ranking.target:.3f}; what it takes is all that is spent "
        "until the first round that has it, MB in both directions."
    )


def _columns(ranking: Ranking) -> list[_Column]:
    seeds = max(len(each.seeds) for each in ranking.standings)

    def mean(title: str, name: str, digits: int = 3, scale: float = 1.0, of: str = "") -> _Column:
        known = any(each.metrics[of or name].count for each in ranking.standings)
        return title, lambda each: _mean(each.metrics[name], digits, scale), known

    def rounds(each: Standing) -> str:
        found = each.metrics["rounds_to_target"]
        some = f"\n{found.count} of {seeds}" if 0 < found.count < len(each.seeds) else ""
        return _mean(found, 1) + some

    def to_best(each: Standing) -> str:
        return "best" if each.difference is None else _range(each.difference, signed=True)

    return [
        ("macro-F1", lambda each: _range(each.metrics["macro_f1"]), True),
        ("minus best", to_best, True),
        ("novel flows", lambda each: _range(each.metrics["novel_macro_f1"]), True),
        mean("worst\ngateway", "worst_gateway"),
        ("false\nalarms", lambda each: _mean(each.metrics["false_alarm_rate"], 3), True),
        mean("attack\nsuccess", "attack_success"),
        mean("minus\nclean", "attack_over_clean"),
        mean("macro-F1\nminus clean", "macro_f1_over_clean"),
        ("rounds to\ntarget", rounds, True),
        mean("MB to\ntarget", "bytes_to_target", 2, 1e-6, of="bytes"),
        mean("virtual s\nto target", "virtual_to_target", 1, of="virtual_seconds"),
        mean("MB", "bytes", 2, 1e-6),
        ("seconds", lambda each: _mean(each.metrics["seconds"], 1), True),
    ]


def _about_intervals(ranking: Ranking) -> str:
    counts = [len(each.seeds) for each in ranking.standings]
    low, high = min(counts), max(counts)
    many = str(low) if low == high else f"{low} to {high}"
    if ranking.over == "seeds":
        few = "; of so few seeds they are too narrow" if low < 10 else ""
        return f"Intervals are 95 % bootstrap intervals over {many} seeds{few}."
    return (
        "Intervals are of gateways drawn again and again, 95 % of the draws: what another seed "
        "would change is not in them; intervals over seeds need at least three seeds each, "
        f"these runs have {many}."
    )


def _range(found: Interval, *, signed: bool = False) -> str:
    """Write a mean, and its interval on the line below."""
    sign = "+" if signed else ""
    if not found.count or math.isnan(found.low):
        return f"{found.mean:{sign}.3f}" if found.count else "–"
    return f"{found.mean:{sign}.3f}\n{found.low:{sign}.3f} to {found.high:{sign}.3f}"


def _mean(found: Interval, digits: int, scale: float = 1.0) -> str:
    return decimal(found.mean * scale if found.count else None, digits)
