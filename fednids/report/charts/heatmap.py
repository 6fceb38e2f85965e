"""Every gateway in every round: a chart, and the numbers that the page sorts and filters."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from fednids.report.vega import RAMP, Figure, compiled, empty_chart, round_axis, styled
from fednids.runs.gateways import Histories, Matrix

CELLS = 250_000
"""Values of one measure that a page holds; of more gateways or rounds only some are kept."""

LINES = 6
"""Gateways drawn as curves at once."""

_STEPS, _UNKNOWN = 65_534, 65_535
_SLOTS = [f"gateway {k + 1}" for k in range(LINES)]


@dataclass(frozen=True, eq=False)
class Kept:
    """Which part of the histories a page holds.

    Attributes
    ----------
    rounds, gateways : ndarray
        Indices into the rows and columns of `Histories`.
    note : str
        What was left out.
    """

    rounds: NDArray[np.intp]
    gateways: NDArray[np.intp]
    note: str

    @classmethod
    def of(cls, found: Histories, budget: int = CELLS) -> Kept:
        """Keep at most `budget` cells: first rounds are thinned, then gateways."""
        rounds, gateways = found.accuracy.shape
        most_rounds = min(rounds, max(100, budget // gateways))
        most_gateways = min(gateways, max(1, budget // most_rounds))
        note = ""
        if most_rounds < rounds:
            note += f"{most_rounds:,} of {rounds:,} rounds are kept, evenly spaced. "
        if most_gateways < gateways:
            note += f"{most_gateways:,} of {gateways:,} gateways are kept, evenly spaced by id."
        return cls(_even(rounds, most_rounds), _even(gateways, most_gateways), note.strip())


def pack(found: Histories, kept: Kept) -> dict[str, Any]:
    """Give the numbers for the page's script.

    The cells of a measure are ``rounds x gateways`` little-endian uint16 in base64, 0 to 65534
    for 0 to ``top``, 65535 where it is undefined. Colours go from ``low`` to ``high``, so that
    a few outliers do not make all the rest look alike.
    """
    rows = np.ix_(kept.rounds, kept.gateways)
    measures = {
        "accuracy": ("accuracy", found.accuracy[rows]),
        "macro_f1": ("macro-F1", found.macro_f1[rows]),
        "loss": ("test loss", found.loss[rows]),
        "took_part": ("took part", found.took_part[rows].astype(float)),
    }
    return {
        "ids": found.ids[kept.gateways].tolist(),
        "rounds": found.rounds[kept.rounds].tolist(),
        "flows": found.test_flows.sum(axis=1)[kept.gateways].tolist(),
        "measures": {
            name: {"title": title, **_measure(values, rate=name != "loss")}
            for name, (title, values) in measures.items()
        },
    }


def _measure(values: Matrix, *, rate: bool) -> dict[str, Any]:
    """Give cells, the highest value that they can hold, and between what colours are spread."""
    known = values[np.isfinite(values)]
    top = 1.0 if rate or not len(known) else max(float(known.max()), 1e-9)
    low, high = np.quantile(known, (0.05, 0.95)) if len(known) else (0.0, top)
    low = math.floor(low * 10) / 10 if rate else 0.0
    high = 1.0 if rate else max(float(high), 1e-9)
    return {"top": top, "low": min(low, 0.9), "high": high, "cells": _encode(values, top)}


def draw_heatmap(found: Histories, kept: Kept) -> Figure:
    """Give the chart, which the page's script fills with cells."""
    last = found.accuracy[-1]
    known = last[np.isfinite(last)]
    spread = (
        f"{known.min():.3f} to {known.max():.3f}, median {np.median(known):.3f}"
        if len(known)
        else "undefined"
    )
    return Figure(
        "heatmap",
        "Every gateway in every round",
        f"Grid of {len(kept.gateways):,} gateways by {len(kept.rounds):,} rounds. Accuracy of "
        f"single gateways in the last round: {spread}. The table of gateways beneath has the "
        "numbers.",
        _heat_spec(),
        ("round", "gateway", "value", "who", "place"),
        (),
        None,
        note=kept.note,
    )


def draw_lines() -> Figure:
    """Give the chart of chosen gateways, which the page's script fills."""
    colour, dash = styled(_SLOTS)
    chart = empty_chart().encode(
        x=round_axis(),
        y=alt.Y("value:Q", title=None, scale=alt.Scale(zero=True)),
        color=alt.Color("slot:N", scale=colour, legend=None),
        tooltip=[
            alt.Tooltip("gateway:N"),
            alt.Tooltip("round:Q"),
            alt.Tooltip("value:Q", format=".4f"),
        ],
    )
    dashed = alt.StrokeDash("slot:N", scale=dash, legend=None)
    line = chart.mark_line(strokeWidth=2).encode(strokeDash=dashed)
    hover = chart.mark_point(size=70, opacity=0, filled=True)
    ends = chart.mark_text(align="right", dy=-9, fontSize=12).encode(text=alt.Text("end:N"))
    return Figure(
        "lines",
        "Chosen gateways",
        "Line chart of the gateways that are ticked in the table of gateways, each named at its "
        "right end.",
        compiled(alt.layer(line, hover, ends), height=220),
        ("round", "slot", "gateway", "value", "end"),
        (),
        None,
        note=f"Up to {LINES} gateways, ticked in the table of gateways beneath.",
    )


def _heat_spec() -> dict[str, object]:
    scale = alt.Scale(type="quantize", domain=alt.ExprRef("[low, high]"), range=list(RAMP))
    chart = (
        empty_chart()
        .add_params(alt.param(name="low", value=0.0), alt.param(name="high", value=1.0))
        .mark_rect(tooltip=True)
        .encode(
            x=alt.X(
                "round:N", sort=None, title="round", axis=alt.Axis(labelAngle=0, labelOverlap=True)
            ),
            y=alt.Y("gateway:N", sort=None, title="gateway", axis=alt.Axis(labelOverlap=True)),
            color=alt.Color("value:Q", scale=scale, legend=None),
            tooltip=[
                alt.Tooltip("round:N"),
                alt.Tooltip("who:N", title="gateways"),
                alt.Tooltip("value:Q", format=".4f"),
            ],
        )
    )
    return compiled(chart, height=420)


def _encode(values: Matrix, top: float) -> str:
    """Quantise to 16 bits."""
    steps = np.round(np.clip(values / top, 0, 1) * _STEPS)
    whole = np.where(np.isfinite(values), steps, _UNKNOWN).astype("<u2")
    return base64.b64encode(whole.tobytes()).decode()


def _even(size: int, most: int) -> NDArray[np.intp]:
    """Choose `most` of `size` indices evenly, the first and the last among them."""
    return np.unique(np.linspace(0, size - 1, most).round().astype(np.intp))
