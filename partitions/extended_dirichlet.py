"""Label skew in two steps: which classes a gateway sees, then how much of each."""

from __future__ import annotations

from functools import partial

import numpy as np

from partitions import dirichlet, pathological
from partitions.families import LabelScheme
from partitions.interface import Table, Traffic
from partitions.tables import raise_within, round_shares


class Settings(pathological.Settings, dirichlet.Settings):
    """Those of ``pathological`` and of ``dirichlet``."""


@partial(LabelScheme, strict=True)
def extended_dirichlet(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Table:
    """Allot k classes to each gateway and deal each class in Dirichlet shares to its holders.

    Classes are allotted as in ``pathological``. For class ``c`` with ``h`` holders,
    ``p_c ~ Dir_h(alpha)``. A holder's share may round to nothing, so a gateway sees at
    most k classes; a small gateway is filled with its own classes alone.

    Raises
    ------
    PartitionError
        As for ``pathological``.

    Notes
    -----
    Li and Lyu, and PFLlib's ``exdir`` after them, draw the classes of each gateway again
    until every class is covered, and the shares again until no gateway is too small. Here
    the first draw covers all classes evenly.

    References
    ----------
    Y. Li, X. Lyu, "Convergence Analysis of Sequential Federated Learning on Heterogeneous
    Data", NeurIPS 2023, appendix (Extended Dirichlet strategy).
    https://arxiv.org/abs/2311.03154
    """
    totals, each = traffic.totals, settings.classes_per_gateway
    held = pathological.allot_classes(totals, gateways, each, minimum, rng)
    counts = np.zeros(held.shape, dtype=np.int64)
    for code in np.flatnonzero(totals):
        owners = np.flatnonzero(held[:, code])
        shares = rng.dirichlet(np.full(len(owners), settings.alpha), size=1)
        counts[owners, code] = round_shares(shares, totals[[code]], rng)[:, 0]
    return raise_within(counts, held, minimum)
