"""A plan with its measures: dealt as a run deals, studied, and written to a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.plan_file import sign_plan
from fednids.datasets.registry import find_dataset
from fednids.datasets.spec import Column
from fednids.experiment.new_folder import new_folder
from fednids.runs.layout import CONFIG
from fednids.seeding import Stream, generator
from partitions.skew import DISTANCES, Features, Sheet, SkewReport, label_pairs, study_skew

PLAN, SKEW = "plan.npz", "skew.json"
SUMMARY, GATEWAYS = "summary.parquet", "gateways.parquet"
PARTITION_MARK = SKEW
"""What every folder of a plan holds."""

SKEW_SCHEMA = 1
SHIFTED = 3
"""Features that are drawn: those that shift most."""

_MOST_PAIRED = 2000
"""Gateways up to which all pairs are drawn; a matrix of as many takes a quarter of a GB."""

_YARDSTICK = 2
"""Place of the iid deals in `Stream.PARTITION`."""

_EVEN = ("hops",)
"""Units of columns whose values do not span decades."""


@dataclass(frozen=True)
class PlanStudy:
    """A fleet and what its plan measures.

    Attributes
    ----------
    config : Config
        Settings that deal it.
    dataset : FederatedDataset
        The flows, dealt.
    report : SkewReport
        Every measure beside its yardstick.
    """

    config: Config
    dataset: FederatedDataset
    report: SkewReport

    @property
    def owned(self) -> NDArray[np.int64]:
        """Flows of each class at each gateway, ``(K, C) int64``."""
        labels = self.dataset.labels.astype(np.uint8)
        return self.dataset.plan.label_counts(labels, len(self.dataset.classes))

    @property
    def note(self) -> str:
        """What has to stand behind the title of a picture."""
        return " · synthetic flows" if self.dataset.flows.origin.synthetic else ""

    def to_json(self) -> dict[str, Any]:
        """Return what ``skew.json`` holds."""
        return {
            "schema_version": SKEW_SCHEMA,
            "data": describe_data(self.dataset),
            "seed": self.config.run.seed,
            "fingerprint": self.dataset.plan.fingerprint,
            "gateways_count": self.dataset.gateways,
            "settings": self.config.flat(),
            **self.report.to_json(),
        }


def describe_data(dataset: FederatedDataset) -> dict[str, Any]:
    """Return which flows were dealt, as in ``result.json``."""
    origin = dataset.flows.origin
    return {
        "path": origin.path,
        "sha256": origin.sha256,
        "flows": len(dataset.flows),
        "synthetic": origin.synthetic,
    }


def study_partition(config: Config) -> PlanStudy:
    """Deal the flows as every arm does with these settings, and measure the plan.

    Parameters
    ----------
    config : Config
        Settings; those of data, partition and the seed matter.

    Raises
    ------
    PartitionError
        The scheme is unknown, found before any flow is read, or cannot deal these flows.
    DataError, ConfigError
        As from `FederatedDataset.open`.
    """
    dataset = FederatedDataset.open(config)
    report = study_skew(
        dataset.plan,
        dataset.labels.astype(np.uint8),
        classes=dataset.classes,
        features=quantities(dataset),
        rng=generator(config.run.seed, Stream.PARTITION, _YARDSTICK),
    )
    return PlanStudy(config, dataset, report)


def write_partition(study: PlanStudy, out: Path, *, force: bool) -> None:
    """Write plan, settings, measures and pictures to a new folder.

    Raises
    ------
    RunError
        Something is there already.
    """
    with new_folder(out, PARTITION_MARK, force=force) as folder:
        write_plan(study, folder)
        draw_plan(study, folder)


def draw_plan(study: PlanStudy, folder: Path) -> None:
    """Draw class mixes, seen classes, sizes, pairwise distances and the largest shifts.

    Parameters
    ----------
    study : PlanStudy
        What is drawn.
    folder : Path
        Where ``labels.png``, ``heatmap.png``, ``sizes.png``, ``distances.png`` and a
        ``shift-FEATURE.png`` each go.
    """
    from fednids.report.figures.distances import distance_matrix  # Matplotlib takes a while
    from fednids.report.figures.heatmap import heatmap
    from fednids.report.figures.mix import label_bars
    from fednids.report.figures.ridgelines import ridgelines
    from fednids.report.figures.sizes import size_curve
    from fednids.report.figures.style import save

    owned, classes, note, plan = study.owned, study.dataset.classes, study.note, study.dataset.plan
    save(label_bars(owned, classes, note), folder / "labels.png")
    save(heatmap(owned, classes, note), folder / "heatmap.png")
    save(size_curve(plan.sizes(), note), folder / "sizes.png")
    if 1 < len(owned) <= _MOST_PAIRED:
        pairs = label_pairs(owned, DISTANCES["jensen_shannon"])
        measure = "Jensen-Shannon divergence of class mixes"
        save(distance_matrix(pairs, measure, highest=1.0, note=note), folder / "distances.png")
    for name in most_shifted(study):
        values = read_quantity(study.dataset, name)
        save(ridgelines(values, plan.assignment, name, note), folder / f"shift-{name}.png")


def most_shifted(study: PlanStudy, most: int = SHIFTED) -> tuple[str, ...]:
    """Return the features of the largest earth mover's distance, weighted by flows."""
    prefix = "wasserstein."
    found = [row for row in study.report.summary if row.measure.startswith(prefix)]
    order = np.argsort([-row.weighted for row in found], kind="stable")
    return tuple(found[place].measure.removeprefix(prefix) for place in order[:most])


def write_plan(study: PlanStudy, folder: Path) -> None:
    """Write all but the pictures to a folder that is there."""
    sign_plan(study.dataset.plan, study.dataset.flows).save(folder / PLAN)
    (folder / CONFIG).write_text(study.config.to_toml(), encoding="utf-8")
    write_sheet(study.report.summary_sheet(), folder / SUMMARY)
    write_sheet(study.report.gateways, folder / GATEWAYS)
    write_json(study.to_json(), folder / SKEW)


def quantities(dataset: FederatedDataset) -> Features:
    """Return the quantities among the flows' feature columns, each on a suitable scale.

    Codes (protocol, application, flags) are left out. Bytes, packets, rates and durations,
    which span many decades, are on a logarithmic scale; durations are unwrapped first.
    Flows of scheme ``noise`` are shown as the detector sees them, since the noise is in its
    features and not in the file's columns: the logarithmic ones.

    Parameters
    ----------
    dataset : FederatedDataset
        Flows as dealt.
    """
    flows = dataset.flows
    vector = np.asarray(flows.vector)
    if dataset.plan.scheme == "noise":
        chosen = [place for place, name in enumerate(flows.features) if name.endswith("_log")]
        names = tuple(flows.features[place] for place in chosen)
        return Features(names, np.asarray(flows.vectors[:, chosen]), vector)
    columns = [column for column in _columns(dataset) if column.unit]
    values = np.column_stack([_values(dataset, column) for column in columns])
    plain = Features(tuple(column.name for column in columns), values, vector)
    even = [column.unit in _EVEN for column in columns]
    scaled = np.where(even, values, plain.logarithmic().values)
    return Features(plain.names, scaled, vector)


def read_quantity(dataset: FederatedDataset, name: str) -> NDArray[np.float64]:
    """Return one column of `quantities` for figures: ``(N,) float64``, in its own unit.

    A noisy column is what the detector sees, a logarithm with noise.
    """
    flows, vector = dataset.flows, np.asarray(dataset.flows.vector)
    if name in flows.features:
        return np.asarray(flows.vectors[:, flows.features.index(name)], np.float64)[vector]
    column = next(column for column in _columns(dataset) if column.name == name)
    return _values(dataset, column)[vector]


def _values(dataset: FederatedDataset, column: Column) -> NDArray[np.float64]:
    place = dataset.flows.columns.index(column.name)
    return column.unwrapped(np.asarray(dataset.flows.raw[:, place], np.float64))


def _columns(dataset: FederatedDataset) -> tuple[Column, ...]:
    spec = find_dataset(dataset.flows.origin.dataset)
    return tuple(spec.column(name) for name in dataset.flows.columns)


def write_sheet(sheet: Sheet, path: Path) -> None:
    """Write a table as Parquet, one column a column."""
    columns = zip(*sheet.rows, strict=True)
    pq.write_table(pa.table(dict(zip(sheet.columns, map(list, columns), strict=True))), path)


def write_json(record: Mapping[str, Any], path: Path) -> None:
    """Write JSON for people and machines; NaN is refused, null stands for it."""
    path.write_text(json.dumps(record, indent=2, allow_nan=False), encoding="utf-8")
