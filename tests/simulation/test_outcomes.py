"""Fates: who counts, who does not and why, and when a round ends, against a slow twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fednids.simulation.outcomes import (
    ClientOutcome,
    RoundOutcomes,
    decide_outcomes,
    round_duration,
)

ONE = st.tuples(
    st.sampled_from([1.0, 2.0, 2.5, 4.0]), st.booleans(), st.booleans(), st.booleans(),
    st.floats(0, 1, exclude_max=True),
)  # fmt: skip
Row = tuple[float, bool, bool, bool, float]


def slow_outcomes(rows: list[Row], wanted: int) -> list[ClientOutcome]:
    """Let updates come in one by one."""
    found: dict[int, ClientOutcome] = {}
    for k, (_, failed, late, lost, _) in enumerate(rows):
        if failed:
            found[k] = ClientOutcome.DROPPED_BEFORE
        elif late:
            found[k] = ClientOutcome.LATE
        elif lost:
            found[k] = ClientOutcome.DROPPED_AFTER
    coming = sorted((k for k in range(len(rows)) if k not in found),
                    key=lambda k: (rows[k][0], rows[k][4], k))  # fmt: skip
    for place, k in enumerate(coming):
        found[k] = ClientOutcome.AGGREGATED if place < wanted else ClientOutcome.NOT_NEEDED
    return [found[k] for k in range(len(rows))]


def settled(rows: list[Row], wanted: int) -> tuple[ClientOutcome, ...]:
    seconds, failed, late, lost, ties = (np.array([row[i] for row in rows]) for i in range(5))
    return decide_outcomes(
        seconds=seconds.astype(float), failed=failed.astype(bool), late=late.astype(bool),
        lost=lost.astype(bool), ties=ties.astype(float), wanted=wanted,
    )  # fmt: skip


@given(rows=st.lists(ONE, max_size=8), wanted=st.integers(1, 9))
def test_against_a_slow_twin(rows: list[Row], wanted: int) -> None:
    assert list(settled(rows, wanted)) == slow_outcomes(rows, wanted)


def seconds_of(outcomes: list[ClientOutcome], wanted: int, deadline: float) -> float:
    return round_duration(
        tuple(outcomes), np.array([3.0, 1.0, 9.0, 5.0])[: len(outcomes)], wanted, deadline
    )


class TestDuration:
    def test_the_last_that_counts_ends_it(self) -> None:
        assert seconds_of([ClientOutcome.AGGREGATED] * 3, 3, np.inf) == 9
        assert (
            seconds_of(
                [ClientOutcome.AGGREGATED, ClientOutcome.AGGREGATED, ClientOutcome.NOT_NEEDED],
                2,
                20.0,
            )
            == 3
        )

    def test_nobody_waits_for_more_than_wanted(self) -> None:
        assert (
            seconds_of(
                [
                    ClientOutcome.AGGREGATED,
                    ClientOutcome.AGGREGATED,
                    ClientOutcome.DROPPED_AFTER,
                    ClientOutcome.DROPPED_BEFORE,
                ],
                2,
                20.0,
            )
            == 3
        )

    def test_who_waits_in_vain_waits_to_the_deadline(self) -> None:
        assert (
            seconds_of(
                [ClientOutcome.AGGREGATED, ClientOutcome.AGGREGATED, ClientOutcome.LATE], 3, 7.0
            )
            == 7
        )
        assert seconds_of([ClientOutcome.AGGREGATED, ClientOutcome.DROPPED_BEFORE], 2, 7.0) == 7
        assert seconds_of([ClientOutcome.DROPPED_AFTER], 1, 7.0) == 7

    def test_without_a_deadline_as_long_as_the_lost_would_have_taken(self) -> None:
        assert (
            seconds_of(
                [ClientOutcome.AGGREGATED, ClientOutcome.AGGREGATED, ClientOutcome.DROPPED_AFTER],
                3,
                np.inf,
            )
            == 9
        )
        assert (
            seconds_of([ClientOutcome.DROPPED_AFTER, ClientOutcome.DROPPED_BEFORE], 2, np.inf) == 3
        )

    def test_nobody_asked_takes_no_time(self) -> None:
        assert seconds_of([], 0, 7.0) == 0


def test_a_round_tells_who_and_why() -> None:
    outcomes = (
        ClientOutcome.AGGREGATED,
        ClientOutcome.DROPPED_AFTER,
        ClientOutcome.AGGREGATED,
        ClientOutcome.LATE,
    )
    there = np.array([True] * 9 + [False])
    ended = RoundOutcomes(4, there, np.array([1, 3, 5, 8]), outcomes, np.arange(4.0), 6.5)
    assert ended.aggregated == [1, 5]
    assert ended.of(ClientOutcome.LATE, ClientOutcome.DROPPED_AFTER) == [3, 8]
    assert ended.by_partition()[8] == (ClientOutcome.LATE, 3.0)
    assert ended.to_json() == {
        "virtual_seconds": 6.5, "present": 9, "sampled": 4, "outcomes": {"late": [8], "lost": [3]},
    }  # fmt: skip
