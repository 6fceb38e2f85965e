"""Encodings as their papers and definitions say them, one number at a time."""

from __future__ import annotations

import math

import numpy as np

BLOCK = 256


def shortened_up(value: np.float32) -> float:
    """Round up to 17 significant bits, or to a multiple of 2**-142 where that is coarser."""
    if value == 0:
        return 0.0
    _, exponent = math.frexp(float(value))
    step = max(2.0 ** (exponent - 17), 2.0**-142)
    return math.ceil(float(value) / step) * step


def slow_int8(vector: np.ndarray, draws: np.ndarray) -> tuple[list[int], list[float]]:
    """Give levels and scales; a draw below the part above a level rounds up."""
    levels, scales = [], []
    for first in range(0, len(vector), BLOCK):
        block = vector[first : first + BLOCK]
        peak = np.float32(max(abs(float(number)) for number in block))
        scale = shortened_up(peak / np.float32(127))
        if peak > 0 and scale == 0:
            scale = 2.0**-142
        scales.append(scale)
        for number, draw in zip(block, draws[first : first + BLOCK], strict=True):
            exact = float(number / np.float32(scale)) if scale else 0.0
            level = math.floor(exact)
            if draw < exact - level:
                level += 1
            levels.append(min(127, max(-127, level)))
    return levels, scales


def slow_topk(vector: np.ndarray, count: int) -> list[float]:
    """Keep the numbers of largest magnitude; of equal ones the first; 0 for the others."""
    ranked = sorted(range(len(vector)), key=lambda place: (-abs(float(vector[place])), place))
    chosen = set(ranked[:count])
    return [float(number) if place in chosen else 0.0 for place, number in enumerate(vector)]


def slow_float16(number: float) -> float:
    """Round to the nearest of the halves, ties to the even one; the largest is 65,504."""
    if number == 0:
        return number
    _, exponent = math.frexp(number)
    step = 2.0 ** max(exponent - 11, -24)
    nearest = round(number / step) * step
    return math.copysign(min(abs(nearest), 65_504.0), number)
