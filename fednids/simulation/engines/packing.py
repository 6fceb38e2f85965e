"""Which tasks go to a worker together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

FULL = 0.7
"""How full a group must be: a group takes as long as its members would if all were as
large as the largest, and saves about half of that."""


def pack(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Cut a sequence of tasks into groups of neighbours of similar size.

    The groups depend on the tasks alone and not on how many workers there are, because
    what is computed together shares its last bits.

    Parameters
    ----------
    sizes : Sequence[int]
        How long each task works, in any unit; sorted, if groups are to be found.
    most : int
        Tasks in a group, at most.

    Yields
    ------
    slice
        One group: `most` tasks, or fewer that fill `FULL` of the places, or one task.
    """
    start = 0
    while start < len(sizes):
        group = list(islice(sizes, start, start + most))
        together = most > 1 and sum(group) >= FULL * most * max(*group, 1)
        end = start + (len(group) if together else 1)
        yield slice(start, end)
        start = end
