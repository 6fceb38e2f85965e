"""Long-lived processes that do a block of work on request and say how long it took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent


class Runner:
    """A process that answers a number of units with seconds.

    Parameters
    ----------
    command : Sequence[str]
        Prints ``ready`` when it is; then one line of seconds for each line with a number.
    processor : int or None
        The one it is bound to; any without.
    """

    def __init__(self, command: Sequence[str], processor: int | None = None):
        bind = None if processor is None else partial(os.sched_setaffinity, 0, {processor})
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=bind, env=environment(),
        )  # fmt: skip

    def wait(self) -> str:
        """Give its first line."""
        return self._line()

    def ask(self, units: int) -> None:
        """Start a block."""
        assert self._process.stdin
        self._process.stdin.write(f"{units}\n")
        self._process.stdin.flush()

    def seconds(self) -> float:
        """Wait for the block to end."""
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"expected a line, got the end of {self._process.args}; see above")
        return line.strip()


class Placement:
    """Runners that work at the same time: one on all processors, or one bound to each."""

    def __init__(self, command: Sequence[str], processors: Sequence[int | None]):
        self._runners = [Runner(command, processor) for processor in processors]
        self.first_lines = [runner.wait() for runner in self._runners]

    def rate(self, units: int) -> float:
        """Do a block on each runner at once; give units a second of all together."""
        for runner in self._runners:
            runner.ask(units)
        slowest = max(runner.seconds() for runner in self._runners)
        return units * len(self._runners) / slowest

    def close(self) -> None:
        """End all processes."""
        for runner in self._runners:
            runner.close()


def environment() -> dict[str, str]:
    """Let the processes find this repository."""
    return {**os.environ, "PYTHONPATH": str(HERE.parent)}


def ours(module: str, *arguments: object) -> list[str]:
    """Give the command of one of our modules."""
    return [sys.executable, "-m", module, *map(str, arguments)]


def theirs(python: Path, script: str, *arguments: object) -> list[str]:
    """Give the command of a peer's script, in the peer's interpreter."""
    return [str(python), str(HERE / "peers" / script), *map(str, arguments)]
