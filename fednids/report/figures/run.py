"""The pictures that every run leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fednids.report.figures.confusion import confusion
from fednids.report.figures.mix import label_bars
from fednids.report.figures.rounds import RoundCurves, curves
from fednids.report.figures.style import save

if TYPE_CHECKING:
    from fednids.runs.records import ResultRecord


def draw_run(result: ResultRecord, owned: NDArray[np.int64], folder: Path) -> None:
    """Draw ``curves.png``, ``confusion.png`` and ``gateways.png`` of a finished run."""
    note = " · synthetic flows" if result.data.synthetic else ""
    final, course = result.final, RoundCurves.of(result.rounds, result.majority)
    save(curves(course, note), folder / "curves.png")
    save(confusion(final.counts().matrix, final.classes, note), folder / "confusion.png")
    save(label_bars(owned, final.classes, note), folder / "gateways.png")
