"""From a column's values to what a detector sees: fixed functions of one flow.

Nothing here is fitted, so nothing can leak, and every client computes the same without asking
anybody. A network cuts less sharply than a tree: a cut at one byte or one millisecond needs a
feature that changes there. So logarithms give the order of magnitude, and sines and cosines of
several periods give the fine position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fednids.datasets.spec import Column

ColumnValues = NDArray[np.float64]
Encoded = dict[str, ColumnValues]
"""Features by name, ``(N,) float64`` each."""

LOG_PERIODS = (0.5, 1.0, 2.0, 4.0)
"""Periods of the waves of a logarithm that has any."""

_DURATION_PERIODS = tuple(2.0**power for power in range(2, 13))
_LONGEST_FINE = 1e5


class Encoder(Protocol):
    """What a column declares: how its values become features."""

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return the features of ``(N,) float64`` values; the same names whatever they are."""
        ...


class Derived(Protocol):
    """Features of several columns together."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; without one of them there are no such features."""
        ...

    def encode(self, columns: Mapping[str, ColumnValues]) -> Encoded:
        """Return the features of the columns' ``(N,) float64`` values."""
        ...


@dataclass(frozen=True)
class Log:
    """A quantity with a heavy tail, by its logarithm; a negative one keeps its sign.

    Attributes
    ----------
    stem : str
        How the features' names begin; empty for the column's name in lower case.
    periods : tuple of float
        Of sines and cosines of the logarithm.
    """

    stem: str = ""
    periods: tuple[float, ...] = ()

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return ``<stem>_log``, and its waves."""
        return _log_and_waves(self.stem or column.stem, _log(values), self.periods)


@dataclass(frozen=True)
class Linear:
    """A quantity or a flag as it stands."""

    stem: str = ""

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return the values themselves."""
        return {self.stem or column.stem: values}


@dataclass(frozen=True)
class Bits:
    """A code of eight bits, as a feature each."""

    stem: str = ""

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return ``<stem>_0`` to ``<stem>_7``."""
        whole = np.mod(values, 256).astype(np.int64)
        stem = self.stem or column.stem
        return {f"{stem}_{bit}": ((whole >> bit) & 1).astype(np.float64) for bit in range(8)}


@dataclass(frozen=True)
class OneHot:
    """A code of which some values are named, as a feature each.

    Attributes
    ----------
    named : tuple of (str, float)
        Feature and value.
    other : str
        Feature of all other values.
    """

    named: tuple[tuple[str, float], ...]
    other: str

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return a feature for each named value and one for the rest."""
        features = {name: (values == code).astype(np.float64) for name, code in self.named}
        known = np.isin(values, [code for _, code in self.named])
        return {**features, self.other: (~known).astype(np.float64)}


@dataclass(frozen=True)
class Application:
    """nDPI's ``master.sub``: bits of the master, and whether there is a sub."""

    stem: str

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return ``<stem>_0`` to ``<stem>_7`` and ``<stem>_sub``."""
        master = np.floor(values)
        return {
            f"{self.stem}_sub": (values > master).astype(np.float64),
            **Bits(self.stem).encode(column, master),
        }


@dataclass(frozen=True)
class Duration:
    """A length of time in milliseconds, unwrapped where the column's values wrap.

    The waves stop where milliseconds no longer mean anything.
    """

    stem: str = ""

    def encode(self, column: Column, values: ColumnValues) -> Encoded:
        """Return the logarithm, whether it is 0 or was wrapped, and waves of the length."""
        stem, length = self.stem or column.stem, column.unwrapped(values)
        waves = _waves(stem, length, _DURATION_PERIODS)
        wrapped = values > column.wraps / 2 if column.wraps else np.zeros(len(values))
        return {
            f"{stem}_log": np.log1p(length),
            f"{stem}_zero": (values == 0).astype(np.float64),
            f"{stem}_wrapped": wrapped.astype(np.float64),
            **{name: wave * (length <= _LONGEST_FINE) for name, wave in waves.items()},
        }


@dataclass(frozen=True)
class Ratio:
    """How much of one column there is for each unit of another, by its logarithm."""

    stem: str
    amount: str
    per: str
    periods: tuple[float, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Both columns."""
        return self.amount, self.per

    def encode(self, columns: Mapping[str, ColumnValues]) -> Encoded:
        """Return ``<stem>_log``, and its waves."""
        ratio = columns[self.amount] / np.maximum(columns[self.per], 1)
        return _log_and_waves(self.stem, _log(ratio), self.periods)


@dataclass(frozen=True)
class Balance:
    """How many times one column another is: the difference of their logarithms."""

    name: str
    first: str
    second: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Both columns."""
        return self.first, self.second

    def encode(self, columns: Mapping[str, ColumnValues]) -> Encoded:
        """Return one feature."""
        return {self.name: _log(columns[self.first]) - _log(columns[self.second])}


def _log(values: ColumnValues) -> ColumnValues:
    logs: ColumnValues = np.log1p(np.abs(values)) * np.where(values < 0, -1.0, 1.0)
    return logs


def _log_and_waves(stem: str, log: ColumnValues, periods: tuple[float, ...]) -> Encoded:
    return {f"{stem}_log": log, **_waves(stem, log, periods)}


def _waves(stem: str, values: ColumnValues, periods: tuple[float, ...]) -> Encoded:
    shapes: dict[str, Callable[[ColumnValues], ColumnValues]] = {"sin": np.sin, "cos": np.cos}
    return {
        f"{stem}_{shape}_{period:g}": wave(2 * np.pi / period * values)
        for period in periods
        for shape, wave in shapes.items()
    }
