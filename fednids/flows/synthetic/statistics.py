"""The published figures of NF-BoT-IoT v1 that the synthetic flows are made from.

They stand in ``nf_bot_iot_v1.json`` beside this module: figures only, no flows. The
class counts are those of the whole data set, 600,100 flows. The per-class figures were
taken from 2,882 of its flows, so a share ``p`` of a class of which ``n`` rows were seen
is known to about ``sqrt(p * (1 - p) / n)``, one to three points.

References
----------
M. Sarhan, S. Layeghy, N. Moustafa, M. Portmann, "NetFlow Datasets for Machine
Learning-Based Network Intrusion Detection Systems", BDTA 2020,
doi 10.1007/978-3-030-72802-1_9.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from fednids.datasets.netflow import DESTINATION_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT

_FILE = "nf_bot_iot_v1.json"
_PROTOCOL, _L7_PROTO, *_SIZES, _TCP_FLAGS, _DURATION = NF_BOT_IOT.feature_sets["v1"]


@dataclass(frozen=True)
class Span:
    """Smallest, median and largest value that was seen of one column.

    Attributes
    ----------
    least, middle, most : int
        In the column's unit; the median is the upper one where the count is even.
    """

    least: int
    middle: int
    most: int


@dataclass(frozen=True)
class Template:
    """Rows of one class that agree in protocol, application, flags, packets and answer.

    Attributes
    ----------
    protocol, tcp_flags : int
        Codes that all of the rows have.
    l7_proto : float
        Application that all of the rows have, ``master.sub``.
    in_packets, out_packets, out_bytes : int
        Sizes that all of the rows have, in packets and bytes.
    rows : int
        How many rows of the class there were, at least 1.
    in_bytes, duration, source_port : Span
        What differs between them, in bytes, in ms and as a port.
    distinct_ports : int
        How many destination ports they have.
    common_ports : tuple[tuple[int, int], ...]
        Up to five of the commonest, as (destination port, rows).
    """

    protocol: int
    l7_proto: float
    tcp_flags: int
    in_packets: int
    out_packets: int
    out_bytes: int
    rows: int
    in_bytes: Span
    duration: Span
    source_port: Span
    distinct_ports: int
    common_ports: tuple[tuple[int, int], ...]

    @property
    def form(self) -> tuple[float, ...]:
        """What its rows agree in; no two templates of a class have the same."""
        codes = (self.protocol, self.l7_proto, self.tcp_flags)
        return (*codes, self.in_packets, self.out_packets, self.out_bytes)

    def values(self, column: str) -> tuple[tuple[float, int], ...]:
        """Return known values of a code or of the destination port, as (value, rows)."""
        if column == DESTINATION_PORT:
            return self.common_ports
        codes = {_PROTOCOL: self.protocol, _L7_PROTO: self.l7_proto, _TCP_FLAGS: self.tcp_flags}
        return ((codes[column], self.rows),)


@dataclass(frozen=True)
class ClassStatistics:
    """The figures of one class.

    Attributes
    ----------
    name : str
        One of `fednids.datasets.nf_bot_iot.NF_BOT_IOT`.
    flows : int
        Flows of the class in the whole data set.
    rows : int
        Rows from which all of the figures below were taken.
    quantiles : Mapping[str, tuple[float, ...]]
        Values of ports and quantities at `PublishedStatistics.quantile_levels`, by column.
    shares : Mapping[str, Mapping[float, float]]
        Share of the rows by column and value, for codes and destination ports; at most
        the 25 commonest values, so they may add up to less than 1.
    templates : tuple[Template, ...]
        The 40 commonest, commonest first.
    """

    name: str
    flows: int
    rows: int
    quantiles: Mapping[str, tuple[float, ...]]
    shares: Mapping[str, Mapping[float, float]]
    templates: tuple[Template, ...]

    @property
    def uncovered(self) -> int:
        """Rows that are in none of the templates."""
        return self.rows - sum(template.rows for template in self.templates)

    def seen(self, column: str, value: float) -> int:
        """Count the rows that have ``value`` in ``column``; 0 if it is not among the shares."""
        return round(self.shares[column].get(value, 0.0) * self.rows)

    def left(self, column: str) -> dict[float, int]:
        """Count the rows that are in no template by their value of a code or port.

        A value without any such row is not listed. Of ports, those that are not among a
        template's commonest are taken for rows in no template.
        """
        rows = {value: self.seen(column, value) for value in self.shares[column]}
        for template in self.templates:
            for value, count in template.values(column):
                rows[value] = rows.get(value, 0) - count
        return {value: count for value, count in rows.items() if count > 0}


@dataclass(frozen=True)
class ColumnMoments:
    """Mean and standard deviation of one column over all classes.

    Attributes
    ----------
    mean, deviation : float
        In the column's unit.
    approximate : bool
        Whether either was read off less exactly than the digits say.
    """

    mean: float
    deviation: float
    approximate: bool


@dataclass(frozen=True)
class Route:
    """Who talks to whom on one service port in flows of one class.

    Attributes
    ----------
    class_name : str
        One of `fednids.datasets.nf_bot_iot.NF_BOT_IOT`.
    service_port : int
        The server's port.
    clients, servers : tuple[str, ...]
        Addresses, any of which may talk to any of which.
    """

    class_name: str
    service_port: int
    clients: tuple[str, ...]
    servers: tuple[str, ...]


@dataclass(frozen=True)
class Hosts:
    """The machines of the testbed.

    Attributes
    ----------
    source : str
        Where the addresses come from.
    attackers, victims : tuple[str, ...]
        Addresses of the machines that attack and of those that are attacked.
    routes : tuple[Route, ...]
        What is between other machines, or between some of these only.
    """

    source: str
    attackers: tuple[str, ...]
    victims: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class PublishedStatistics:
    """All of the figures.

    Attributes
    ----------
    source : str
        Where they come from, for people.
    moments : Mapping[str, ColumnMoments]
        Of the whole data set, by column.
    hosts : Hosts
        The machines of the testbed.
    quantile_levels : tuple[float, ...]
        At which all quantiles are given, from 0 to 1.
    classes : tuple[ClassStatistics, ...]
        In the order of `fednids.datasets.nf_bot_iot.NF_BOT_IOT`.
    """

    source: str
    moments: Mapping[str, ColumnMoments]
    hosts: Hosts
    quantile_levels: tuple[float, ...]
    classes: tuple[ClassStatistics, ...]

    @property
    def flows(self) -> int:
        """Flows of the whole data set."""
        return sum(each.flows for each in self.classes)


@cache
def published_statistics() -> PublishedStatistics:
    """Return the published figures of NF-BoT-IoT v1, read once from the package's data."""
    file = resources.files("fednids.flows.synthetic").joinpath(_FILE)
    figures = json.loads(file.read_text(encoding="utf-8"))
    hosts = figures["hosts"]
    routes = tuple(
        Route(name, port, tuple(clients), tuple(servers))
        for name, port, clients, servers in hosts["routes"]
    )
    return PublishedStatistics(
        figures["source"],
        {name: ColumnMoments(**each) for name, each in figures["moments"].items()},
        Hosts(hosts["source"], tuple(hosts["attackers"]), tuple(hosts["victims"]), routes),
        tuple(figures["quantile_levels"]),
        tuple(_class(name, figures["classes"][name]) for name in NF_BOT_IOT.classes),
    )


def _class(name: str, figures: Mapping[str, Any]) -> ClassStatistics:
    return ClassStatistics(
        name,
        figures["flows"],
        figures["rows"],
        {column: tuple(values) for column, values in figures["quantiles"].items()},
        {column: dict(pairs) for column, pairs in figures["shares"].items()},
        tuple(_template(*row) for row in figures["templates"]),
    )


def _template(protocol: int, l7_proto: float, *rest: Any) -> Template:
    """Return a template from the columns that the file calls ``template_columns``."""
    *counts, in_bytes, duration, source_port, distinct_ports, common_ports = rest
    flags, in_packets, out_packets, out_bytes, rows = counts
    return Template(
        protocol,
        float(l7_proto),
        flags,
        in_packets,
        out_packets,
        out_bytes,
        rows,
        Span(*in_bytes),
        Span(*duration),
        Span(*source_port),
        distinct_ports,
        tuple((port, count) for port, count in common_ports),
    )
