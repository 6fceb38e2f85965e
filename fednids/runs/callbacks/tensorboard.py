"""Event files for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fednids.runs.callbacks.metrics import settings_texts
from fednids.runs.callbacks.packages import demand_package
from fednids.runs.callbacks.sink import RoundMetrics, Start

FOLDER = "tensorboard"
"""In the run folder, where no other is named."""


class TensorboardSink:
    """Writes scalars: ``test/macro_f1`` of a round, ``gateway-00003/macro_f1`` of a gateway.

    tensorboardX writes the files, which needs neither TensorFlow nor PyTorch; to look at
    them takes TensorBoard, which may be elsewhere.

    Parameters
    ----------
    target : str
        A folder; ``tensorboard`` in the run folder if empty.

    Raises
    ------
    SetupError
        tensorboardX is not installed.
    """

    def __init__(self, target: str):
        self._target = target
        self._package = demand_package("tensorboardX", "fednids[tensorboard]", "tensorboard")

    def begin(self, start: Start) -> str:
        """Open an event file; rounds after those that it was told of before are void."""
        folder = Path(self._target) if self._target else start.path / FOLDER
        purge = start.done + 1 if start.done else None
        self._writer = self._package.SummaryWriter(
            str(folder), purge_step=purge, filename_suffix=f".after-{start.done}"
        )
        if not start.done:
            rows = settings_texts(start.config.flat()).items()
            table = "\n".join(["|setting|value|", "|-|-|", *(f"|{n}|{v}|" for n, v in rows)])
            self._writer.add_text("settings", table, 0)
        return str(folder)

    def rounds_ended(self, rounds: Sequence[RoundMetrics]) -> None:
        """Write scalars, and flush them to disk."""
        for each in rounds:
            for name, value in each.metrics.items():
                self._writer.add_scalar(name, value, each.number)
            for k, row in each.gateways.items():
                for name, value in row.items():
                    self._writer.add_scalar(f"gateway-{k:05d}/{name}", value, each.number)
        self._writer.flush()

    def finish(self, result: Mapping[str, Any] | None) -> None:
        """Close the file."""
        self._writer.close()
