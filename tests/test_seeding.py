"""Generators: functions of the seed and the consumer's name and place, nothing else."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.seeding import Stream, derived_seed, generator

PLACES = st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple)
CONSUMERS = st.tuples(st.integers(0, 2**32 - 1), st.sampled_from(Stream), PLACES)
Consumer = tuple[int, Stream, tuple[int, ...]]


def draws(seed: int, stream: Stream, *place: int) -> list[int]:
    return [int(value) for value in generator(seed, stream, *place).integers(2**63, size=3)]


@given(consumer=CONSUMERS)
def test_same_arguments_same_numbers_whatever_was_drawn_before(consumer: Consumer) -> None:
    seed, stream, place = consumer
    first = draws(seed, stream, *place)
    generator(seed, stream, *place).random(1000)
    np.random.default_rng().random()
    assert draws(seed, stream, *place) == first


@given(left=CONSUMERS, right=CONSUMERS)
def test_any_other_arguments_other_numbers(left: Consumer, right: Consumer) -> None:
    same = draws(left[0], left[1], *left[2]) == draws(right[0], right[1], *right[2])
    assert same == (left == right)


@pytest.mark.parametrize("stream", Stream)
def test_neither_a_zero_nor_the_order_of_a_place_is_lost(stream: Stream) -> None:
    places = [(), (0,), (0, 0), (0, 0, 0), (1,), (1, 0), (0, 1), (1, 1), (0, 1, 0), (2, 1), (1, 2)]
    found = [draws(1, stream, *place) for place in places]
    assert all(left != right for left, right in combinations(found, 2))


def test_all_streams_rounds_and_gateways_differ() -> None:
    found = {
        tuple(draws(seed, stream, server_round, partition_id))
        for seed in range(3)
        for stream in Stream
        for server_round in range(1, 6)
        for partition_id in range(20)
    }
    assert len(found) == 3 * len(Stream) * 5 * 20


def test_neighbours_are_not_correlated() -> None:
    rows = [generator(1, Stream.TRAINING, 1, place).normal(size=4000) for place in range(12)]
    between = np.corrcoef(rows)[np.triu_indices(12, 1)]
    assert np.abs(between).max() < 5 / np.sqrt(4000)


def test_another_process_draws_the_same() -> None:
    code = (
        "from fednids.seeding import *;"
        "print(generator(5, Stream.SAMPLING, 3).integers(2**63, size=3).tolist())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == str(draws(5, Stream.SAMPLING, 3))


def test_no_global_state_is_touched() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    draws(1, Stream.SPLIT)
    derived_seed(1, Stream.BASELINE)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]  # noqa: NPY002


@given(consumer=CONSUMERS)
def test_derived_seeds_suit_any_library(consumer: Consumer) -> None:
    seed, stream, place = consumer
    derived = derived_seed(seed, stream, *place)
    assert type(derived) is int
    assert 0 <= derived < 2**31
    assert derived == derived_seed(seed, stream, *place)


def test_derived_seeds_differ() -> None:
    assert len({derived_seed(1, Stream.BASELINE, place) for place in range(200)}) == 200
