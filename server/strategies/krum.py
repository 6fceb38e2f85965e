"""Krum and Multi-Krum: trust the updates that have the closest neighbours.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent",
NeurIPS 2017, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.updates import Updates, blocks, weighted_sum

_BITS = 30


@dataclass(frozen=True)
class Krum:
    r"""The mean of the updates with the least scores, weighted by windows as Flower does.

    The score of an update is :math:`s(i) = \sum_{i \to j} \|V_i - V_j\|^2` over the
    :math:`n - f - 2` updates that are closest to it. Krum takes the least; Multi-Krum the
    mean of the `select` least. Flower's ``Krum`` and ``MultiKrum``.

    Attributes
    ----------
    malicious : int
        How many may lie (f); there must be at least 2 f + 3 updates.
    select : int
        How many to take, from 1 to n - f; 0 for all n - f.
    """

    malicious: int
    select: int = 1

    def fault(self, count: int) -> str | None:
        """Find too many liars, or more to select than there are honest updates."""
        wrong = too_many(self.malicious, count, 2)
        if wrong or self.select <= count - self.malicious:
            return wrong
        return (
            f"federation.select from 0 to {count - self.malicious} with {count} updates, "
            f"{self.malicious} of them malicious, got {self.select}"
        )

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Average the selected."""
        select = self.select or len(updates.matrix) - self.malicious
        chosen = ranking(updates, self.malicious)[:select]
        factors = np.zeros(len(updates.matrix), np.int64)
        factors[chosen] = updates.examples[chosen]
        return weighted_sum(updates.matrix, factors) / int(factors.sum())


def too_many(malicious: int, count: int, times: int) -> str | None:
    """Find more liars than ``n >= times * f + 3`` allows."""
    if count < 3:
        return f"at least 3 updates, got {count}"
    most = (count - 3) // times
    if malicious <= most:
        return None
    return (
        f"federation.malicious from 0 to {most} with {count} updates "
        f"(n >= {times} malicious + 3), got {malicious}"
    )


def ranking(updates: Updates, malicious: int) -> NDArray[np.intp]:
    """Give the rows ``(n,)`` by Krum's score, least first; of equal scores the first row.

    Scores count as equal to nine significant digits: their last bits are those of a matrix
    product, which depend on where a row stands.
    """
    apart = squared_distances(updates)
    np.fill_diagonal(apart, np.inf)
    closest = len(apart) - malicious - 2
    scores = np.sort(apart, axis=1)[:, :closest].sum(axis=1)
    mantissa, exponent = np.frexp(scores)
    rounded = np.ldexp(np.round(np.ldexp(mantissa, _BITS)), exponent - _BITS)
    return np.argsort(rounded, kind="stable")


def squared_distances(updates: Updates) -> NDArray[np.float64]:
    r"""Give ``(n, n)`` squared distances between updates, by the Gram matrix.

    :math:`\|x - y\|^2 = \|x\|^2 + \|y\|^2 - 2 x \cdot y` is one matrix product, which is n
    times less reading than pairs. It subtracts numbers of the size of the squared norms:
    weights differ by much less than they are, and in float32 the difference of two could be
    all rounding. So the product is of the changes since the global weights, and in float64.
    """
    gram = np.zeros((len(updates.matrix), len(updates.matrix)))
    for part in blocks(updates.matrix):
        moved = np.subtract(updates.matrix[:, part], updates.start[part], dtype=np.float64)
        gram += moved @ moved.T
    norms = gram.diagonal()
    apart: NDArray[np.float64] = norms[:, None] + norms[None, :] - 2 * gram
    return np.maximum(apart, 0.0, out=apart)
