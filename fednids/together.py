"""Calls that meet where each needs the same kind of work, so that it is done once for all.

A ClientApp is a plain function, from message to reply. So that gateways can share a graph,
each call runs in a thread of its own as far as the work that it asks for; then the work of
all is done at once, here, and each call goes on with its part. One thread runs at a time,
and in the order of the calls: the result is that of running them one after another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Result = TypeVar("Result")

Work = Callable[[Sequence[Any]], Sequence[Any]]

_here = threading.local()


@dataclass(frozen=True)
class _Wish:
    """What a call asks for: some work on an item."""

    work: Work
    item: Any


def shared(work: Callable[[Sequence[Item]], Sequence[Answer]], item: Item) -> Answer:
    """Have work done on an item, together with the items of all calls that meet.

    Parameters
    ----------
    work : Callable
        From items to as many answers. Calls meet where their `work` is equal; outside of
        `run_together` it is called with this item alone.
    item : object
        This call's part.

    Returns
    -------
    object
        The answer to this item.
    """
    call: _Call[Any] | None = getattr(_here, "call", None)
    if call is None:
        return work([item])[0]
    return call.ask(_Wish(work, item))  # type: ignore[no-any-return]


def run_together(calls: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run calls, doing the work that they share at once.

    Parameters
    ----------
    calls : Sequence[Callable]
        None of them may raise.

    Returns
    -------
    list
        What they give, in their order.
    """
    if len(calls) == 1:
        return [calls[0]()]
    running = [_Call(call) for call in calls]
    wishes = {call: wish for call in running if (wish := call.proceed(None))}
    while wishes:
        work = next(iter(wishes.values())).work
        meeting = [call for call, wish in wishes.items() if wish.work == work]
        answers = _answers(work, [wishes.pop(call).item for call in meeting])
        for call, answer in zip(meeting, answers, strict=True):
            if wish := call.proceed(answer):
                wishes[call] = wish
    return [call.result for call in running]


def _answers(work: Work, items: Sequence[Any]) -> Sequence[Any]:
    """Do the work; an error is everybody's answer."""
    try:
        return work(items)
    except Exception as error:
        return [error] * len(items)


class _Call(threading.Thread, Generic[Result]):
    """A call in a thread that runs only while `proceed` waits for it."""

    result: Result

    def __init__(self, call: Callable[[], Result]):
        super().__init__(daemon=True)
        self._call = call
        self._wishes: SimpleQueue[_Wish | None] = SimpleQueue()
        self._answers: SimpleQueue[Any] = SimpleQueue()

    def run(self) -> None:
        """Do the call."""
        _here.call = self
        try:
            self.result = self._call()
        finally:
            self._wishes.put(None)

    def ask(self, wish: _Wish) -> Any:
        """Hand over a wish and wait for its answer."""
        self._wishes.put(wish)
        answer = self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def proceed(self, answer: Any) -> _Wish | None:
        """Let the call run up to its next wish; None where it has ended."""
        if self.ident is None:
            self.start()
        else:
            self._answers.put(answer)
        return self._wishes.get()
