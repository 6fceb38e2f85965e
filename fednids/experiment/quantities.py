"""The columns of flows between whose values a distance means something."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.federated import FederatedDataset
from fednids.flows.features import true_duration
from fednids.flows.schema import DURATION, FEATURES, Column, Version
from partitions.skew import Features

_EVEN = ("hops",)
"""Units of columns whose values do not span decades."""


def quantities(fleet: FederatedDataset, version: Version) -> Features:
    """Return the quantities among the flows' feature columns, each on a suitable scale.

    Codes (protocol, application, flags) are left out. Bytes, packets, rates and durations,
    which span many decades, are on a logarithmic scale; durations are unwrapped first.
    Flows of scheme ``noise`` are shown as the detector sees them, since the noise is in its
    features and not in the file's columns: the logarithmic ones.

    Parameters
    ----------
    fleet : FederatedDataset
        Flows as dealt.
    version : {"v1", "v2"}
        Whose columns ``fleet.flows.raw`` holds.
    """
    flows = fleet.flows
    vector = np.asarray(flows.vector)
    if fleet.plan.scheme == "noise":
        chosen = [place for place, name in enumerate(flows.features) if name.endswith("_log")]
        names = tuple(flows.features[place] for place in chosen)
        return Features(names, np.asarray(flows.vectors[:, chosen]), vector)
    columns = [column for column in FEATURES[version] if column.unit]
    values = np.column_stack([_values(fleet, version, column) for column in columns])
    plain = Features(tuple(column.name for column in columns), values, vector)
    even = [column.unit in _EVEN for column in columns]
    scaled = np.where(even, values, plain.logarithmic().values)
    return Features(plain.names, scaled, vector)


def quantity(fleet: FederatedDataset, version: Version, name: str) -> NDArray[np.float64]:
    """Return one column of `quantities` for figures: ``(N,) float64``, in its own unit.

    A noisy column is what the detector sees, a logarithm with noise.
    """
    flows, vector = fleet.flows, np.asarray(fleet.flows.vector)
    if name in flows.features:
        return np.asarray(flows.vectors[:, flows.features.index(name)], np.float64)[vector]
    column = next(column for column in FEATURES[version] if column.name == name)
    return _values(fleet, version, column)[vector]


def _values(fleet: FederatedDataset, version: Version, column: Column) -> NDArray[np.float64]:
    """Return the ``(V,)`` values of a raw column."""
    place = [each.name for each in FEATURES[version]].index(column.name)
    values = np.asarray(fleet.flows.raw[:, place], np.float64)
    return true_duration(values) if column.name == DURATION else values
