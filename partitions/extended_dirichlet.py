"""Label skew in two steps: which classes a gateway sees, then how much of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.allotment import allot_classes
from partitions.interface import Table
from partitions.parameters import PartitionParameters
from partitions.repair import raise_within
from partitions.tables import round_shares


def extended_dirichlet(
    totals: NDArray[np.int64],
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Table:
    """Give each gateway k classes and deal each class in Dirichlet shares to its holders.

    Classes are allotted as in ``pathological``. For class ``c`` with ``h`` holders,
    ``p_c ~ Dir_h(alpha)``. A holder's share may round to nothing, so a gateway sees at
    most k classes; repair takes from a gateway's own classes alone.

    Parameters
    ----------
    totals : ndarray
        ``(C,) int64``, flows of each class.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the classes and of the shares.
    parameters : PartitionParameters
        Uses ``classes_per_gateway`` (k), ``alpha`` and ``minimum``.

    Returns
    -------
    ndarray
        ``(K, C) int64``, flows of each class at each gateway.

    Raises
    ------
    PartitionError
        As for ``pathological``.

    Notes
    -----
    Li and Lyu, and PFLlib's ``exdir`` after them, draw the classes of each gateway again
    until every class is covered, and the shares again until no gateway is too small. Here
    the first draw covers all classes evenly, and small gateways are filled.

    References
    ----------
    Y. Li, X. Lyu, "Convergence Analysis of Sequential Federated Learning on Heterogeneous
    Data", NeurIPS 2023, appendix (Extended Dirichlet strategy).
    https://arxiv.org/abs/2311.03154
    """
    held = allot_classes(totals, gateways, rng, parameters)
    counts = np.zeros(held.shape, dtype=np.int64)
    for code in np.flatnonzero(totals):
        owners = np.flatnonzero(held[:, code])
        shares = rng.dirichlet(np.full(len(owners), parameters.alpha), size=1)
        counts[owners, code] = round_shares(shares, totals[[code]], rng)[:, 0]
    return raise_within(counts, held, parameters.minimum)
