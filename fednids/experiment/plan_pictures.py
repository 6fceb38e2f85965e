"""The pictures of one plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fednids.experiment.partitioning import PlanStudy
from fednids.experiment.quantities import quantity
from fednids.report.figures.distances import distance_matrix
from fednids.report.figures.heatmap import heatmap
from fednids.report.figures.labels import label_bars
from fednids.report.figures.ridgelines import ridgelines
from fednids.report.figures.sizes import size_curve
from fednids.report.figures.style import save
from partitions.skew import DISTANCES, label_pairs

SHIFTED = 3
"""Features that are drawn: those that shift most."""

_MOST = 2000
"""Gateways up to which all pairs are drawn; a matrix of as many takes a quarter of a GB."""


def draw_plan(study: PlanStudy, folder: Path) -> None:
    """Draw class mixes, seen classes, sizes, pairwise distances and the largest shifts.

    Parameters
    ----------
    study : PlanStudy
        What is drawn.
    folder : Path
        Where ``labels.png``, ``heatmap.png``, ``sizes.png``, ``distances.png`` and a
        ``shift-FEATURE.png`` each go.
    """
    owned, classes, note = study.owned, study.fleet.classes, study.note
    save(label_bars(owned, classes, note), folder / "labels.png")
    save(heatmap(owned, classes, note), folder / "heatmap.png")
    save(size_curve(study.fleet.plan.sizes(), note), folder / "sizes.png")
    if 1 < len(owned) <= _MOST:
        pairs = label_pairs(owned, DISTANCES["jensen_shannon"])
        measure = "Jensen-Shannon divergence of class mixes"
        picture = distance_matrix(pairs, measure, highest=1.0, note=note)
        save(picture, folder / "distances.png")
    plan, version = study.fleet.plan, study.config.data.features
    for name in most_shifted(study):
        values = quantity(study.fleet, version, name)
        save(ridgelines(values, plan.assignment, name, note), folder / f"shift-{name}.png")


def most_shifted(study: PlanStudy, most: int = SHIFTED) -> tuple[str, ...]:
    """Name the features of the largest earth mover's distance, weighted by flows."""
    prefix = "wasserstein."
    found = [row for row in study.report.summary if row.measure.startswith(prefix)]
    order = np.argsort([-row.weighted for row in found], kind="stable")
    return tuple(found[place].measure.removeprefix(prefix) for place in order[:most])
