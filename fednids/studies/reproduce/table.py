"""All rows with their seeds, and what is seen in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fednids.studies.reproduce.folder import Plan, ReproductionFolder
from fednids.studies.reproduce.measured import Measured
from fednids.studies.reproduce.rows import ROWS
from fednids.studies.statistics import Interval, interval


@dataclass(frozen=True)
class Failure:
    """A process that did not end well.

    Attributes
    ----------
    name, reason, log : str
        What it ran, why it failed in one line, and the file with what it printed.
    """

    name: str
    reason: str
    log: str


@dataclass(frozen=True)
class Table:
    """What has ended.

    Attributes
    ----------
    plan : Plan
        Data and seeds.
    rows : Mapping
        By name of the row, in the order of `ROWS`: by seed, what it came to. Rows of which no
        seed has ended are not there.
    failures : Sequence of Failure
        What did not end well.
    """

    plan: Plan
    rows: Mapping[str, Mapping[int, Measured]]
    failures: Sequence[Failure] = ()

    @classmethod
    def of(cls, folder: ReproductionFolder, failures: Sequence[Failure] = ()) -> Table:
        """Read all that is kept in a folder."""
        plan = folder.plan
        rows = {
            name: {s: found for s in plan.seeds if (found := folder.kept(name, s)) is not None}
            for name in ROWS
        }
        return cls(plan, {name: found for name, found in rows.items() if found}, failures)

    @property
    def synthetic(self) -> bool:
        """Whether the flows were made and not measured."""
        return any(found.synthetic for seeds in self.rows.values() for found in seeds.values())

    def interval(self, name: str, measure: str) -> Interval:
        """Give the mean of a row over its seeds.

        Parameters
        ----------
        name : str
            Of the row.
        measure : str
            Attribute of `Measured`, or of its rates as ``novel.macro_f1``.
        """
        values = [value_of(found, measure) for found in self.rows.get(name, {}).values()]
        return interval(values, f"{name} {measure}")

    def difference(self, first: str, second: str, measure: str) -> Interval:
        """Give the mean difference of two rows, first less second, over the seeds of both."""
        ours, theirs = self.rows.get(first, {}), self.rows.get(second, {})
        values = [
            value_of(ours[seed], measure) - value_of(theirs[seed], measure)
            for seed in ours.keys() & theirs.keys()
        ]
        return interval(sorted(values), f"{first} {second} {measure}")

    def losses(self, name: str) -> list[float]:
        """Give a row's training loss of each epoch, the mean over its seeds."""
        each = [found.losses for found in self.rows.get(name, {}).values()]
        return [math.fsum(epoch) / len(epoch) for epoch in zip(*each, strict=False)]

    def to_json(self) -> dict[str, Any]:
        """Give all of it, plain."""
        rows = [
            {
                "name": name,
                "title": ROWS[name].title,
                "part": ROWS[name].part,
                "settings": dict(ROWS[name].settings),
                "seeds": {str(s): found.model_dump(mode="json") for s, found in seeds.items()},
                "mean": {m: self.interval(name, m).to_json() for m in _MEASURES},
            }
            for name, seeds in self.rows.items()
        ]
        return {
            "plan": self.plan.model_dump(mode="json"),
            "rows": rows,
            "failures": [vars(failure) for failure in self.failures],
        }


_MEASURES = (
    "all.accuracy", "all.macro_f1", "all.false_alarm_rate", "all.balanced_accuracy",
    "novel.macro_f1", "novel.false_alarm_rate", "worst_recall", "worst_macro_f1", "seconds",
)  # fmt: skip


def value_of(found: Measured, measure: str) -> float:
    """Look a measure up; NaN where the row has no such flows."""
    value: Any = found
    for name in measure.split("."):
        value = getattr(value, name)
        if value is None:
            return math.nan
    return float(value)
