"""A trace: a CSV file with the rounds in which each client is available, and its speed.

Its first line names the columns: ``gateway,from_round,to_round``, and any of ``speed``,
``up``, ``down``, ``latency``, in any order. Each other line is one stay of a gateway, both
rounds included; an empty ``to_round`` means until the end. Where a speed, link or latency is
empty, the clock's settings are used. A gateway without a line is never available.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from fednids.config import ClockConfig
from fednids.errors import ConfigError

STAY = ("gateway", "from_round", "to_round")
RATES = ("speed", "up", "down", "latency")
FOR_GOOD = 10**9
"""The last round of a stay without an end, and the highest that can be named."""


@dataclass(frozen=True)
class ClientRates:
    """Speeds of all clients in a round, ``(K,)`` each.

    Attributes
    ----------
    speed : ndarray
        Training windows per second.
    up, down : ndarray
        Mbit/s.
    latency : ndarray
        Seconds that each message takes in addition to its bytes.
    """

    speed: NDArray[np.float64]
    up: NDArray[np.float64]
    down: NDArray[np.float64]
    latency: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """The stays of clients.

    Attributes
    ----------
    gateways : int
        Number of clients ``K``.
    stays : ndarray
        ``(n, 3) int64``: partition id, first and last round.
    rates : ndarray
        ``(n, 4)``, in the order of `RATES`; NaN where the settings are used.
    """

    gateways: int
    stays: NDArray[np.int64]
    rates: NDArray[np.float64]

    def present(self, server_round: int) -> NDArray[np.bool_]:
        """Return which clients are available, ``(K,) bool``."""
        there = np.zeros(self.gateways, bool)
        there[self.stays[self._running(server_round), 0]] = True
        return there

    def adjust(self, rates: ClientRates, server_round: int) -> ClientRates:
        """Return rates, replaced by the trace's own where it has any."""
        running = self._running(server_round)
        who, traced = self.stays[running, 0], self.rates[running]
        changed = {}
        for place, name in enumerate(RATES):
            known = ~np.isnan(traced[:, place])
            changed[name] = getattr(rates, name).copy()
            changed[name][who[known]] = traced[known, place]
        return ClientRates(**changed)

    def _running(self, server_round: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.stays[:, 1] <= server_round) & (
            server_round <= self.stays[:, 2]
        )
        return found


def read_trace(path: Path, gateways: int, rounds: int) -> Trace:
    """Read a trace, and check every line of it.

    Parameters
    ----------
    path : Path
        CSV, UTF-8.
    gateways : int
        ``partition.gateways``, the number of clients.
    rounds : int
        ``federation.rounds``; a client must be available in one of them.

    Raises
    ------
    ConfigError
        The file cannot be read, a column is missing or unknown, a gateway is unknown, a
        value is out of range, stays of a gateway overlap, or no stay is during the run.
    """
    stays, rates = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            columns = _columns(next(lines, []), path)
            for line in filter(None, lines):
                row = _Row(path, lines.line_num, _named(line, columns, path, lines.line_num))
                stays.append(row.stay(gateways))
                rates.append(row.rates())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise _wrong(path, "a readable CSV file", f"{reason[:200]}") from None
    if not any(first <= rounds for _, first, _ in stays):
        raise _wrong(path, f"a stay that begins in a round from 1 to {rounds}", "none")
    trace = Trace(gateways, np.array(stays, np.int64), np.array(rates, np.float64))
    _check_overlap(trace, path)
    return trace


@dataclass(frozen=True)
class _Row:
    path: Path
    number: int
    values: dict[str, str]

    def stay(self, gateways: int) -> tuple[int, int, int]:
        gateway = self._whole("gateway", 0, gateways - 1)
        first = self._whole("from_round", 1, FOR_GOOD)
        if not self.values["to_round"]:
            return gateway, first, FOR_GOOD
        return gateway, first, self._whole("to_round", first, FOR_GOOD)

    def rates(self) -> list[float]:
        """Read speed and links; their ranges are those of the settings."""
        return [self._rate(name, self.values.get(name, "")) for name in RATES]

    def _whole(self, column: str, low: int, high: int) -> int:
        text = self.values[column]
        usable = text.isascii() and text.isdigit() and len(text) <= 10
        if not usable or not low <= int(text) <= high:
            raise self._refused(f"{column} from {low} to {high}", text)
        return int(text)

    def _rate(self, column: str, text: str) -> float:
        if not text:
            return float("nan")
        try:
            found = ClockConfig.model_validate({column: text})
        except ValidationError as error:
            rule = error.errors()[0]["msg"].replace("Input should be ", "")
            raise self._refused(f"{column} {rule}", text) from None
        return float(getattr(found, column))

    def _refused(self, expected: str, text: str) -> ConfigError:
        return _wrong(self.path, f"{expected} in line {self.number}", repr(text[:40]))


def _columns(header: Sequence[str], path: Path) -> list[str]:
    names = [name.strip() for name in header]
    known = {*STAY, *RATES}
    if not set(STAY) <= set(names) <= known or len(set(names)) < len(names):
        columns = f"the columns {','.join(STAY)} and any of {','.join(RATES)}, each once"
        raise _wrong(path, columns, repr(",".join(names)[:100]))
    return names


def _named(line: Sequence[str], columns: Sequence[str], path: Path, number: int) -> dict[str, str]:
    if len(line) != len(columns):
        raise _wrong(path, f"{len(columns)} values in line {number}", str(len(line)))
    return {name: value.strip() for name, value in zip(columns, line, strict=True)}


def _check_overlap(trace: Trace, path: Path) -> None:
    gateway, first, last = trace.stays[np.lexsort((trace.stays[:, 1], trace.stays[:, 0]))].T
    again = (gateway[1:] == gateway[:-1]) & (first[1:] <= last[:-1])
    for place in np.flatnonzero(again)[:1]:
        expected = f"stays of gateway {gateway[place]} that share no round"
        until = "to the end" if last[place] == FOR_GOOD else f"to round {last[place]}"
        raise _wrong(path, expected, f"one {until} and another from round {first[place + 1]}")


def _wrong(path: Path, expected: str, got: str) -> ConfigError:
    message = f"expected {expected} of availability.trace, got {got} in {path}; correct the file"
    return ConfigError(" ".join(message.split()))
