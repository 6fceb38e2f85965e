"""The observer that tells all sinks of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fednids.config import Config
from fednids.networks.cnn_bilstm.architecture import Weights
from fednids.runs.callbacks.ledger import LEDGER, Told, write_ledger
from fednids.runs.callbacks.metrics import RoundLines
from fednids.runs.callbacks.sink import RoundMetrics, Sink, Start
from fednids.runs.rounds import Round

_LOG = logging.getLogger(__name__)


@dataclass
class _Open:
    """A sink, none once it has failed, and what it was told."""

    sink: Sink | None
    told: Told


class Tracking:
    """Tells sinks of rounds, after the run folder has them; an `Observer`.

    A sink that fails is warned of once and told no more: the run goes on. What it has missed
    it is told when the run is resumed.

    Parameters
    ----------
    path : Path
        The run folder.
    kind : str
        The arm.
    config : Config
        Settings.
    sinks : Sequence[tuple[Sink, Told]]
        Sinks, and what they were told before a resume.
    """

    def __init__(
        self, path: Path, kind: str, config: Config, sinks: Sequence[tuple[Sink, Told]] = ()
    ):
        self._start = Start(path, kind, config)
        self._sinks = [_Open(sink, told) for sink, told in sinks]
        self._lines: RoundLines | None = None

    def round_ended(self, ended: Round, weights: Sequence[Weights]) -> None:
        """Tell of the rounds that the run folder has and the sinks have not."""
        self._catch_up()

    def finish(self, result: Mapping[str, Any] | None) -> None:
        """Close all sinks; `result` is None where the run was stopped."""
        if result is not None:
            self._catch_up()
        if self._lines is not None:
            for opened in self._sinks:
                self._try(opened, lambda sink: sink.finish(result))

    def _catch_up(self) -> None:
        """Tell of what the run folder has now; the first time, open the sinks."""
        if not self._sinks:
            return
        new, first = list[RoundMetrics](), self._lines is None
        self._lines = self._lines or RoundLines(self._start.path)
        try:
            new = self._lines.new()
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("rounds could not be read again for --track: %s", _line(error))
        for opened in self._sinks:
            if first:
                self._begin(opened)
            self._tell(opened, new)
        self._write()

    def _begin(self, opened: _Open) -> None:
        def begin(sink: Sink) -> None:
            told = opened.told
            start = replace(self._start, done=told.done, handle=told.handle)
            opened.told = replace(told, handle=sink.begin(start))

        self._try(opened, begin)

    def _tell(self, opened: _Open, new: Sequence[RoundMetrics]) -> None:
        def tell(sink: Sink) -> None:
            missing = [each for each in new if each.number > opened.told.done]
            if missing:
                sink.rounds_ended(missing)
                opened.told = replace(opened.told, done=missing[-1].number)

        self._try(opened, tell)

    def _try(self, opened: _Open, act: Callable[[Sink], None]) -> None:
        """Act on a sink; whatever it raises, foreign code that it is, ends it and no more."""
        if opened.sink is None:
            return
        try:
            act(opened.sink)
        except Exception as error:
            opened.sink = None
            name = opened.told.name
            _LOG.warning("--track %s failed and is told no more: %s", name, _line(error))
            _LOG.debug("how --track %s failed", name, exc_info=True)

    def _write(self) -> None:
        try:
            write_ledger(self._start.path, [opened.told for opened in self._sinks])
        except Exception as error:
            _LOG.warning("%s could not be written: %s", LEDGER, _line(error))


@contextmanager
def tracked(tracking: Tracking) -> Iterator[Tracking]:
    """Close the sinks of a run that does not come to its end."""
    try:
        yield tracking
    except BaseException:
        tracking.finish(None)
        raise


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
