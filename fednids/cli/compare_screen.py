"""How a ranking looks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from fednids.cli.screen import say

if TYPE_CHECKING:
    from fednids.studies.statistics import Interval, Ranking, Standing

_NOTHING = "–"
_WIDE = 200

Show = Callable[["Standing"], str]


def show_ranking(ranking: Ranking) -> None:
    """Print the one table, and what it shows in words."""
    _print(_table(ranking))
    for each in ranking.standings[1:]:
        say(ranking.in_words(each))
    say(_about_intervals(ranking))
    say(
        f"The target is a macro-F1 of {ranking.target:.3f}; what it takes is all that is spent "
        "until the first round that has it, MB in both directions."
    )


def _table(ranking: Ranking) -> Table:
    table = Table(box=None, padding=(0, 1))
    columns = [(title, show) for title, show, wanted in _columns(ranking) if wanted]
    table.add_column("", justify="right")
    table.add_column("", overflow="fold", min_width=8)
    for title, _ in columns:
        table.add_column(title, justify="right")
    for each in ranking.standings:
        table.add_row(str(each.place), each.name, *(show(each) for _, show in columns))
    table.add_row("", "majority class", f"{ranking.majority:.3f}", *[_NOTHING] * (len(columns) - 1))
    return table


def _columns(ranking: Ranking) -> list[tuple[str, Show, bool]]:
    """Return title and content of each column, and whether anybody has it."""
    seeds = max(len(each.seeds) for each in ranking.standings)

    def any_has(name: str) -> bool:
        return any(each.metrics[name].count for each in ranking.standings)

    def ranged(name: str) -> Show:
        return lambda each: _range(each.metrics[name])

    def mean(name: str, digits: int = 3, scale: float = 1.0) -> Show:
        return lambda each: _mean(each.metrics[name], digits, scale)

    def rounds(each: Standing) -> str:
        found = each.metrics["rounds_to_target"]
        some = f"\n{found.count} of {seeds}" if 0 < found.count < len(each.seeds) else ""
        return _mean(found, 1) + some

    def to_best(each: Standing) -> str:
        return "best" if each.difference is None else _range(each.difference, signed=True)

    return [
        ("macro-F1", ranged("macro_f1"), True),
        ("minus best", to_best, True),
        ("novel flows", ranged("novel_macro_f1"), True),
        ("worst\ngateway", mean("worst_gateway"), any_has("worst_gateway")),
        ("false\nalarms", mean("false_alarm_rate"), True),
        ("attack\nsuccess", mean("attack_success"), any_has("attack_success")),
        ("minus\nclean", mean("attack_over_clean"), any_has("attack_over_clean")),
        ("macro-F1\nminus clean", mean("macro_f1_over_clean"), any_has("macro_f1_over_clean")),
        ("rounds to\ntarget", rounds, True),
        ("MB to\ntarget", mean("bytes_to_target", 2, 1e-6), any_has("bytes")),
        ("virtual s\nto target", mean("virtual_to_target", 1), any_has("virtual_seconds")),
        ("MB", mean("bytes", 2, 1e-6), any_has("bytes")),
        ("seconds", mean("seconds", 1), True),
    ]


def _about_intervals(ranking: Ranking) -> str:
    counts = {len(each.seeds) for each in ranking.standings}
    if ranking.over == "seeds":
        few = "; of so few seeds they are too narrow" if min(counts) < 10 else ""
        return f"Intervals are 95 % bootstrap intervals over {_many(counts)} seeds{few}."
    return (
        "Intervals are of gateways drawn again and again, 95 % of the draws: what another seed "
        "would change is not in them; intervals over seeds need at least three seeds each, "
        f"these runs have {_many(counts)}."
    )


def _many(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _range(found: Interval, *, signed: bool = False) -> str:
    """Show a mean, and its interval on the line below."""
    if not found.count:
        return _NOTHING
    sign = "+" if signed else ""
    mean = f"{found.mean:{sign}.3f}"
    if math.isnan(found.low):
        return mean
    return f"{mean}\n{found.low:{sign}.3f} to {found.high:{sign}.3f}"


def _mean(found: Interval, digits: int, scale: float = 1.0) -> str:
    return f"{found.mean * scale:,.{digits}f}" if found.count else _NOTHING


def _print(table: Table) -> None:
    """Print at full width where the output is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=_WIDE, highlight=False)
    console.print(table)
