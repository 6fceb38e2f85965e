"""Drift: which of a gateway's training flows are there in a round."""

from __future__ import annotations

from typing import Literal

Arrival = Literal["at-once", "growing", "passing"]
"""``at-once``: all from the start. ``growing``: in round r of R the first r/R in file order.
``passing``: the r-th of R parts alone; older flows are forgotten."""


def arrived(count: int, server_round: int, rounds: int, how: Arrival) -> slice:
    """Return which of a gateway's `count` training flows, in file order, are there in a round.

    The r-th part, ``r`` from 1, ends at flow ``floor(count * r / R)``. What grows is the union of
    the parts that passed. With fewer flows than rounds, parts overlap rather than be empty. Rounds
    after the last are like it.

    Notes
    -----
    Blocks of file order are how concept drift of intrusions is replayed, e.g. in
    F. Pendlebury et al., "TESSERACT: Eliminating Experimental Bias in Malware
    Classification across Space and Time", USENIX Security 2019,
    https://arxiv.org/abs/1807.07838. Use a file that keeps the order of time.
    """
    if how == "at-once" or not count:
        return slice(0, count)
    now = min(server_round, rounds)
    start = count * (now - 1) // rounds
    stop = max(count * now // rounds, start + 1)
    return slice(start if how == "passing" else 0, stop)
