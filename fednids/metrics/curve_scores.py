"""Areas under curves of every class and of attack against benign: ``curves`` of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fednids.metrics.areas import Area, mean_area, precision_recall_area, roc_area
from fednids.metrics.histograms import ScoreHistograms, Sides
from fednids.plain import as_json


@dataclass(frozen=True)
class Areas:
    """Two areas of one question.

    Attributes
    ----------
    roc : Area
        Under the ROC curve: 0.5 for scores that tell nothing, 1 for perfect ones.
    precision_recall : Area
        Average precision: the share of positives for scores that tell nothing.
    """

    roc: Area
    precision_recall: Area

    @classmethod
    def of(cls, sides: Sides) -> Areas:
        """Compute both."""
        return cls(roc_area(sides), precision_recall_area(sides))

    def to_json(self) -> dict[str, Any]:
        """Give values and bounds; None for what is undefined."""
        found: dict[str, Any] = {}
        for name, area in (("roc_auc", self.roc), ("pr_auc", self.precision_recall)):
            found |= {name: as_json(area.value), f"{name}_bounds": as_json([area.low, area.high])}
        return found


@dataclass(frozen=True)
class CurveScores:
    """Areas over one set of flows.

    Attributes
    ----------
    macro : Areas
        Means over the classes for which they are defined.
    per_class : Mapping[str, Areas]
        Each class against all others, by its name.
    binary : Areas
        Attack, the positive side, against benign, by ``1 - p(benign)``.
    """

    macro: Areas
    per_class: Mapping[str, Areas]
    binary: Areas

    @classmethod
    def of(cls, histograms: ScoreHistograms, names: Sequence[str]) -> CurveScores:
        """Compute all areas; `names` are the classes' in the order of their codes."""
        each = [Areas.of(histograms.one_vs_rest(code)) for code in range(len(names))]
        macro = Areas(
            mean_area([areas.roc for areas in each]),
            mean_area([areas.precision_recall for areas in each]),
        )
        binary = Areas.of(histograms.attack_vs_benign())
        return cls(macro, dict(zip(names, each, strict=True)), binary)

    def to_json(self) -> dict[str, Any]:
        """Give plain dicts and numbers, with NaN as None."""
        return {
            **self.macro.to_json(),
            "per_class": as_json(self.per_class),
            "binary": as_json(self.binary),
        }
