"""Logits as trained, untrained and broken detectors give them, for tests of what follows."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fednids.metrics.log_odds import BINS, bins_of, log_odds


@st.composite
def scored(draw, most=60):
    """Draw logits and labels: many ties, missing classes, huge and tiny scores, no flows."""
    classes, flows = draw(st.integers(2, 5)), draw(st.integers(0, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    used = sorted(draw(st.sets(st.integers(0, classes - 1), min_size=1)))
    labels = rng.choice(used, flows)
    logits = rng.normal(size=(flows, classes)) * draw(st.sampled_from((0.0, 0.02, 1.0, 6.0, 90.0)))
    logits[np.arange(flows), labels] += draw(st.sampled_from((0.0, 0.5, 4.0, 30.0, -3.0)))
    coarse = draw(st.sampled_from((0.0, 0.5, 4.0)))
    if coarse:
        logits = np.round(logits / coarse) * coarse
    return logits.astype(np.float32), labels


def codes_of(logits):
    """Give the classes of some logits."""
    return range(logits.shape[1])


def sides_of(positives, scores):
    """Count one score by its bins, as `Sides` has it."""
    bins = bins_of(scores)
    return tuple(np.bincount(bins[side], minlength=BINS) for side in (positives, ~positives))


def score_of(logits, code):
    """Give the score of a class as scikit-learn takes it: finite, in the same order."""
    return np.clip(log_odds(logits)[:, code], -1e6, 1e6)
