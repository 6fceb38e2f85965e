"""A run under watch: its log, its sinks, its progress, and its result."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from fednids.cli.logs import logging_to
from fednids.cli.progress import RoundProgress
from fednids.cli.screen import say
from fednids.config import Config
from fednids.runs.callbacks import RunStart, open_tracking, tracked
from fednids.runs.records import ResultRecord
from fednids.runs.rounds import Observer


@dataclass(frozen=True)
class Watch:
    """How a run is watched.

    Attributes
    ----------
    as_json, quiet : bool
        Print the result as JSON and nothing else; print nothing.
    track : tuple[str, ...]
        Sinks, as ``--track`` names them.
    log_file : Path or None
        Where the log goes.
    verbose : bool
        Show the log on the screen.
    """

    as_json: bool
    quiet: bool
    track: tuple[str, ...] = ()
    log_file: Path | None = None
    verbose: bool = False

    @classmethod
    def of(
        cls, track: list[str] | None, log_file: Path | None, *,
        verbose: bool, as_json: bool, quiet: bool,
    ) -> Watch:  # fmt: skip
        """Take the flags."""
        return cls(as_json, quiet, tuple(track or ()), log_file, verbose)

    def run(
        self,
        run: Callable[[list[Observer]], ResultRecord],
        about: tuple[str, Config, Path],
        *,
        resumed: bool = False,
    ) -> ResultRecord:
        """Run with all of this.

        Parameters
        ----------
        run : Callable
            The run; takes observers and gives the result.
        about : tuple
            Arm, settings and run folder.
        resumed : bool
            Whether it goes on.

        Raises
        ------
        FednidsError
            The log or a sink cannot be had, found before the run begins; or the run's own.
        """
        kind, config, out = about
        silent = self.quiet or self.as_json
        new = None if resumed else out
        with logging_to(self.log_file, verbose=self.verbose, quiet=self.quiet, new=new):
            progress = None if silent else RoundProgress(config.federation.rounds)
            tracking = open_tracking(
                self.track,
                RunStart(out, kind, config),
                [progress] if progress else [],
                resumed=resumed,
            )
            with progress.showing() if progress else nullcontext(), tracked(tracking):
                result = run([tracking])
                tracking.finish(result)
        if self.as_json:
            say(json.dumps(result.to_json()))
        return result
