"""Sinks: places that a run is written to beside its folder, as it goes.

How to add one: write a class like `CsvSink` in a file of its own, add a line to `SINKS`, run
``pytest tests/runs/callbacks``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fednids.config import Config
from fednids.errors import ConfigError
from fednids.runs.callbacks.csv_files import CsvSink
from fednids.runs.callbacks.ledger import Told, read_ledger
from fednids.runs.callbacks.mlflow_store import MlflowSink
from fednids.runs.callbacks.sink import RoundMetrics, Sink, SinkMaker, Start
from fednids.runs.callbacks.tensorboard import TensorboardSink
from fednids.runs.callbacks.tracking import Tracking, tracked

__all__ = [
    "SINKS",
    "RoundMetrics",
    "Sink",
    "SinkMaker",
    "Start",
    "Tracking",
    "open_tracking",
    "tracked",
]

SINKS: dict[str, SinkMaker] = {
    "csv": CsvSink,
    "tensorboard": TensorboardSink,
    "mlflow": MlflowSink,
}
"""Sinks by the name that ``--track`` takes."""


def open_tracking(
    wanted: Sequence[str], kind: str, config: Config, path: Path, *, resumed: bool = False
) -> Tracking:
    """Make the sinks of a run.

    Parameters
    ----------
    wanted : Sequence[str]
        ``NAME`` or ``NAME=TARGET``, as ``--track`` takes them.
    kind, config : str, Config
        The arm and its settings.
    path : Path
        The run folder; nothing is written to it before the first round has ended.
    resumed : bool
        Whether the run goes on: then its sinks of before do too.

    Raises
    ------
    ConfigError
        There is no such sink, or it is named twice.
    SetupError
        A package is missing.
    RunError
        What the sinks of before were told is damaged.
    """
    told = {each.name: each for each in read_ledger(path)} if resumed else {}
    named = [_parsed(text) for text in wanted]
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"expected each sink once, got --track {' --track '.join(names)}; leave one out"
        )
    for name, target in named:
        before = told.get(name)
        if before is None or target not in ("", before.target):
            told[name] = Told(name, target)
    sinks = [(_maker(each.name)(each.target), each) for each in told.values()]
    return Tracking(path, kind, config, sinks)


def _parsed(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    _maker(name)
    if equals and not target:
        raise ConfigError(f"expected --track {name} or {name}=TARGET, got {text!r}; correct it")
    return name, target


def _maker(name: str) -> SinkMaker:
    if name not in SINKS:
        raise ConfigError(
            f"expected --track to name one of {', '.join(SINKS)}, got {name!r}; choose one of these"
        )
    return SINKS[name]
