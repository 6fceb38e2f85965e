"""Ports and features of synthetic flows, drawn from the published templates of a class.

A template gives three figures of bytes, duration and source port: smallest, median and
largest. Half of the flows lie on either side of the median. Where the figures are of
packets that differ in their headers only, or where two of them are equal, nearly all
rows must have had the median: the extremes are drawn as often as single rows. Otherwise
the values are even between two figures, that is linear in the inverse of the
distribution, at `_LEVELS` levels, so that vectors recur as real ones do. A duration that
reaches 20 times as far on one side as on the other has a long tail there, a power law.

Templates that DDoS and DoS share have the same figures in both, those of all their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT, DURATION, SOURCE_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.flows.synthetic.ports import (
    EPHEMERAL,
    DestinationPorts,
    destination_ports,
    is_client_port,
)
from fednids.flows.synthetic.statistics import ClassStatistics, Span, Template, published_statistics
from fednids.flows.synthetic.strays import stray_shares, vary

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]

PROTOCOL, L7_PROTO, IN_BYTES, OUT_BYTES, IN_PKTS, OUT_PKTS, TCP_FLAGS, _ = NF_BOT_IOT.feature_sets[
    "v1"
]

_LEVELS = 32
_MANY_LEVELS = 65_536
_HEADER_OPTIONS = 20
_TAIL_RATIO = 20
_ROWS, _EVEN, _TAIL = range(3)
_CLIENT_PORT = Span(EPHEMERAL[0], sum(EPHEMERAL) // 2, EPHEMERAL[1] - 1)
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
    """Draw ports and features of ``n`` flows of one class.

    Parameters
    ----------
    figures : ClassStatistics
        Published figures of the class.
    n : int
        How many flows.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    FlowValues
        Of independent flows, in no order.
    """
    forms = _forms(figures.name)
    drawn = rng.choice(len(forms.chance), size=n, p=forms.chance)
    kind = drawn % len(figures.templates)
    columns = {name: values[kind] for name, values in forms.fixed.items()}
    columns |= {name: spans.draw(kind, rng) for name, spans in forms.spans.items()}
    columns[DESTINATION_PORT] = forms.ports.draw(kind, rng)
    strays = np.flatnonzero(drawn >= len(figures.templates))
    for name, values in vary({k: v[strays] for k, v in columns.items()}, figures, rng).items():
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
    first, port = EPHEMERAL[0], kind.source_port
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
    ports: DestinationPorts
    reply: NDArray[np.bool_]


@cache
def _forms(class_name: str) -> _Forms:
    figures = next(each for each in published_statistics().classes if each.name == class_name)
    kinds = [_pooled(figures, kind) for kind in figures.templates]
    rows = np.array([kind.rows for kind in figures.templates])
    chance = np.concatenate((rows, figures.uncovered * stray_shares(figures)))
    columns = (PROTOCOL, L7_PROTO, TCP_FLAGS, IN_PKTS, OUT_PKTS, OUT_BYTES)
    fixed = np.array([kind.form for kind in kinds], dtype=np.float64).T
    return _Forms(
        chance / chance.sum(),
        dict(zip(columns, fixed, strict=True)),
        {column: _spans(kinds, column) for column in (IN_BYTES, DURATION, SOURCE_PORT)},
        destination_ports(figures),
        np.array([_is_reply(kind) for kind in figures.templates]),
    )


def _is_reply(kind: Template) -> bool:
    """Whether the source is the server."""
    return is_client_port(kind) and kind.source_port.most < EPHEMERAL[0]


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
