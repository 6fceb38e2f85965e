"""Slow, obviously right twins of the aggregation rules: plain loops over plain numbers.

Updates are lists of vectors, in the order of partition ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Vector = Sequence[float]


def coordinates(updates: Sequence[Vector]) -> list[list[float]]:
    """Give for each weight its value in every update."""
    return [[float(update[p]) for update in updates] for p in range(len(updates[0]))]


def median(updates: Sequence[Vector]) -> np.ndarray:
    """Yin et al. 2018, definition 1."""
    found = []
    for values in coordinates(updates):
        ordered, half = sorted(values), len(values) // 2
        even = len(values) % 2 == 0
        found.append((ordered[half - 1] + ordered[half]) / 2 if even else ordered[half])
    return np.array(found)


def trimmed_mean(updates: Sequence[Vector], beta: float) -> np.ndarray:
    """Yin et al. 2018, definition 2."""
    cut = int(beta * len(updates))
    kept = [sorted(values)[cut : len(values) - cut] for values in coordinates(updates)]
    return np.array([sum(values) / len(values) for values in kept])


def krum_ranking(updates: Sequence[Vector], malicious: int) -> list[int]:
    """Blanchard et al. 2017: places by the sum over the n - f - 2 closest others."""
    scores = []
    for i, one in enumerate(updates):
        apart = sorted(
            sum((float(a) - float(b)) ** 2 for a, b in zip(one, other, strict=True))
            for j, other in enumerate(updates)
            if j != i
        )
        scores.append((sum(apart[: len(updates) - malicious - 2]), i))
    return [i for _, i in sorted(scores)]


def krum(
    updates: Sequence[Vector], examples: Sequence[int], malicious: int, select: int
) -> np.ndarray:
    """Average the best by windows."""
    chosen = krum_ranking(updates, malicious)[:select]
    total = sum(examples[i] for i in chosen)
    values = coordinates(updates)
    return np.array([sum(examples[i] * each[i] for i in chosen) / total for each in values])


def bulyan(updates: Sequence[Vector], malicious: int) -> np.ndarray:
    """El Mhamdi et al. 2018: of the selected, the values closest to the median."""
    selected = len(updates) - 2 * malicious
    chosen = [updates[i] for i in krum_ranking(updates, malicious)[:selected]]
    found = []
    for values, middle in zip(coordinates(chosen), median(chosen), strict=True):
        closest = sorted(values, key=lambda value: (abs(value - middle), value))
        kept = closest[: selected - 2 * malicious]
        found.append(sum(kept) / len(kept))
    return np.array(found)


def distance(one: Vector, other: Vector) -> float:
    """Euclid's."""
    return math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(one, other, strict=True)))


def geometric_median(
    updates: Sequence[Vector], examples: Sequence[int], start: Vector, nu: float, steps: int
) -> np.ndarray:
    """Pillutla et al. 2022, algorithm 2, from the global weights."""
    point = [float(value) for value in start]
    for _ in range(steps):
        factors = [
            n / sum(examples) / max(nu, distance(point, update))
            for n, update in zip(examples, updates, strict=True)
        ]
        point = [
            sum(f * v for f, v in zip(factors, values, strict=True)) / sum(factors)
            for values in coordinates(updates)
        ]
    return np.array(point)


def clipped_mean(
    updates: Sequence[Vector], examples: Sequence[int], start: Vector, norm: float
) -> np.ndarray:
    """Sun et al. 2019; norm 0 is the median of the norms."""
    norms = [distance(update, start) for update in updates]
    if not norm:
        norm = float(median([[each] for each in norms])[0])
    found = []
    for place, values in enumerate(coordinates(updates)):
        moved = 0.0
        for value, each, n in zip(values, norms, examples, strict=True):
            moved += n * (value - float(start[place])) / max(1.0, each / norm if each else 0.0)
        found.append(float(start[place]) + moved / sum(examples))
    return np.array(found)


def server_steps(name: str, start: Vector, means: Sequence[Vector], **s: float) -> np.ndarray:
    """Hsu et al. 2019 and Reddi et al. 2021, weight by weight, round after round."""
    found = []
    for place, value in enumerate(start):
        w, m, v = float(value), 0.0, 0.0
        for number, mean in enumerate(means, start=1):
            delta = float(mean[place]) - w
            if name == "fedavgm":
                m = s["server_momentum"] * m + delta
                w += s["server_learning_rate"] * m
                continue
            beta_1 = 0.0 if name == "fedadagrad" else s["beta_1"]
            m, square, rate = beta_1 * m + (1 - beta_1) * delta, delta * delta, s["eta"]
            if name == "fedadagrad":
                v += square
            elif name == "fedadam":
                v = s["beta_2"] * v + (1 - s["beta_2"]) * square
                rate *= math.sqrt(1 - s["beta_2"] ** (number + 1)) / (1 - beta_1 ** (number + 1))
            elif v != square:
                v += (1 - s["beta_2"]) * square * (1 if v < square else -1)
            w += rate * m / (math.sqrt(v) + s["tau"])
        found.append(w)
    return np.array(found)
