"""Training and test flows, chosen before anything is fitted or windowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.errors import DataError
from fednids.flows.prepared import PreparedFlows

Mask = NDArray[np.bool_]
Groups = NDArray[np.signedinteger[Any]]

BLOCKS = 50
"""Into how many pieces of file order ``blocks`` cuts the flows."""


@dataclass(frozen=True)
class Split:
    """Which flows are kept for testing.

    Attributes
    ----------
    test : ndarray
        ``(N,) bool``, true for test flows.
    novel : ndarray
        ``(N,) bool``, true for test flows whose vector occurs in no other flow, be it of
        training or of validation.
    validation : ndarray or None
        ``(N,) bool``, true for flows that rounds are chosen by, `fednids.flows.validation`;
        None without any.
    """

    test: Mask
    novel: Mask
    validation: Mask | None = None

    @property
    def training(self) -> Mask:
        """``(N,) bool``, true for the flows that are trained on."""
        return ~self.test if self.validation is None else ~(self.test | self.validation)


def split_flows(flows: PreparedFlows, how: str, share: float, rng: np.random.Generator) -> Split:
    """Choose the test flows.

    Parameters
    ----------
    flows : PreparedFlows
        All flows.
    how : str
        A name in `SPLITS`.
    share : float
        Share of test flows, in (0, 1).
    rng : numpy.random.Generator
        Makes the choice.

    Raises
    ------
    DataError
        Nothing would be left to train or to test on.
    """
    test = SPLITS[how](flows, share, rng)
    if test.all() or not test.any():
        raise DataError(
            f"expected flows on both sides of split {how!r}, got {int(test.sum()):,} test flows of "
            f"{len(flows):,}; choose another data.split or data.test_share"
        )
    return _with_novel(flows, test)


def hold_out(flows: PreparedFlows, split: Split, held: Mask, what: str) -> Split:
    """Make test flows of more flows.

    Parameters
    ----------
    flows : PreparedFlows
        All flows.
    split : Split
        Before any validation flows are set apart.
    held : ndarray
        ``(N,) bool``, true for flows that are not to be trained on.
    what : str
        What they are, for a complaint.

    Raises
    ------
    DataError
        There are no such flows, or no others are left to train on.
    """
    test = split.test | held
    if not held.any() or test.all():
        raise DataError(
            f"expected flows of {what} to hold out, and others to train on, got "
            f"{int(held.sum()):,} of the one and {int((~test).sum()):,} of the other; hold out "
            "something else"
        )
    return _with_novel(flows, test)


def drop_test(flows: PreparedFlows, split: Split) -> tuple[NDArray[np.int64], Split]:
    """Take the test flows away and make test flows of the validation flows.

    Returns
    -------
    kept : ndarray
        ``(n,) int64`` rows of the flows that are left, rising.
    split : Split
        Of these alone.
    """
    assert split.validation is not None
    kept = np.flatnonzero(~split.test)
    return kept, _with_novel(flows.take(kept), split.validation[kept])


def limit_flows(
    attack: NDArray[np.uint8], most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose at most ``most`` flows with the classes' shares kept, in file order.

    Shares are kept to within as many flows as there are classes, and no class is lost
    while there is room for all.
    """
    if len(attack) <= most:
        return np.arange(len(attack))
    turn = np.zeros(len(attack))
    for name in np.unique(attack):
        rows = rng.permutation(np.flatnonzero(attack == name))
        turn[rows] = np.arange(len(rows)) / len(rows)
    return np.sort(np.argsort(turn, kind="stable")[:most])


def _with_novel(flows: PreparedFlows, test: Mask) -> Split:
    """Find the test flows whose vector no other flow has."""
    trained = np.zeros(len(flows.vectors), bool)
    trained[flows.vector[~test]] = True
    return Split(test, test & ~trained[flows.vector])


def _stratified(classes: NDArray[np.uint8], share: float, rng: np.random.Generator) -> Mask:
    """Take the share of every class, rounded, and one of each that has two."""
    chosen = np.zeros(len(classes), bool)
    for name in np.unique(classes):
        rows = rng.permutation(np.flatnonzero(classes == name))
        count = round(share * len(rows))
        chosen[rows[: min(max(count, 1), len(rows) - 1)]] = True
    return chosen


def _whole_groups(groups: Groups, share: float, rng: np.random.Generator) -> Mask:
    """Take whole groups in random order while that brings the share closer."""
    sizes = np.bincount(groups)
    wanted, taken = share * len(groups), 0
    chosen = np.zeros(len(sizes), bool)
    for group in rng.permutation(np.flatnonzero(sizes)):
        if abs(taken + sizes[group] - wanted) <= abs(taken - wanted):
            chosen[group] = True
            taken += sizes[group]
    test: Mask = chosen[groups]
    return test


def _by_vector(flows: PreparedFlows, share: float, rng: np.random.Generator) -> Mask:
    """Keep equal vectors together; each class gives its share of its own vectors."""
    test = np.zeros(len(flows), bool)
    owner = np.zeros(len(flows.vectors), np.uint8)
    owner[flows.vector[::-1]] = flows.attack[::-1]
    for name in np.unique(owner[flows.vector]):
        rows = np.flatnonzero(owner[flows.vector] == name)
        test[rows] = _whole_groups(flows.vector[rows], share, rng)
    return test


def _by_host(flows: PreparedFlows, share: float, rng: np.random.Generator) -> Mask:
    if not flows.hosts:
        raise DataError(
            f"expected flows with addresses for data.split=hosts, got {flows.origin.dataset} "
            "without; choose another data.split"
        )
    return _whole_groups(flows.source, share, rng)


def _by_block(flows: PreparedFlows, share: float, rng: np.random.Generator) -> Mask:
    return _whole_groups(np.arange(len(flows)) * BLOCKS // len(flows), share, rng)


SPLITS: dict[str, Callable[[PreparedFlows, float, np.random.Generator], Mask]] = {
    "stratified": lambda flows, share, rng: _stratified(flows.attack, share, rng),
    "grouped": _by_vector,
    "hosts": _by_host,
    "blocks": _by_block,
}
"""How to add one: write a function ``(flows, share, rng) -> (N,) bool``, add a line here
and in `fednids.config.DataConfig.split`, run ``pytest tests/flows/test_split.py``."""
