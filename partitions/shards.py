"""Label skew by shards: flows sorted by class, cut up, a few pieces for each gateway."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fednids.config import Section
from partitions.families import LabelScheme
from partitions.interface import Table, Traffic
from partitions.tables import equal_sizes


class Settings(Section):
    """How many pieces there are."""

    shards_per_gateway: int = Field(
        2, ge=1, description="pieces of the flows sorted by class for a gateway"
    )


@LabelScheme
def shards(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Table:
    """Cut the flows sorted by class into ``K * s`` shards and deal s to each gateway.

    A shard within one class has one class, so most gateways have at most s; one that spans
    a border has more. Sizes of gateways differ by at most one flow, those of shards by at
    most two: a gateway's odd flow goes to one of its shards. So any minimum is met.

    Notes
    -----
    As McMahan et al. for MNIST, whose classes are alike in size. On NF-BoT-IoT 90 % of the
    flows are of two classes, so with s = 2 most gateways see one or two of these alone.
    flwr-datasets' ``ShardPartitioner`` leaves out what equal shards leave over.

    References
    ----------
    H. B. McMahan et al., "Communication-Efficient Learning of Deep Networks from
    Decentralized Data", AISTATS 2017, section 3. https://arxiv.org/abs/1602.05629
    """
    totals, each = traffic.totals, settings.shards_per_gateway
    owners = rng.permutation(np.repeat(np.arange(gateways), each))
    sizes = equal_sizes(len(traffic), gateways, rng)
    turn = np.empty(len(owners), dtype=np.int64)
    turn[np.argsort(owners, kind="stable")] = np.tile(np.arange(each), gateways)
    lengths = (sizes[owners] + turn) // each
    cuts = np.concatenate(([0], np.cumsum(lengths)))
    borders = np.cumsum(totals)
    below = np.minimum(cuts[:, None], borders) - np.minimum(cuts[:, None], borders - totals)
    counts = np.zeros((gateways, len(totals)), dtype=np.int64)
    np.add.at(counts, owners, np.diff(below, axis=0))
    return counts
