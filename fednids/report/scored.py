"""The histograms of scores that a run ended with, as the report reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.errors import RunError
from fednids.metrics.histograms import ScoreHistograms, Sides
from fednids.metrics.log_odds import BINS
from fednids.metrics.reliability import GRADES
from fednids.runs.job import SCORES


@dataclass(frozen=True, eq=False)
class Scored:
    """What ``scores.json`` says of the test flows.

    Attributes
    ----------
    classes : tuple[str, ...]
        Names in the order of the codes, benign first.
    histograms : ScoreHistograms
        Of all test flows.
    grades : ndarray
        ``(3, G) int64``, as in `fednids.metrics.reliability.Reliability`.
    """

    classes: tuple[str, ...]
    histograms: ScoreHistograms
    grades: NDArray[np.int64]

    def sides(self) -> dict[str, Sides]:
        """Give attack against benign, then each class against the rest, with flows of both."""
        found = {"attack against benign": self.histograms.attack_vs_benign()}
        for code, name in enumerate(self.classes if len(self.classes) > 2 else ()):
            found[f"{name} against the rest"] = self.histograms.one_vs_rest(code)
        return {n: s for n, s in found.items() if s.positives.any() and s.negatives.any()}


def read_scored(folder: Path) -> Scored | None:
    """Read a run's scores; None where it has none: it stopped, or is older than they are.

    Raises
    ------
    RunError
        They are damaged.
    """
    path = folder / SCORES
    if not path.is_file():
        return None
    try:
        return _scored(json.loads(path.read_text(encoding="utf-8"))["test"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"expected histograms of scores in {path}, got something else "
            f"({type(error).__name__}: {reason}); remove the file, or start the run again"
        ) from None


def _scored(found: dict[str, Any]) -> Scored:
    classes = tuple(str(name) for name in found["classes"])
    size = len(classes)
    counts = _counts(found["histograms"], (size, size, BINS))
    return Scored(classes, ScoreHistograms(counts), _counts(found["reliability"], (3, GRADES)))


def _counts(found: Any, shape: tuple[int, ...]) -> NDArray[np.int64]:
    counts = np.array(found)
    if counts.shape != shape or counts.dtype.kind not in "iu" or counts.min(initial=0) < 0:
        raise ValueError(f"{counts.dtype} of shape {counts.shape}, not counts of shape {shape}")
    return counts.astype(np.int64)
