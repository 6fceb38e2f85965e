"""Drift: which of a gateway's training flows are there in a round."""

from __future__ import annotations

from typing import Literal

Arrival = Literal["at-once", "growing", "passing"]
"""``at-once``: all from the start. ``growing``: in round r of R the first r/R in file order.
``passing``: the r-th of R parts alone; older flows are forgotten."""


def arrived(count: int, server_round: int, rounds: int, how: Arrival) -> slice:
    """Return which flows a gateway trains on in a round.

    The r-th part ends at flow ``floor(count * r / R)``. What grows is the union of the
    parts that passed. With fewer flows than rounds, parts overlap rather than be empty.

    Parameters
    ----------
    count : int
        Training flows of the gateway, in file order.
    server_round, rounds : int
        Round ``r`` from 1, and how many there are; later rounds are like the last.
    how : {"at-once", "growing", "passing"}
        When flows arrive.

    Returns
    -------
    slice
        Of the gateway's flows; empty only without any.

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
