"""The pictures that every run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.report.figures.confusion import confusion
from fednids.report.figures.curves import curves
from fednids.report.figures.labels import label_bars
from fednids.report.figures.style import save


def draw_run(result: Mapping[str, Any], owned: NDArray[np.int64], folder: Path) -> None:
    """Draw all pictures of a finished run.

    Parameters
    ----------
    result : Mapping
        As in ``result.json``.
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway.
    folder : Path
        Where ``curves.png``, ``confusion.png`` and ``gateways.png`` go.
    """
    note = " · synthetic flows" if result["data"]["synthetic"] else ""
    save(curves(result, note), folder / "curves.png")
    save(confusion(result["final"], note), folder / "confusion.png")
    save(label_bars(owned, result["final"]["classes"], note), folder / "gateways.png")
