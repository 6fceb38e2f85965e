"""Charts of one run, and the chart of many runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fednids.plain import number
from fednids.report.figures.confusion import confusion_chart
from fednids.report.figures.grid import KeptCells, chosen_chart, grid_chart
from fednids.report.figures.histograms import precision_chart, reliability_chart, roc_chart
from fednids.report.figures.mix import shares_chart
from fednids.report.figures.rounds import (
    RoundCurves,
    costs_chart,
    losses_chart,
    overlay_chart,
    participation_chart,
    rates_chart,
    success_chart,
)
from fednids.report.figures.sizes import sizes_chart
from fednids.report.figures.vega import Chart
from fednids.runs.reader import Judged, Run
from fednids.runs.records import RoundRecord

_OUTCOMES = {
    "used": "update used",
    "late": "late",
    "surplus": "not needed",
    "lost": "update lost",
    "failed": "failed",
    "refused": "answer refused",
    "absent": "absent",
}


def charts_of(run: Run, kept: KeptCells | None) -> dict[str, Chart]:
    """Return all charts about a run by key; what does not apply is not there.

    `kept` has the cells of gateways and rounds that the page holds; it is None where the run has
    one gateway or none.
    """
    found: list[Chart] = []
    numbers = [row.round for row in run.rounds]
    if run.rounds:
        curves = curves_of(run)
        found += [rates_chart(curves), losses_chart(curves)]
    if run.detector:
        found.append(_confusion(run.detector))
    if run.finished and (scores := run.scores):
        if sides := scores.sides():
            found += [roc_chart(sides), precision_chart(sides)]
        found.append(reliability_chart(scores.grades))
    if run.gateways and kept:
        owned, ids = run.gateways.test_flows, run.gateways.ids.tolist()
        trained = run.gateways.examples.max(axis=0)
        found += [shares_chart(owned, run.classes, ids)]
        found += [sizes_chart(owned.sum(axis=1), trained, ids)]
        found += [grid_chart(run.gateways.accuracy, kept), chosen_chart()]
        gateways = run.config.partition.gateways
        counts = [_count_outcomes(row, gateways) for row in run.rounds]
        outcomes = {title: [each[key] for each in counts] for key, title in _OUTCOMES.items()}
        found.append(participation_chart(numbers, outcomes, gateways))
    if run.rounds:
        found += _attack(run)
        costs = {
            "seconds": [row.seconds for row in run.rounds],
            "virtual_seconds": [number(row.virtual_seconds) for row in run.rounds],
            "down": [row.bytes_down / 1e6 for row in run.rounds],
            "up": [row.bytes_up / 1e6 for row in run.rounds],
        }
        found.append(costs_chart(numbers, costs))
    return {chart.key: chart for chart in found}


def compare_charts(groups: Mapping[str, Sequence[Run]]) -> Chart | None:
    """Lay the curves of all runs over each other; None where no round has ended."""
    if not any(run.rounds for runs in groups.values() for run in runs):
        return None
    return overlay_chart(
        {name: [(run.name, curves_of(run)) for run in runs] for name, runs in groups.items()}
    )


def curves_of(run: Run) -> RoundCurves:
    """Return losses and rates of all rounds."""
    return RoundCurves.of(run.rounds, run.majority.all if run.majority else None)


def _confusion(judged: Judged) -> Chart:
    sides = {"all": judged.all} | ({"novel": judged.novel} if judged.novel else {})
    counts = {side: scores.confusion.matrix for side, scores in sides.items()}
    return confusion_chart(counts, judged.all.classes)


def _attack(run: Run) -> list[Chart]:
    attacked = [(row.round, row.attack) for row in run.rounds if row.attack]
    classes = dict.fromkeys(name for _, attack in attacked for name in attack.success)
    if not classes:
        return []
    success = {
        name: [number(attack.success.get(name)) for _, attack in attacked] for name in classes
    }
    adversaries = [len(attack.malicious) for _, attack in attacked]
    return [success_chart([round_ for round_, _ in attacked], success, adversaries)]


def _count_outcomes(row: RoundRecord, gateways: int) -> dict[str, int]:
    """A round's gateways by what became of them; those that were not sampled are left out."""
    found, outcomes = dict.fromkeys(_OUTCOMES, 0), row.outcomes or {}
    found |= {name: len(ids) for name, ids in outcomes.items() if name in found}
    found["used"] = len(row.participants)
    simulated = {k for ids in outcomes.values() for k in ids}
    found["refused"] = len({each.partition for each in row.failures} - simulated)
    if row.present is not None:
        found["absent"] = max(gateways - row.present, 0)
    return found
