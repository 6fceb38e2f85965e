"""Rounds as flat numbers, read from the lines that a run appends as it goes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fednids.datasets.federated import class_names
from fednids.metrics import ConfusionCounts, scores
from fednids.runs.callbacks.sink import RoundMetrics
from fednids.runs.layout import CHECKPOINT, ROUNDS, ROWS

_COUNTED = ("participants", "failures")
_LEFT_OUT = ("round", "partition_id")
_RATES = ("accuracy", "macro_f1", "false_alarm_rate")


class RoundLines:
    """Follows the files of a run; each call reads what was appended since.

    Parameters
    ----------
    path : Path
        The run folder.
    """

    def __init__(self, path: Path):
        self._rounds = _Tail(path / ROUNDS)
        self._gateways = _Tail(path / CHECKPOINT / ROWS)

    def new(self) -> list[RoundMetrics]:
        """Give the rounds that have ended since the last call, all of them in the first."""
        rows: dict[int, dict[int, Mapping[str, float]]] = {}
        for row in self._gateways.new():
            rows.setdefault(row["round"], {})[row["partition_id"]] = gateway_metrics(row)
        return [
            RoundMetrics(each["round"], round_metrics(each), rows.get(each["round"], {}))
            for each in self._rounds.new()
        ]


class _Tail:
    """Whole lines of a file that grows."""

    def __init__(self, path: Path):
        self._path, self._offset = path, 0

    def new(self) -> list[dict[str, Any]]:
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def round_metrics(record: Mapping[str, Any]) -> dict[str, float]:
    """Give the numbers of a line of ``rounds.jsonl`` by path of keys.

    Texts, lists but those of participants and failures, and undefined rates are left out.
    """
    counted = {name: len(record[name]) for name in _COUNTED if name in record}
    return dict(_numbers({**record, **counted}, ""))


def gateway_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Give the numbers of one gateway in one round, and the rates of its counts."""
    counts = ConfusionCounts.from_list(_squared(row["confusion"]))
    found = scores(counts, class_names(len(counts.matrix))).to_json()
    rates = {name: found[name] for name in _RATES}
    return dict(_numbers({**rates, **row}, ""))


def settings_texts(settings: Mapping[str, object]) -> dict[str, str]:
    """Give settings as texts, those that are left to a preset as a dash."""
    return {name: str(value) if value != "" else "-" for name, value in settings.items()}


def _squared(flat: list[int]) -> list[list[int]]:
    size = math.isqrt(len(flat))
    return [flat[k * size : (k + 1) * size] for k in range(size)]


def _numbers(value: Mapping[str, Any], before: str) -> Iterator[tuple[str, float]]:
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from _numbers(each, f"{before}{name}/")
        elif isinstance(each, int | float) and name not in _LEFT_OUT and math.isfinite(each):
            yield f"{before}{name}", float(each)
