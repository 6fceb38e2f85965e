"""Event files for TensorBoard."""

from __future__ import annotations

from pathlib import Path

from fednids.runs.callbacks.interface import RoundEnd, RunStart, demand_package
from fednids.runs.records import ResultRecord

_FOLDER = "tensorboard"
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

    def run_began(self, run: RunStart) -> str:
        """Open an event file; rounds after those that it was told of before are void."""
        folder = Path(self._target) if self._target else run.path / _FOLDER
        purge = run.done + 1 if run.done else None
        self._writer = self._package.SummaryWriter(
            str(folder), purge_step=purge, filename_suffix=f".after-{run.done}"
        )
        if not run.done:
            rows = run.settings.items()
            table = "\n".join(["|setting|value|", "|-|-|", *(f"|{n}|{v}|" for n, v in rows)])
            self._writer.add_text("settings", table, 0)
        return str(folder)

    def round_ended(self, ended: RoundEnd) -> None:
        """Write scalars, and flush them to disk."""
        for name, value in ended.metrics.items():
            self._writer.add_scalar(name, value, ended.number)
        for k, row in ended.gateways.items():
            for name, value in row.items():
                self._writer.add_scalar(f"gateway-{k:05d}/{name}", value, ended.number)
        self._writer.flush()

    def run_ended(self, result: ResultRecord | None) -> None:
        """Close the file."""
        self._writer.close()
