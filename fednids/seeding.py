"""One seed for a run, one named generator for every consumer.

Generators are functions of the seed and a name, never of what was drawn before. So a
round, a gateway or a resumed run draws the same numbers whatever happened elsewhere.
"""

from __future__ import annotations

import zlib
from enum import Enum

import numpy as np


class Stream(Enum):
    """Who draws; its place in the run follows as integers."""

    SYNTHETIC = "synthetic"
    LIMIT = "limit"
    SPLIT = "split"
    PARTITION = "partition"
    AVAILABILITY = "availability"
    CLOCK = "clock"
    ATTACK = "attack"
    WIRE = "wire"
    ROOT = "root"
    WEIGHTS = "weights"
    SAMPLING = "sampling"
    TRAINING = "training"
    RECALIBRATION = "recalibration"
    SEARCH = "search"
    BASELINE = "baseline"


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Return the random generator of one consumer.

    Parameters
    ----------
    seed : int
        Seed of the run, at least 0.
    stream : Stream
        The consumer.
    *place : int
        Where in the run it draws, e.g. ``(server_round, partition_id)``.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments, independent for any others.
    """
    name = zlib.crc32(stream.value.encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(name, *place)))


def derived_seed(seed: int, stream: Stream, *place: int) -> int:
    """Return a seed below 2**31 for a library that takes no generator."""
    return int(generator(seed, stream, *place).integers(2**31))
