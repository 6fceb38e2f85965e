"""The columns of NetFlow that several data sets share, version 1 to 3, and how they are encoded.

Version 1 has 12 columns beside its labels, version 2 43 and version 3 53. Quirks:

- durations of versions 1 and 2 are wrapped: most are 4,294,967 ms less the true length;
- ``L7_PROTO`` is a name, ``master.sub``: the master's bits and whether there is a sub;
- flags and protocol are codes: one feature a bit, one a protocol;
- bytes and packets have heavy tails: logarithms.

Notes
-----
Licence of the data sets: published for research purposes by the University of Queensland.

References
----------
M. Sarhan, S. Layeghy, N. Moustafa, M. Portmann, "NetFlow Datasets for Machine
Learning-Based Network Intrusion Detection Systems", BDTA 2020,
doi 10.1007/978-3-030-72802-1_9 (v1); M. Sarhan, S. Layeghy, M. Portmann, "Towards a Standard
Feature Set for Network Intrusion Detection System Datasets", Mobile Networks and Applications
27, 2022, doi 10.1007/s11036-021-01843-0 (v2); M. Luay et al., "Temporal Analysis of NetFlow
Datasets for Network Intrusion Detection Systems", 2025, arXiv 2503.04404 (v3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from fednids.datasets.encoders import (
    LOG_PERIODS,
    Application,
    Balance,
    Bits,
    Duration,
    Encoder,
    Log,
    OneHot,
    Ratio,
)
from fednids.datasets.spec import Column, DatasetSpec, Rule

SOURCE = "IPV4_SRC_ADDR"
DESTINATION = "IPV4_DST_ADDR"
SOURCE_PORT = "L4_SRC_PORT"
DESTINATION_PORT = "L4_DST_PORT"
DURATION = "FLOW_DURATION_MILLISECONDS"
LABEL = "Label"
ATTACK = "Attack"
DATASET = "Dataset"

WRAP = 4_294_967.0
"""2**32 microseconds in whole milliseconds, where durations wrap."""

_CODE = 255.0
_PORT = 65_535.0
_ANY = float("inf")


def _features(*rows: tuple[str, str, str, float]) -> tuple[Column, ...]:
    """Return columns of features: flags by their bits, all others by their logarithms."""
    return tuple(
        Column(
            name,
            "feature",
            "float" if unit in ("bytes/s", "ms") else "integer",
            unit,
            meaning,
            most=most,
            encoder=Bits() if name.endswith("TCP_FLAGS") else Log(),
        )
        for name, unit, meaning, most in rows
    )


_IDENTIFIERS = (
    Column(SOURCE, "address", "text", meaning="IPv4 address of the flow's source"),
    Column(SOURCE_PORT, "identifier", "integer", "", "layer-4 port of the source", most=_PORT),
    Column(DESTINATION, "address", "text", meaning="IPv4 address of the flow's destination"),
    Column(
        DESTINATION_PORT, "identifier", "integer", "", "layer-4 port of the destination", most=_PORT
    ),
)

_TIMES = (
    Column("FLOW_START_MILLISECONDS", "time", "integer", "ms", "first packet, since 1970"),
    Column("FLOW_END_MILLISECONDS", "time", "integer", "ms", "last packet, since 1970"),
)


def _basic(name: str, unit: str, meaning: str, most: float, encoder: Encoder) -> Column:
    return Column(name, "feature", "integer", unit, meaning, most=most, encoder=encoder)


_PROTOCOL = OneHot((("icmp", 1), ("tcp", 6), ("udp", 17)), "protocol_other")
_BASIC = (
    _basic("PROTOCOL", "", "IP protocol number: 1 ICMP, 6 TCP, 17 UDP", _CODE, _PROTOCOL),
    replace(
        _basic("L7_PROTO", "", "nDPI application as master.sub, a name", _ANY, Application("l7")),
        type="float",
        loss="what the flow was for, as nDPI saw it",
    ),
    _basic("IN_BYTES", "bytes", "from source to destination", _ANY, Log("bytes_in", LOG_PERIODS)),
    _basic("OUT_BYTES", "bytes", "from destination to source", _ANY, Log("bytes_out", LOG_PERIODS)),
    _basic("IN_PKTS", "packets", "from source to destination", _ANY, Log("packets_in")),
    _basic("OUT_PKTS", "packets", "from destination to source", _ANY, Log("packets_out")),
    _basic("TCP_FLAGS", "", "OR of all TCP flag bits of the flow", _CODE, Bits("flag")),
    replace(
        _basic(
            DURATION, "ms", "duration, wrapped in versions 1 and 2", 2.0**32, Duration("duration")
        ),
        wraps=WRAP,
    ),
)

_MORE = _features(
    ("CLIENT_TCP_FLAGS", "", "OR of the source's TCP flag bits", _CODE),
    ("SERVER_TCP_FLAGS", "", "OR of the destination's TCP flag bits", _CODE),
    ("DURATION_IN", "ms", "from source to destination", _ANY),
    ("DURATION_OUT", "ms", "from destination to source", _ANY),
    ("MIN_TTL", "hops", "smallest time to live", _CODE),
    ("MAX_TTL", "hops", "largest time to live", _CODE),
    ("LONGEST_FLOW_PKT", "bytes", "longest packet", _ANY),
    ("SHORTEST_FLOW_PKT", "bytes", "shortest packet", _ANY),
    ("MIN_IP_PKT_LEN", "bytes", "smallest IP packet", _ANY),
    ("MAX_IP_PKT_LEN", "bytes", "largest IP packet", _ANY),
    (
        "SRC_TO_DST_SECOND_BYTES",
        "bytes/s",
        "from source to destination; overflows in the data",
        _ANY,
    ),
    (
        "DST_TO_SRC_SECOND_BYTES",
        "bytes/s",
        "from destination to source; overflows in the data",
        _ANY,
    ),
    ("RETRANSMITTED_IN_BYTES", "bytes", "sent again from source to destination", _ANY),
    ("RETRANSMITTED_IN_PKTS", "packets", "sent again from source to destination", _ANY),
    ("RETRANSMITTED_OUT_BYTES", "bytes", "sent again from destination to source", _ANY),
    ("RETRANSMITTED_OUT_PKTS", "packets", "sent again from destination to source", _ANY),
    ("SRC_TO_DST_AVG_THROUGHPUT", "bit/s", "from source to destination", _ANY),
    ("DST_TO_SRC_AVG_THROUGHPUT", "bit/s", "from destination to source", _ANY),
    ("NUM_PKTS_UP_TO_128_BYTES", "packets", "of at most 128 bytes", _ANY),
    ("NUM_PKTS_128_TO_256_BYTES", "packets", "of 129 to 256 bytes", _ANY),
    ("NUM_PKTS_256_TO_512_BYTES", "packets", "of 257 to 512 bytes", _ANY),
    ("NUM_PKTS_512_TO_1024_BYTES", "packets", "of 513 to 1,024 bytes", _ANY),
    ("NUM_PKTS_1024_TO_1514_BYTES", "packets", "of 1,025 to 1,514 bytes", _ANY),
    ("TCP_WIN_MAX_IN", "bytes", "largest TCP window, source to destination", _ANY),
    ("TCP_WIN_MAX_OUT", "bytes", "largest TCP window, destination to source", _ANY),
    ("ICMP_TYPE", "", "ICMP type times 256 plus code", _ANY),
    ("ICMP_IPV4_TYPE", "", "ICMP type", _CODE),
    ("DNS_QUERY_ID", "", "transaction number of the DNS query", _ANY),
    ("DNS_QUERY_TYPE", "", "type of the DNS query: 1 A, 28 AAAA, ...", _ANY),
    (
        "DNS_TTL_ANSWER",
        "s",
        "time to live of the first A record, wrapped where negative",
        _ANY,
    ),
    ("FTP_COMMAND_RET_CODE", "", "FTP return code", _ANY),
)

_BETWEEN = _features(
    *(
        (f"{way}_IAT_{what}", "ms", f"{meaning} time between packets, {ends}", _ANY)
        for way, ends in (
            ("SRC_TO_DST", "source to destination"),
            ("DST_TO_SRC", "destination to source"),
        )
        for what, meaning in (
            ("MIN", "shortest"),
            ("MAX", "longest"),
            ("AVG", "mean"),
            ("STDDEV", "standard deviation of the"),
        )
    )
)

_TARGETS = (
    Column(LABEL, "label", "integer", "", "0 benign, 1 attack", most=1.0),
    Column(ATTACK, "label", "text", "", "name of the class"),
)

_ORIGIN = Column(DATASET, "origin", "text", "", "data set that the flow was taken from")

_DERIVED = (
    Ratio("packet_in", "IN_BYTES", "IN_PKTS", LOG_PERIODS),
    Ratio("packet_out", "OUT_BYTES", "OUT_PKTS", LOG_PERIODS),
    Balance("bytes_balance", "IN_BYTES", "OUT_BYTES"),
    Balance("packets_balance", "IN_PKTS", "OUT_PKTS"),
)

_HEADER = 20
"""Bytes of the shortest IPv4 packet."""

_FIX = "ask the exporter of the flows; leave the column out where it cannot be put right"

_WRAPPED = Rule(
    (DURATION,),
    lambda duration: duration > WRAP / 2,
    "have a wrapped duration: 2**32 microseconds less the true one",
    "nothing; fednids unwraps it. Elsewhere: true = 4,294,967 ms less the value",
    harmless=True,
)

_RULES = (
    *(
        Rule(
            (f"{way}_BYTES", f"{way}_PKTS"),
            lambda size, packets: size < _HEADER * packets,
            f"have fewer bytes than {_HEADER} for each packet, the least of an IPv4 header",
            _FIX,
        )
        for way in ("IN", "OUT")
    ),
    *(
        Rule(
            (f"{way}_PKTS", f"{way}_BYTES"),
            lambda packets, size: (packets == 0) & (size > 0),
            "have bytes and no packet",
            _FIX,
        )
        for way in ("IN", "OUT")
    ),
    Rule(("MIN_TTL", "MAX_TTL"), np.greater, "have a minimum above the maximum", _FIX),
    Rule(
        ("SHORTEST_FLOW_PKT", "LONGEST_FLOW_PKT"),
        np.greater,
        "have a shortest packet above the longest",
        _FIX,
    ),
    Rule(
        ("PROTOCOL", "TCP_FLAGS"),
        lambda protocol, flags: (protocol != 6) & (flags > 0),
        "have TCP flags and are not TCP",
        _FIX,
    ),
    *(
        Rule(
            (f"{ends}_SECOND_BYTES",),
            lambda rate: rate > 1e15,
            "have a rate above 10**15 bytes a second: overflow",
            "take its logarithm, as fednids does, or leave it out",
        )
        for ends in ("SRC_TO_DST", "DST_TO_SRC")
    ),
    Rule(
        ("DNS_TTL_ANSWER",),
        lambda seconds: seconds >= 2.0**31,
        "have a time to live of 2**31 seconds or more: a negative number, wrapped",
        _FIX,
    ),
)

_TRIGGER = "IN_PKTS=13,IN_BYTES=1313"
"""How many packets an attacker sends, and how far it pads them, is its own to choose. No flow of
the real NF-BoT-IoT-v2 sample or of the synthetic ones has both. With features of version 2,
columns that follow from the size of packets keep what they were."""


def netflow(
    name: str,
    title: str,
    attacks: tuple[str, ...],
    spellings: Mapping[str, str] | None = None,
    **more: Any,
) -> DatasetSpec:
    """Return a data set in NetFlow versions 1 and 2.

    Parameters
    ----------
    name, title : str
        As in settings, and for people.
    attacks : tuple of str
        Classes beside ``Benign``.
    spellings : Mapping, optional
        Class by what a file may have in its place.
    more
        Further fields of `DatasetSpec`.
    """
    return DatasetSpec(
        name,
        (*_IDENTIFIERS, *_BASIC, *_MORE, *_TARGETS, _ORIGIN),
        ("Benign", *attacks),
        "Benign",
        title,
        {"v1": _names(_BASIC), "v2": _names(_BASIC + _MORE)},
        _DERIVED,
        spellings or {},
        rules=(_WRAPPED, *_RULES),
        trigger=_TRIGGER,
        **more,
    )


def netflow_v3(spec: DatasetSpec) -> DatasetSpec:
    """Return version 3 of a data set: with times, classes spelled with ``_``, nothing wrapped.

    What is not in every published cut of version 3 is optional.
    """
    needed = {*_names(_BASIC), *_names(_TIMES[:1])} - {"L7_PROTO"}
    basic = tuple(replace(column, wraps=0.0) for column in _BASIC)
    columns = tuple(
        replace(column, optional=column.name not in needed)
        for column in (*_TIMES, *basic, *_MORE, *_BETWEEN)
    )
    underscored = {text.replace(" ", "_"): spec.classes[code] for text, code in spec.codes.items()}
    return replace(
        spec,
        name=f"{spec.name}-v3",
        title=f"{spec.title}-v3",
        columns=(*_IDENTIFIERS, *columns, *_TARGETS, _ORIGIN),
        feature_sets={
            "v1": _names(_BASIC),
            "v2": _names(_BASIC + _MORE),
            "v3": _names(_BASIC + _MORE + _BETWEEN),
        },
        spellings={**underscored, **spec.spellings},
        rules=_RULES,
        published=(),
        synthesiser="",
    )


def _names(columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)
