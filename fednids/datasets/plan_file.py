"""Plans as files: dealt once, then taken by any run on the same flows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from fednids.datasets.registry import find_dataset
from fednids.errors import PartitionError
from fednids.flows.prepared import PreparedFlows
from partitions import PartitionPlan

_PIECE = 1 << 16


def flows_digest(flows: PreparedFlows) -> str:
    """Return what tells flows from any others: SHA-256 of classes, hosts and columns, in order.

    The columns are those of the data set's first feature set. So it is the same whatever the
    file is called, however it is packed, and whichever features the detector is shown; and
    another where a run takes other flows of it.

    Parameters
    ----------
    flows : PreparedFlows
        As `fednids.flows.source.load_flows` gives them, before any noise.
    """
    sets = find_dataset(flows.origin.dataset).feature_sets
    first = next(iter(sets.values()))
    common = [k for k, name in enumerate(flows.columns) if name in first] or [
        *range(len(flows.columns))
    ]
    digest = hashlib.sha256("\n".join(flows.hosts).encode())
    for column in (flows.attack, flows.source, flows.destination):
        digest.update(np.asarray(column).tobytes())
    for start in range(0, len(flows), _PIECE):
        vector = np.asarray(flows.vector[start : start + _PIECE])
        digest.update(np.asarray(flows.raw[vector][:, common]).tobytes())
    return digest.hexdigest()


def sign_plan(plan: PartitionPlan, flows: PreparedFlows) -> PartitionPlan:
    """Note in a plan which flows it deals, so that its file fits no others."""
    return replace(plan, flows=flows_digest(flows))


def open_plan(path: Path, flows: PreparedFlows, gateways: int) -> PartitionPlan:
    """Read a plan and check that it deals these flows to so many gateways.

    Parameters
    ----------
    path : Path
        A ``plan.npz`` of `fednids partition`.
    flows : PreparedFlows
        All flows of the run, before any noise.
    gateways : int
        ``partition.gateways``.

    Raises
    ------
    PartitionError
        It is no plan, or one for other gateways or other flows.
    """
    plan = PartitionPlan.load(path)
    if plan.gateways != gateways:
        raise PartitionError(
            f"expected a plan for partition.gateways={gateways}, got {path} for "
            f"{plan.gateways}; give --gateways {plan.gateways} or make another plan"
        )
    if len(plan.assignment) != len(flows):
        raise PartitionError(
            f"expected a plan of this run's {len(flows):,} flows, got {path} of "
            f"{len(plan.assignment):,}; use the data settings that the plan was made with"
        )
    if plan.flows != flows_digest(flows):
        raise PartitionError(
            f"expected a plan of this run's flows, got {path}, made of other flows; use the "
            "data settings and the seed that the plan was made with, or make another plan"
        )
    return plan
