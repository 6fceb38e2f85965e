"""Groups of tasks of similar size: laws, whatever the sizes are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.simulation.engines.base import GROUP_FILL, group_tasks

SIZES = st.lists(st.integers(0, 10**6), max_size=60)
SIMILAR = st.integers(1, 10**6).flatmap(
    lambda size: st.lists(st.integers(size, 2 * size), max_size=60)
)
SORTED = (SIZES | SIMILAR).map(lambda sizes: sorted(sizes, reverse=True))
MOST = st.integers(1, 20)


def groups_of(sizes: Any, most: int) -> list[list[int]]:
    return [list(sizes[group]) for group in group_tasks(sizes, most)]


@given(sizes=SIZES | SORTED, most=MOST)
def test_groups_are_the_sequence_cut_in_order(sizes: list[int], most: int) -> None:
    groups = list(group_tasks(sizes, most))
    places = [place for group in groups for place in range(len(sizes))[group]]
    assert places == list(range(len(sizes)))
    assert all(group.stop > group.start for group in groups)


@given(sizes=SIZES | SORTED, most=MOST)
def test_no_group_is_too_large(sizes: list[int], most: int) -> None:
    assert all(len(group) <= most for group in groups_of(sizes, most))


@given(sizes=SIZES | SORTED, most=MOST)
def test_groups_of_several_are_full_enough(sizes: list[int], most: int) -> None:
    for group in groups_of(sizes, most):
        if len(group) > 1:
            assert sum(group) >= GROUP_FILL * most * max(group)
            assert len(group) >= GROUP_FILL * most


@given(sizes=SIZES | SORTED, most=st.integers(2, 20))
def test_whoever_is_alone_would_have_been_in_a_group_that_is_not_full(
    sizes: list[int], most: int
) -> None:
    for group in group_tasks(sizes, most):
        taken = sizes[group.start : group.start + most]
        if group.stop - group.start == 1 and len(taken) > 1:
            assert sum(taken) < GROUP_FILL * most * max(*taken, 1)
        else:
            assert sizes[group] == taken


@given(sizes=SIZES)
def test_one_at_most_is_everybody_alone(sizes: list[int]) -> None:
    assert groups_of(sizes, 1) == [[size] for size in sizes]


@given(size=st.integers(1, 10**6), full=st.integers(0, 5), most=st.integers(2, 20))
def test_equal_sizes_give_full_groups(size: int, full: int, most: int) -> None:
    assert groups_of([size] * full * most, most) == [[size] * most] * full


@pytest.mark.parametrize(("left", "groups"), [(6, [10, 1, 1, 1, 1, 1, 1]), (7, [10, 7])])
def test_the_rest_is_a_group_where_it_fills_seven_places_of_ten(
    left: int, groups: list[int]
) -> None:
    assert [len(group) for group in groups_of([5] * (10 + left), 10)] == groups


@given(zeros=st.integers(0, 30), most=MOST)
def test_zeros_are_each_alone(zeros: int, most: int) -> None:
    assert groups_of([0] * zeros, most) == [[0]] * zeros


@given(sizes=SORTED, zeros=st.integers(1, 5), most=MOST)
def test_zeros_at_the_end_are_never_lost(sizes: list[int], zeros: int, most: int) -> None:
    groups = groups_of([*sizes, *[0] * zeros], most)
    assert sum(map(len, groups)) == len(sizes) + zeros


def test_a_far_larger_task_is_alone() -> None:
    assert groups_of([100, 10, 9, 9, 8], 4) == [[100], [10, 9, 9, 8]]


@given(sizes=SIMILAR, most=MOST)
def test_the_scale_does_not_matter(sizes: list[int], most: int) -> None:
    assert list(group_tasks([1024 * size for size in sizes], most)) == list(
        group_tasks(sizes, most)
    )
