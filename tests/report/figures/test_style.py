"""Colours can be told apart, writing can be read, and nobody else's style changes."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from picture_checks import CLASSES, deal

from fednids.report.figures.mix import label_bars
from fednids.report.figures.style import COLOURS, GREY, PALE, ink, luminance

# Machado, Oliveira and Fernandes (2009), severity 1, over linear RGB.
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopes": np.array(
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    ),
    "deuteranopes": np.array(
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    ),
    "tritanopes": np.array(
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]
    ),
}


@pytest.mark.parametrize("who", SEEN_BY)
def test_classes_can_be_told_apart_by(who: str) -> None:
    linear = np.array([to_rgb(colour) for colour in COLOURS]) ** 2.2
    seen = np.clip(linear @ SEEN_BY[who].T, 0, 1) ** (1 / 2.2)
    least = 0.1 if who == "tritanopes" else 0.18  # one in ten thousand, against one in twenty-five
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(one - other) > least


@pytest.mark.parametrize("name", ["viridis", "cividis", "Blues"])
def test_writing_stands_out_from_every_colour_of_a_scale(name: str) -> None:
    for colour in mpl.colormaps[name](np.linspace(0, 1, 256)):
        assert abs(luminance(ink(colour[:3])) - luminance(colour[:3])) >= 0.45


def test_what_is_no_class_is_grey() -> None:
    for grey in (GREY, PALE):
        assert len(set(to_rgb(grey))) == 1
    assert 1 - luminance(GREY) > 0.45


def test_drawing_leaves_the_callers_style_alone() -> None:
    with mpl.rc_context({"font.size": 23}):
        before = dict(mpl.rcParams)
        label_bars(deal(3), CLASSES)
        assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("module", ["fednids.runs.job", "fednids.cli"])
def test_nothing_draws_before_there_is_something_to_draw(module: str) -> None:
    code = f"import sys, {module}; print([n for n in sys.modules if n.startswith('matplotlib')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
