"""The sinks of a run: made, told of each round once over all its resumes, and closed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fednids.errors import ConfigError, RunError
from fednids.extensions import SINKS
from fednids.files import write_atomically
from fednids.networks.interface import Weights
from fednids.runs.callbacks.interface import Callback, RoundEnd, RunStart
from fednids.runs.gateways import table_rows
from fednids.runs.layout import CHECKPOINT, ROUNDS, ROWS
from fednids.runs.records import ResultRecord, RoundRecord
from fednids.runs.rounds import Round

LEDGER = "tracking.json"
"""In the run folder: what its sinks were told."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SinkState:
    """What a run's sink was told so far, so that a resumed run goes on in the same place.

    Attributes
    ----------
    name : str
        A name in `fednids.extensions.SINKS`.
    target : str
        Where it writes; empty for its default.
    done : int
        The last round that it was told of.
    handle : str
        By which it finds its place again.
    """

    name: str
    target: str
    done: int = 0
    handle: str = ""


@dataclass
class _Open:
    """A sink, none once it has failed, and what it was told."""

    sink: Callback | None
    state: SinkState


class Tracking:
    """Calls back after the run folder has a round; an `Observer`.

    A sink that fails is warned of once and told no more: the run goes on. What it has missed
    it is told when the run is resumed.

    Parameters
    ----------
    start : RunStart
        The run.
    sinks : Sequence[tuple[Callback, SinkState]]
        Sinks, and what they were told before a resume.
    shown : Sequence[Callback]
        Others that are called, of rounds of this process alone: the progress screen.
    """

    def __init__(
        self,
        start: RunStart,
        sinks: Sequence[tuple[Callback, SinkState]] = (),
        shown: Sequence[Callback] = (),
    ):
        self._start, self._shown = start, shown
        self._sinks = [_Open(*each) for each in sinks]
        self._rounds, self._rows = _Tail(start.path / ROUNDS), _Tail(start.path / CHECKPOINT / ROWS)
        self._began = False

    def round_ended(self, ended: Round, weights: Sequence[Weights]) -> None:
        """Call with the rounds that the run folder has and the sinks have not."""
        new = self._catch_up()
        for callback in self._shown if new else ():
            callback.round_ended(new[-1])

    def finish(self, result: ResultRecord | None) -> None:
        """Close all; `result` is None where the run was stopped."""
        if result is not None:
            self._catch_up()
        if self._began:
            for opened in self._sinks:
                self._try(opened, lambda sink: sink.run_ended(result))
        for callback in self._shown:
            callback.run_ended(result)

    def _catch_up(self) -> list[RoundEnd]:
        """Call the sinks with what the run folder has now; the first time, open them."""
        new = list[RoundEnd]()
        try:
            new = self._new()
        except (OSError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("rounds could not be read again for --track: %s", _line(error))
        for opened in self._sinks:
            if not self._began:
                self._begin(opened)
            self._tell(opened, new)
        self._began = True
        if self._sinks:
            self._write()
        return new

    def _new(self) -> list[RoundEnd]:
        rows: dict[int, dict[int, Mapping[str, Any]]] = {}
        new: Iterable[Mapping[str, Any]] = self._rows.new()
        records = [RoundRecord.model_validate(line) for line in self._rounds.new()]
        if records and not (self._start.path / CHECKPOINT / ROWS).exists():  # the run has ended
            new = table_rows(self._start.path)
        for row in new:
            rows.setdefault(row["round"], {})[row["partition_id"]] = row
        return [RoundEnd(each, rows.get(each.round, {})) for each in records]

    def _begin(self, opened: _Open) -> None:
        def begin(sink: Callback) -> None:
            state = opened.state
            start = replace(self._start, done=state.done, handle=state.handle)
            opened.state = replace(state, handle=sink.run_began(start))

        self._try(opened, begin)

    def _tell(self, opened: _Open, new: Sequence[RoundEnd]) -> None:
        def tell(sink: Callback) -> None:
            for each in new:
                if each.number > opened.state.done:
                    sink.round_ended(each)
                    opened.state = replace(opened.state, done=each.number)

        self._try(opened, tell)

    def _try(self, opened: _Open, act: Callable[[Callback], None]) -> None:
        """Act on a sink; whatever it raises, foreign code that it is, ends it and no more."""
        if opened.sink is None:
            return
        try:
            act(opened.sink)
        except Exception as error:
            opened.sink = None
            name = opened.state.name
            _LOG.warning("--track %s failed and is told no more: %s", name, _line(error))
            _LOG.debug("how --track %s failed", name, exc_info=True)

    def _write(self) -> None:
        states = [asdict(opened.state) for opened in self._sinks]
        try:
            write_atomically(self._start.path / LEDGER, json.dumps(states, indent=2).encode())
        except Exception as error:
            _LOG.warning("%s could not be written: %s", LEDGER, _line(error))


class _Tail:
    """Whole lines of a file that grows; each call reads what was appended since."""

    def __init__(self, path: Path):
        self._path, self._offset = path, 0

    def new(self) -> list[Any]:
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def open_tracking(
    wanted: Sequence[str], start: RunStart, shown: Sequence[Callback] = (), *, resumed: bool = False
) -> Tracking:
    """Make the sinks of a run.

    Parameters
    ----------
    wanted : Sequence[str]
        ``NAME`` or ``NAME=TARGET``, as ``--track`` takes them.
    start : RunStart
        The run; nothing is written to its folder before the first round has ended.
    shown : Sequence[Callback]
        Others that are called.
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
    states = {each.name: each for each in _read_ledger(start.path)} if resumed else {}
    named = [_parsed(text) for text in wanted]
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"expected each sink once, got --track {' --track '.join(names)}; leave one out"
        )
    for name, target in named:
        before = states.get(name)
        if before is None or target not in ("", before.target):
            states[name] = SinkState(name, target)
    return Tracking(start, [(SINKS.find(s.name)(s.target), s) for s in states.values()], shown)


@contextmanager
def tracked(tracking: Tracking) -> Iterator[None]:
    """Close the sinks of a run that does not come to its end."""
    try:
        yield
    except BaseException:
        tracking.finish(None)
        raise


def _parsed(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    SINKS.find(name)
    if equals and not target:
        raise ConfigError(f"expected --track {name} or {name}=TARGET, got {text!r}; correct it")
    return name, target


def _read_ledger(path: Path) -> tuple[SinkState, ...]:
    """Read what the sinks of a run were told; nothing where it has none."""
    file = path / LEDGER
    if not file.is_file():
        return ()
    try:
        found = tuple(SinkState(**each) for each in json.loads(file.read_bytes()))
        for each in found:
            if type(each.done) is not int or any(
                type(text) is not str for text in (each.name, each.target, each.handle)
            ):
                raise TypeError("a value of another type")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"expected a list of the run's sinks in {file}, got something else ({reason}); "
            "remove it, and the run goes on without them"
        ) from None
    return found


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
