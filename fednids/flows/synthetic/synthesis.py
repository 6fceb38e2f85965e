"""Synthetic flows with the published statistics of NF-BoT-IoT v1.

What is known and kept: the class counts; for every class its 40 commonest kinds of flow
(`fednids.flows.synthetic.statistics.Template`) with their shares, and smallest, median and largest
bytes, duration and source port of each; the codes and ports of the few other flows, here
called strays; wrapped durations; that DDoS and DoS are one distribution; that nearly half
of the benign flows have feature vectors that scans have too; and roughly the order in the
file: benign and Theft flows at both ends, scans in the middle, web floods in two blocks
around them.

What is invented, because nothing was published: how values lie between their three
figures, independently of each other, and at how few levels they recur
(as `fednids.flows.synthetic.values` describes); how many ports scans come back to; the sizes of
strays; the shares of hosts, the campaigns within a block and the place of a fifth of the
benign flows.

In time a file has five blocks: benign flows and half of Theft, web floods, scans, web floods,
benign flows and the other half of Theft; the remaining benign flows lie between all of the
attacks. Web floods are cut into campaigns against one victim each, in turn DDoS from all
attackers and DoS from one of them; scans into campaigns of one attacker against all
victims. Neighbouring campaigns overlap by a fifth of their length.

Only the blocks are published, and those roughly. Which machines attack, are attacked and
serve which port is as in real rows (`fednids.flows.synthetic.statistics.Hosts`); shares per host
and all campaigns are invented.

What is missed: the few Theft transfers of 40 to 218 MB to the attacker, which no published
template has, so that the standard deviation of ``IN_BYTES`` is about 0.4 of the real one;
flags that strays alone have; most of the 131 hosts, as there are 17 here. A few flows in a
thousand agree in all columns, which in the published file none do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT, SOURCE_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import DataError
from fednids.flows.synthetic.statistics import ClassStatistics, published_statistics
from fednids.flows.synthetic.values import draw_values
from fednids.flows.table import FlowTable

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

MINIMUM_FLOWS = 5
"""Fewest flows that can be made: one of every class."""

_HANDFUL = 10
_BLOCKS = 5
_FIRST_FLOODS, _SCANS, _LAST_FLOODS = 1, 2, 3
_BENIGN_AT_ENDS = 0.8
_THEFT_FROM_END = 0.3
_OVERLAP = 0.2
_SCAN_CAMPAIGNS = 16
_FLOOD_VICTIMS = np.array([0, 1, 0, 3, 0, 2])
_LONE_ATTACKERS = np.array([1, 2, 0, 1, 2, 3])
_VICTIM_SHARES = (0.55, 0.15, 0.15, 0.15)
_COLUMNS = (SOURCE_PORT, DESTINATION_PORT, *NF_BOT_IOT.feature_sets["v1"])


def synthesise(flows: int, rng: np.random.Generator) -> FlowTable:
    """Make flows with the published statistics of NF-BoT-IoT v1.

    Parameters
    ----------
    flows : int
        How many, at least `MINIMUM_FLOWS`; 600,100 is the size of the published data.
    rng : numpy.random.Generator
        Source of all randomness: one state, one table, byte for byte.

    Returns
    -------
    FlowTable
        Version ``"v1"``, ``flows`` rows, `class_counts` of each class. Consecutive flows
        mostly belong to one campaign or to two that overlap. Only hosts that occur are
        listed.

    Raises
    ------
    DataError
        If ``flows`` is below `MINIMUM_FLOWS`.

    Notes
    -----
    The module's docstring says what is known of the real flows and what is invented.
    """
    counts = class_counts(flows)
    classes = published_statistics().classes
    drafts = [_draft(each, n, rng) for each, n in zip(classes, counts.tolist(), strict=True)]
    order = np.argsort(np.concatenate([draft.when for draft in drafts]), kind="stable")
    values = [draft.values for draft in drafts]
    numbers = {
        name: np.concatenate([each[place] for each in values])[order]
        for place, name in enumerate(_COLUMNS)
    }
    ends = np.concatenate([draft.ends for draft in drafts], axis=1)[:, order]
    used = np.flatnonzero(np.bincount(ends.ravel()))
    source, destination = np.searchsorted(used, ends).astype(np.int32)
    attack = np.repeat(np.arange(len(NF_BOT_IOT.classes), dtype=np.uint8), counts)[order]
    hosts = tuple(_addresses()[host] for host in used)
    return FlowTable(NF_BOT_IOT, "v1", numbers, hosts, source, destination, attack)


def class_counts(flows: int) -> NDArray[np.int64]:
    """Return the number of flows of each class among ``flows`` synthetic ones.

    The published shares are scaled by largest remainder, but no class gets fewer than a
    handful: a twentieth of all flows, at least 1 and at most 10.

    Parameters
    ----------
    flows : int
        How many in all, at least `MINIMUM_FLOWS`.

    Returns
    -------
    ndarray
        ``(C,) int64`` in the order of the data set's classes; the sum is ``flows``, and
        600,100 flows have the published counts.

    Raises
    ------
    DataError
        If ``flows`` is below `MINIMUM_FLOWS`.
    """
    if flows < MINIMUM_FLOWS:
        raise DataError(
            f"expected at least {MINIMUM_FLOWS:,} synthetic flows, one of every class; "
            f"got {flows:,}; ask for more flows"
        )
    published = np.array([each.flows for each in published_statistics().classes])
    handful = max(1, min(_HANDFUL, flows // 20))
    rare = published * flows < handful * published.sum()
    counts = np.full(len(published), handful)
    counts[~rare] = _largest_remainder(published[~rare], flows - int(counts[rare].sum()))
    return counts


def _largest_remainder(weights: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Share ``total`` out in proportion to ``weights``, whole and summing to it."""
    counts, remainder = np.divmod(weights * total, weights.sum())
    last = np.argsort(-remainder, kind="stable")[: total - int(counts.sum())]
    counts[last] += 1
    return counts


@dataclass(frozen=True)
class _Draft:
    """Flows of one class: ``(10, n)`` values, ``(2, n)`` host codes, ``(n,)`` places."""

    values: NDArray[np.float64]
    ends: NDArray[np.int64]
    when: NDArray[np.float64]


def _draft(figures: ClassStatistics, n: int, rng: np.random.Generator) -> _Draft:
    drawn = draw_values(figures, n, rng)
    campaigns = _draw_campaigns(figures.name, n, rng)
    ends = _draw_ends(figures.name, campaigns, drawn.service_port, drawn.reply, rng)
    return _Draft(drawn.in_order(_COLUMNS), ends, campaigns.when)


@dataclass(frozen=True)
class _Campaigns:
    """When flows are, ``(n,)``: block ``b`` of the file lies in ``[b, b + 1)``; and between whom.

    ``attacker`` and ``victim`` are ``(n,)`` places in the lists of `Hosts`.
    """

    when: _Floats
    attacker: _Ints
    victim: _Ints


@cache
def _addresses() -> tuple[str, ...]:
    """Return all addresses, sorted as text; a host's code is its place here."""
    hosts = published_statistics().hosts
    routed = {name for route in hosts.routes for name in (*route.clients, *route.servers)}
    return tuple(sorted({*hosts.attackers, *hosts.victims, *routed}))


def _draw_campaigns(class_name: str, n: int, rng: np.random.Generator) -> _Campaigns:
    """Deal ``n`` flows of one class to campaigns, in no order."""
    hosts = published_statistics().hosts
    attacker = rng.integers(len(hosts.attackers), size=n)
    victim = rng.choice(len(hosts.victims), size=n, p=_VICTIM_SHARES)
    if class_name == "Reconnaissance":
        campaign = rng.integers(_SCAN_CAMPAIGNS, size=n)
        when = _SCANS + _moment(campaign, _SCAN_CAMPAIGNS, rng)
        return _Campaigns(when, campaign % len(hosts.attackers), victim)
    if class_name in ("DDoS", "DoS"):
        return _floods(attacker, class_name == "DoS", rng)
    when = _benign_moments(n, rng) if class_name == "Benign" else _theft_moments(n, rng)
    return _Campaigns(when, attacker, victim)


def _floods(attacker: _Ints, alone: bool, rng: np.random.Generator) -> _Campaigns:
    campaign = rng.integers(len(_FLOOD_VICTIMS), size=len(attacker))
    block = np.where(rng.random(len(attacker)) < 0.5, _FIRST_FLOODS, _LAST_FLOODS)
    when = block + _moment(2 * campaign + alone, 2 * len(_FLOOD_VICTIMS), rng)
    sender = _LONE_ATTACKERS[campaign] if alone else attacker
    return _Campaigns(when, sender, _FLOOD_VICTIMS[campaign])


def _moment(campaign: _Ints, campaigns: int, rng: np.random.Generator) -> _Floats:
    """Draw a place within the block, ``[0, 1)``, in the campaign's part of it."""
    within = (1 + _OVERLAP) * rng.random(len(campaign))
    moments: _Floats = (campaign + within) / (campaigns + _OVERLAP)
    return moments


def _theft_moments(n: int, rng: np.random.Generator) -> _Floats:
    """Draw places near the first flow or near the last."""
    from_end = _THEFT_FROM_END * rng.random(n)
    return np.where(rng.random(n) < 0.5, from_end, _BLOCKS - from_end)


def _benign_moments(n: int, rng: np.random.Generator) -> _Floats:
    """Draw places in the outer blocks, or for some anywhere in the file."""
    outer = rng.random(n) + np.where(rng.random(n) < 0.5, 0, _BLOCKS - 1)
    anywhere = np.interp(rng.random(n), _block_edges(), np.arange(_BLOCKS + 1))
    return np.where(rng.random(n) < _BENIGN_AT_ENDS, outer, anywhere)


def _block_edges() -> _Floats:
    """Return the share of all flows that stands before each block, ``(6,)``."""
    benign, ddos, dos, scans, theft = (each.flows for each in published_statistics().classes)
    outer, floods = (_BENIGN_AT_ENDS * benign + theft) / 2, (ddos + dos) / 2
    edges: _Floats = np.cumsum([0.0, outer, floods, scans, floods, outer])
    edges /= edges[-1]
    return edges


def _draw_ends(
    class_name: str,
    campaigns: _Campaigns,
    service_port: _Floats,
    reply: NDArray[np.bool_],
    rng: np.random.Generator,
) -> _Ints:
    """Draw ``(2, n)`` sources and destinations, places in `_addresses`, of flows of one class.

    On ports without a route the attacker is the client.
    """
    hosts = published_statistics().hosts
    client = _codes(hosts.attackers)[campaigns.attacker]
    server = _codes(hosts.victims)[campaigns.victim]
    for route in hosts.routes:
        if route.class_name == class_name:
            places = np.flatnonzero(service_port == route.service_port)
            client[places] = rng.choice(_codes(route.clients), size=len(places))
            server[places] = rng.choice(_codes(route.servers), size=len(places))
    return np.stack([np.where(reply, server, client), np.where(reply, client, server)])


def _codes(names: tuple[str, ...]) -> _Ints:
    return np.array([_addresses().index(name) for name in names])
