"""The pictures of a report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fednids.sweep.findings import Group
from fednids.sweep.measures import METRICS
from fednids.sweep.report import Report
from fednids.sweep.text import series_of

if TYPE_CHECKING:
    from fednids.pictures.study import Panel

Values = NDArray[np.float64]

_MOST_LEVELS = 3


def draw_report(report: Report, folder: Path) -> list[str]:
    """Draw scores and worst gateways over measured skew.

    Returns
    -------
    list of str
        Names of the files written; none where no dealt run has ended.
    """
    from fednids.pictures.study import against_skew
    from fednids.pictures.style import save

    wanted = {
        "macro-f1.png": ("Skew and detection", ("macro_f1", "novel_macro_f1")),
        "worst-gateway.png": ("Skew and the worst gateway", ("worst_gateway", "gateway_gap")),
    }
    written = []
    for name, (title, metrics) in wanted.items():
        panels = [_panel(report, metric) for metric in metrics]
        if not any(panel.series for panel in panels):
            (folder / name).unlink(missing_ok=True)
            continue
        measure = f"measured skew: {report.study.report.skew.replace('_', ' ')}"
        save(against_skew(panels, measure, title, report.note), folder / name)
        written.append(name)
    return written


def _panel(report: Report, metric: str) -> Panel:
    from fednids.pictures.study import MAJORITY, Level, Panel, Series

    series, levels = [], []
    for name, groups in series_of(report).items():
        dealt = [g for g in groups if not math.isnan(g.skew) and g.metrics[metric].count]
        if dealt:
            series.append(Series(name, _array([g.skew for g in dealt]), *_ends(dealt, metric)))
    central = [g for g in report.groups if g.arm == "centralised" and g.metrics[metric].count]
    if len(central) <= _MOST_LEVELS:
        for each in central:
            found, name = each.metrics[metric], " ".join(filter(None, (each.arm, each.label)))
            levels.append(Level(name, found.mean, found.low, found.high))
    majority = [g.metrics["majority_macro_f1"].mean for g in report.groups]
    if metric == "macro_f1" and majority:
        levels.append(Level(MAJORITY, float(np.mean(majority))))
    return Panel(METRICS[metric], series, levels)


def _ends(groups: Sequence[Group], metric: str) -> tuple[Values, Values, Values]:
    """Means, low and high ends."""
    found = [group.metrics[metric] for group in groups]
    return (
        _array([each.mean for each in found]),
        _array([each.low for each in found]),
        _array([each.high for each in found]),
    )


def _array(values: Sequence[float]) -> Values:
    return np.array(values, dtype=np.float64)
