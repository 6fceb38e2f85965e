"""Ports and features of synthetic flows, drawn from the published templates of a class.

A template gives three figures of bytes, duration and source port: smallest, median and
largest. Half of the flows lie on either side of the median. Where the figures are of
packets that differ in their headers only, or where two of them are equal, nearly all
rows must have had the median: the extremes are drawn as often as single rows. Otherwise
the values are even between two figures, that is linear in the inverse of the
distribution, at `_LEVELS` levels, so that vectors recur as real ones do. A duration that
reaches 20 times as far on one side as on the other has a long tail there, a power law.

Templates that DDoS and DoS share have the same figures in both, those of all their rows.

Of destination ports, a template names up to five with their counts. The others are spread: over
the ephemeral range where a client is the destination, else over the class's quantiles, and
over so many ports only that as many distinct ones would be seen as were. So scans come
back to about a thousand ports, as real ones do. Among them are the ports that the class's
shares list and no template names.

*Strays* are the flows of a class that are of none of its templates. What is known of them is
what the templates leave of the class's shares of protocols, applications, flags and ports. Each
is modelled on a template, preferably a rare one; how often on which is raked so that their
codes have those shares. An application that no template has takes the place of one with the
same master code, or else of an unknown one; flags that no template has are left out. Sizes are
invented: packets are scaled by up to two either way, and bytes and time with them, up to the
largest that were seen. Flows to the web port 8080, which no template has, are answered in full,
as the real ones are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT, DURATION, SOURCE_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.flows.synthetic.statistics import ClassStatistics, Span, Template, published_statistics

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

_V1 = NF_BOT_IOT.feature_sets["v1"]
PROTOCOL, L7_PROTO, IN_BYTES, OUT_BYTES, IN_PKTS, OUT_PKTS, TCP_FLAGS, _ = _V1

_EPHEMERAL = (32_768, 61_000)  # the first port that a client gets, and the one after the last
_WELL_KNOWN = 1_024
_EVERY_PORT = 65_536
_SLOTS = 5
_WEB_PORT = 80
_SECOND_WEB_PORT = 8080  # benign strays have it, and no template
_RAKINGS = 100
_WRAP = 4_294_967
_ACTIVE_TIMEOUT = 120_000
_BARE_PACKET = 60
_LEVELS = 32
_MANY_LEVELS = 65_536
_HEADER_OPTIONS = 20
_TAIL_RATIO = 20
_ROWS, _EVEN, _TAIL = range(3)
_CLIENT_PORT = Span(_EPHEMERAL[0], sum(_EPHEMERAL) // 2, _EPHEMERAL[1] - 1)
_ONE_DISTRIBUTION = ("DDoS", "DoS")


@dataclass(frozen=True)
class FlowValues:
    """Numbers of ``n`` flows of one class.

    Attributes
    ----------
    columns : dict[str, ndarray]
        ``(n,) float64`` by column name: both ports and the eight features.
    reply : ndarray
        ``(n,) bool``, whether the source is the server.
    """

    columns: dict[str, _Floats]
    reply: NDArray[np.bool_]

    @property
    def service_port(self) -> _Floats:
        """The server's port, ``(n,) float64``."""
        return np.where(self.reply, self.columns[SOURCE_PORT], self.columns[DESTINATION_PORT])

    def in_order(self, names: Sequence[str]) -> _Floats:
        """Return the columns called ``names`` as the rows of one array."""
        return np.stack([self.columns[name] for name in names])


def draw_values(figures: ClassStatistics, n: int, rng: np.random.Generator) -> FlowValues:
    """Draw ports and features of ``n`` independent flows of one class, in no order."""
    forms = _forms(figures.name)
    drawn = rng.choice(len(forms.chance), size=n, p=forms.chance)
    kind = drawn % len(figures.templates)
    columns = {name: values[kind] for name, values in forms.fixed.items()}
    columns |= {name: spans.draw(kind, rng) for name, spans in forms.spans.items()}
    columns[DESTINATION_PORT] = forms.ports.draw(kind, rng)
    strays = np.flatnonzero(drawn >= len(figures.templates))
    for name, values in _vary({k: v[strays] for k, v in columns.items()}, figures, rng).items():
        columns[name][strays] = values
    return FlowValues(columns, forms.reply[kind])


@dataclass(frozen=True)
class _Spans:
    """How one column lies on either side of the medians of ``t`` templates.

    ``middle`` and ``rows`` are ``(t,)``; ``width``, the way to the extreme, and ``shape``
    are ``(2, t)``, first below the median and then above it.
    """

    middle: _Ints
    rows: _Ints
    width: _Ints
    shape: _Ints
    levels: int

    def draw(self, kind: _Ints, rng: np.random.Generator) -> _Floats:
        """Draw one value for each place in ``kind``, which names templates."""
        side = rng.integers(2, size=len(kind))
        far = rng.random(len(kind))
        width, shape, rows = self.width[side, kind], self.shape[side, kind], self.rows[kind]
        step = np.where(far * rows >= rows - 2, width, 0).astype(np.float64)
        even, tail = shape == _EVEN, shape == _TAIL
        level = np.floor(far[even] * self.levels) / (self.levels - 1)
        step[even] = np.rint(width[even] * level)
        power = np.log1p(width[tail]) / np.log(rows[tail] / 2)
        step[tail] = np.minimum(np.floor((1 - far[tail]) ** -power) - 1, width[tail])
        drawn: _Floats = self.middle[kind] + np.where(side == 1, step, -step)
        return drawn


def _spans(kinds: Sequence[Template], column: str) -> _Spans:
    spans = [_span(kind, column) for kind in kinds]
    width = [(span.middle - span.least, span.most - span.middle) for span in spans]
    shape = [_shape(kind, sides, column) for kind, sides in zip(kinds, width, strict=True)]
    return _Spans(
        np.array([span.middle for span in spans]),
        np.array([kind.rows for kind in kinds]),
        np.array(width).T,
        np.array(shape).T,
        _MANY_LEVELS if column == SOURCE_PORT else _LEVELS,
    )


def _span(kind: Template, column: str) -> Span:
    """Return the figures of ``column``; a client's port that was seen once is one of many."""
    if column == IN_BYTES:
        return kind.in_bytes
    if column == DURATION:
        return kind.duration
    first, port = _EPHEMERAL[0], kind.source_port
    if port.middle < first:
        return port
    return replace(port, least=max(port.least, first)) if kind.rows > 2 else _CLIENT_PORT


def _shape(kind: Template, sides: tuple[int, int], column: str) -> tuple[int, int]:
    """Return how values lie below and above the median."""
    if column == SOURCE_PORT:
        return _EVEN, _EVEN
    if column == IN_BYTES:
        bare = min(sides) == 0 or sum(sides) <= _HEADER_OPTIONS * kind.in_packets
        return (_ROWS, _ROWS) if bare else (_EVEN, _EVEN)
    if kind.rows <= 3 or kind.duration.middle == 0:
        return _ROWS, _ROWS
    below, above = sides
    return (
        _TAIL if below > _TAIL_RATIO * above else _EVEN,
        _TAIL if above > _TAIL_RATIO * below else _EVEN,
    )


@dataclass(frozen=True)
class _Forms:
    """The ``t`` templates of one class as arrays, and how often each is drawn.

    ``chance`` is ``(2t,)``: the templates themselves, then the same as models of strays.
    """

    chance: _Floats
    fixed: dict[str, _Floats]
    spans: dict[str, _Spans]
    ports: _DestinationPorts
    reply: NDArray[np.bool_]


@cache
def _forms(class_name: str) -> _Forms:
    figures = next(each for each in published_statistics().classes if each.name == class_name)
    kinds = [_pooled(figures, kind) for kind in figures.templates]
    rows = np.array([kind.rows for kind in figures.templates])
    chance = np.concatenate((rows, figures.uncovered * _stray_shares(figures)))
    columns = (PROTOCOL, L7_PROTO, TCP_FLAGS, IN_PKTS, OUT_PKTS, OUT_BYTES)
    fixed = np.array([kind.form for kind in kinds], dtype=np.float64).T
    return _Forms(
        chance / chance.sum(),
        dict(zip(columns, fixed, strict=True)),
        {column: _spans(kinds, column) for column in (IN_BYTES, DURATION, SOURCE_PORT)},
        _destination_ports(figures),
        np.array([_is_reply(kind) for kind in figures.templates]),
    )


def _is_reply(kind: Template) -> bool:
    """Whether the source is the server."""
    return _is_client_port(kind) and kind.source_port.most < _EPHEMERAL[0]


def _pooled(figures: ClassStatistics, kind: Template) -> Template:
    """Return the figures of all rows like ``kind`` in the classes that are one distribution."""
    if figures.name not in _ONE_DISTRIBUTION:
        return kind
    classes = [each for each in published_statistics().classes if each.name in _ONE_DISTRIBUTION]
    alike = [other for each in classes for other in each.templates if other.form == kind.form]
    rows = [other.rows for other in alike]
    return replace(
        kind,
        rows=sum(rows),
        in_bytes=_merged([other.in_bytes for other in alike], rows),
        duration=_merged([other.duration for other in alike], rows),
        source_port=_merged([other.source_port for other in alike], rows),
    )


def _merged(spans: Sequence[Span], rows: Sequence[int]) -> Span:
    """Merge figures, with the median weighted by rows."""
    middle = sum(span.middle * count for span, count in zip(spans, rows, strict=True)) / sum(rows)
    return Span(min(span.least for span in spans), round(middle), max(span.most for span in spans))


@dataclass(frozen=True)
class _DestinationPorts:
    """How the destination ports of one class's ``t`` templates are drawn.

    ``named`` are ``(t, 5)`` ports with a chance of their own and ``chance`` their cumulative
    chances, below 1 at the end where others are spread: over ``pool`` ``(t,)`` many, which are
    ephemeral where ``to_client``, else at levels and quantiles ``spread`` ``(2, p)``. As often as
    ``listed_chance`` a spread one is of ``listed``, which repeats each port by its rows.
    """

    named: _Ints
    chance: _Floats
    pool: _Ints
    to_client: NDArray[np.bool_]
    spread: _Floats
    listed: _Floats
    listed_chance: float

    def draw(self, kind: _Ints, rng: np.random.Generator) -> _Floats:
        """Draw one port for each of ``(n,)`` flows from the places of their templates."""
        slot = (rng.random((len(kind), 1)) >= self.chance[kind]).sum(axis=1)
        ports: _Floats = self.named[kind, np.minimum(slot, _SLOTS - 1)].astype(np.float64)
        others = np.flatnonzero(slot == _SLOTS)
        ports[others] = self._spread(kind[others], rng)
        return ports

    def _spread(self, kind: _Ints, rng: np.random.Generator) -> _Floats:
        pool = self.pool[kind]
        level = (rng.integers(pool) + 0.5) / pool
        ports = np.interp(level, *self.spread)
        ports = np.maximum(np.rint(ports), 1)
        listed = np.flatnonzero(rng.random(len(kind)) < self.listed_chance)
        ports[listed] = rng.choice(self.listed, size=len(listed))
        clients = rng.integers(*_EPHEMERAL, size=len(kind))
        drawn: _Floats = np.where(self.to_client[kind], clients, ports)
        return drawn


def _destination_ports(figures: ClassStatistics) -> _DestinationPorts:
    kinds = figures.templates
    named = np.zeros((len(kinds), _SLOTS), dtype=np.int64)
    rows = np.zeros((len(kinds), _SLOTS), dtype=np.int64)
    for place, kind in enumerate(kinds):
        for slot, (port, count) in enumerate(_named(kind, figures)):
            named[place, slot], rows[place, slot] = port, count
    others = np.array([kind.rows for kind in kinds]) - rows.sum(axis=1)
    distinct = [kind.distinct_ports - len(_named(kind, figures)) for kind in kinds]
    known = {_SECOND_WEB_PORT, *named.ravel().tolist()}
    left = {p: n for p, n in figures.left(DESTINATION_PORT).items() if p not in known}
    return _DestinationPorts(
        named,
        rows.cumsum(axis=1) / np.array([[kind.rows] for kind in kinds]),
        np.array([_pool(n, seen) for n, seen in zip(others.tolist(), distinct, strict=True)]),
        np.array([_is_client_port(kind) for kind in kinds]),
        _spread(figures),
        np.repeat(np.array(list(left), dtype=np.float64), np.array(list(left.values()), dtype=int)),
        min(1.0, sum(left.values()) / max(1, int(others.sum()))),
    )


def _is_client_port(kind: Template) -> bool:
    """Whether the destination ports of a template are those of clients."""
    return all(port >= _EPHEMERAL[0] for port, _count in kind.common_ports)


def _named(kind: Template, figures: ClassStatistics) -> list[tuple[int, int]]:
    """Return the ports, with rows, that are more than ones that happened to be seen."""
    chosen = []
    for port, count in kind.common_ports:
        passing = port >= _EPHEMERAL[0] and figures.seen(DESTINATION_PORT, port) < 2
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


def _stray_shares(figures: ClassStatistics) -> _Floats:
    """Return how often each template is the model of a stray: ``(t,)``, summing to 1."""
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


def _vary(
    models: Mapping[str, _Floats], figures: ClassStatistics, rng: np.random.Generator
) -> dict[str, _Floats]:
    """Return the columns in which strays differ from the flows of templates they are drawn as."""
    scale = np.exp2(rng.uniform(-1, 1, size=len(models[DURATION])))
    ports = _web_ports(models[DESTINATION_PORT], figures, rng)
    into = _sizes(models[IN_PKTS], models[IN_BYTES], scale, rng)
    back = _sizes(models[OUT_PKTS], models[OUT_BYTES], scale, rng)
    back = np.where(ports == _SECOND_WEB_PORT, into, back)
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
    second = left.get(_SECOND_WEB_PORT, 0)
    share = second / max(second + left.get(_WEB_PORT, 0), 1)
    chosen = (ports == _WEB_PORT) & (rng.random(len(ports)) < share)
    return np.where(chosen, _SECOND_WEB_PORT, ports)


def _margin(values: _Floats, left: Mapping[float, int]) -> tuple[_Floats, _Floats]:
    """Return which templates have each value, ``(v, t)``, and the rows left to it, ``(v,)``."""
    distinct = np.unique(values)
    member = (values == distinct[:, None]).astype(np.float64)
    return member, np.array([left.get(value, 0) for value in distinct.tolist()], dtype=np.float64)


def _masters(figures: ClassStatistics) -> frozenset[int]:
    return frozenset(int(kind.l7_proto) for kind in figures.templates)


def _family(code: float, masters: frozenset[int]) -> int:
    """Return the master code if a template has it, else 0, which is unknown."""
    return int(code) if int(code) in masters else 0


def _by_family(left: Mapping[float, int], masters: frozenset[int]) -> Counter[float]:
    rows: Counter[float] = Counter()
    for code, count in left.items():
        rows[_family(code, masters)] += count
    return rows
