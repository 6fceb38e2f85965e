"""Scores and training losses of a reproduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fednids.report.figures.style import COLOURS, GREY, PALE, styled


@styled
def macro_f1_of_rows(rows: Sequence[tuple[str, str, float, Sequence[float]]]) -> Figure:
    """Show macro-F1 of each row, a dot a seed and a bar to the mean.

    Parameters
    ----------
    rows : Sequence
        Heading, title, mean, and the value of each seed; rows of a heading come together.
    """
    figure = Figure(figsize=(9, 1.2 + 0.27 * len(rows)))
    axes = figure.subplots()
    headings = list(dict.fromkeys(heading for heading, *_ in rows))
    for place, (heading, _, mean, values) in enumerate(rows):
        colour = COLOURS[headings.index(heading) % len(COLOURS)]
        axes.barh(place, mean, color=PALE, height=0.7)
        axes.plot(values, [place] * len(values), "o", color=colour, ms=4)
    for heading in headings:
        colour = COLOURS[headings.index(heading) % len(COLOURS)]
        axes.plot([], [], "o", color=colour, ms=4, label=heading)
    axes.set_yticks(range(len(rows)), [title for _, title, *_ in rows], fontsize=8.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set(xlim=(0, 1.01), title="macro-F1 on all test flows", xlabel="macro-F1")
    figure.legend(frameon=False, fontsize=8.5, loc="outside lower center", ncols=2)
    return figure


@styled
def losses_of_rows(rows: Mapping[str, Sequence[float]], paper: tuple[float, float]) -> Figure:
    """Show training loss over epochs beside the paper's first and last.

    Parameters
    ----------
    rows : Mapping
        Losses by title, epoch after epoch.
    paper : tuple of float
        The paper's loss after the first and after the last of 20 rounds.
    """
    figure = Figure(figsize=(9, 4.2))
    axes = figure.subplots()
    for place, (title, losses) in enumerate(rows.items()):
        numbers = range(1, len(losses) + 1)
        line = "o-" if place < len(COLOURS) else "s--"
        axes.plot(numbers, losses, line, color=COLOURS[place % len(COLOURS)], ms=3, label=title)
    axes.plot([1, 20], paper, "x:", color=GREY, label="the paper, first and last")
    axes.set(title="Training loss", xlabel="epoch", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(frameon=False, fontsize=8.5, loc="outside lower center", ncols=2)
    return figure
