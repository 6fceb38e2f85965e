"""Calls that meet where each needs the same kind of work, so that it is done once for all.

A ClientApp is a plain function, from message to reply. So that gateways can share a graph,
each call runs in a greenlet as far as the work that it needs; then the work of all is
done at once, here, and each call goes on with its part. All run in one thread, in the order
of the calls: the result is that of running them one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")
Result = TypeVar("Result")

Work = Callable[[Sequence[Any]], Sequence[Any]]


class _Call(greenlet):
    """A call that can stop for some work on an item and go on with the answer."""


def shared(work: Callable[[Sequence[_Item]], Sequence[_Answer]], item: _Item) -> _Answer:
    """Have work done on an item, together with the items of all calls that meet; return its answer.

    The work is a function from items to as many answers. Calls meet where their work is equal;
    outside of `run_together` it is called with this item alone.
    """
    call = getcurrent()
    if not isinstance(call, _Call) or call.parent is None:
        return work([item])[0]
    answer = call.parent.switch((work, item))
    if isinstance(answer, Exception):
        raise answer
    return answer  # type: ignore[no-any-return]


def run_together(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run calls, none of which may raise, doing the work that they share at once.

    The results are in the order of the calls.
    """
    if len(calls) == 1:
        return [calls[0]()]
    running = [_Call(call) for call in calls]
    try:
        return _meet(running)
    finally:
        for call in filter(None, running):  # those that an interruption left waiting
            call.throw()


def _meet(running: Sequence[_Call]) -> list[Any]:
    """Do the work of all that wait for the same, until none waits."""
    given = {call: call.switch() for call in running}  # work and item, or what a call returned
    while waiting := [call for call in running if not call.dead]:
        work, _ = given[waiting[0]]
        meeting = [call for call in waiting if given[call][0] == work]
        answers = _answers(work, [given[call][1] for call in meeting])
        for call, answer in zip(meeting, answers, strict=True):
            given[call] = call.switch(answer)
    return [given[call] for call in running]


def _answers(work: Work, items: Sequence[Any]) -> Sequence[Any]:
    """Do the work; an error is everybody's answer."""
    try:
        return work(items)
    except Exception as error:
        return [error] * len(items)
