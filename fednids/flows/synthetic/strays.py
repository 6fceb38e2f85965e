"""Strays: the synthetic flows of a class that are of none of its published templates.

What is known of them is what the templates leave of the class's shares of protocols,
applications, flags and ports. Each is modelled on a template, preferably a rare one; how
often on which is raked so that their codes have those shares. An application that no
template has takes the place of one with the same master code, or else of an unknown one;
flags that no template has are left out. Sizes are invented: packets are scaled by up to
two either way, and bytes and time with them, up to the largest that were seen. Flows to
the web port 8080, which no template has, are answered in full, as the real ones are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT, DURATION
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.flows.synthetic.statistics import ClassStatistics

_Floats = NDArray[np.float64]

PROTOCOL, L7_PROTO, IN_BYTES, OUT_BYTES, IN_PKTS, OUT_PKTS, TCP_FLAGS, _ = NF_BOT_IOT.feature_sets[
    "v1"
]

SECOND_WEB_PORT = 8080
"""A destination port that benign strays have and no template."""

_RAKINGS = 100
_WRAP = 4_294_967
_ACTIVE_TIMEOUT = 120_000
_BARE_PACKET = 60
_WEB_PORT = 80


def stray_shares(figures: ClassStatistics) -> _Floats:
    """Return how often each template of a class is the model of a stray.

    Parameters
    ----------
    figures : ClassStatistics
        Published figures of the class.

    Returns
    -------
    ndarray
        ``(t,) float64``, at least 0 and summing to 1, in the order of the templates.
    """
    kinds = figures.templates
    shares: _Floats = np.array([1 / kind.rows for kind in kinds])
    masters = _masters(figures)
    margins = (
        _margin(np.array([kind.protocol for kind in kinds]), figures.left(PROTOCOL)),
        _margin(np.array([kind.tcp_flags for kind in kinds]), figures.left(TCP_FLAGS)),
        _margin(
            np.array([_family(kind.l7_proto, masters) for kind in kinds]),
            _by_family(figures.left(L7_PROTO), masters),
        ),
    )
    for _raking in range(_RAKINGS):
        for member, wanted in margins:
            have = member @ shares
            shares *= np.divide(wanted, have, out=np.zeros_like(have), where=have > 0) @ member
        shares /= shares.sum()
    return shares


def vary(
    models: Mapping[str, _Floats], figures: ClassStatistics, rng: np.random.Generator
) -> dict[str, _Floats]:
    """Turn flows of templates into strays.

    Parameters
    ----------
    models : Mapping[str, ndarray]
        Ports and features, ``(n,) float64`` each, of flows drawn from their templates.
    figures : ClassStatistics
        Published figures of their class.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    dict[str, ndarray]
        The columns that change, ``(n,) float64`` each: sizes, duration, application and
        destination port.
    """
    scale = np.exp2(rng.uniform(-1, 1, size=len(models[DURATION])))
    ports = _web_ports(models[DESTINATION_PORT], figures, rng)
    into = _sizes(models[IN_PKTS], models[IN_BYTES], scale, rng)
    back = _sizes(models[OUT_PKTS], models[OUT_BYTES], scale, rng)
    back = np.where(ports == SECOND_WEB_PORT, into, back)
    names = (IN_PKTS, IN_BYTES, OUT_PKTS, OUT_BYTES)
    return {
        **{
            name: np.minimum(values, figures.quantiles[name][-1])
            for name, values in zip(names, (*into, *back), strict=True)
        },
        DURATION: _durations(models[DURATION], scale),
        L7_PROTO: _applications(models[L7_PROTO], figures, rng),
        DESTINATION_PORT: ports,
    }


def _sizes(packets: _Floats, size: _Floats, scale: _Floats, rng: np.random.Generator) -> _Floats:
    """Scale packets, and bytes with them; what is more than headers varies as well: ``(2, n)``."""
    mean = size / np.maximum(packets, 1)
    wider = np.where(mean > _BARE_PACKET, rng.uniform(0.8, 1.25, size=len(mean)), 1.0)
    scaled = np.where(packets > 0, np.maximum(np.rint(packets * scale), 1), 0)
    return np.stack([scaled, np.rint(scaled * mean * wider)])


def _durations(values: _Floats, scale: _Floats) -> _Floats:
    """Scale the true lengths up to the exporter's active timeout; 0 stays 0."""
    length = _WRAP - values
    scaled = np.minimum(np.rint(length * scale), _ACTIVE_TIMEOUT)
    return np.where(length <= _ACTIVE_TIMEOUT, _WRAP - scaled, values)


def _applications(codes: _Floats, figures: ClassStatistics, rng: np.random.Generator) -> _Floats:
    """Draw each code anew from those of its family that the templates leave."""
    masters = _masters(figures)
    drawn = codes.copy()
    family = np.array([_family(code, masters) for code in codes.tolist()])
    left = figures.left(L7_PROTO)
    for wanted in np.unique(family):
        members = [code for code in left if _family(code, masters) == wanted]
        rows = np.array([left[code] for code in members])
        places = np.flatnonzero(family == wanted)
        drawn[places] = rng.choice(members, size=len(places), p=rows / rows.sum())
    return drawn


def _web_ports(ports: _Floats, figures: ClassStatistics, rng: np.random.Generator) -> _Floats:
    """Move part of the web flows to the second web port, which no template has."""
    left = figures.left(DESTINATION_PORT)
    second = left.get(SECOND_WEB_PORT, 0)
    share = second / max(second + left.get(_WEB_PORT, 0), 1)
    chosen = (ports == _WEB_PORT) & (rng.random(len(ports)) < share)
    return np.where(chosen, SECOND_WEB_PORT, ports)


def _margin(values: NDArray[np.float64], left: Mapping[float, int]) -> tuple[_Floats, _Floats]:
    """Return which templates have each value, ``(v, t)``, and the rows left to it, ``(v,)``."""
    distinct = np.unique(values)
    member = (values == distinct[:, None]).astype(np.float64)
    return member, np.array([left.get(value, 0) for value in distinct.tolist()], dtype=np.float64)


def _masters(figures: ClassStatistics) -> frozenset[int]:
    return frozenset(int(kind.l7_proto) for kind in figures.templates)


def _family(code: float, masters: frozenset[int]) -> int:
    """Return the master code if a template has it, else 0, which is unknown."""
    return int(code) if int(code) in masters else 0


def _by_family(left: Mapping[float, int], masters: frozenset[int]) -> dict[float, int]:
    rows: dict[float, int] = {}
    for code, count in left.items():
        family = _family(code, masters)
        rows[family] = rows.get(family, 0) + count
    return rows
