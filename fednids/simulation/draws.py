"""What is drawn of the world: one number for each gateway, by what it is for and the round."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fednids.seeding import Stream, generator


class Draw(IntEnum):
    """What a number decides."""

    PRESENCE = 0
    JOINERS = 1
    JOINING = 2
    LEAVERS = 3
    LEAVING = 4
    BEFORE = 5
    AFTER = 6
    TIES = 7


def draw(seed: int, what: Draw, gateways: int, server_round: int = 0) -> NDArray[np.float64]:
    """Draw a number from [0, 1) for each gateway.

    Parameters
    ----------
    seed : int
        Seed of the run.
    what : Draw
        What the numbers decide.
    gateways : int
        Number of gateways ``K``; a gateway's number does not depend on it.
    server_round : int
        From 1; 0 for what is drawn once.

    Returns
    -------
    ndarray
        ``(K,)``.
    """
    return generator(seed, Stream.AVAILABILITY, what, server_round).random(gateways)
