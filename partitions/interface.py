"""What every partitioner takes and returns."""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.config import PartitionConfig, settings_fault
from fednids.errors import PartitionError

Labels = NDArray[np.uint8]
"""Class code of each flow, ``(N,) uint8``."""

Assignment = NDArray[np.int32]
"""Gateway of each flow, ``(N,) int32``, in ``[0, K)``."""

Table = NDArray[np.int64]
"""Flows of each class at each gateway, ``(K, C) int64``."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """What partitioners may know of the flows; a scheme refuses those without what it needs.

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
        return len(self.labels)

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        """Flows of each class, ``(C,) int64``, up to the last that has any."""
        return np.bincount(self.labels)

    def class_name(self, code: int) -> str:
        """Return a class's name; its code where it has none."""
        return self.classes[code] if code < len(self.classes) else str(code)

    def feature(self, name: str) -> tuple[NDArray[np.floating[Any]], NDArray[np.int32]]:
        """Return the ``(V,)`` values of a feature, and each flow's place among them.

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
        """Return the host codes at one side of the flows, ``source`` or ``destination``.

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
    """A function that deals each flow to one gateway.

    What it declares as the type of its argument `settings`, a subclass of
    `fednids.config.Section`, are its own settings, which stand beside ``partition.scheme``. One
    without any has `Section` itself there.
    """

    def __call__(
        self, traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Any, minimum: int
    ) -> Assignment:
        """Return the gateway of each flow.

        Parameters
        ----------
        traffic : Traffic
            What is known of the ``N`` flows, at least 1; it is not changed.
        gateways : int
            ``K``, from 1 to ``N // max(minimum, 1)``.
        rng : numpy.random.Generator
            Only source of chance.
        settings : Section
            The partitioner's own settings.
        minimum : int
            Flows that every gateway gets, at least 0.

        Returns
        -------
        ndarray
            ``(N,) int32`` in ``[0, K)``, with at least `minimum` flows for every gateway.

        Raises
        ------
        PartitionError
            The flows cannot be dealt so.
        """
        ...


def fault_of(member: object) -> str | None:
    """Return what is wrong with a partitioner from outside, or None."""
    called = getattr(member, "table", getattr(member, "shares", member))
    wanted = ["traffic", "gateways", "rng", "settings", "minimum"]
    if hasattr(member, "shares"):
        wanted = wanted[1:-1]
    try:
        found = [*inspect.signature(called).parameters]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = []
    if isinstance(member, type) or found != wanted:
        return f"expected a function of {', '.join(wanted)}, got {member!r}; see docs/extending.md"
    return settings_fault(member, PartitionConfig)
