"""The columns of flows between whose values a distance means something."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.federated import FederatedDataset
from fednids.datasets.registry import find_dataset
from fednids.datasets.spec import Column
from partitions.skew import Features

_EVEN = ("hops",)
"""Units of columns whose values do not span decades."""


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
    """Return the ``(V,)`` values of a raw column."""
    place = dataset.flows.columns.index(column.name)
    return column.unwrapped(np.asarray(dataset.flows.raw[:, place], np.float64))


def _columns(dataset: FederatedDataset) -> tuple[Column, ...]:
    spec = find_dataset(dataset.flows.origin.dataset)
    return tuple(spec.column(name) for name in dataset.flows.columns)
