"""Rates and losses over the rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from fednids.plain import number
from fednids.report.tables import MEASURES, Table, decimal
from fednids.report.vega import (
    Control,
    Figure,
    compiled,
    empty_chart,
    round_axis,
    styled,
    thinned,
)
from fednids.runs.reader import MAJORITY, Run
from fednids.runs.records import RoundRecord

MOST_ROUNDS = 400
_TEST, _NOVEL = "all test flows", "novel test flows"
_POINTS = 60


def draw_rates(run: Run) -> Figure:
    """Show rates on all test flows and on the novel ones, the majority class beside."""
    kept = [run.rounds[k] for k in thinned(len(run.rounds), MOST_ROUNDS)]
    rows = [
        [row.round, measure, series, rates.rate(measure)]
        for measure in MEASURES
        for row in kept
        for series, rates in ((_TEST, row.test), (_NOVEL, row.test.novel))
    ]
    names = [_TEST, _NOVEL]
    if run.majority:
        names.append(MAJORITY)
        for measure in MEASURES:
            rate = float(getattr(run.majority.all, measure))
            rows += [[end.round, measure, MAJORITY, rate] for end in (kept[0], kept[-1])]
    last = run.rounds[-1]
    words = [f"{_TEST} {decimal(last.test.rate('macro_f1'))}"]
    words.append(f"{_NOVEL} {decimal(last.test.novel.rate('macro_f1'))}")
    if run.majority:
        words.append(f"the majority class {decimal(run.majority.all.macro_f1)}")
    return Figure(
        "rates",
        "Rates over the rounds",
        f"Line chart. macro-F1 after round {last.round}: {', '.join(words)}.",
        _lines(names, chosen="measure", title="rate", top=1.0, points=len(kept) <= _POINTS),
        ("round", "measure", "series", "value"),
        rows,
        _rate_table(kept),
        (Control("measure", "Rate", MEASURES), _toggles(names)),
        _note(kept, run.rounds),
    )


def draw_losses(run: Run) -> Figure:
    """Show what was trained on, and what was not."""
    kept = [run.rounds[k] for k in thinned(len(run.rounds), MOST_ROUNDS)]
    names = ("training windows", "test windows")
    rows = [
        [row.round, name, loss]
        for row in kept
        for name, loss in zip(names, (row.train.loss, row.test.loss), strict=True)
    ]
    last = run.rounds[-1]
    return Figure(
        "losses",
        "Loss over the rounds",
        f"Line chart. Mean cross-entropy in round {last.round}: {decimal(last.train.loss)} on "
        f"training windows (weighted by class), {decimal(last.test.loss)} on test windows "
        "(unweighted).",
        _lines(names, title="loss", points=len(kept) <= _POINTS),
        ("round", "series", "value"),
        rows,
        Table(
            "Loss of each round",
            ("round", *names),
            tuple((str(r.round), decimal(r.train.loss), decimal(r.test.loss)) for r in kept),
        ),
        (_toggles(names),),
        _note(kept, run.rounds),
    )


def draw_success(run: Run) -> Figure | None:
    """Show how far an attack got; None for a run without one."""
    attacked = [(row.round, row.attack) for row in run.rounds if row.attack]
    classes = list(dict.fromkeys(name for _, attack in attacked for name in attack.success))
    if not classes:
        return None
    kept = [attacked[k] for k in thinned(len(attacked), MOST_ROUNDS)]
    rows = [
        [round_, name, number(attack.success.get(name))]
        for round_, attack in kept
        for name in classes
    ]
    table = tuple(
        (
            str(round_),
            str(len(attack.liars)),
            *(decimal(number(attack.success.get(name))) for name in classes),
        )
        for round_, attack in kept
    )
    last = ", ".join(f"{n} {decimal(number(s))}" for n, s in attacked[-1][1].success.items())
    return Figure(
        "attack",
        "Attacks taken for benign",
        f"Line chart. Share of each attack class taken for benign, after the last round: {last}.",
        _lines(classes, title="share taken for benign", top=1.0, points=len(kept) <= _POINTS),
        ("round", "series", "value"),
        rows,
        Table("Attack success of each round", ("round", "liars", *classes), table),
        (_toggles(classes),),
        _note(kept, attacked),
    )


def draw_overlay(curves: Mapping[str, Sequence[Run]]) -> Figure:
    """Lay the curves of many runs over each other, one style a group of runs.

    Parameters
    ----------
    curves : Mapping[str, Sequence[Run]]
        Runs by what they have in common; a group's runs differ in the seed.
    """
    names = list(curves)
    count = sum(map(len, curves.values()))
    most = max(10, min(MOST_ROUNDS, 15_000 // max(count, 1) // len(_MANY)))
    rows = [
        [row.round, measure, name, f"{name}/{k}", run.name, value]
        for name, runs in curves.items()
        for k, run in enumerate(runs)
        for row in (run.rounds[i] for i in thinned(len(run.rounds), most))
        for measure, value in _many(row).items()
    ]
    longest = max((len(run.rounds) for runs in curves.values() for run in runs), default=0)
    ends = tuple(
        (name, run.name, str(run.rounds[-1].round), *map(decimal, _many(run.rounds[-1]).values()))
        for name, runs in curves.items()
        for run in runs
        if run.rounds
    )
    return Figure(
        "overlay",
        "All runs over their rounds",
        f"Line chart of {count} runs in {len(names)} groups, a line a run. The table beneath "
        "has the last round of each.",
        _lines(names, chosen="measure", title="", detail="line", tooltip=("run",)),
        ("round", "measure", "series", "line", "run", "value"),
        rows,
        Table("Last round of each run", ("group", "run", "round", *_MANY.values()), ends),
        (Control("measure", "Number", _MANY), _toggles(names)),
        f"Of more than {most} rounds every nth is drawn." if longest > most else "",
    )


_MANY = {
    "macro_f1": "macro-F1",
    "novel_macro_f1": "macro-F1, novel flows",
    "false_alarm_rate": "benign false alarms",
    "test_loss": "test loss",
}


def _many(row: RoundRecord) -> dict[str, float]:
    test = row.test
    found = (test.rate("macro_f1"), test.novel.rate("macro_f1"), test.rate("false_alarm_rate"))
    return dict(zip(_MANY, (*found, test.loss), strict=True))


def _lines(
    names: Sequence[str],
    *,
    title: str,
    chosen: str = "",
    top: float | None = None,
    points: bool = False,
    detail: str = "",
    tooltip: tuple[str, ...] = (),
) -> dict[str, object]:
    """Draw a line a series; `chosen` names a column of which one value is shown."""
    colour, dash = styled(names)
    shown = alt.param(name="shown", value=list(names))
    chart = empty_chart().add_params(shown).transform_filter("indexof(shown, datum.series) >= 0")
    if chosen:
        first = next(iter(MEASURES))
        chart = chart.add_params(alt.param(name=chosen, value=first))
        chart = chart.transform_filter(f"datum.{chosen} == {chosen}")
    scale = alt.Scale(domain=[0, top]) if top else alt.Scale(zero=True, nice=True)
    legend = alt.Legend(symbolType="stroke", symbolSize=500, title=None)
    encoded = chart.encode(
        x=round_axis(),
        y=alt.Y("value:Q", title=title or None, scale=scale),
        color=alt.Color("series:N", scale=colour, legend=legend),
        tooltip=[
            alt.Tooltip("series:N"),
            *(alt.Tooltip(f"{name}:N") for name in tooltip),
            alt.Tooltip("round:Q"),
            alt.Tooltip("value:Q", format=".4f"),
        ],
        detail=alt.Detail(f"{detail}:N") if detail else alt.Undefined,
    )
    line = encoded.mark_line(strokeWidth=2, clip=True).encode(
        strokeDash=alt.StrokeDash("series:N", scale=dash, legend=legend)
    )
    hover = encoded.mark_point(filled=True, size=36 if points else 80, opacity=1 if points else 0)
    return compiled(alt.layer(line, hover), height=260)


def _toggles(names: Sequence[str]) -> Control:
    return Control("shown", "Lines", {name: name for name in names}, several=True)


def _rate_table(kept: Sequence[RoundRecord]) -> Table:
    titles = [f"{title}{side}" for title in MEASURES.values() for side in ("", ", novel")]
    rows = tuple(
        (
            str(row.round),
            *(
                decimal(rates.rate(name))
                for name in MEASURES
                for rates in (row.test, row.test.novel)
            ),
        )
        for row in kept
    )
    return Table("Rates of each round", ("round", *titles), rows)


def _note(kept: Sequence[object], rounds: Sequence[object]) -> str:
    if len(kept) == len(rounds):
        return ""
    return f"{len(kept):,} of {len(rounds):,} rounds are drawn: every nth, and the last."
