"""What can be found wrong before anything runs, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fednids.datasets.federated import Fleet
from fednids.errors import FednidsError, PartitionError
from fednids.experiment.execution import check_settings
from fednids.studies.cells import Run

_START_SECONDS = 6.0
_WINDOWS_PER_SECOND = 15_000.0


@dataclass(frozen=True)
class Planned:
    """A run that can be begun.

    Attributes
    ----------
    run : Run
        What.
    windows : int
        How many windows it trains on in all rounds and epochs.
    """

    run: Run
    windows: int

    @property
    def seconds(self) -> float:
        """A rough guess for one processor and the default network, start included."""
        return _START_SECONDS + self.windows / _WINDOWS_PER_SECOND


def plan_runs(runs: Iterable[Run]) -> tuple[Planned, ...]:
    """Check each run's names, read its flows and deal them.

    Flows that are prepared here are in the cache when runs begin side by side.

    Raises
    ------
    FednidsError
        Of the first run that could not begin; the message names it.
    """
    planned = []
    for run in runs:
        try:
            check_settings(run.config)
            planned.append(Planned(run, _windows(run, Fleet.open(run.config))))
        except FednidsError as error:
            raise type(error)(f"{error} (in the run {run.name})") from None
    return tuple(planned)


def _windows(run: Run, fleet: Fleet) -> int:
    sizes, config = fleet.training_sizes, run.config
    if run.arm == "local" and not min(sizes):
        raise PartitionError(
            f"expected training flows at every gateway, got none at gateway {sizes.index(0)}; "
            "raise partition.minimum or take fewer gateways"
        )
    share = config.federation.fraction if run.arm == "federated" else 1.0
    return round(sum(sizes) * share * config.federation.rounds * config.train.epochs)
