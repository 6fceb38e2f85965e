"""A sweep: every run of a study that is missing, and its report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fednids.datasets.federated import FederatedDataset
from fednids.errors import FednidsError, PartitionError, RunError
from fednids.experiment.execution import check_settings
from fednids.runs.layout import STUDY
from fednids.studies.engine import (
    CROSS,
    StudyFolder,
    Watcher,
    carry_out,
    processors,
    read_json,
)
from fednids.studies.report import StudyReport, build_report, cross_pairs, write_study_report
from fednids.studies.study import Study, StudyCell, StudyRun, expand, read_study, runs_of

_START_SECONDS = 6.0
_WINDOWS_PER_SECOND = 15_000.0


@dataclass(frozen=True)
class Planned:
    """A run that can be begun.

    Attributes
    ----------
    run : StudyRun
        What.
    windows : int
        How many windows it trains on in all rounds and epochs.
    """

    run: StudyRun
    windows: int

    @property
    def seconds(self) -> float:
        """A rough guess for one processor and the default network, start included."""
        return _START_SECONDS + self.windows / _WINDOWS_PER_SECOND


@dataclass(frozen=True)
class Agenda:
    """What is to be done for a study.

    Attributes
    ----------
    cells : tuple of StudyCell
        All of them.
    planned : tuple of Planned
        Runs that are not finished, checked.
    finished : int
        Runs that are.
    """

    cells: tuple[StudyCell, ...]
    planned: tuple[Planned, ...]
    finished: int


def plan_sweep(study: Study, out: Path) -> Agenda:
    """Expand and check a study without writing anything.

    Raises
    ------
    FednidsError
        Something in any cell is not as it must be, or ``out`` holds something else, or a study
        that differs both ways: one that has grown, or of which a part is left, goes on.
    """
    cells, folder = expand(study), StudyFolder(out)
    runs = runs_of(cells)
    if folder.is_begun(STUDY):
        before = {run.name for run in runs_of(expand(read_study(str(out / STUDY))))}
        now = {run.name for run in runs}
        if before - now and now - before:
            raise RunError(
                f"expected the study of {out} with runs added or left out, got one with "
                f"{len(now - before)} new runs and without {len(before - now)} of its own; name "
                "another folder for another study"
            )
    missing = [run for run in runs if not folder.is_finished(run)]
    return Agenda(cells, _checked(missing), len(runs) - len(missing))


def run_study(
    study: Study, out: Path, *, workers: int = 0, watcher: Watcher | None = None
) -> StudyReport:
    """Run what is missing of a study, and write its report.

    Parameters
    ----------
    study : Study
        What to run.
    out : Path
        Folder of the sweep, new, or one that is to go on.
    workers : int
        Runs at once, each bound to a processor; 0 for one a processor.
    watcher : Watcher, optional
        Follows each step.

    Returns
    -------
    Report
        As written; `StudyReport.failed` names what did not end well.

    Raises
    ------
    FednidsError
        Found before anything runs.
    InterruptedRunError
        Ctrl-C; it says how to go on.
    """
    ours, agenda = processors(workers), plan_sweep(study, out)
    folder, runs = StudyFolder(out), runs_of(agenda.cells)

    def stopped() -> str:
        done = sum(map(folder.is_finished, runs))
        return (
            f"stopped with {done} of {len(runs)} runs finished; all of it is in {out}, and "
            f"`fednids sweep {out / STUDY} --out {out}` goes on from there"
        )

    with folder.opened(STUDY, study.to_toml()):
        steps = [folder.step([planned.run], planned.seconds) for planned in agenda.planned]
        for name, pair in cross_pairs(agenda.cells).items():
            if study.report.cross and read_json(folder.cross(name) / CROSS) is None:
                needed = [cell.run for cell in pair]
                steps.append(folder.cross_step(name, needed, [run.name for run in needed]))
        failed = carry_out(
            folder, steps, ours, finished=agenda.finished, watcher=watcher, stopped=stopped
        )
        report = build_report(study, agenda.cells, folder, failed)
        write_study_report(report, folder)
    return report


def _checked(runs: Iterable[StudyRun]) -> tuple[Planned, ...]:
    """Check each run's names, read its flows and deal them.

    Flows that are prepared here are in the cache when runs begin side by side.
    """
    planned = []
    for run in runs:
        try:
            check_settings(run.config)
            sizes = FederatedDataset.open(run.config).training_sizes
            if run.arm == "local" and not min(sizes):
                raise PartitionError(
                    "expected training flows at every gateway, got none at gateway "
                    f"{sizes.index(0)}; raise partition.minimum or take fewer gateways"
                )
        except FednidsError as error:
            raise type(error)(f"{error} (in the run {run.name})") from None
        federation, epochs = run.config.federation, run.config.train.epochs
        share = federation.fraction if run.arm == "federated" else 1.0
        windows = round(sum(sizes) * share * federation.rounds * epochs)
        planned.append(Planned(run, windows))
    return tuple(planned)
