"""Attacks that some gateways have never seen: zero-day at these gateways alone."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config import Section
from fednids.errors import PartitionError
from partitions.families import LabelScheme
from partitions.interface import Table, Traffic
from partitions.tables import raise_within, split_equally


class Settings(Section):
    """Which classes are kept from whom."""

    withheld: str = Field(
        "", description="attack classes to keep from gateways: A,B; empty draws one for each"
    )
    withheld_share: float = Field(
        0.5, ge=0, le=1, description="share of the gateways that classes are kept from"
    )


@partial(LabelScheme, strict=True)
def withheld(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Table:
    """Keep attack classes from a share of the gateways; the rest is dealt equally.

    ``floor(share * K)`` gateways are drawn. Each of them never sees the named classes, or,
    where none is named, one attack class drawn for it, all classes being drawn as often.
    Each class is split equally among the gateways that may see it. Benign is never
    withheld.

    Raises
    ------
    PartitionError
        When there is no attack class with flows, a named one has none, nobody would be
        left to hold a class, or the minimum is out of reach.

    Notes
    -----
    A gateway that is kept from the commonest class has fewer flows than others: NF-BoT-IoT
    is 60 % DoS in the v2 sample.

    References
    ----------
    S. I. Popoola et al., "Federated Deep Learning for Zero-Day Botnet Attack Detection in
    IoT-Edge Devices", IEEE Internet of Things Journal 9(5), 2022,
    doi 10.1109/JIOT.2021.3100755 (at single edge devices; here at a share of them).
    """
    totals = traffic.totals
    allowed = np.ones((gateways, len(totals)), dtype=np.bool_)
    chosen = rng.permutation(gateways)[: int(settings.withheld_share * gateways + 1e-9)]
    kept = _kept(traffic, len(chosen), rng, settings.withheld)
    for gateway, codes in zip(chosen, kept, strict=True):
        allowed[gateway, codes] = False
    nobody = np.flatnonzero((totals > 0) & ~allowed.any(axis=0))
    if len(nobody):
        raise PartitionError(
            f"expected a gateway that may see class {traffic.class_name(nobody[0])}, found it "
            f"withheld from all {gateways}; lower withheld_share"
        )
    return raise_within(split_equally(totals, allowed, rng), allowed, minimum)


def _kept(
    traffic: Traffic, chosen: int, rng: np.random.Generator, withheld: str
) -> NDArray[np.int64]:
    """Return the classes that each chosen gateway is kept from, one row each."""
    names = [name.strip() for name in withheld.split(",") if name.strip()]
    known = [name for code, name in enumerate(traffic.classes) if code != traffic.benign]
    if unknown := [name for name in names if name not in known]:
        raise PartitionError(
            f"expected withheld among {', '.join(known)}, found {unknown[0]!r}; choose one of them"
        )
    named = [traffic.classes.index(name) for name in names]
    attacks = [c for c in np.flatnonzero(traffic.totals).tolist() if c != traffic.benign]
    missing = [code for code in named if code not in attacks]
    if missing or not attacks:
        what = f"class {traffic.class_name(missing[0])}" if missing else "attack classes"
        raise PartitionError(
            f"expected flows of {what} to withhold, found none; name another class or take "
            "more flows"
        )
    if named:
        return np.tile(np.array(named), (chosen, 1))
    return np.resize(rng.permutation(attacks), (chosen, 1))
