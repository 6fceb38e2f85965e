"""Destination ports of synthetic flows.

A template names up to five ports with their counts. The others are spread: over the
ephemeral range where a client is the destination, else over the class's quantiles, and
over so many ports only that as many distinct ones would be seen as were. So scans come
back to about a thousand ports, as real ones do. Among them are the ports that the class's
shares list and no template names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT
from fednids.flows.synthetic.statistics import ClassStatistics, Template, published_statistics
from fednids.flows.synthetic.strays import SECOND_WEB_PORT

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

EPHEMERAL = (32_768, 61_000)
"""First port that a client's system gives it, and the one after the last."""

_WELL_KNOWN = 1_024
_EVERY_PORT = 65_536
_SLOTS = 5


@dataclass(frozen=True)
class DestinationPorts:
    """How the destination ports of one class's ``t`` templates are drawn.

    Attributes
    ----------
    named : ndarray
        ``(t, 5) int64``, ports with a chance of their own.
    chance : ndarray
        ``(t, 5) float64``, their chances, each with all before it; below 1 at the end
        where others are spread.
    pool : ndarray
        ``(t,) int64``, over how many ports.
    to_client : ndarray
        ``(t,) bool``, whether those are ephemeral ones.
    spread : ndarray
        ``(2, p) float64``, levels from 0 to 1 and quantiles of the ports to spread over.
    listed : ndarray
        ``(q,) float64``, ports to which some of the spread ones fall, repeated by rows.
    listed_chance : float
        How often.
    """

    named: _Ints
    chance: _Floats
    pool: _Ints
    to_client: NDArray[np.bool_]
    spread: _Floats
    listed: _Floats
    listed_chance: float

    def draw(self, kind: _Ints, rng: np.random.Generator) -> _Floats:
        """Draw one port for each flow.

        Parameters
        ----------
        kind : ndarray
            ``(n,) int64``, places of the flows' templates.
        rng : numpy.random.Generator
            Source of all randomness.

        Returns
        -------
        ndarray
            ``(n,) float64``.
        """
        slot = (rng.random((len(kind), 1)) >= self.chance[kind]).sum(axis=1)
        ports: _Floats = self.named[kind, np.minimum(slot, _SLOTS - 1)].astype(np.float64)
        others = np.flatnonzero(slot == _SLOTS)
        ports[others] = self._spread(kind[others], rng)
        return ports

    def _spread(self, kind: _Ints, rng: np.random.Generator) -> _Floats:
        """Draw ports that are not named."""
        pool = self.pool[kind]
        level = (rng.integers(pool) + 0.5) / pool
        ports = np.interp(level, *self.spread)
        ports = np.maximum(np.rint(ports), 1)
        listed = np.flatnonzero(rng.random(len(kind)) < self.listed_chance)
        ports[listed] = rng.choice(self.listed, size=len(listed))
        clients = rng.integers(*EPHEMERAL, size=len(kind))
        drawn: _Floats = np.where(self.to_client[kind], clients, ports)
        return drawn


def destination_ports(figures: ClassStatistics) -> DestinationPorts:
    """Prepare drawing the destination ports of one class.

    Parameters
    ----------
    figures : ClassStatistics
        Published figures of the class.

    Returns
    -------
    DestinationPorts
        For `ClassStatistics.templates`, in that order.
    """
    kinds = figures.templates
    named = np.zeros((len(kinds), _SLOTS), dtype=np.int64)
    rows = np.zeros((len(kinds), _SLOTS), dtype=np.int64)
    for place, kind in enumerate(kinds):
        for slot, (port, count) in enumerate(_named(kind, figures)):
            named[place, slot], rows[place, slot] = port, count
    others = np.array([kind.rows for kind in kinds]) - rows.sum(axis=1)
    distinct = [kind.distinct_ports - len(_named(kind, figures)) for kind in kinds]
    known = {SECOND_WEB_PORT, *named.ravel().tolist()}
    left = {p: n for p, n in figures.left(DESTINATION_PORT).items() if p not in known}
    return DestinationPorts(
        named,
        rows.cumsum(axis=1) / np.array([[kind.rows] for kind in kinds]),
        np.array([_pool(n, seen) for n, seen in zip(others.tolist(), distinct, strict=True)]),
        np.array([is_client_port(kind) for kind in kinds]),
        _spread(figures),
        np.repeat(np.array(list(left), dtype=np.float64), np.array(list(left.values()), dtype=int)),
        min(1.0, sum(left.values()) / max(1, int(others.sum()))),
    )


def is_client_port(kind: Template) -> bool:
    """Whether the destination ports of a template are those of clients."""
    return all(port >= EPHEMERAL[0] for port, _count in kind.common_ports)


def _named(kind: Template, figures: ClassStatistics) -> list[tuple[int, int]]:
    """Return the ports, with rows, that are more than ones that happened to be seen."""
    chosen = []
    for port, count in kind.common_ports:
        passing = port >= EPHEMERAL[0] and figures.seen(DESTINATION_PORT, port) < 2
        if not passing and (count > 1 or kind.distinct_ports <= len(kind.common_ports)):
            chosen.append((port, count))
    return chosen


def _pool(rows: int, distinct: int) -> int:
    """Estimate from how many ports ``rows`` even draws gave ``distinct`` ones."""
    if distinct >= rows:
        return _EVERY_PORT
    sizes = np.arange(distinct, _EVERY_PORT)
    expected = -sizes * np.expm1(-rows / sizes)
    return int(sizes[np.argmin(np.abs(expected - distinct))])


def _spread(figures: ClassStatistics) -> _Floats:
    """Return the quantiles from the last well-known port on, levels stretched to 0 to 1."""
    levels = np.array(published_statistics().quantile_levels)
    ports = np.array(figures.quantiles[DESTINATION_PORT])
    first = int(np.flatnonzero(ports[:-1] < _WELL_KNOWN)[-1])
    return np.stack([(levels[first:] - levels[first]) / (1 - levels[first]), ports[first:]])
