"""Flows ready for training: distinct encoded vectors, and which one each flow has.

Flows repeat: 195,146 real ones have 8,745 distinct vectors of v1's features. So what a
detector sees is stored once per vector, and a flow is a place in that table. The table
fits the processor's cache, and whether a flow is novel is a look-up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fednids.flows.table import FlowTable


@dataclass(frozen=True)
class Origin:
    """Where flows come from.

    Attributes
    ----------
    path : str
        The file, or ``"synthetic"``.
    sha256 : str
        Of the file; of the recipe for synthetic flows.
    dataset : str
        Name of the data set.
    version : str
        The feature set whose columns the file has.
    shown : str
        The feature set that a detector is shown.
    synthetic : bool
        Whether the flows were made and not measured.
    """

    path: str
    sha256: str
    dataset: str
    version: str
    shown: str
    synthetic: bool


@dataclass(frozen=True)
class PreparedFlows:
    """Encoded flows in file order.

    Attributes
    ----------
    origin : Origin
        Where they come from.
    classes : tuple[str, ...]
        Names of the data set's classes, the benign one first.
    columns : tuple[str, ...]
        Names of the ``R`` feature columns.
    features : tuple[str, ...]
        Names of the ``F`` encoded features.
    raw : ndarray
        ``(V, R) float64``, the distinct vectors of feature columns as in the file.
    vectors : ndarray
        ``(V, F) float32``, the same vectors encoded, but not scaled.
    vector : ndarray
        ``(N,) int32``, each flow's place in `vectors`.
    attack : ndarray
        ``(N,) uint8``, each flow's place in `classes`.
    source, destination : ndarray
        ``(N,) int32``, codes of each flow's hosts.
    hosts : tuple[str, ...]
        Address of each code; none where the data set has no addresses.
    """

    origin: Origin
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    features: tuple[str, ...]
    raw: NDArray[np.float64]
    vectors: NDArray[np.float32]
    vector: NDArray[np.int32]
    attack: NDArray[np.uint8]
    source: NDArray[np.int32]
    destination: NDArray[np.int32]
    hosts: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of flows."""
        return len(self.vector)

    def take(self, rows: NDArray[np.int64]) -> PreparedFlows:
        """Return the flows at ``rows``, in that order, over the same table of vectors."""
        return replace(
            self,
            vector=self.vector[rows],
            attack=self.attack[rows],
            source=self.source[rows],
            destination=self.destination[rows],
        )


def prepare_table(
    table: FlowTable, features: str, *, path: str, sha256: str, synthetic: bool = False
) -> PreparedFlows:
    """Find the distinct vectors of a table and encode them.

    Parameters
    ----------
    table : FlowTable
        Flows as read or made.
    features : str
        The feature set that a detector is shown.
    path, sha256, synthetic
        As `Origin` has them.

    Raises
    ------
    DataError
        The table has not the columns of this feature set.
    """
    columns = table.features(features, path)
    vector, first = distinct_rows(list(columns.values()))
    distinct = {name: values[first] for name, values in columns.items()}
    names, vectors = table.spec.encode(distinct)
    return PreparedFlows(
        Origin(path, sha256, table.spec.name, table.version, features, synthetic),
        table.spec.classes,
        tuple(columns),
        names,
        np.column_stack(list(distinct.values())),
        vectors,
        vector,
        table.attack,
        table.source,
        table.destination,
        table.hosts,
    )


def distinct_rows(
    columns: list[NDArray[np.float64]],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number the distinct rows in the order in which they first occur.

    Parameters
    ----------
    columns : list of ndarray
        ``(N,)`` each.

    Returns
    -------
    place, first : ndarray
        ``(N,) int32`` number of each row, and ``(V,)`` where each number first occurs.
    """
    frame = pd.DataFrame(dict(enumerate(columns)))
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    place, first = _number(hashes)
    if any(not np.array_equal(column[first][place], column) for column in columns):
        _, colliding = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
        return _number(colliding.ravel())
    return place, first


def _number(keys: NDArray[np.generic]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    place, _ = pd.factorize(keys)
    first = np.flatnonzero(~pd.Series(keys).duplicated().to_numpy())
    return place.astype(np.int32), first
