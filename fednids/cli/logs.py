"""The log: what goes to a file, what to the screen, and where the frameworks' noise goes."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fednids.cli.screen import ERRORS
from fednids.errors import ConfigError

_FORMAT = "%(asctime)s %(levelname)s %(processName)s[%(process)d] %(name)s: %(message)s"
_OURS, _FLOWER = logging.getLogger("fednids"), logging.getLogger("flwr")
_STDERR = 2
_GLOG = "GLOG_v"


@contextmanager
def logging_to(
    file: Path | None, *, verbose: bool = False, quiet: bool = False, new: Path | None = None
) -> Iterator[None]:
    """Keep a log while a command goes.

    With a file, all that Flower, MindSpore and other libraries write to the error stream goes
    there too, that of worker processes included; without, Flower's log is switched off.

    Parameters
    ----------
    file : Path, optional
        Lines are added to its end.
    verbose : bool
        Show on the screen what only the file gets otherwise, and write about every gateway to it.
    quiet : bool
        Show no line on the screen.
    new : Path, optional
        A folder that the command makes; the file must not be in it.

    Raises
    ------
    ConfigError
        No file can be written there.
    """
    screen, level = _ToScreen(), logging.DEBUG if verbose and file else logging.INFO
    shown = logging.INFO if verbose else logging.WARNING
    screen.setLevel(logging.CRITICAL + 1 if quiet else shown)
    if file is None:
        with _handled(None, screen, level):
            yield
        return
    with _opened(file, new) as stream:
        handler = logging.StreamHandler(io.TextIOWrapper(stream, "utf-8", write_through=True))
        handler.setFormatter(logging.Formatter(_FORMAT))
        with _noise_to(stream), _handled(handler, screen, level):
            yield
        handler.stream.detach()


class _ToScreen(logging.Handler):
    """Prints lines above a table or bar that is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        named = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        ERRORS.print(named + record.getMessage(), markup=False)


@contextmanager
def _handled(file: logging.Handler | None, screen: logging.Handler, level: int) -> Iterator[None]:
    """Connect handlers, and leave the loggers as they were."""

    def divert(record: logging.LogRecord) -> bool:
        """Take Flower's records away from its own handlers, but for errors."""
        if file and record.levelno >= logging.INFO:
            file.handle(record)
        return record.levelno >= logging.ERROR

    handlers = [each for each in (file, screen) if each]
    before = _OURS.level, _OURS.propagate
    _OURS.setLevel(level)
    _OURS.propagate = False
    for handler in handlers:
        _OURS.addHandler(handler)
    _FLOWER.addFilter(divert)
    try:
        yield
    finally:
        _FLOWER.removeFilter(divert)
        for handler in handlers:
            _OURS.removeHandler(handler)
        _OURS.setLevel(before[0])
        _OURS.propagate = before[1]


@contextmanager
def _opened(file: Path, new: Path | None) -> Iterator[BinaryIO]:
    if new is not None and file.resolve().is_relative_to(new.resolve()):
        raise ConfigError(
            f"expected --log-file outside of {new}, which the run makes, got {file}; put it beside"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.open("ab", buffering=0)
    except OSError as error:
        raise ConfigError(
            f"expected a file for --log-file that can be written, got {file} "
            f"({error.strerror or error}); name another"
        ) from None
    with stream:
        yield stream


@contextmanager
def _noise_to(stream: BinaryIO) -> Iterator[None]:
    """Send the error stream of this process, and of those it starts, to the log.

    What we show ourselves still reaches the screen. Where the error stream is not the
    process's own, under a test or in a notebook, it is left as it is.
    """
    try:
        real = sys.stderr.fileno() == _STDERR
    except (OSError, ValueError):
        real = False
    if not real:
        yield
        return
    sys.stderr.flush()
    kept, before = os.dup(_STDERR), os.environ.get(_GLOG)
    os.environ.setdefault(_GLOG, "2")  # keeps MindSpore's warnings off the screen
    os.dup2(stream.fileno(), _STDERR)
    try:
        with open(kept, "w", encoding="utf-8", closefd=False) as screen:
            ERRORS.file = screen
            yield
    finally:
        ERRORS.file = sys.stderr
        sys.stderr.flush()
        os.dup2(kept, _STDERR)
        os.close(kept)
        if before is None:
            os.environ.pop(_GLOG, None)
