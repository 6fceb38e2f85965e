"""Flows in memory, as read or made and before any preparation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.spec import DatasetSpec
from fednids.errors import DataError


@dataclass(frozen=True)
class FlowTable:
    """Checked flows, column by column, in file order.

    Attributes
    ----------
    spec : DatasetSpec
        Whose columns and classes these are.
    version : str
        The feature set whose columns the file has.
    numbers : Mapping[str, ndarray]
        Identifiers, times and features by column name, each ``(N,) float64``, finite.
    hosts : tuple[str, ...]
        Distinct addresses, sorted as text; none where the data set has no addresses.
    source, destination : ndarray
        ``(N,) int32``, places in `hosts`; 0 without any.
    attack : ndarray
        ``(N,) uint8``, places in the data set's classes; 0 is benign.
    """

    spec: DatasetSpec
    version: str
    numbers: Mapping[str, NDArray[np.float64]]
    hosts: tuple[str, ...]
    source: NDArray[np.int32]
    destination: NDArray[np.int32]
    attack: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of flows."""
        return len(self.attack)

    @property
    def label(self) -> NDArray[np.uint8]:
        """0 for benign flows, 1 for attacks, ``(N,) uint8``."""
        label: NDArray[np.uint8] = (self.attack != 0).astype(np.uint8)
        return label

    def features(
        self, chosen: str, where: str, setting: str = "data.features="
    ) -> dict[str, NDArray[np.float64]]:
        """Return the columns of a feature set; optional ones that the file lacks are left out.

        Parameters
        ----------
        chosen : str
            Name of the feature set.
        where, setting : str
            Name of the file, and what it was chosen by, in complaints.

        Raises
        ------
        DataError
            The file has not the columns of this set.
        """
        names = self.spec.feature_sets[chosen]
        missing = [name for name in names if name not in self.numbers]
        if any(not self.spec.column(name).optional for name in missing):
            raise DataError(
                f"expected {chosen} columns for {setting}{chosen}, got the {self.version} "
                f"file {where}; use {setting}{self.version}"
            )
        return {name: self.numbers[name] for name in names if name not in missing}

    def take(self, rows: NDArray[np.int64]) -> FlowTable:
        """Return the flows at ``rows``, in that order."""
        return replace(
            self,
            numbers={name: values[rows] for name, values in self.numbers.items()},
            source=self.source[rows],
            destination=self.destination[rows],
            attack=self.attack[rows],
        )
