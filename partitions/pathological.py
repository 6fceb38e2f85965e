"""Label skew at its hardest: every gateway sees exactly k classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.allotment import allot_classes
from partitions.interface import Table
from partitions.parameters import PartitionParameters
from partitions.repair import raise_within
from partitions.tables import split_equally


def pathological(
    totals: NDArray[np.int64],
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Table:
    """Give each gateway k classes and split each class equally among those that hold it.

    1. `partitions.allotment.allot_classes` draws the classes of each gateway.
    2. Each class is split among its holders, in shares that differ by at most one flow.
    3. A gateway still under the minimum takes flows of its own classes from the largest
       other holders; it never gets a further class.

    So each gateway sees exactly k classes.

    Parameters
    ----------
    totals : ndarray
        ``(C,) int64``, flows of each class.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the classes of each gateway.
    parameters : PartitionParameters
        Uses ``classes_per_gateway`` (k) and ``minimum``.

    Returns
    -------
    ndarray
        ``(K, C) int64``, flows of each class at each gateway.

    Raises
    ------
    PartitionError
        When k is above the number of classes with flows, when ``K * k`` places cannot
        cover these classes, when the flows cannot fill ``K * k`` places, or when the
        minimum is out of reach within a gateway's own classes.

    Notes
    -----
    McMahan et al. sort by label and deal two blocks to each client, which gives *up to*
    two classes. Li et al. (``#C = k``) give every party k classes and split equally, as
    here, but a class may then be held by nobody and its flows are lost; ours covers all.
    flwr-datasets' ``PathologicalPartitioner`` loses them with a warning, and draws each
    gateway's classes alone, so that a class has more or fewer holders by chance.

    References
    ----------
    H. B. McMahan et al., "Communication-Efficient Learning of Deep Networks from
    Decentralized Data", AISTATS 2017, section 3. https://arxiv.org/abs/1602.05629
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section IV-A. https://arxiv.org/abs/2102.02079
    """
    held = allot_classes(totals, gateways, rng, parameters)
    counts = split_equally(totals, held, rng)
    return raise_within(counts, held, parameters.minimum, keep=1)
