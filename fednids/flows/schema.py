"""The data sheet of NF-BoT-IoT: every column, its unit, its meaning and its role.

Nothing else in fednids lists column names. Two versions of the data set share this
schema: v1 (14 columns) and v2 (46 columns, of which one, ``Dataset``, is optional).

Notes
-----
Licence: published for research purposes by the University of Queensland.

References
----------
M. Sarhan, S. Layeghy, N. Moustafa, M. Portmann, "NetFlow Datasets for Machine
Learning-Based Network Intrusion Detection Systems", BDTA 2020,
doi 10.1007/978-3-030-72802-1_9 (v1); "Towards a Standard Feature Set for Network
Intrusion Detection System Datasets", Mobile Networks and Applications 27, 2022,
doi 10.1007/s11036-021-01843-0 (v2). The testbed: N. Koroniotis et al., "Towards the
development of realistic botnet dataset in the Internet of Things for network forensic
analytics: Bot-IoT dataset", Future Generation Computer Systems 100, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Version = Literal["v1", "v2"]

CLASSES: tuple[str, ...] = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")
"""Class names in the order of their codes; code 0 is benign, all others are attacks."""

BENIGN = 0
"""Code of the benign class."""

OTHER = "Other"
"""What attacks of other data sets are called here: a sixth class, which no detector names."""

KINDS: tuple[str, ...] = (*CLASSES, OTHER)
"""Names in the order of the codes that a flow may have."""

OTHER_ATTACKS: dict[str, tuple[str, ...]] = {
    "NF-ToN-IoT": ("backdoor", "injection", "mitm", "password", "ransomware", "scanning", "xss"),
    "NF-UNSW-NB15": (
        "Analysis", "Backdoor", "Exploits", "Fuzzers", "Generic", "Shellcode", "Worms",
    ),
    "NF-CSE-CIC-IDS2018": (
        "Bot", "Brute Force -Web", "Brute Force -XSS", "DDOS attack-HOIC", "DDOS attack-LOIC-UDP",
        "DDoS attacks-LOIC-HTTP", "DoS attacks-GoldenEye", "DoS attacks-Hulk",
        "DoS attacks-SlowHTTPTest", "DoS attacks-Slowloris", "FTP-BruteForce", "Infilteration",
        "SQL Injection", "SSH-Bruteforce",
    ),
}  # fmt: skip
"""Attacks of the data sets that share the columns, beside those that NF-BoT-IoT has too.

How to add a data set: add a line and run ``pytest tests/flows``.
"""

CODES: dict[str, int] = {
    **{name: KINDS.index(OTHER) for names in OTHER_ATTACKS.values() for name in names},
    **{name.lower(): code for code, name in enumerate(CLASSES) if name in ("DDoS", "DoS")},
    **{name: code for code, name in enumerate(KINDS)},
}
"""Code of every name that may stand in ``Attack``; NF-ToN-IoT writes ddos and dos."""


class Role(Enum):
    """What a column may be used for."""

    ADDRESS = "host address; names a machine, never a feature"
    PORT = "port; gives the scenario away, never a feature"
    FEATURE = "may be shown to a detector"
    TARGET = "what a detector has to find; never a feature"
    ORIGIN = "name of the data set that a flow comes from; optional"


@dataclass(frozen=True)
class Column:
    """One column of a flow file.

    Attributes
    ----------
    name : str
        Header in the file.
    role : Role
        What the column may be used for.
    unit : str
        Unit of its values, ``""`` for codes and names.
    meaning : str
        One line for people.
    most : float
        Largest value allowed; the smallest is 0. Not used for text columns.
    """

    name: str
    role: Role
    unit: str
    meaning: str
    most: float = float("inf")

    @property
    def is_text(self) -> bool:
        """Whether the values are names and not numbers."""
        return self.role in (Role.ADDRESS, Role.ORIGIN) or self.name == ATTACK


SOURCE = "IPV4_SRC_ADDR"
DESTINATION = "IPV4_DST_ADDR"
SOURCE_PORT = "L4_SRC_PORT"
DESTINATION_PORT = "L4_DST_PORT"
DURATION = "FLOW_DURATION_MILLISECONDS"
LABEL = "Label"
ATTACK = "Attack"
DATASET = "Dataset"

_CODE = 255.0
_PORT = 65_535.0


def _features(*rows: tuple[str, str, str, float]) -> tuple[Column, ...]:
    return tuple(
        Column(name, Role.FEATURE, unit, meaning, most) for name, unit, meaning, most in rows
    )


_INFINITE = float("inf")

_IDENTIFIERS = (
    Column(SOURCE, Role.ADDRESS, "", "IPv4 address of the flow's source"),
    Column(SOURCE_PORT, Role.PORT, "", "layer-4 port of the source", _PORT),
    Column(DESTINATION, Role.ADDRESS, "", "IPv4 address of the flow's destination"),
    Column(DESTINATION_PORT, Role.PORT, "", "layer-4 port of the destination", _PORT),
)

_V1_FEATURES = _features(
    ("PROTOCOL", "", "IP protocol number: 1 ICMP, 6 TCP, 17 UDP", _CODE),
    ("L7_PROTO", "", "nDPI application as master.sub, a name and not a quantity", _INFINITE),
    ("IN_BYTES", "bytes", "from source to destination", _INFINITE),
    ("OUT_BYTES", "bytes", "from destination to source", _INFINITE),
    ("IN_PKTS", "packets", "from source to destination", _INFINITE),
    ("OUT_PKTS", "packets", "from destination to source", _INFINITE),
    ("TCP_FLAGS", "", "OR of all TCP flag bits of the flow", _CODE),
    (DURATION, "ms", "duration, wrapped: 4,294,967 less the true length in most rows", 2.0**32),
)

_V2_EXTRA = _features(
    ("CLIENT_TCP_FLAGS", "", "OR of the source's TCP flag bits", _CODE),
    ("SERVER_TCP_FLAGS", "", "OR of the destination's TCP flag bits", _CODE),
    ("DURATION_IN", "ms", "from source to destination", _INFINITE),
    ("DURATION_OUT", "ms", "from destination to source", _INFINITE),
    ("MIN_TTL", "hops", "smallest time to live", _CODE),
    ("MAX_TTL", "hops", "largest time to live", _CODE),
    ("LONGEST_FLOW_PKT", "bytes", "longest packet", _INFINITE),
    ("SHORTEST_FLOW_PKT", "bytes", "shortest packet", _INFINITE),
    ("MIN_IP_PKT_LEN", "bytes", "smallest IP packet", _INFINITE),
    ("MAX_IP_PKT_LEN", "bytes", "largest IP packet", _INFINITE),
    (
        "SRC_TO_DST_SECOND_BYTES",
        "bytes/s",
        "from source to destination; overflows in the data",
        _INFINITE,
    ),
    (
        "DST_TO_SRC_SECOND_BYTES",
        "bytes/s",
        "from destination to source; overflows in the data",
        _INFINITE,
    ),
    ("RETRANSMITTED_IN_BYTES", "bytes", "sent again from source to destination", _INFINITE),
    ("RETRANSMITTED_IN_PKTS", "packets", "sent again from source to destination", _INFINITE),
    ("RETRANSMITTED_OUT_BYTES", "bytes", "sent again from destination to source", _INFINITE),
    ("RETRANSMITTED_OUT_PKTS", "packets", "sent again from destination to source", _INFINITE),
    ("SRC_TO_DST_AVG_THROUGHPUT", "bit/s", "from source to destination", _INFINITE),
    ("DST_TO_SRC_AVG_THROUGHPUT", "bit/s", "from destination to source", _INFINITE),
    ("NUM_PKTS_UP_TO_128_BYTES", "packets", "of at most 128 bytes", _INFINITE),
    ("NUM_PKTS_128_TO_256_BYTES", "packets", "of 129 to 256 bytes", _INFINITE),
    ("NUM_PKTS_256_TO_512_BYTES", "packets", "of 257 to 512 bytes", _INFINITE),
    ("NUM_PKTS_512_TO_1024_BYTES", "packets", "of 513 to 1,024 bytes", _INFINITE),
    ("NUM_PKTS_1024_TO_1514_BYTES", "packets", "of 1,025 to 1,514 bytes", _INFINITE),
    ("TCP_WIN_MAX_IN", "bytes", "largest TCP window, source to destination", _INFINITE),
    ("TCP_WIN_MAX_OUT", "bytes", "largest TCP window, destination to source", _INFINITE),
    ("ICMP_TYPE", "", "ICMP type times 256 plus code", _INFINITE),
    ("ICMP_IPV4_TYPE", "", "ICMP type", _CODE),
    ("DNS_QUERY_ID", "", "transaction number of the DNS query", _INFINITE),
    ("DNS_QUERY_TYPE", "", "type of the DNS query: 1 A, 28 AAAA, ...", _INFINITE),
    (
        "DNS_TTL_ANSWER",
        "s",
        "time to live of the first A record, wrapped where negative",
        _INFINITE,
    ),
    ("FTP_COMMAND_RET_CODE", "", "FTP return code", _INFINITE),
)

_TARGETS = (
    Column(LABEL, Role.TARGET, "", "0 benign, 1 attack", 1.0),
    Column(ATTACK, Role.TARGET, "", "name of the class"),
)

FEATURES: dict[Version, tuple[Column, ...]] = {
    "v1": _V1_FEATURES,
    "v2": _V1_FEATURES + _V2_EXTRA,
}
"""Feature columns of each version: 8 and 39. v1's come first in v2's."""

REQUIRED: dict[Version, tuple[Column, ...]] = {
    version: _IDENTIFIERS + features + _TARGETS for version, features in FEATURES.items()
}
"""Columns that a file of each version must have, in any order."""

OPTIONAL: tuple[Column, ...] = (
    Column(DATASET, Role.ORIGIN, "", "data set that the flow was taken from"),
)
"""Columns that a file may have beside the required ones; they are not read."""


def required_names(version: Version) -> tuple[str, ...]:
    """Give the names of the columns that a file of ``version`` must have."""
    return tuple(column.name for column in REQUIRED[version])


def feature_names(version: Version) -> tuple[str, ...]:
    """Give the names of the feature columns of ``version``."""
    return tuple(column.name for column in FEATURES[version])
