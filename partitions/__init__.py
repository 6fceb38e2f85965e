"""How flows are dealt to gateways: row indices and plans, NumPy only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from fednids.config import PartitionConfig, Section
from fednids.errors import PartitionError
from fednids.extensions import PARTITIONERS
from partitions.arrival import Arrival, arrived
from partitions.families import LabelScheme, Shares, SizeScheme
from partitions.interface import Assignment, Labels, Partitioner, Table, Traffic
from partitions.plan import PartitionPlan
from partitions.skew import Skew, measure_skew

__all__ = [
    "PARTITIONERS",
    "Arrival",
    "Assignment",
    "LabelScheme",
    "Labels",
    "PartitionPlan",
    "Partitioner",
    "Shares",
    "SizeScheme",
    "Skew",
    "Table",
    "Traffic",
    "arrived",
    "deal_flows",
    "measure_skew",
]

# How to add one:
# 1. Write `partitions/<name>.py` with one function and the settings that it reads; cite its
#    source. One that mixes classes is a `LabelScheme` and one that sets sizes a `SizeScheme`:
#    `mixed` joins these. `partitions.tables` and `fitting` have the usual parts.
# 2. Add its line in `fednids.extensions.PARTITIONERS` and in `partitions/README.md`.
# 3. Run `pytest tests/contracts/test_partitioners.py`; it covers every member.
# docs/extending.md says how to do it in a file outside the package.


_NONE: Mapping[str, object] = MappingProxyType({})


def deal_flows(
    scheme: str,
    traffic: Traffic,
    *,
    gateways: int,
    rng: np.random.Generator,
    settings: Section | Mapping[str, object] = _NONE,
    minimum: int = 10,
) -> PartitionPlan:
    """Deal flows to gateways.

    Parameters
    ----------
    scheme : str
        Name of a partitioner.
    traffic : Traffic
        Labels of the flows, and the columns that the scheme needs.
    gateways : int
        ``K``, from 1 to ``N // max(minimum, 1)``.
    rng : numpy.random.Generator
        Only source of chance; the same state gives the same plan.
    settings : Section or Mapping
        The scheme's own, as ``PartitionConfig.settings`` holds them or by name; defaults for
        those left out.
    minimum : int
        Flows that every gateway gets, at least 0.

    Returns
    -------
    PartitionPlan
        Every flow at one gateway, at least `minimum` at each.

    Raises
    ------
    ConfigError
        When there is no such scheme, or a setting is none of its own or out of range.
    PartitionError
        When the scheme lacks a column, the flows cannot be dealt so, or it returns
        something else than a `Partitioner` must.
    """
    deal: Partitioner = PARTITIONERS.find(scheme)
    _check_request(len(traffic), gateways, minimum)
    if not isinstance(settings, Section):
        settings = PartitionConfig.read({**settings, "scheme": scheme}).settings
    assignment = np.asarray(deal(traffic, gateways, rng, settings, minimum))
    plan = PartitionPlan(scheme, assignment, gateways)
    least = int(plan.sizes().min())
    if assignment.shape != traffic.labels.shape or least < minimum:
        raise PartitionError(
            f"expected partitioner {scheme} to deal {len(traffic)} flows, {minimum} or more to a "
            f"gateway, found {len(assignment)}, {least} at one; correct the partitioner"
        )
    return plan


def _check_request(flows: int, gateways: int, minimum: int) -> None:
    if minimum < 0:
        raise PartitionError(
            f"expected minimum of 0 or more, found {minimum}; take 0 to let gateways be empty"
        )
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
