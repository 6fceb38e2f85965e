"""Pictures of a run: curves, confusion matrix, what each gateway owns.

Colours are Okabe and Ito's, which the colour-blind can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

COLOURS = ("#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7")
_GREY = "#666666"
_MOST_BARS = 100

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
}


def draw_run(result: Mapping[str, Any], owned: NDArray[np.int64], folder: Path) -> None:
    """Draw all pictures of a finished run.

    Parameters
    ----------
    result : Mapping
        As in ``result.json``.
    owned : ndarray
        ``(K, C)`` flows of each class at each gateway.
    folder : Path
        Where ``curves.png``, ``confusion.png`` and ``gateways.png`` go.
    """
    note = " · synthetic flows" if result["data"]["synthetic"] else ""
    with mpl.rc_context(STYLE):
        _save(curves(result, note), folder / "curves.png")
        _save(confusion(result["final"], note), folder / "confusion.png")
        _save(gateways(owned, result["final"]["classes"], note), folder / "gateways.png")


def curves(result: Mapping[str, Any], note: str = "") -> Figure:
    """Loss and scores over rounds, with the majority baseline."""
    figure = Figure(figsize=(10.5, 3.4))
    left, right = figure.subplots(1, 2)
    rounds = result["rounds"]
    numbers = [entry["round"] for entry in rounds]
    left.plot(numbers, [r["train"]["loss"] for r in rounds], "o-", color=COLOURS[0], ms=3)
    left.plot(numbers, [r["test"]["loss"] for r in rounds], "s--", color=COLOURS[1], ms=3)
    left.legend(["training, class-weighted", "test"], frameon=False)
    left.set(title=f"Loss{note}", xlabel="round", yscale="log")
    for name, column, colour in (
        ("macro-F1", "macro_f1", COLOURS[0]),
        ("false-alarm rate", "false_alarm_rate", COLOURS[1]),
    ):
        right.plot(numbers, _floats(rounds, column), "o-", color=colour, ms=3, label=name)
    novel = [_float(r["test"]["novel"]["macro_f1"]) for r in rounds]
    right.plot(numbers, novel, "s--", color=COLOURS[3], ms=3, label="macro-F1, novel flows")
    majority = _float(result["majority"]["macro_f1"])
    right.axhline(majority, color=_GREY, ls=":", label=f"majority macro-F1 {majority:.2f}")
    right.set(title="On test flows", xlabel="round", ylim=(0, 1.02))
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def confusion(final: Mapping[str, Any], note: str = "") -> Figure:
    """Counts, coloured by the share of each true class."""
    names, counts = final["classes"], np.array(final["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.6, 4.6))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        dark = shares[row, column] > 0.5
        axes.text(
            column, row, f"{counts[row, column]:,}\n{shares[row, column]:.1%}",
            ha="center", va="center", fontsize=8, color="white" if dark else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(title=f"Test flows{note}", xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    return figure


def gateways(owned: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Class shares of each gateway above its size, gateways sorted by their largest class."""
    shares = owned / np.maximum(owned.sum(axis=1, keepdims=True), 1)
    order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
    shown = order[np.linspace(0, len(order) - 1, min(len(order), _MOST_BARS)).astype(int)]
    figure = Figure(figsize=(9, 4.2))
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    places, base = np.arange(len(shown)), np.zeros(len(shown))
    for name, share, colour in zip(names, shares[shown].T, COLOURS, strict=False):
        top.bar(places, share, bottom=base, color=colour, label=name, width=0.9)
        base += share
    some = f", {len(shown)} of {len(order)}" if len(shown) < len(order) else ""
    top.set(title=f"What each gateway owns{some}{note}", ylabel="share of flows", ylim=(0, 1))
    top.legend(
        ncols=len(names), frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, -0.2)
    )
    bottom.bar(places, owned[shown].sum(axis=1), color=_GREY, width=0.9)
    bottom.set(ylabel="flows", xlabel="gateway", yscale="log")
    _label_gateways(bottom, shown)
    return figure


def _label_gateways(axes: Axes, shown: NDArray[np.int64]) -> None:
    step = max(len(shown) // 25, 1)
    places = np.arange(0, len(shown), step)
    axes.set_xticks(places, [str(shown[place]) for place in places], fontsize=8)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Software": None})


def _floats(rounds: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    return [_float(entry["test"][column]) for entry in rounds]


def _float(value: float | None) -> float:
    return float("nan") if value is None else value
