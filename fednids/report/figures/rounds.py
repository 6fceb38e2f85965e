"""What a run, or many, came to round by round: losses, rates, participation, time and bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from fednids.plain import number
from fednids.report.figures import vega
from fednids.report.figures.style import COLOURS, GREY, styled
from fednids.report.tables import RATE_TITLES, PageTable, decimal, megabytes

if TYPE_CHECKING:
    from fednids.metrics import Scores
    from fednids.runs.records import RoundRecord, ScoresRecord

MOST_ROUNDS = 400
"""Rounds of one run that a chart holds."""

_POINTS = 60
_COMPARED = {
    "macro_f1": "macro-F1",
    "novel_macro_f1": "macro-F1, novel flows",
    "false_alarm_rate": "benign false alarms",
    "test_loss": "test loss",
}
_COSTS = {
    "seconds": "seconds",
    "virtual_seconds": "virtual seconds",
    "down": "MB to gateways",
    "up": "MB to the server",
}


@dataclass(frozen=True)
class RoundCurves:
    """Numbers of a run, one a round; NaN where one is undefined.

    Attributes
    ----------
    numbers : Sequence[int]
        Of the rounds, ``R`` of them.
    train_loss, test_loss : Sequence[float]
        Mean cross-entropy, in training weighted by class.
    test, novel : Mapping[str, Sequence[float]]
        Rates by name, on all test flows and on the novel ones.
    majority : Mapping[str, float]
        Rates of the detector that always answers the most frequent class; empty if unknown.
    """

    numbers: Sequence[int]
    train_loss: Sequence[float]
    test_loss: Sequence[float]
    test: Mapping[str, Sequence[float]]
    novel: Mapping[str, Sequence[float]]
    majority: Mapping[str, float]

    @classmethod
    def of(
        cls, rounds: Sequence[RoundRecord], majority: ScoresRecord | Scores | None
    ) -> RoundCurves:
        """Take the numbers of rounds, and of the majority class beside them."""
        tests, names = [entry.test for entry in rounds], RATE_TITLES
        return cls(
            [entry.round for entry in rounds],
            [entry.train.loss for entry in rounds],
            [test.loss for test in tests],
            {name: [test.rate(name) for test in tests] for name in names},
            {name: [test.novel.rate(name) for test in tests] for name in names},
            {name: number(getattr(majority, name)) for name in names} if majority else {},
        )


@styled
def curves(run: RoundCurves, note: str = "") -> Figure:
    """Draw loss and scores over rounds, with the majority baseline."""
    figure = Figure(figsize=(10.5, 3.4))
    left, right = figure.subplots(1, 2)
    left.plot(run.numbers, run.train_loss, "o-", color=COLOURS[0], ms=3)
    left.plot(run.numbers, run.test_loss, "s--", color=COLOURS[1], ms=3)
    left.legend(["training", "test"], frameon=False)
    left.set(title=f"Loss{note}", xlabel="round", yscale="log")
    for label, rates, line, colour in (
        ("macro-F1", run.test["macro_f1"], "o-", COLOURS[0]),
        ("false-alarm rate", run.test["false_alarm_rate"], "o-", COLOURS[1]),
        ("macro-F1, novel flows", run.novel["macro_f1"], "s--", COLOURS[3]),
    ):
        right.plot(run.numbers, rates, line, color=colour, ms=3, label=label)
    if "macro_f1" in run.majority:
        level = run.majority["macro_f1"]
        right.axhline(level, color=GREY, ls=":", label=f"majority macro-F1 {level:.2f}")
    right.set(title="On test flows", xlabel="round", ylim=(0, 1.02))
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def rates_chart(run: RoundCurves) -> vega.Chart:
    """Show rates on all test flows and on the novel ones, the majority class beside."""
    kept = vega.thinned(len(run.numbers), MOST_ROUNDS)
    sides = {"all test flows": run.test, "novel test flows": run.novel}
    rows: list[list[Any]] = [
        [run.numbers[k], name, side, rates[name][k]]
        for name in RATE_TITLES
        for k in kept
        for side, rates in sides.items()
    ]
    names, last = list(sides), run.numbers[-1]
    words = [f"{side} {decimal(rates['macro_f1'][-1])}" for side, rates in sides.items()]
    if run.majority:
        names.append("majority class")
        rows += [
            [run.numbers[k], name, "majority class", run.majority[name]]
            for name in RATE_TITLES
            for k in (kept[0], kept[-1])
        ]
        words.append(f"the majority class {decimal(run.majority['macro_f1'])}")
    columns = {
        f"{title}{end}": rates[name]
        for name, title in RATE_TITLES.items()
        for rates, end in ((run.test, ""), (run.novel, ", novel"))
    }
    choices = (vega.Choice("measure", "Rate", RATE_TITLES), vega.toggles(names))
    alt = f"Line chart. macro-F1 after round {last}: {', '.join(words)}."
    head, cells = ("rates", "Rates over the rounds", alt), ("round", "measure", "series", "value")
    spec = _lines(names, choices, "rate", top=1.0, points=len(kept) <= _POINTS)
    table = _table("Rates of each round", run.numbers, kept, columns)
    return vega.Chart(*head, spec, cells, rows, table, choices, _left_out(run.numbers, kept))


def losses_chart(run: RoundCurves) -> vega.Chart:
    """Show the loss on what was trained on, and on what was not."""
    alt = (
        f"Line chart. Mean cross-entropy in round {run.numbers[-1]}: "
        f"{decimal(run.train_loss[-1])} on training windows (weighted by class), "
        f"{decimal(run.test_loss[-1])} on test windows (unweighted)."
    )
    series = {"training windows": run.train_loss, "test windows": run.test_loss}
    head = ("losses", "Loss over the rounds", alt)
    return _series_chart(head, "loss", run.numbers, series, "Loss of each round")


def success_chart(
    numbers: Sequence[int], success: Mapping[str, Sequence[float]], adversaries: Sequence[int]
) -> vega.Chart:
    """Show how far an attack got in the rounds of these numbers.

    `success` is the share of each attack class that is taken for benign, NaN where it is not
    known; `adversaries` counts the malicious participants of each round.
    """
    last = ", ".join(f"{name} {decimal(rates[-1])}" for name, rates in success.items())
    alt = f"Line chart. Share of each attack class taken for benign, after the last round: {last}."
    head, axis = ("attack", "Attacks taken for benign", alt), "share taken for benign"
    beside, caption = {"adversaries": adversaries}, "Attack success of each round"
    return _series_chart(head, axis, numbers, success, caption, beside, top=1.0)


def overlay_chart(groups: Mapping[str, Sequence[tuple[str, RoundCurves]]]) -> vega.Chart:
    """Lay the curves of many runs over each other, one style a group of runs.

    `groups` has runs and their names by what they have in common; a group's runs differ in the
    seed.
    """
    names, runs = list(groups), [run for group in groups.values() for _, run in group]
    most = max(10, min(MOST_ROUNDS, 15_000 // max(len(runs), 1) // len(_COMPARED)))
    rows, ends = [], []
    for name, group in groups.items():
        for place, (title, run) in enumerate(group):
            values = {
                "macro_f1": run.test["macro_f1"],
                "novel_macro_f1": run.novel["macro_f1"],
                "false_alarm_rate": run.test["false_alarm_rate"],
                "test_loss": run.test_loss,
            }
            rows += [
                [run.numbers[k], measure, name, f"{name}/{place}", title, rates[k]]
                for k in vega.thinned(len(run.numbers), most)
                for measure, rates in values.items()
            ]
            if run.numbers:
                last = (decimal(rates[-1]) for rates in values.values())
                ends.append((name, title, str(run.numbers[-1]), *last))
    choices = (vega.Choice("measure", "Number", _COMPARED), vega.toggles(names))
    longest = max((len(run.numbers) for run in runs), default=0)
    alt = (
        f"Line chart of {len(runs)} runs in {len(names)} groups, a line a run. The table beneath "
        "has the last round of each."
    )
    head = ("overlay", "All runs over their rounds", alt)
    spec = _lines(names, choices, None, detail="line", tooltip=("run",))
    cells = ("round", "measure", "series", "line", "run", "value")
    titles = ("group", "run", "round", *_COMPARED.values())
    table = PageTable("Last round of each run", titles, tuple(ends))
    note = f"Of more than {most} rounds every nth is drawn." if longest > most else ""
    return vega.Chart(*head, spec, cells, rows, table, choices, note)


def participation_chart(
    numbers: Sequence[int], outcomes: Mapping[str, Sequence[int]], gateways: int
) -> vega.Chart:
    """Show what became of the gateways, round by round: counts by outcome, of so many gateways."""
    kept = vega.thinned(len(numbers), MOST_ROUNDS)
    names = [name for name, counts in outcomes.items() if any(counts)]
    words = ", ".join(f"{name} {sum(outcomes[name]):,}" for name in names)
    encoding = {
        "x": vega.rounds_along("O"),
        "y": vega.field("gateways:Q", title="gateways", axis={"tickMinStep": 1}),
        "color": vega.coloured("fate", names, title=None),
        "order": vega.field("order:Q"),
        "tooltip": [
            vega.field("round:O"),
            vega.field("fate:N", title="what became of them"),
            vega.field("gateways:Q", format=","),
        ],
    }
    alt = f"Stacked bars, one a round, of {gateways:,} gateways. Over all rounds: {words}."
    head, cells = ("participation", "Participation", alt), ("round", "fate", "gateways", "order")
    rows = [[numbers[k], n, outcomes[n][k], place] for k in kept for place, n in enumerate(names)]
    shown = {name: outcomes[name] for name in names}
    table = _table("Gateways by what became of them", numbers, kept, shown)
    spec = vega.spec_of(encoding, vega.STACKED, height=180)
    return vega.Chart(*head, spec, cells, rows, table)


def costs_chart(numbers: Sequence[int], costs: Mapping[str, Sequence[float]]) -> vega.Chart:
    """Show seconds and megabytes of each round.

    `costs` are ``seconds``, ``virtual_seconds``, and megabytes ``down`` to gateways and ``up`` to
    the server; NaN where they were not measured.
    """
    kept = vega.thinned(len(numbers), MOST_ROUNDS)
    known = [name for name in _COSTS if any(value > 0 for value in costs[name])] or ["seconds"]
    seconds = math.fsum(value for value in costs["seconds"] if not math.isnan(value))
    sent = sum(value for name in ("down", "up") for value in costs[name] if value > 0)
    choice = vega.Choice("measure", "Show", {name: _COSTS[name] for name in known})
    alt = (
        f"Bars, one a round. All rounds: {decimal(seconds, 1)} seconds, {megabytes(1e6 * sent)} MB."
    )
    encoding = {
        "x": vega.rounds_along("O"),
        "y": vega.field("value:Q", title=None),
        "tooltip": [vega.field("round:O"), vega.field("value:Q", format=",.3f")],
    }
    title, cells = "Time and bytes of each round", ("round", "measure", "value")
    bars: vega.Layer = ({"type": "bar", "color": vega.SERIES[0]}, {})
    spec = vega.spec_of(encoding, bars, height=180, choices=[choice])
    rows = [[numbers[k], name, costs[name][k]] for name in known for k in kept]
    table = _table(title, numbers, kept, {_COSTS[name]: costs[name] for name in known}, 2)
    return vega.Chart("costs", title, alt, spec, cells, rows, table, (choice,))


def _series_chart(
    head: tuple[str, str, str],
    axis: str,
    numbers: Sequence[int],
    series: Mapping[str, Sequence[float]],
    caption: str,
    beside: Mapping[str, Sequence[int]] | None = None,
    top: float | None = None,
) -> vega.Chart:
    """A line a series; `head` is key, title and alt, `beside` has more columns of the table."""
    kept, choices = vega.thinned(len(numbers), MOST_ROUNDS), (vega.toggles(list(series)),)
    spec = _lines(list(series), choices, axis, top=top, points=len(kept) <= _POINTS)
    cells = ("round", "series", "value")
    rows = [[numbers[k], name, series[name][k]] for k in kept for name in series]
    table = _table(caption, numbers, kept, {**(beside or {}), **series})
    return vega.Chart(*head, spec, cells, rows, table, choices, _left_out(numbers, kept))


def _lines(
    names: Sequence[str],
    choices: Sequence[vega.Choice],
    title: str | None,
    *,
    top: float | None = None,
    points: bool = False,
    detail: str = "",
    tooltip: Sequence[str] = (),
) -> dict[str, Any]:
    colour, line = vega.lines_of("series", names)
    encoding = {
        **colour,
        "x": vega.rounds_along(),
        "y": vega.field(
            "value:Q", title=title, scale={"domain": [0, top]} if top else {"zero": True}
        ),
        "tooltip": [
            *(vega.field(f"{name}:N") for name in ("series", *tooltip)),
            vega.field("round:Q"),
            vega.field("value:Q", format=".4f"),
        ],
    }
    if detail:
        encoding["detail"] = vega.field(f"{detail}:N")
    hover = {"size": 36, "opacity": 1} if points else {"size": 80, "opacity": 0}
    hovering = ({"type": "point", "filled": True, **hover}, dict[str, Any]())
    return vega.spec_of(encoding, line, hovering, height=260, choices=choices)


def _table(
    caption: str,
    numbers: Sequence[int],
    kept: Sequence[int],
    columns: Mapping[str, Sequence[float]],
    digits: int = 3,
) -> PageTable:
    shown = {title: [values[k] for k in kept] for title, values in columns.items()}
    return PageTable.of_columns(
        caption, {"round": [str(numbers[k]) for k in kept], **shown}, digits
    )


def _left_out(numbers: Sequence[int], kept: Sequence[int]) -> str:
    if len(kept) == len(numbers):
        return ""
    return f"{len(kept):,} of {len(numbers):,} rounds are drawn: every nth, and the last."
