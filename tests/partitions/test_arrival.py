"""arrival: parts that cover, in order, never empty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitions import arrived

COUNTS, ROUNDS = st.integers(0, 500), st.integers(1, 30)


def flows(count, server_round, rounds, how):
    return list(range(count))[arrived(count, server_round, rounds, how)]


@given(COUNTS, ROUNDS, ROUNDS)
def test_at_once_is_everything(count, server_round, rounds):
    assert flows(count, server_round, rounds, "at-once") == list(range(count))


@given(COUNTS, ROUNDS)
def test_parts_cover_all_in_order_and_without_overlap_where_there_are_enough(count, rounds):
    parts = [flows(count, r, rounds, "passing") for r in range(1, rounds + 1)]
    assert sorted({flow for part in parts for flow in part}) == list(range(count))
    assert all(part == sorted(part) for part in parts)
    if count >= rounds:
        assert [flow for part in parts for flow in part] == list(range(count))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(COUNTS, ROUNDS)
def test_what_grows_is_what_has_passed(count, rounds):
    passed: set[int] = set()
    for server_round in range(1, rounds + 1):
        passed |= set(flows(count, server_round, rounds, "passing"))
        assert flows(count, server_round, rounds, "growing") == sorted(passed)
    assert len(passed) == count


@given(st.integers(1, 500), ROUNDS, ROUNDS, st.sampled_from(["growing", "passing"]))
def test_a_gateway_with_a_flow_always_has_one(count, server_round, rounds, how):
    assert flows(count, server_round, rounds, how)


@pytest.mark.parametrize("how", ["growing", "passing"])
def test_later_rounds_are_like_the_last(how):
    assert flows(10, 9, 3, how) == flows(10, 3, 3, how)


def test_by_hand():
    assert flows(10, 2, 3, "passing") == [3, 4, 5]
    assert flows(10, 2, 3, "growing") == [0, 1, 2, 3, 4, 5]
    assert flows(1, 1, 3, "passing") == flows(1, 3, 3, "passing") == [0]
