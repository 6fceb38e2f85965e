"""How flows are dealt to gateways: row indices and plans, NumPy only."""

from __future__ import annotations

import difflib

import numpy as np

from fednids.errors import PartitionError
from partitions.arrival import Arrival, arrived
from partitions.blocks import blocks
from partitions.families import LABEL_SCHEMES, SIZE_SCHEMES, by_label, by_size
from partitions.feature import feature
from partitions.host import host
from partitions.host_dirichlet import host_dirichlet
from partitions.iid import iid
from partitions.interface import Assignment, Labels, Partitioner, Traffic
from partitions.mixed import mixed
from partitions.noise import noise, noisy_vectors
from partitions.parameters import PartitionParameters
from partitions.plan import PartitionPlan
from partitions.skew import Skew, measure_skew

__all__ = [
    "LABEL_SCHEMES",
    "PARTITIONERS",
    "SIZE_SCHEMES",
    "Arrival",
    "Assignment",
    "Labels",
    "PartitionParameters",
    "PartitionPlan",
    "Partitioner",
    "Skew",
    "Traffic",
    "arrived",
    "deal_flows",
    "find_partitioner",
    "measure_skew",
    "noisy_vectors",
]

# How to add one:
# 1. Write `partitions/<name>.py` with one function; cite its source. One that mixes classes
#    is a `LabelScheme` and one that sets sizes a `SizeScheme`: a line in
#    `partitions.families`, and `mixed` has it too. Any other is a `Partitioner`: a line here.
#    `partitions.tables`, `repair` and `fitting` have the usual parts. A new dial is a field
#    of `PartitionParameters` and of `fednids.config.PartitionConfig`.
# 2. Add its line in `partitions/README.md`.
# 3. Run `pytest tests/contracts/test_partitioners.py`; it covers every member of this dict.
PARTITIONERS: dict[str, Partitioner] = {
    **{name: by_label(scheme) for name, scheme in LABEL_SCHEMES.items()},
    **{name: by_size(scheme) for name, scheme in SIZE_SCHEMES.items()},
    "iid": iid,
    "feature": feature,
    "noise": noise,
    "host": host,
    "host-dirichlet": host_dirichlet,
    "blocks": blocks,
    "mixed": mixed,
}
"""Partitioner of each scheme, by its name in settings."""


def find_partitioner(scheme: str) -> Partitioner:
    """Look a partitioner up by the name of its scheme.

    Raises
    ------
    PartitionError
        When there is no such scheme; names them all, and the nearest first.
    """
    if scheme in PARTITIONERS:
        return PARTITIONERS[scheme]
    near = difflib.get_close_matches(scheme.lower(), PARTITIONERS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "choose one of them"
    raise PartitionError(
        f"expected a scheme among {', '.join(PARTITIONERS)}, found {scheme!r}; {hint}"
    )


def deal_flows(
    scheme: str,
    traffic: Traffic,
    *,
    gateways: int,
    parameters: PartitionParameters,
    rng: np.random.Generator,
) -> PartitionPlan:
    """Deal flows to gateways.

    Parameters
    ----------
    scheme : str
        A key of `PARTITIONERS`.
    traffic : Traffic
        Labels of the flows, and the columns that the scheme needs.
    gateways : int
        ``K``, from 1 to ``N // max(minimum, 1)``.
    parameters : PartitionParameters
        Each scheme uses those that its partitioner names.
    rng : numpy.random.Generator
        Only source of chance; the same state gives the same plan.

    Returns
    -------
    PartitionPlan
        Every flow at one gateway, at least ``parameters.minimum`` at each.

    Raises
    ------
    PartitionError
        When the scheme is unknown, lacks a column, or the flows cannot be dealt as asked.
    """
    deal = find_partitioner(scheme)
    _check_request(len(traffic), gateways, parameters.minimum)
    return PartitionPlan(scheme, deal(traffic, gateways, rng, parameters), gateways)


def _check_request(flows: int, gateways: int, minimum: int) -> None:
    """Refuse more gateways than the flows can serve."""
    most = flows // max(minimum, 1)
    if most < 1:
        raise PartitionError(
            f"expected at least {minimum} flows, the minimum of one gateway, found "
            f"{flows}; lower the minimum or take more flows"
        )
    if not 1 <= gateways <= most:
        raise PartitionError(
            f"expected 1 to {most} gateways for {flows} flows with a minimum of "
            f"{minimum} each, found {gateways}; take fewer gateways, more flows or a lower "
            "minimum"
        )
