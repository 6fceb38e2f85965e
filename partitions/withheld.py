"""Attacks that some gateways have never seen: zero-day at the gateway, not in the fleet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import PartitionError
from fednids.metrics.counts import BENIGN
from partitions.interface import Table
from partitions.parameters import PartitionParameters
from partitions.repair import raise_within
from partitions.tables import split_equally


def withheld(
    totals: NDArray[np.int64],
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Table:
    """Keep attack classes from a share of the gateways; the rest is dealt equally.

    ``floor(share * K)`` gateways are drawn. Each of them never sees the named classes, or,
    where none is named, one attack class drawn for it, all classes being drawn as often.
    Each class is split equally among the gateways that may see it. Benign is never
    withheld.

    Parameters
    ----------
    totals : ndarray
        ``(C,) int64``, flows of each class; codes as in a data set's classes.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of who is kept from what.
    parameters : PartitionParameters
        Uses ``withheld``, ``withheld_share`` and ``minimum``. Repair gives no withheld
        class.

    Returns
    -------
    ndarray
        ``(K, C) int64``, flows of each class at each gateway.

    Raises
    ------
    PartitionError
        When there is no attack class with flows, a named one has none, nobody would be
        left to hold a class, or the minimum is out of reach.

    Notes
    -----
    A gateway that is kept from the commonest class has fewer flows than others: NF-BoT-IoT
    is 60 % DoS in the v2 sample. Withholding whole classes is how zero-day attacks are
    simulated in centralised detection; S. I. Popoola et al., "Federated Deep Learning for
    Zero-Day Botnet Attack Detection in IoT-Edge Devices", IEEE Internet of Things Journal
    9(5), 2022, doi 10.1109/JIOT.2021.3100755, do it at single edge devices. Here a share of
    any number of gateways is kept from them, and the flows all stay in the fleet.
    """
    allowed = np.ones((gateways, len(totals)), dtype=np.bool_)
    chosen = rng.permutation(gateways)[: int(parameters.withheld_share * gateways + 1e-9)]
    for gateway, codes in zip(chosen, _kept(totals, len(chosen), rng, parameters), strict=True):
        allowed[gateway, codes] = False
    nobody = np.flatnonzero((totals > 0) & ~allowed.any(axis=0))
    if len(nobody):
        raise PartitionError(
            f"expected a gateway that may see class {_name(nobody[0])}, found it withheld from "
            f"all {gateways}; lower withheld_share"
        )
    counts = split_equally(totals, allowed, rng)
    return raise_within(counts, allowed, parameters.minimum)


def _kept(
    totals: NDArray[np.int64],
    chosen: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> NDArray[np.int64]:
    """Give the classes that each chosen gateway is kept from, one row each."""
    named = [NF_BOT_IOT.classes.index(name) for name in parameters.withheld_names]
    attacks = [code for code in np.flatnonzero(totals).tolist() if code != BENIGN]
    missing = [code for code in named if code not in attacks]
    if missing or not attacks:
        what = f"class {_name(missing[0])}" if missing else "attack classes"
        raise PartitionError(
            f"expected flows of {what} to withhold, found none; name another class or take "
            "more flows"
        )
    if named:
        return np.tile(np.array(named), (chosen, 1))
    return np.resize(rng.permutation(attacks), (chosen, 1))


def _name(code: int) -> str:
    return NF_BOT_IOT.classes[code] if code < len(NF_BOT_IOT.classes) else str(code)
