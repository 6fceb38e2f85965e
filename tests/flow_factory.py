"""Small flow tables for tests: seeded ones, and hypothesis strategies for all of them."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.datasets.spec import Column
from fednids.flows.table import FlowTable

Version = str
CLASSES = NF_BOT_IOT.classes
FEATURES = {
    version: tuple(NF_BOT_IOT.column(name) for name in names)
    for version, names in NF_BOT_IOT.feature_sets.items()
}
REQUIRED = {version: NF_BOT_IOT.layout(version) for version in FEATURES}


def required_names(version: Version) -> tuple[str, ...]:
    """Names of the columns that a file of ``version`` must have."""
    return NF_BOT_IOT.required(version)


def feature_names(version: Version) -> tuple[str, ...]:
    """Names of the feature columns of ``version``."""
    return NF_BOT_IOT.feature_sets[version]


HOSTS = tuple(sorted(f"192.168.100.{last}" for last in (1, 3, 5, 6, 7, 46, 147, 148, 149, 150)))
"""Addresses of the tables that `random_table` makes."""

_FAMILIES = 7 * len(CLASSES) + 3
_L7_CODES = np.array([0.0, 1.0, 5.126, 5.212, 7.0, 91.126, 91.239, 131.0, 222.178])


def number_columns(version: Version) -> tuple[Column, ...]:
    """Give the columns that a `FlowTable` holds as numbers, in the schema's order."""
    return NF_BOT_IOT.numbers(version)


def random_table(rng: np.random.Generator, n: int, version: Version = "v1") -> FlowTable:
    """Make ``n`` flows, all five classes among them if ``n >= 5``.

    As in the real data, features depend on the class, classes share some vectors, most vectors
    repeat and one in ten is rare; all values are whole numbers but for ``L7_PROTO``. Ports are
    uniform. Only hosts that occur are listed. The classes look the same whatever the ``rng``.
    """
    attack = rng.integers(len(CLASSES), size=n)
    attack[: len(CLASSES)] = np.arange(len(CLASSES))[:n]
    attack = rng.permutation(attack)
    family = attack * 7 + rng.integers(10, size=n)
    variant = np.where(rng.random(n) < 0.9, rng.integers(3, size=n), rng.integers(10**6, size=n))
    numbers = {}
    for place, column in enumerate(number_columns(version)):
        limit = int(min(column.most, 1e6))
        if column.role == "identifier":
            numbers[column.name] = rng.integers(limit + 1, size=n).astype(np.float64)
        elif column.name == "L7_PROTO":
            numbers[column.name] = _L7_CODES[family % len(_L7_CODES)]
        else:
            centre = np.random.default_rng(place).integers(limit, size=_FAMILIES)
            numbers[column.name] = np.minimum(centre[family] + variant, column.most)
    return build_table(version, numbers, HOSTS, rng.integers(len(HOSTS), size=(2, n)), attack)


def build_table(
    version: Version,
    numbers: dict[str, NDArray[np.float64]],
    hosts: tuple[str, ...],
    ends: NDArray[np.integer[Any]],
    attack: NDArray[np.integer[Any]],
) -> FlowTable:
    """Make a table of ``ends`` ``(2, N)``, places in ``hosts``, listing only hosts that occur."""
    names = np.array(hosts, dtype=object)[ends]
    used = tuple(sorted(set(names.ravel())))
    place = {host: index for index, host in enumerate(used)}
    source, destination = (np.array([place[h] for h in side], dtype=np.int32) for side in names)
    return FlowTable(
        NF_BOT_IOT, version, numbers, used, source, destination, attack.astype(np.uint8)
    )


def assert_same_flows(left: FlowTable, right: FlowTable) -> None:
    """Fail unless both tables hold the same flows exactly, dtypes and column order included."""
    assert (left.spec, left.version) == (right.spec, right.version)
    assert left.hosts == right.hosts
    assert list(left.numbers) == list(right.numbers)
    for name, values in left.numbers.items():
        assert values.dtype == right.numbers[name].dtype, name
        np.testing.assert_array_equal(values, right.numbers[name], err_msg=name)
    for field in ("source", "destination", "attack"):
        ours, theirs = getattr(left, field), getattr(right, field)
        assert ours.dtype == theirs.dtype, field
        np.testing.assert_array_equal(ours, theirs, err_msg=field)


def column_values(column: Column) -> st.SearchStrategy[float]:
    """Any value that ``column`` may hold, whole numbers and edges often."""
    top = None if np.isinf(column.most) else column.most
    whole = st.integers(0, int(min(column.most, 2**53))).map(float)
    return st.one_of(whole, st.floats(0.0, top, allow_nan=False, allow_infinity=False))


@st.composite
def flow_tables(draw: st.DrawFn, *, version: Version | None = None, max_rows: int = 8) -> FlowTable:
    """Any table of 1 to ``max_rows`` flows whose listed hosts all occur."""
    chosen: Version = draw(st.sampled_from(("v1", "v2"))) if version is None else version
    n = draw(st.integers(1, max_rows))
    address = st.integers(0, 2**32 - 1).map(lambda number: str(ipaddress.IPv4Address(number)))
    hosts = tuple(draw(st.lists(address, min_size=1, max_size=4, unique=True)))
    ends = draw(st.lists(st.integers(0, len(hosts) - 1), min_size=2 * n, max_size=2 * n))
    attack = draw(st.lists(st.integers(0, len(CLASSES) - 1), min_size=n, max_size=n))
    numbers = {
        column.name: np.array(draw(st.lists(column_values(column), min_size=n, max_size=n)))
        for column in number_columns(chosen)
    }
    return build_table(
        chosen, numbers, hosts, np.array(ends).reshape(2, n), np.array(attack, dtype=np.int64)
    )
