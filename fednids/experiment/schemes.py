"""Every registered scheme on the same flows, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fednids.config import Config
from fednids.errors import PartitionError
from fednids.experiment.new_folder import new_folder
from fednids.experiment.partitioning import (
    SKEW_SCHEMA,
    describe_data,
    study_partition,
    write_json,
    write_plan,
    write_sheet,
)
from partitions import PARTITIONERS
from partitions.skew import Sheet, SkewReport
from partitions.skew.study import Cell

if TYPE_CHECKING:
    from fednids.report.figures.mix import ComparedPlan

COMPARISON = "comparison.json"


@dataclass(frozen=True)
class Compared:
    """A measure in the comparison.

    Attributes
    ----------
    measure : str
        Its name in a `SkewReport`.
    title : str
        Above its bars.
    weighted : bool
        Whether gateways count by their flows.
    """

    measure: str
    title: str
    weighted: bool = True

    def of(self, report: SkewReport) -> tuple[float, float]:
        """Return the plan's value, and the mean of iid deals."""
        found = report.find(self.measure)
        if self.weighted:
            return found.weighted, found.iid_weighted
        return found.unweighted, found.iid_unweighted


MEASURED = (
    Compared("jensen_shannon", "Jensen-Shannon"),
    Compared("coverage", "class coverage", weighted=False),
    Compared("size_gini", "Gini of sizes"),
    Compared("wasserstein", "feature shift"),
)
"""What schemes are compared by."""


@dataclass(frozen=True)
class Entry:
    """What became of one scheme.

    Attributes
    ----------
    scheme : str
        Its name.
    values, iid : tuple of float
        The plan's measures, in the order of `MEASURED`, and those of iid deals of the same
        sizes; NaN where undefined or where the scheme cannot deal these flows.
    reason : str
        Why it cannot, in one line; empty where it can.
    """

    scheme: str
    values: tuple[float, ...]
    iid: tuple[float, ...]
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """All schemes on the same flows.

    Attributes
    ----------
    about : Mapping
        Data, seed, number of gateways and classes.
    entries : Sequence[Entry]
        One a scheme.
    """

    about: dict[str, Any]
    entries: Sequence[Entry]

    def sheet(self) -> Sheet:
        """Return one row a scheme."""
        names = [measure.measure for measure in MEASURED]
        columns = ("scheme", *names, *(f"iid.{name}" for name in names), "reason")
        rows: list[tuple[Cell, ...]] = [
            (each.scheme, *each.values, *each.iid, each.reason) for each in self.entries
        ]
        return Sheet(columns, tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Return what ``comparison.json`` holds."""
        return {
            "schema_version": SKEW_SCHEMA, **self.about, "schemes": self.sheet().to_json()
        }  # fmt: skip


def compare_schemes(
    settings: Mapping[str, object],
    out: Path | None,
    *,
    force: bool,
    on_scheme: Callable[[int, int, str], None],
) -> Comparison:
    """Deal the flows by every scheme with the same settings, and measure each plan.

    Parameters
    ----------
    settings : Mapping[str, object]
        Values by ``section.key``; the scheme among them does not matter, and each scheme is given
        those that it has.
    out : Path, optional
        New folder: one folder a scheme with plan and measures, and the comparison.
    force : bool
        Replace such a folder that is there.
    on_scheme : callable
        Called before each scheme with its place from 0, their number and its name.

    Raises
    ------
    RunError
        Something is at `out` already.
    DataError, ConfigError
        The flows cannot be read or split.
    PartitionError
        No scheme at all can deal them; it is the first one's.
    """
    from fednids.report.figures.mix import ComparedPlan  # Matplotlib takes most of a second

    with new_folder(out, COMPARISON, force=force) if out else nullcontext() as folder:
        entries: list[Entry] = []
        dealt: list[ComparedPlan] = []
        about: dict[str, Any] = {}
        note = ""
        schemes = PARTITIONERS.names()
        configs = [
            Config.resolve(
                {**settings, "partition.scheme": each, "partition.plan": ""}, lenient=True
            )
            for each in schemes
        ]
        for place, (scheme, config) in enumerate(zip(schemes, configs, strict=True)):
            on_scheme(place, len(schemes), scheme)
            try:
                study = study_partition(config)
            except PartitionError as error:
                nothing = (math.nan,) * len(MEASURED)
                entries.append(Entry(scheme, nothing, nothing, str(error)))
                continue
            values, iid = zip(*(measure.of(study.report) for measure in MEASURED), strict=True)
            entries.append(Entry(scheme, values, iid))
            dealt.append(ComparedPlan(scheme, study.owned, values, iid))
            note = study.note
            about = {
                "data": describe_data(study.dataset),
                "seed": config.run.seed,
                "gateways": study.dataset.gateways,
                "classes": list(study.dataset.classes),
            }
            if folder:
                (folder / scheme).mkdir()
                write_plan(study, folder / scheme)
        if not dealt:
            raise PartitionError(entries[0].reason)
        found = Comparison(about, entries)
        if folder:
            _write(found, dealt, note, folder)
        return found


def _write(found: Comparison, dealt: Sequence[ComparedPlan], note: str, folder: Path) -> None:
    from fednids.report.figures.mix import comparison
    from fednids.report.figures.style import save

    titles = [measure.title for measure in MEASURED]
    save(comparison(dealt, found.about["classes"], titles, note), folder / "comparison.png")
    write_sheet(found.sheet(), folder / "comparison.parquet")
    write_json(found.to_json(), folder / COMPARISON)
