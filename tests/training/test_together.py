"""Calls that meet: the results of running them one after another, with the work done at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.training.together import run_together, shared

Program = Sequence[tuple[str, int]]


class Bench:
    """Kinds of work that note what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []

    def double(self, items: Sequence[int]) -> list[int]:
        self.calls.append(("double", list(items)))
        return [2 * item for item in items]

    def square(self, items: Sequence[int]) -> tuple[int, ...]:
        self.calls.append(("square", list(items)))
        return tuple(item * item % 1009 for item in items)

    def fail_on_all(self, items: Sequence[int]) -> list[int]:
        self.calls.append(("fail_on_all", list(items)))
        raise ValueError(f"no room for {len(items)}")


def call_of(program: Program, start: int, bench: Bench, log: list[Any]) -> Callable[[], list[int]]:
    """Make a call that goes through a program; what it asks for next depends on the answers."""

    def call() -> list[int]:
        value, seen = start, [start]
        log.append(("start", start))
        for kind, number in program:
            if kind == "skip if odd" and value % 2:
                break
            if kind == "add":
                value += number
            if kind in ("double", "square"):
                value = shared(getattr(bench, kind), value + number)
            seen.append(value)
        return seen

    return call


def one_after_another(program: Program, start: int) -> list[int]:
    """Do the same without meeting anybody: the oracle."""
    value, seen = start, [start]
    for kind, number in program:
        if kind == "skip if odd" and value % 2 == 1:
            return seen
        if kind == "add":
            value = value + number
        elif kind == "double":
            value = 2 * (value + number)
        elif kind == "square":
            value = (value + number) ** 2 % 1009
        seen.append(value)
    return seen


STEPS = st.tuples(st.sampled_from(["add", "double", "square", "skip if odd"]), st.integers(0, 9))
PROGRAMS = st.lists(st.lists(STEPS, max_size=6), max_size=7)


class TestRandomPrograms:
    @given(programs=PROGRAMS)
    def test_give_what_they_give_one_after_another(self, programs: list[Program]) -> None:
        bench, log = Bench(), []
        calls = [call_of(program, k, bench, log) for k, program in enumerate(programs)]
        expected = [one_after_another(program, k) for k, program in enumerate(programs)]
        assert run_together(calls) == expected
        assert log == [("start", k) for k in range(len(programs))]

    @given(program=st.lists(STEPS.filter(lambda s: s[0] != "skip if odd"), max_size=6))
    def test_that_are_equal_share_all_their_work(self, program: Program) -> None:
        bench = Bench()
        run_together([call_of(program, k, bench, []) for k in range(5)])
        kinds = [kind for kind, _ in program if kind in ("double", "square")]
        assert [kind for kind, _ in bench.calls] == kinds
        assert all(len(items) == 5 for _, items in bench.calls)

    @given(programs=PROGRAMS)
    def test_meet_the_same_way_every_time(self, programs: list[Program]) -> None:
        benches = Bench(), Bench()
        for bench in benches:
            run_together([call_of(p, k, bench, []) for k, p in enumerate(programs)])
        assert benches[0].calls == benches[1].calls


def double(items: Sequence[int]) -> list[int]:
    return [2 * item for item in items]


def test_items_are_in_the_order_of_the_calls_and_answers_go_back() -> None:
    bench = Bench()
    calls = [lambda k=k: shared(bench.double, k) for k in (5, 3, 8, 1)]
    assert run_together(calls) == [10, 6, 16, 2]
    assert bench.calls == [("double", [5, 3, 8, 1])]


def test_only_equal_work_meets() -> None:
    bench = Bench()
    kinds = [bench.double, bench.square, bench.double, bench.square, bench.square]
    calls = [lambda k=k, kind=kind: shared(kind, k) for k, kind in enumerate(kinds)]
    assert run_together(calls) == [0, 1, 4, 9, 16]
    assert bench.calls == [("double", [0, 2]), ("square", [1, 3, 4])]


def test_who_comes_later_to_the_same_work_meets_those_who_come_then() -> None:
    bench = Bench()

    def late() -> int:
        return shared(bench.double, shared(bench.square, 3))

    assert run_together([late, lambda: shared(bench.double, 1), late]) == [18, 2, 18]
    assert bench.calls == [("square", [3, 3]), ("double", [9, 1, 9])]


def test_all_runs_in_the_thread_that_runs_them() -> None:
    def work(items: Sequence[int]) -> list[int]:
        return [threading.get_ident() for _ in items]

    found = run_together([lambda: (shared(work, 0), threading.get_ident())] * 3)
    assert found == [(threading.get_ident(), threading.get_ident())] * 3


def test_what_is_interrupted_lets_go_of_the_calls() -> None:
    left: list[str] = []

    def call() -> None:
        try:
            shared(interrupt, 1)
        finally:
            left.append("let go")

    def interrupt(items: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_together([call, call])
    assert left == ["let go", "let go"]


class TestErrors:
    def caught(self, work: Callable[[Sequence[int]], Sequence[int]], item: int) -> str | int:
        try:
            return shared(work, item)
        except ValueError as error:
            return str(error)

    def test_of_the_work_reach_all_that_asked_and_nobody_else(self) -> None:
        bench = Bench()
        calls = [
            lambda: self.caught(bench.fail_on_all, 1),
            lambda: self.caught(bench.double, 2),
            lambda: self.caught(bench.fail_on_all, 3),
            lambda: 4,
        ]
        assert run_together(calls) == ["no room for 2", 4, "no room for 2", 4]
        assert bench.calls == [("fail_on_all", [1, 3]), ("double", [2])]

    def test_are_the_end_of_that_work_and_not_of_the_call(self) -> None:
        bench = Bench()

        def call() -> tuple[str | int, int]:
            return self.caught(bench.fail_on_all, 1), shared(bench.double, 4)

        assert run_together([call, call]) == [("no room for 2", 8)] * 2

    def test_of_one_alone_are_its_own(self) -> None:
        bench = Bench()
        assert run_together([lambda: self.caught(bench.fail_on_all, 1)]) == ["no room for 1"]

    def test_that_a_call_keeps_to_itself_change_nothing(self) -> None:
        def stumble() -> int:
            try:
                raise KeyError(shared(double, 1))
            except KeyError as error:
                return int(error.args[0])

        assert run_together([stumble, lambda: shared(double, 2)]) == [2, 4]


class TestAlone:
    def test_outside_of_everything_work_is_done_on_one_item(self) -> None:
        bench = Bench()
        assert shared(bench.double, 7) == 14
        assert bench.calls == [("double", [7])]
        with pytest.raises(ValueError, match="no room for 1"):
            shared(bench.fail_on_all, 7)

    def test_one_call_runs_in_the_thread_that_asks(self) -> None:
        assert run_together([threading.get_ident]) == [threading.get_ident()]
        assert run_together([lambda: shared(double, 4)]) == [8]

    def test_none_is_nothing(self) -> None:
        assert run_together([]) == []

    def test_who_never_asks_is_run_all_the_same(self) -> None:
        order: list[int] = []
        assert run_together([lambda k=k: order.append(k) or k for k in range(4)]) == [0, 1, 2, 3]
        assert order == [0, 1, 2, 3]

    def test_work_may_itself_be_shared(self) -> None:
        def work(items: Sequence[int]) -> list[int]:
            return [shared(double, item) + 1 for item in items]

        assert run_together([lambda: shared(work, 1), lambda: shared(work, 2)]) == [3, 5]

    def test_answers_may_be_nothing(self) -> None:
        def work(items: Sequence[int]) -> Iterator[None]:
            return [None for _ in items]  # type: ignore[return-value]

        calls = [lambda: (shared(work, 1), shared(double, 3))] * 2
        assert run_together(calls) == [(None, 6)] * 2
