"""Who sends a synthetic flow to whom, and where in the file it stands.

The file has five blocks: benign flows and half of Theft, web floods, scans, web floods,
benign flows and the other half of Theft; the remaining benign flows lie between all of the
attacks. Web floods are cut into campaigns against one victim each, in turn DDoS from all
attackers and DoS from one of them; scans into campaigns of one attacker against all
victims. Neighbouring campaigns overlap by a fifth of their length.

Only the blocks are published, and those roughly. Which machines attack, are attacked and
serve which port is as in real rows (`fednids.flows.synthetic.statistics.Hosts`); shares per host
and all campaigns are invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fednids.flows.synthetic.statistics import published_statistics

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

_BLOCKS = 5
_FIRST_FLOODS, _SCANS, _LAST_FLOODS = 1, 2, 3
_BENIGN_AT_ENDS = 0.8
_THEFT_FROM_END = 0.3
_OVERLAP = 0.2
_SCAN_CAMPAIGNS = 16
_FLOOD_VICTIMS = np.array([0, 1, 0, 3, 0, 2])
_LONE_ATTACKERS = np.array([1, 2, 0, 1, 2, 3])
_VICTIM_SHARES = (0.55, 0.15, 0.15, 0.15)


@dataclass(frozen=True)
class Campaigns:
    """What the campaigns of ``n`` flows say about each of them.

    Attributes
    ----------
    when : ndarray
        ``(n,) float64``, place in the file: block ``b`` lies in ``[b, b + 1)``.
    attacker, victim : ndarray
        ``(n,) int64``, places in `fednids.flows.synthetic.statistics.Hosts`'s lists.
    """

    when: _Floats
    attacker: _Ints
    victim: _Ints


@cache
def addresses() -> tuple[str, ...]:
    """Return all addresses, sorted as text; a host's code is its place here."""
    hosts = published_statistics().hosts
    routed = {name for route in hosts.routes for name in (*route.clients, *route.servers)}
    return tuple(sorted({*hosts.attackers, *hosts.victims, *routed}))


def draw_campaigns(class_name: str, n: int, rng: np.random.Generator) -> Campaigns:
    """Deal flows of one class to campaigns.

    Parameters
    ----------
    class_name : str
        One of `fednids.datasets.nf_bot_iot.NF_BOT_IOT`.
    n : int
        How many flows.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Campaigns
        Of the flows, in no order.
    """
    hosts = published_statistics().hosts
    attacker = rng.integers(len(hosts.attackers), size=n)
    victim = rng.choice(len(hosts.victims), size=n, p=_VICTIM_SHARES)
    if class_name == "Reconnaissance":
        campaign = rng.integers(_SCAN_CAMPAIGNS, size=n)
        when = _SCANS + _moment(campaign, _SCAN_CAMPAIGNS, rng)
        return Campaigns(when, campaign % len(hosts.attackers), victim)
    if class_name in ("DDoS", "DoS"):
        return _floods(attacker, class_name == "DoS", rng)
    when = _benign_moments(n, rng) if class_name == "Benign" else _theft_moments(n, rng)
    return Campaigns(when, attacker, victim)


def _floods(attacker: _Ints, alone: bool, rng: np.random.Generator) -> Campaigns:
    campaign = rng.integers(len(_FLOOD_VICTIMS), size=len(attacker))
    block = np.where(rng.random(len(attacker)) < 0.5, _FIRST_FLOODS, _LAST_FLOODS)
    when = block + _moment(2 * campaign + alone, 2 * len(_FLOOD_VICTIMS), rng)
    sender = _LONE_ATTACKERS[campaign] if alone else attacker
    return Campaigns(when, sender, _FLOOD_VICTIMS[campaign])


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


def draw_ends(
    class_name: str,
    campaigns: Campaigns,
    service_port: _Floats,
    reply: NDArray[np.bool_],
    rng: np.random.Generator,
) -> _Ints:
    """Draw the source and the destination of flows of one class.

    Parameters
    ----------
    class_name : str
        One of `fednids.datasets.nf_bot_iot.NF_BOT_IOT`.
    campaigns : Campaigns
        Of the flows: on ports without a route the attacker is the client.
    service_port : ndarray
        ``(n,) float64``, the server's port.
    reply : ndarray
        ``(n,) bool``, whether the server is the source.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    ndarray
        ``(2, n) int64``, codes of source and destination, places in `addresses`.
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
    return np.array([addresses().index(name) for name in names])
