"""What stands on a page: headline, warnings, tables and charts of one run, or of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fednids.report.figures import grid
from fednids.report.figures.vega import Chart
from fednids.report.groups import TITLES, GroupRows, grouped
from fednids.report.run_charts import charts_of, compare_charts
from fednids.report.run_tables import tables_of
from fednids.report.tables import RATE_TITLES, PageTable, decimal
from fednids.report.warnings import warn_of_run, warn_of_runs
from fednids.runs.gateways import Histories
from fednids.runs.reader import MAJORITY, Run

MOST_RUNS = 12
"""More runs than this have the common table and chart alone."""


class Tile(NamedTuple):
    """One number of the headline, and numbers to compare it with."""

    title: str
    value: str
    beside: tuple[str, ...]


@dataclass(frozen=True)
class RunPart:
    """All about one run.

    Attributes
    ----------
    key : str
        Before the keys of its charts, unlike those of other runs.
    title, subtitle : str
        The run, and what it was.
    warnings : list of str
        What limits its numbers.
    tiles, tables, figures
        Its contents, by name; what does not apply is not there.
    gateways : dict or None
        Numbers for the heatmap.
    """

    key: str
    title: str
    subtitle: str
    warnings: list[str]
    tiles: list[Tile]
    tables: Mapping[str, PageTable]
    figures: Mapping[str, Chart]
    gateways: dict[str, Any] | None

    @classmethod
    def of(cls, run: Run, key: str, budget: int = grid.CELLS) -> RunPart:
        """Put together what there is about a run; `budget` cells of the heatmap may be kept."""
        found = run.gateways
        kept = None
        if found and len(found.ids) > 1:
            kept = grid.KeptCells.of(len(found.rounds), len(found.ids), budget)
        return cls(
            key,
            run.name,
            _subtitle(run),
            warn_of_run(run),
            _tiles(run),
            tables_of(run, kept),
            charts_of(run, kept),
            _grid(found, kept) if found and kept else None,
        )

    def data(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        figures = [chart.data() for chart in self.figures.values()]
        return {"key": self.key, "figures": figures, "gateways": self.gateways}


@dataclass(frozen=True)
class Page:
    """One report.

    Attributes
    ----------
    title : str
        Of the page.
    parts : list of RunPart
        The runs, one by one.
    warnings : list of str
        What limits comparing many runs.
    titles, groups
        The table of many runs; no groups for one.
    overlay : Chart or None
        The chart of many runs.
    note : str
        What was left out.
    """

    title: str
    parts: list[RunPart]
    warnings: list[str]
    titles: tuple[str, ...]
    groups: list[GroupRows]
    overlay: Chart | None
    note: str = ""

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Page:
        """Put together what there is about at least one run."""
        if len(runs) == 1:
            return cls(runs[0].name, [RunPart.of(runs[0], "run1")], [], (), [], None)
        groups = grouped(runs)
        shown = runs if len(runs) <= MOST_RUNS else []
        budget = grid.CELLS // max(len(shown), 1)
        parts = [RunPart.of(run, f"run{k + 1}", budget) for k, run in enumerate(shown)]
        note = "" if shown else f"More than {MOST_RUNS} runs: name fewer folders to see each."
        return cls(
            f"{len(runs)} runs",
            parts,
            warn_of_runs(groups),
            TITLES,
            [GroupRows.of(name, each) for name, each in groups.items()],
            compare_charts(groups),
            note,
        )

    def data(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        parts = [part.data() for part in self.parts]
        if self.overlay:
            parts.insert(0, {"key": "all", "figures": [self.overlay.data()], "gateways": None})
        return {"parts": parts, "lines": grid.LINES}


def _subtitle(run: Run) -> str:
    config, parts = run.config, [run.kind]
    if run.kind == "federated":
        parts.append(config.strategy.name)
    if run.kind != "centralised":
        gateways = config.partition.gateways
        parts.append(f"{gateways:,} gateways dealt by {config.partition.scheme}")
    parts.append(f"{len(run.rounds):,} of {config.federation.rounds:,} rounds")
    parts.append(f"seed {config.run.seed}")
    if run.finished:
        parts.append(f"{run.result.data.flows:,} flows of {run.result.data.path}")
    parts.append("finished" if run.finished else "stopped early")
    return " · ".join(parts)


def _tiles(run: Run) -> list[Tile]:
    if run.detector is None:
        return []
    found, novel, majority = run.detector.all, run.detector.novel, run.majority
    tiles = []
    for name, title in RATE_TITLES.items():
        beside = [f"novel flows {decimal(getattr(novel, name))}"] if novel else []
        if majority:
            beside.append(f"{MAJORITY} {decimal(getattr(majority.all, name))}")
        tiles.append(Tile(title, decimal(getattr(found, name)), tuple(beside)))
    return tiles


def _grid(found: Histories, kept: grid.KeptCells) -> dict[str, Any]:
    measures = {
        "accuracy": found.accuracy,
        "macro_f1": found.macro_f1,
        "loss": found.loss,
        "took_part": found.took_part.astype(np.float64),
    }
    return {
        "ids": found.ids[kept.gateways].tolist(),
        "rounds": found.rounds[kept.rounds].tolist(),
        "flows": found.test_flows.sum(axis=1)[kept.gateways].tolist(),
        "measures": grid.measure_cells(measures, kept),
    }
