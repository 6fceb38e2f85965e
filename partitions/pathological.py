"""Label skew at its hardest: every gateway sees exactly k classes."""

from __future__ import annotations

from functools import partial

import numpy as np
from pydantic import Field

from fednids.config import Section
from partitions.allotment import allot_classes
from partitions.families import LabelScheme
from partitions.interface import Table, Traffic
from partitions.repair import raise_within
from partitions.tables import split_equally


class Settings(Section):
    """How many classes a gateway sees."""

    classes_per_gateway: int = Field(2, ge=1, description="classes that a gateway sees (k)")


@partial(LabelScheme, strict=True)
def pathological(
    traffic: Traffic,
    gateways: int,
    rng: np.random.Generator,
    settings: Settings,
    minimum: int,
) -> Table:
    """Give each gateway k classes and split each class equally among those that hold it.

    1. `partitions.allotment.allot_classes` draws the classes of each gateway.
    2. Each class is split among its holders, in shares that differ by at most one flow.
    3. A gateway still under the minimum takes flows of its own classes from the largest
       other holders; it never gets a further class.

    So each gateway sees exactly k classes.

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
    each = settings.classes_per_gateway
    held = allot_classes(traffic.totals, gateways, each, minimum, rng)
    counts = split_equally(traffic.totals, held, rng)
    return raise_within(counts, held, minimum, keep=1)
