"""Gateways are sorted and put together without losing a flow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fednids.report.figures.layout import arrange, sort_gateways

tables = arrays.arrays(
    np.int64,
    st.tuples(st.integers(1, 40), st.integers(1, 5)),
    elements=st.integers(0, 9),
)


@given(tables, st.integers(1, 12))
def test_no_gateway_and_no_flow_is_lost(owned: np.ndarray, most: int) -> None:
    columns = arrange(owned, most)
    assert sorted(columns.order) == list(range(len(owned)))
    assert 1 <= len(columns.owned) <= most
    assert columns.counts.sum() == len(owned)
    assert (columns.owned.sum(axis=0) == owned.sum(axis=0)).all()


@given(tables, st.integers(1, 12))
def test_a_column_is_its_gateways_taken_literally(owned: np.ndarray, most: int) -> None:
    columns = arrange(owned, most)
    for column, (start, end) in enumerate(pairwise(columns.edges)):
        members = [owned[gateway] for gateway in columns.order[start:end]]
        sizes = [int(member.sum()) for member in members]
        assert list(columns.owned[column]) == list(sum(members))
        assert (columns.smallest[column], columns.largest[column]) == (min(sizes), max(sizes))
        if sum(sizes):
            mean = sum(member / max(n, 1) * n for member, n in zip(members, sizes, strict=True))
            np.testing.assert_allclose(columns.shares[column], mean / sum(sizes))
        else:
            assert np.isnan(columns.shares[column]).all()


@given(tables)
def test_the_order_is_the_literal_one(owned: np.ndarray) -> None:
    def key(gateway: int) -> tuple[bool, int, float, int]:
        row = owned[gateway].tolist()
        return (not any(row), row.index(max(row)), -max(row) / max(sum(row), 1), gateway)

    assert list(sort_gateways(owned)) == sorted(range(len(owned)), key=key)


@pytest.mark.parametrize(
    ("gateways", "columns", "width"), [(1, 1, 1), (100, 100, 1), (101, 51, 2), (1000, 100, 10)]
)
def test_columns_are_of_equal_width_but_the_last(gateways: int, columns: int, width: int) -> None:
    arranged = arrange(np.ones((gateways, 2), np.int64))
    assert len(arranged.owned) == columns
    assert arranged.width == width
    assert set(arranged.counts[:-1]) <= {width}


def test_gateways_without_flows_come_last() -> None:
    owned = np.array([[0, 0], [1, 0], [0, 0], [0, 5]])
    assert list(sort_gateways(owned)) == [1, 3, 0, 2]
