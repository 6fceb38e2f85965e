"""A sweep from its study to its report."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fednids.errors import InterruptedRunError
from fednids.runs.layout import STUDY
from fednids.studies.engine import (
    CROSS,
    Failed,
    Planned,
    Step,
    StepEnd,
    SweepFolder,
    Watcher,
    plan_runs,
    processors,
    read_json,
    run_steps,
)
from fednids.studies.report import Report, build_report, cross_pairs, write_report
from fednids.studies.study import Cell, Run, Study, expand, runs_of

_CROSS_SECONDS = 6.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Agenda:
    """What is to be done for a study.

    Attributes
    ----------
    cells : tuple of Cell
        All of them.
    planned : tuple of Planned
        Runs that are not finished, checked.
    finished : int
        Runs that are.
    """

    cells: tuple[Cell, ...]
    planned: tuple[Planned, ...]
    finished: int


def plan_sweep(study: Study, out: Path) -> Agenda:
    """Expand and check a study without writing anything.

    Raises
    ------
    FednidsError
        Something in any cell is not as it must be, or ``out`` holds something else.
    """
    cells, folder = expand(study), SweepFolder(out)
    runs = runs_of(cells)
    folder.check(runs)
    open_runs = [run for run in runs if folder.finished(run) is None]
    return Agenda(cells, plan_runs(open_runs), len(runs) - len(open_runs))


def sweep(study: Study, out: Path, *, workers: int = 0, watcher: Watcher | None = None) -> Report:
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
        Told of each step.

    Returns
    -------
    Report
        As written; `Report.failed` names what did not end well.

    Raises
    ------
    FednidsError
        Found before anything runs.
    InterruptedRunError
        Ctrl-C; it says how to go on.
    """
    ours, agenda = processors(workers), plan_sweep(study, out)
    folder, runs = SweepFolder(out), runs_of(agenda.cells)
    with folder.opened(study, runs):
        steps = _steps(study, agenda, folder)
        _LOG.info("sweep in %s: %d to run, %d finished", out, len(steps), agenda.finished)
        if watcher:
            watcher.begins(steps, agenda.finished)
        failed = []
        try:
            for end in run_steps(steps, ours):
                checked = _checked(end, agenda.planned, folder)
                told = f"failed: {checked.reason}" if checked.reason else "ended well"
                _LOG.info("%s %s after %.1f s", checked.step.name, told, checked.seconds)
                if checked.reason:
                    log = str(checked.step.log.relative_to(out))
                    failed.append(Failed(checked.step.name, checked.reason, log))
                if watcher:
                    watcher.ended(checked)
        except KeyboardInterrupt:
            raise InterruptedRunError(_how_to_go_on(runs, folder)) from None
        report = build_report(study, agenda.cells, folder, failed)
        write_report(report, folder)
    return report


def _steps(study: Study, agenda: Agenda, folder: SweepFolder) -> list[Step]:
    """Make a step of each run, and of each matrix after its two runs."""
    found = [_run_step(planned, folder) for planned in agenda.planned]
    if not study.report.cross:
        return found
    for name, pair in cross_pairs(agenda.cells).items():
        if read_json(folder.cross(name) / CROSS) is None:
            found.append(_cross_step(name, (pair[0].run, pair[1].run), folder))
    return found


def _run_step(planned: Planned, folder: SweepFolder) -> Step:
    run = planned.run
    return Step(run.name, lambda: folder.begin(run), folder.log(run.name), planned.seconds)


def _cross_step(name: str, pair: tuple[Run, Run], folder: SweepFolder) -> Step:
    log = folder.log(f"cross-{name}")
    return Step(
        f"cross {name}",
        lambda: folder.begin_cross(name, *pair),
        log,
        _CROSS_SECONDS,
        needs=tuple(run.name for run in pair),
    )


def _checked(end: StepEnd, planned: Iterable[Planned], folder: SweepFolder) -> StepEnd:
    """Take a run for failed that ended well and left no result."""
    run = next((each.run for each in planned if each.run.name == end.step.name), None)
    if run is None or end.reason or folder.finished(run) is not None:
        return end
    return replace(end, reason="it ended without a whole result.json")


def _how_to_go_on(runs: Sequence[Run], folder: SweepFolder) -> str:
    done = sum(folder.finished(run) is not None for run in runs)
    return (
        f"stopped with {done} of {len(runs)} runs finished; all of it is in {folder.path}, and "
        f"`fednids sweep {folder.path / STUDY} --out {folder.path}` goes on from there"
    )
