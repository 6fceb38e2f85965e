"""Flows in memory, as read or made and before any preparation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.schema import BENIGN, Version


@dataclass(frozen=True)
class FlowTable:
    """Checked flows, column by column, in file order.

    Attributes
    ----------
    version : {"v1", "v2"}
        Which schema the columns follow.
    numbers : Mapping[str, ndarray]
        Ports and features by column name, each ``(N,) float64``, finite.
    hosts : tuple[str, ...]
        Distinct addresses, sorted as text.
    source, destination : ndarray
        ``(N,) int32``, places in `hosts`.
    attack : ndarray
        ``(N,) uint8``, places in `fednids.flows.schema.CLASSES`.
    """

    version: Version
    numbers: Mapping[str, NDArray[np.float64]]
    hosts: tuple[str, ...]
    source: NDArray[np.int32]
    destination: NDArray[np.int32]
    attack: NDArray[np.uint8]

    def __len__(self) -> int:
        """Give the number of flows."""
        return len(self.attack)

    @property
    def label(self) -> NDArray[np.uint8]:
        """0 for benign flows, 1 for attacks, ``(N,) uint8``."""
        label: NDArray[np.uint8] = (self.attack != BENIGN).astype(np.uint8)
        return label

    def take(self, rows: NDArray[np.int64]) -> FlowTable:
        """Give the flows at ``rows``, in that order."""
        return FlowTable(
            self.version,
            {name: values[rows] for name, values in self.numbers.items()},
            self.hosts,
            self.source[rows],
            self.destination[rows],
            self.attack[rows],
        )
