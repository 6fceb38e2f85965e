"""Krum, Multi-Krum and Bulyan: trust the updates that have the closest neighbours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.robust import (
    RobustRule,
    Updates,
    by_coordinate,
    column_blocks,
    mean_of_rows,
    weighted_sum,
)
from fednids.config import Section

_BITS = 30


class KrumSettings(Section):
    """Settings of Krum and Bulyan, which Multi-Krum has as well."""

    malicious: int = Field(
        1, ge=0, description="f, the number of malicious participants that is tolerated"
    )


class Krum(RobustRule):
    r"""The update with the least score.

    Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent",
    NeurIPS 2017, section 4: the score of an update is
    :math:`s(i) = \sum_{i \to j} \|V_i - V_j\|^2` over the :math:`n - f - 2` updates that are
    closest to it; :math:`n \ge 2 f + 3`. Flower's ``Krum``.
    """

    Settings: ClassVar[type[Section]] = KrumSettings
    settings: KrumSettings

    def fault(self, participants: int) -> str | None:
        """Return whether there are too many malicious clients for so many participants."""
        return too_many(self.settings.malicious, participants, 2)

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return the mean of the selected updates, weighted by windows as Flower does."""
        chosen = ranking(updates, self.settings.malicious)[: self._selected(len(updates.matrix))]
        factors = np.zeros(len(updates.matrix), np.int64)
        factors[chosen] = updates.examples[chosen]
        return weighted_sum(updates.matrix, factors) / int(factors.sum())

    def _selected(self, count: int) -> int:
        return 1


class MultiKrumSettings(KrumSettings):
    """Settings of Multi-Krum."""

    select: int = Field(0, ge=0, description="number of updates that are averaged; 0 for all but f")


class MultiKrum(Krum):
    """The mean of the updates with the least scores; section 4 of Krum's paper."""

    Settings = MultiKrumSettings
    settings: MultiKrumSettings

    def fault(self, participants: int) -> str | None:
        """Return whether there are too many malicious clients, or too many to select."""
        own = self.settings
        wrong = super().fault(participants)
        if wrong or own.select <= participants - own.malicious:
            return wrong
        return (
            f"strategy.select from 0 to {participants - own.malicious} with {participants} "
            f"updates, {own.malicious} of them malicious, got {own.select}"
        )

    def _selected(self, count: int) -> int:
        return self.settings.select or count - self.settings.malicious


class Bulyan(RobustRule):
    r"""The mean of the values next to the median, over the updates that Krum trusts.

    El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in
    Byzantium", ICML 2018, section 4: of n updates :math:`\theta = n - 2 f` are selected; every
    weight is the mean of the :math:`\beta = \theta - 2 f` values that are closest to the median
    of the selected; :math:`n \ge 4 f + 3`. As Flower's ``Bulyan``, which selects by the scores of
    one Multi-Krum, where the paper scores those that are left again after each choice. Of two
    values equally far from the median the smaller one counts.
    """

    Settings = KrumSettings
    settings: KrumSettings

    def fault(self, participants: int) -> str | None:
        """Return whether there are too many malicious clients for so many participants."""
        return too_many(self.settings.malicious, participants, 4)

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return the mean next to the median."""
        malicious = self.settings.malicious
        selected = len(updates.matrix) - 2 * malicious
        kept = selected - 2 * malicious
        rows = np.sort(ranking(updates, malicious)[:selected])
        return by_coordinate(updates.matrix, lambda values: _next_to_median(values, kept), rows)


def too_many(malicious: int, count: int, times: int) -> str | None:
    """Return what is wrong with more malicious clients than ``n >= times * f + 3`` allows."""
    if count < 3:
        return f"at least 3 updates, got {count}"
    most = (count - 3) // times
    if malicious <= most:
        return None
    return (
        f"strategy.malicious from 0 to {most} with {count} updates "
        f"(n >= {times} malicious + 3), got {malicious}"
    )


def ranking(updates: Updates, malicious: int) -> NDArray[np.intp]:
    """Return the rows ``(n,)`` by Krum's score, least first; of equal scores the first row.

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
    r"""Return ``(n, n)`` squared distances between updates, by the Gram matrix.

    :math:`\|x - y\|^2 = \|x\|^2 + \|y\|^2 - 2 x \cdot y` is one matrix product, which is n
    times less reading than pairs. It subtracts numbers of the size of the squared norms:
    weights differ by much less than they are, and in float32 the difference of two could be
    all rounding. So the product is of the changes since the global weights, and in float64.
    """
    gram = np.zeros((len(updates.matrix), len(updates.matrix)))
    for part in column_blocks(updates.matrix):
        moved = np.subtract(updates.matrix[:, part], updates.start[part], dtype=np.float64)
        gram += moved @ moved.T
    norms = gram.diagonal()
    apart: NDArray[np.float64] = norms[:, None] + norms[None, :] - 2 * gram
    return np.maximum(apart, 0.0, out=apart)


def _next_to_median(values: NDArray[np.float32], kept: int) -> NDArray[np.float64]:
    """Average the `kept` values of each row ``(width, n)`` that are closest to its median.

    In sorted order they stand side by side: of all such runs they are the one whose farther
    end is closest.
    """
    values.sort(axis=1)
    count = values.shape[1]
    middle = [(count - 1) // 2, count // 2]
    median = mean_of_rows(values[:, middle])[:, None]
    below = median - values[:, : count - kept + 1]
    above = values[:, kept - 1 :] - median
    first = np.maximum(below, above).argmin(axis=1)
    run = first[:, None] + np.arange(kept)
    return mean_of_rows(np.take_along_axis(values, run, axis=1))
