"""What every picture must keep: texts apart, inside and large enough, and the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from fednids.report.figures.style import STYLE, save

CLASSES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")
NOTE = " · synthetic flows"
FLEET = np.array([899, 59186, 116903, 18135, 23])


def deal(gateways: int, classes: int = 5, alpha: float = 0.3) -> np.ndarray:
    """``(K, C)`` flows; every class is missing somewhere where there are many gateways."""
    rng = np.random.default_rng(gateways + classes)
    return np.array(
        [rng.multinomial(n, rng.dirichlet(np.full(gateways, alpha))) for n in FLEET[:classes]]
    ).T


def drawn_texts(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Each text as it lands on the picture, and where."""
    found: dict[Text, Bbox] = {}
    plain = Text.draw

    def draw(self: Text, renderer: object) -> None:
        plain(self, renderer)
        if self.get_visible() and self.get_text().strip():
            found[self] = self.get_window_extent(renderer)

    with pytest.MonkeyPatch.context() as patch, mpl.rc_context(STYLE):
        patch.setattr(Text, "draw", draw)
        FigureCanvasAgg(figure).draw()
    return list(found.items())


def check_readable(figure: Figure) -> None:
    """No text touches another, leaves the picture, or is smaller than 8 points."""
    texts, page = drawn_texts(figure), figure.bbox.padded(1)
    assert texts
    for text, box in texts:
        assert text.get_fontsize() >= 8, text
        assert page.containsx(box.x0) and page.containsx(box.x1), text  # noqa: PT018
        assert page.containsy(box.y0) and page.containsy(box.y1), text  # noqa: PT018
    level = [(text, box) for text, box in texts if text.get_rotation() % 90 == 0]
    for (one, first), (other, second) in combinations(level, 2):
        assert not first.padded(-0.5).overlaps(second.padded(-0.5)), (one, other)


def check_repeats(draw: Callable[[], Figure], folder: Path) -> None:
    """The same picture, drawn twice, gives the same file."""
    for name in ("one.png", "two.png"):
        save(draw(), folder / name)
    assert (folder / "one.png").read_bytes() == (folder / "two.png").read_bytes()


def steps(axes: object) -> list[StepPatch]:
    """The stairs of one panel, as they were drawn."""
    return [patch for patch in axes.patches if isinstance(patch, StepPatch)]  # type: ignore[attr-defined]


def title(figure: Figure) -> str:
    """What stands above the whole picture."""
    return figure.get_suptitle()
