"""How flows are dealt to gateways: row indices and plans, NumPy only."""

from __future__ import annotations

import difflib

import numpy as np

from fednids.errors import PartitionError
from partitions.dirichlet import dirichlet
from partitions.iid import iid
from partitions.interface import Assignment, Labels, Partitioner, PartitionParameters
from partitions.pathological import pathological
from partitions.plan import PartitionPlan
from partitions.quantity import quantity
from partitions.skew import Skew, measure_skew

__all__ = [
    "PARTITIONERS",
    "Assignment",
    "Labels",
    "PartitionParameters",
    "PartitionPlan",
    "Partitioner",
    "Skew",
    "deal_flows",
    "find_partitioner",
    "measure_skew",
]

# How to add one:
# 1. Write `partitions/<name>.py` with one function of the shape `partitions.interface.
#    Partitioner`; cite its source. A new parameter is a new field of `PartitionParameters`.
#    `partitions.tables` and `partitions.repair` have the usual parts.
# 2. Add its line here and in `partitions/README.md`.
# 3. Run `pytest tests/contracts/test_partitioners.py`; it covers every member of this dict.
PARTITIONERS: dict[str, Partitioner] = {
    "iid": iid,
    "dirichlet": dirichlet,
    "quantity": quantity,
    "pathological": pathological,
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
    labels: Labels,
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
    labels : ndarray
        ``(N,) uint8``, class of each flow.
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
        When the scheme is unknown, or the flows cannot be dealt as asked.
    """
    deal = find_partitioner(scheme)
    _check_request(labels, gateways, parameters.minimum)
    return PartitionPlan(scheme, deal(labels, gateways, rng, parameters), gateways)


def _check_request(labels: Labels, gateways: int, minimum: int) -> None:
    """Refuse labels of the wrong kind, and more gateways than the flows can serve."""
    if labels.ndim != 1 or labels.dtype != np.uint8 or not len(labels):
        raise PartitionError(
            "expected the class codes of at least one flow, (N,) uint8, found shape "
            f"{labels.shape} of {labels.dtype}; give the labels of the training flows"
        )
    most = len(labels) // max(minimum, 1)
    if most < 1:
        raise PartitionError(
            f"expected at least {minimum} flows, the minimum of one gateway, found "
            f"{len(labels)}; lower the minimum or take more flows"
        )
    if not 1 <= gateways <= most:
        raise PartitionError(
            f"expected 1 to {most} gateways for {len(labels)} flows with a minimum of "
            f"{minimum} each, found {gateways}; take fewer gateways, more flows or a lower "
            "minimum"
        )
