"""What every partitioner takes and gives."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.parameters import PartitionParameters

Labels = NDArray[np.uint8]
"""Class code of each flow, ``(N,) uint8``."""

Assignment = NDArray[np.int32]
"""Gateway of each flow, ``(N,) int32``, in ``[0, K)``."""

Table = NDArray[np.int64]
"""Flows of each class at each gateway, ``(K, C) int64``."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """What partitioners may know of the flows; a scheme says what it needs beside labels.

    Attributes
    ----------
    labels : ndarray
        ``(N,) uint8``, class of each flow, at least one flow.
    vector : ndarray, optional
        ``(N,) int32``, each flow's place in `features`.
    features : ndarray, optional
        ``(V, F) float``, raw feature values of the distinct vectors.
    names : tuple[str, ...]
        Names of the ``F`` features.
    source, destination : ndarray, optional
        ``(N,) int32``, codes of each flow's hosts.
    hosts : tuple[str, ...]
        Address of each code.
    classes : tuple[str, ...]
        Names of the classes; empty where they have none.
    benign : int
        Code of the class that is no attack.

    Raises
    ------
    PartitionError
        When the labels are of another kind, or a column does not fit them.
    """

    labels: Labels
    vector: NDArray[np.int32] | None = None
    features: NDArray[np.floating[Any]] | None = None
    names: tuple[str, ...] = ()
    source: NDArray[np.int32] | None = None
    destination: NDArray[np.int32] | None = None
    hosts: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    benign: int = 0

    def __post_init__(self) -> None:
        """Refuse labels of the wrong kind, and columns of another length."""
        labels = self.labels
        if labels.ndim != 1 or labels.dtype != np.uint8 or not len(labels):
            raise PartitionError(
                "expected the class codes of at least one flow, (N,) uint8, found shape "
                f"{labels.shape} of {labels.dtype}; give the labels of the flows to deal"
            )
        for name in ("vector", "source", "destination"):
            column = getattr(self, name)
            if column is not None and column.shape != labels.shape:
                raise PartitionError(
                    f"expected {name} of shape {labels.shape} like the labels, found "
                    f"{column.shape}; give the columns of the same flows"
                )

    def __len__(self) -> int:
        """Give the number of flows ``N``."""
        return len(self.labels)

    def feature(self, name: str) -> tuple[NDArray[np.floating[Any]], NDArray[np.int32]]:
        """Give the ``(V,)`` values of a feature, and each flow's place among them.

        Raises
        ------
        PartitionError
            When there are no features, or none of that name.
        """
        if self.features is None or self.vector is None:
            raise PartitionError(
                f"expected feature columns to sort by {name!r}, found labels alone; give "
                "Traffic its vector, features and names, or choose another scheme"
            )
        if name not in self.names:
            near = difflib.get_close_matches(name.upper(), self.names, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
            raise PartitionError(
                f"expected a feature among {', '.join(self.names)}, found {name!r}; {hint}"
            )
        return self.features[:, self.names.index(name)], self.vector

    def ends(self, side: str) -> NDArray[np.int32]:
        """Give the host codes at one side of the flows, ``source`` or ``destination``.

        Raises
        ------
        PartitionError
            When there are none.
        """
        codes: NDArray[np.int32] | None = getattr(self, side)
        if codes is None:
            raise PartitionError(
                f"expected the {side} hosts of the flows, found none; give Traffic its "
                f"{side}, or choose a scheme that needs no hosts"
            )
        return codes


class Partitioner(Protocol):
    """A function that gives each flow to one gateway.

    It may rely on what `partitions.deal_flows` and `Traffic` have checked: ``N`` is at
    least 1, columns fit each other, and ``K`` is from 1 to ``N // max(minimum, 1)``. It
    gives every gateway at least ``parameters.minimum`` flows or raises
    `fednids.errors.PartitionError`, and draws from ``rng`` only.
    """

    def __call__(
        self,
        traffic: Traffic,
        gateways: int,
        rng: np.random.Generator,
        parameters: PartitionParameters,
    ) -> Assignment:
        """Give the gateway of each flow, ``(N,) int32`` in ``[0, gateways)``."""
        ...


class LabelScheme(Protocol):
    """A function that decides how many flows of each class a gateway gets.

    Which flows they are is left to chance (`partitions.families.by_label`). It may rely
    on what a `Partitioner` may, and holds the minimum itself, so that repair keeps what
    the scheme promises.
    """

    def __call__(
        self,
        totals: NDArray[np.int64],
        gateways: int,
        rng: np.random.Generator,
        parameters: PartitionParameters,
    ) -> Table:
        """Share ``totals``, ``(C,)`` flows of each class, out: ``(K, C) int64``."""
        ...


class SizeScheme(Protocol):
    """A function that decides how large gateways are; flows are random.

    `partitions.families.by_size` rounds and holds the minimum.
    """

    def __call__(
        self, gateways: int, rng: np.random.Generator, parameters: PartitionParameters
    ) -> NDArray[np.float64]:
        """Give ``(K,) float64`` shares of the flows, of sum 1."""
        ...
