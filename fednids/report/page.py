"""What a page tells: sections, tables and charts of one run, or of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fednids.report import run_tables
from fednids.report.charts import heatmap
from fednids.report.charts.confusion import draw_confusion
from fednids.report.charts.course import draw_costs, draw_participation
from fednids.report.charts.curves import draw_losses, draw_overlay, draw_rates, draw_success
from fednids.report.charts.partition import draw_shares, draw_sizes
from fednids.report.charts.scored import draw_precision, draw_reliability, draw_roc
from fednids.report.held_out import unseen_gateways_table, unseen_table
from fednids.report.many_tables import GroupRows, group_rows, run_titles
from fednids.report.naming import grouped
from fednids.report.tables import MEASURES, Table, decimal
from fednids.report.threshold import threshold_table
from fednids.report.vega import Figure
from fednids.report.warnings import warn_of_run, warn_of_runs
from fednids.runs.reader import MAJORITY, Run

MOST_RUNS = 12
"""More runs than this have the common table and chart alone."""


@dataclass(frozen=True)
class Tile:
    """One number of the headline.

    Attributes
    ----------
    title, value : str
        What, and how much.
    beside : tuple of str
        What to hold it against.
    """

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
    tables: Mapping[str, Table]
    figures: Mapping[str, Figure]
    gateways: dict[str, Any] | None

    @classmethod
    def of(cls, run: Run, key: str, budget: int = heatmap.CELLS) -> RunPart:
        """Put together what there is about a run.

        Parameters
        ----------
        run : Run
            The run.
        key : str
            See `key`.
        budget : int
            Cells of the heatmap that may be kept.
        """
        several = run.gateways if run.gateways and len(run.gateways.ids) > 1 else None
        kept = heatmap.Kept.of(several, budget) if several else None
        return cls(
            key,
            run.name,
            _subtitle(run),
            warn_of_run(run),
            _tiles(run),
            _tables(run, kept),
            {figure.key: figure for figure in _figures(run, kept)},
            heatmap.pack(several, kept) if several and kept else None,
        )

    def data(self) -> dict[str, Any]:
        """Give what the page's script needs."""
        figures = [figure.data() for figure in self.figures.values()]
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
    overlay : Figure or None
        The chart of many runs.
    note : str
        What was left out.
    """

    title: str
    parts: list[RunPart]
    warnings: list[str]
    titles: tuple[str, ...]
    groups: list[GroupRows]
    overlay: Figure | None
    note: str = ""

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Page:
        """Put together what there is about at least one run."""
        if len(runs) == 1:
            return cls(runs[0].name, [RunPart.of(runs[0], "run1")], [], (), [], None)
        groups = grouped(runs)
        shown = runs if len(runs) <= MOST_RUNS else []
        budget = heatmap.CELLS // max(len(shown), 1)
        parts = [RunPart.of(run, f"run{k + 1}", budget) for k, run in enumerate(shown)]
        note = "" if shown else f"More than {MOST_RUNS} runs: name fewer folders to see each."
        return cls(
            f"{len(runs)} runs",
            parts,
            warn_of_runs(groups),
            run_titles(),
            group_rows(groups),
            draw_overlay(groups) if any(run.rounds for run in runs) else None,
            note,
        )

    def data(self) -> dict[str, Any]:
        """Give what the page's script needs."""
        parts = [part.data() for part in self.parts]
        if self.overlay:
            parts.insert(0, {"key": "all", "figures": [self.overlay.data()], "gateways": None})
        return {"parts": parts, "lines": heatmap.LINES}


def _subtitle(run: Run) -> str:
    """Say in one line what was run."""
    config, parts = run.config, [run.kind]
    if run.kind == "federated":
        parts.append(config.federation.strategy)
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
    for name, title in MEASURES.items():
        beside = [f"novel flows {decimal(getattr(novel, name))}"] if novel else []
        if majority:
            beside.append(f"{MAJORITY} {decimal(getattr(majority.all, name))}")
        tiles.append(Tile(title, decimal(getattr(found, name)), tuple(beside)))
    return tiles


def _tables(run: Run, kept: heatmap.Kept | None) -> dict[str, Table]:
    found: dict[str, Table | None] = {
        "headline": run_tables.headline(run) if run.detector else None,
        "classes": run_tables.per_class(run.detector) if run.detector else None,
        "skew": run_tables.skew(run) if run.kind != "centralised" else None,
        "gateways": run_tables.gateway_table(run.gateways, kept) if run.gateways and kept else None,
        "failures": run_tables.failures(run),
        "totals": run_tables.totals(run) if run.rounds else None,
        "threshold": threshold_table(run.section("threshold")),
        "attack": run_tables.attack(run),
        "unseen": unseen_table(run.section("unseen")),
        "unseen_gateways": unseen_gateways_table(run.section("unseen_gateways")),
        "settings": run_tables.settings(run),
        "provenance": run_tables.provenance(run),
    }
    return {name: table for name, table in found.items() if table is not None}


def _figures(run: Run, kept: heatmap.Kept | None) -> list[Figure]:
    found: list[Figure | None] = []
    if run.rounds:
        found += [draw_rates(run), draw_losses(run)]
    if run.detector:
        found.append(draw_confusion(run.detector))
    if run.finished and (scored := run.scores):
        if scored.sides():
            found += [draw_roc(scored), draw_precision(scored)]
        found.append(draw_reliability(scored))
    if run.gateways and kept:
        found += [draw_shares(run.gateways, run.classes), draw_sizes(run.gateways)]
        found += [heatmap.draw_heatmap(run.gateways, kept), heatmap.draw_lines()]
        found.append(draw_participation(run, run.config.partition.gateways))
    if run.rounds:
        found += [draw_success(run), draw_costs(run)]
    return [figure for figure in found if figure is not None]
