"""The pictures of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fednids.studies.along import sheets
from fednids.studies.measures import METRICS
from fednids.studies.report import Report
from fednids.studies.statistics import Interval
from fednids.studies.text import series_of

if TYPE_CHECKING:
    from fednids.report.figures.study import Panel

Values = NDArray[np.float64]

_MOST_LEVELS = 3
_MOST_PANELS = 4
_ALONG = ("macro_f1", "worst_gateway", "attack_success")


def draw_report(report: Report, folder: Path) -> list[str]:
    """Draw scores and worst gateways over measured skew, or along an axis.

    Returns
    -------
    list of str
        Names of the files written; none where no run has ended.
    """
    return [*_draw_skew(report, folder), *_draw_along(report, folder)]


def _draw_skew(report: Report, folder: Path) -> list[str]:
    """Draw what dealt runs say; a study along an axis has its own pictures instead."""
    from fednids.report.figures.study import against_skew
    from fednids.report.figures.style import save

    wanted = {
        "macro-f1.png": ("Skew and detection", ("macro_f1", "novel_macro_f1")),
        "worst-gateway.png": ("Skew and the worst gateway", ("worst_gateway", "gateway_gap")),
    }
    written = []
    for name, (title, metrics) in wanted.items():
        panels = [_panel(report, metric) for metric in metrics]
        if report.study.report.along or not any(panel.series for panel in panels):
            (folder / name).unlink(missing_ok=True)
            continue
        measure = f"measured skew: {report.study.report.skew.replace('_', ' ')}"
        save(against_skew(panels, measure, title, report.note), folder / name)
        written.append(name)
    return written


def _draw_along(report: Report, folder: Path) -> list[str]:
    """Draw each score along the axis that the study names."""
    from fednids.report.figures.along import Course, CoursePanel, along_axis
    from fednids.report.figures.style import save

    wish, written = report.study.report, []
    for metric in _ALONG:
        name = f"along-{metric.replace('_', '-')}.png"
        found = sheets(report.rows, (wish.compare, wish.along), metric) if wish.along else ()
        if not found or len(found) > _MOST_PANELS:
            (folder / name).unlink(missing_ok=True)
            continue
        panels = [
            CoursePanel(s.place, [Course(line.name, *_ends(line.values)) for line in s.lines])
            for s in found
        ]
        ticks = [str(tick) for tick in found[0].along]
        axis = wish.along.rpartition(".")[2]
        save(along_axis(panels, ticks, axis, METRICS[metric], report.note), folder / name)
        written.append(name)
    return written


def _panel(report: Report, metric: str) -> Panel:
    from fednids.report.figures.study import MAJORITY, Level, Panel, Series

    series, levels = [], []
    for name, groups in series_of(report).items():
        dealt = [g for g in groups if not math.isnan(g.skew) and g.metrics[metric].count]
        if dealt:
            series.append(
                Series(
                    name,
                    _array([g.skew for g in dealt]),
                    *_ends([g.metrics[metric] for g in dealt]),
                )
            )
    central = [g for g in report.groups if g.arm == "centralised" and g.metrics[metric].count]
    if len(central) <= _MOST_LEVELS:
        for each in central:
            found, name = each.metrics[metric], " ".join(filter(None, (each.arm, each.label)))
            levels.append(Level(name, found.mean, found.low, found.high))
    majority = [g.metrics["majority_macro_f1"].mean for g in report.groups]
    if metric == "macro_f1" and majority:
        levels.append(Level(MAJORITY, float(np.mean(majority))))
    return Panel(METRICS[metric], series, levels)


def _ends(found: Sequence[Interval]) -> tuple[Values, Values, Values]:
    """Means, low and high ends."""
    return (
        _array([each.mean for each in found]),
        _array([each.low for each in found]),
        _array([each.high for each in found]),
    )


def _array(values: Sequence[float]) -> Values:
    return np.array(values, dtype=np.float64)
