"""Every gateway in every round: charts, and the numbers that the page sorts and filters."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.report.figures.vega import FLAT, RAMP, Chart, field, lines_of, rounds_along, spec_of

CELLS = 250_000
"""Values of one measure that a page holds; of more gateways or rounds only some are kept."""

LINES = 6
"""Gateways drawn as curves at once."""

_STEPS, _UNKNOWN = 65_534, 65_535


@dataclass(frozen=True, eq=False)
class KeptCells:
    """Which part of a matrix of rounds and gateways a page holds.

    Attributes
    ----------
    rounds, gateways : ndarray
        Indices of its rows and columns.
    note : str
        What was left out.
    """

    rounds: NDArray[np.intp]
    gateways: NDArray[np.intp]
    note: str

    @classmethod
    def of(cls, rounds: int, gateways: int, budget: int = CELLS) -> KeptCells:
        """Keep at most `budget` cells: first rounds are thinned, then gateways."""
        most_rounds = min(rounds, max(100, budget // gateways))
        most_gateways = min(gateways, max(1, budget // most_rounds))
        note = ""
        if most_rounds < rounds:
            note += f"{most_rounds:,} of {rounds:,} rounds are kept, evenly spaced. "
        if most_gateways < gateways:
            note += f"{most_gateways:,} of {gateways:,} gateways are kept, evenly spaced by id."
        return cls(_even(rounds, most_rounds), _even(gateways, most_gateways), note.strip())


def measure_cells(
    measures: Mapping[str, NDArray[np.float64]], kept: KeptCells
) -> dict[str, dict[str, Any]]:
    """Pack measures for the page's script.

    The cells of a measure are ``rounds x gateways`` little-endian uint16 in base64, 0 to 65534
    for 0 to ``top``, 65535 where it is undefined. Colours go from ``low`` to ``high``, so that
    a few outliers do not make all the rest look alike.

    `measures` are ``(R, K) float64`` by name: ``accuracy``, ``macro_f1``, ``loss``, ``took_part``.
    """
    titles = {"macro_f1": "macro-F1", "loss": "test loss", "took_part": "took part"}
    found = {}
    for name, values in measures.items():
        cells, rate = values[np.ix_(kept.rounds, kept.gateways)], name != "loss"
        known = cells[np.isfinite(cells)]
        top = 1.0 if rate or not len(known) else max(float(known.max()), 1e-9)
        low, high = np.quantile(known, (0.05, 0.95)) if len(known) else (0.0, top)
        steps = np.round(np.clip(cells / top, 0, 1) * _STEPS)
        whole = np.where(np.isfinite(cells), steps, _UNKNOWN).astype("<u2")
        found[name] = {
            "title": titles.get(name, name),
            "top": top,
            "low": min(math.floor(low * 10) / 10, 0.9) if rate else 0.0,
            "high": 1.0 if rate else max(float(high), 1e-9),
            "cells": base64.b64encode(whole.tobytes()).decode(),
        }
    return found


def grid_chart(accuracy: NDArray[np.float64], kept: KeptCells) -> Chart:
    """Show every gateway in every round; the page's script fills in the cells that are kept.

    `accuracy` is ``(R, K) float64``, NaN where it is not known.
    """
    last = accuracy[-1][np.isfinite(accuracy[-1])]
    spread = "undefined"
    if len(last):
        spread = f"{last.min():.3f} to {last.max():.3f}, median {np.median(last):.3f}"
    encoding = {
        "x": field("round:N", sort=None, title="round", axis=FLAT),
        "y": field("gateway:N", sort=None, title="gateway", axis={"labelOverlap": True}),
        "color": field("value:Q", scale={**RAMP, "domain": {"expr": "[low, high]"}}, legend=None),
        "tooltip": [
            field("round:N"),
            field("who:N", title="gateways"),
            field("value:Q", format=".4f"),
        ],
    }
    cells = ({"type": "rect", "tooltip": True}, dict[str, Any]())
    alt = (
        f"Grid of {len(kept.gateways):,} gateways by {len(kept.rounds):,} rounds. Accuracy of "
        f"single gateways in the last round: {spread}. The table of gateways beneath has the "
        "numbers."
    )
    spec = spec_of(encoding, cells, height=420, params={"low": 0.0, "high": 1.0})
    columns = ("round", "gateway", "value", "who", "place")
    head = ("heatmap", "Every gateway in every round", alt)
    return Chart(*head, spec, columns, (), None, note=kept.note)


def chosen_chart() -> Chart:
    """Show chosen gateways over the rounds; the page's script fills in their values."""
    slots = [f"gateway {k + 1}" for k in range(LINES)]
    colour, line = lines_of("slot", slots, legend=False, mark={"clip": False})
    encoding = {
        **colour,
        "x": rounds_along(),
        "y": field("value:Q", title=None, scale={"zero": True}),
        "tooltip": [field("gateway:N"), field("round:Q"), field("value:Q", format=".4f")],
    }
    hover = ({"type": "point", "size": 70, "opacity": 0, "filled": True}, dict[str, Any]())
    ends = {"type": "text", "align": "right", "dy": -9, "fontSize": 12}
    alt = (
        "Line chart of the gateways that are ticked in the table of gateways, each named at its "
        "right end."
    )
    spec = spec_of(encoding, line, hover, (ends, {"text": field("end:N")}), height=220)
    columns = ("round", "slot", "gateway", "value", "end")
    note = f"Up to {LINES} gateways, ticked in the table of gateways beneath."
    return Chart("lines", "Chosen gateways", alt, spec, columns, (), None, note=note)


def _even(size: int, most: int) -> NDArray[np.intp]:
    """Choose `most` of `size` indices evenly, the first and the last among them."""
    return np.unique(np.linspace(0, size - 1, most).round().astype(np.intp))
