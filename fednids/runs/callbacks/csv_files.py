"""Tables for a spreadsheet: ``rounds.csv`` and ``gateways.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fednids.files import write_atomically
from fednids.runs.callbacks.interface import RoundEnd, RunStart
from fednids.runs.records import ResultRecord

ROUNDS_CSV, GATEWAYS_CSV = "rounds.csv", "gateways.csv"

_Row = Mapping[str, float]


class CsvSink:
    """Writes a row a round, and a row for each gateway and round.

    Parameters
    ----------
    target : str
        A folder; the run folder if empty.
    """

    def __init__(self, target: str):
        self._target = target

    def run_began(self, run: RunStart) -> str:
        """Make the folder, and drop what a stop left of a round that was not written whole."""
        folder = Path(self._target) if self._target else run.path
        folder.mkdir(parents=True, exist_ok=True)
        self._rounds = _Table(folder / ROUNDS_CSV, ("round",))
        self._gateways = _Table(folder / GATEWAYS_CSV, ("round", "partition_id"))
        for table in (self._rounds, self._gateways):
            table.open(run.done)
        return str(folder)

    def round_ended(self, ended: RoundEnd) -> None:
        """Append rows."""
        about = {"round": ended.number}
        self._gateways.append(
            {**about, "partition_id": k, **row} for k, row in ended.gateways.items()
        )
        self._rounds.append([{**about, **ended.metrics}])

    def run_ended(self, result: ResultRecord | None) -> None:
        """Do nothing: every row is on disk."""


@dataclass
class _Table:
    """A CSV file whose columns grow when a row brings new ones."""

    path: Path
    keys: tuple[str, ...]
    columns: list[str] = field(default_factory=list)

    def open(self, done: int) -> None:
        """Keep whole rows up to a round; a new run keeps none."""
        kept = [row for row in self._read() if _number(row) <= done] if done else []
        self.columns = list(dict.fromkeys([*self.keys, *(name for row in kept for name in row)]))
        self._write(kept)

    def append(self, rows: Iterable[_Row]) -> None:
        """Write rows at the end, or the whole file where one has a new column."""
        found = list(rows)
        new = dict.fromkeys(name for row in found for name in row if name not in self.columns)
        if new:
            kept = self._read()
            self.columns += new
            self._write([*kept, *found])
            return
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns).writerows(map(_shown, found))

    def _read(self) -> list[dict[str, Any]]:
        if not self.path.is_file():
            return []
        text = self.path.read_text(encoding="utf-8")
        return list(csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1])))

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(map(_shown, rows))
        write_atomically(self.path, text.getvalue().encode())


def _number(row: Mapping[str, str]) -> int:
    return int(row["round"])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write whole numbers without a point."""
    return {n: int(v) if isinstance(v, float) and v.is_integer() else v for n, v in row.items()}
