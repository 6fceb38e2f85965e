"""The yardstick: what chance alone gives at the same sizes.

A gateway of 20 flows cannot have the fleet's class mix, however fairly it was dealt. So a
skew is read beside that of iid deals of the same flows to gateways of the same sizes.

A plan may lie below the interval too: it then deals more evenly than chance, as a deal that
gives every gateway its exact share of each class does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fednids.errors import PartitionError
from partitions.interface import Table
from partitions.skew.shares import Values

INTERVAL = (0.025, 0.975)
"""Quantiles of the iid deals between which 95 % of them lie."""


@dataclass(frozen=True)
class Yardstick:
    """How many iid deals to draw; 0 for none, and a yardstick of NaN.

    Attributes
    ----------
    tables : int
        Class tables for label measures. A hundred take about a quarter of a second
        for 1,000 gateways.
    shuffles : int
        Shuffled assignments for feature measures, which take about as long each as the
        measure itself. The interval of so few is little less than their range.

    Raises
    ------
    PartitionError
        When a number is below 0.
    """

    tables: int = 100
    shuffles: int = 5

    def __post_init__(self) -> None:
        """Refuse numbers below 0."""
        if min(self.tables, self.shuffles) < 0:
            raise PartitionError(
                f"expected 0 iid deals or more, found {self.tables} tables and "
                f"{self.shuffles} shuffles; take 0 for no yardstick"
            )


def draw_iid_tables(table: Table, draws: int, rng: np.random.Generator) -> Iterator[Table]:
    """Draw the class tables of iid deals that keep every gateway's size.

    It is what shuffling the assignment of all flows gives, without the flows: each class in
    turn takes places left at the gateways, a multivariate hypergeometric draw.

    Parameters
    ----------
    table : ndarray
        ``(K, C) int64``.
    draws : int
        How many.
    rng : numpy.random.Generator
        Only source of chance.

    Yields
    ------
    ndarray
        ``(K, C) int64``, row and column sums as in `table`.
    """
    totals = table.sum(axis=0)
    for _ in range(draws):
        left, drawn = table.sum(axis=1), np.empty(table.shape, np.int64)
        for code, total in enumerate(totals[:-1]):
            drawn[:, code] = rng.multivariate_hypergeometric(left, total, method="marginals")
            left -= drawn[:, code]
        drawn[:, -1] = left
        yield drawn


def spread_of_draws(values: list[Values], shape: tuple[int, ...]) -> Values:
    """Summarise draws of equal shape.

    Parameters
    ----------
    values : list of ndarray
        What was measured on each iid deal.
    shape : tuple[int, ...]
        Shape of each, for the case that there are none.

    Returns
    -------
    ndarray
        ``(*shape, 3)``: mean and the quantiles of `INTERVAL`; NaN without draws.
    """
    if not values:
        return np.full((*shape, 3), np.nan)
    stacked = np.stack(values)
    low, high = np.quantile(stacked, INTERVAL, axis=0)
    return np.stack([stacked.mean(axis=0), low, high], axis=-1)
