"""Windows of consecutive flows, by index and never copied T times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Windows:
    """The windows of one gateway's flows in one split, one for every flow.

    The window of a flow is the flow and the ``T - 1`` before it of the same gateway and
    split, in file order; where there are fewer, the gateway's first flow is repeated. So
    every flow is labelled once, and no window crosses gateways or splits.

    Attributes
    ----------
    order : ndarray
        ``(n,) int32``, the vector of each flow in file order: a place in
        `fednids.flows.prepared.PreparedFlows.vectors`.
    labels : ndarray
        ``(n,) int32``, the class of each flow.
    """

    order: NDArray[np.int32]
    labels: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of windows, which is the number of flows."""
        return len(self.order)

    def vectors(self, ends: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
        """Look up flows near the ends of windows.

        Parameters
        ----------
        ends : ndarray
            Places of the labelled flows in `order`.
        offsets : ndarray
            How far before each end to look, at most 0; broadcast against `ends`.

        Returns
        -------
        ndarray
            Places of vectors, in the broadcast shape.
        """
        vectors: NDArray[np.int32] = self.order[np.maximum(ends + offsets, 0)]
        return vectors


@dataclass(frozen=True)
class SeparateWindows(Windows):
    """Windows that were taken out of their series, and overlap no more.

    Attributes
    ----------
    order : ndarray
        ``(n * T,) int32``: the vectors of the first window, of the second, and so on.
    labels : ndarray
        ``(n,) int32``, the class of each window's last flow.
    """

    def __len__(self) -> int:
        """Return the number of windows ``n``."""
        return len(self.labels)

    def vectors(self, ends: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int32]:
        """Look up flows of windows by the windows' numbers, which `ends` holds here."""
        length = len(self.order) // max(len(self.labels), 1)
        return super().vectors(ends * length + length - 1, offsets)
