"""One run from settings to a finished run folder."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fednids.algorithms import find_algorithm
from fednids.config import Config
from fednids.errors import ConfigError, InterruptedRunError, RunError
from fednids.experiment.arms import ARMS
from fednids.files import DiskError, told_of_disk
from fednids.messages.codec import WeightCodec
from fednids.networks.interface import Architecture
from fednids.runs.alone import alone_in
from fednids.runs.checkpoint import Checkpoint, extend, read_checkpoint, selection_of
from fednids.runs.folder import is_finished
from fednids.runs.job import OpenRun
from fednids.runs.records import BaselineRecord, ResultRecord, ScoresRecord
from fednids.runs.rounds import Observer, Outcome
from fednids.runs.selection import check_selection
from fednids.simulation import Environment
from fednids.simulation.adversaries.malicious import check_attack
from fednids.simulation.engines import check_engine
from server.recalibration import recalibration_kind
from server.rounds import check_keep

_OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""No room, a quota, a limit of files' sizes, a disk that is read-only or failing."""


def execute(
    kind: str,
    config: Config,
    out: Path,
    *,
    force: bool = False,
    baselines: bool = False,
    observers: Sequence[Observer] = (),
) -> ResultRecord:
    """Run one arm and write its folder.

    Parameters
    ----------
    kind : str
        A name in `fednids.experiment.arms.ARMS`.
    config : Config
        Settings.
    out : Path
        The run folder, new or empty.
    force : bool
        Overwrite a run that is there.
    baselines : bool
        Fit gradient boosting to the same flows as well.
    observers : Sequence[Observer]
        Called after each round.

    Returns
    -------
    ResultRecord
        As written to ``result.json``.

    Raises
    ------
    FednidsError
        A setting, a file or the run is not as it must be; found before round 1 where
        possible.
    """
    check_settings(config)
    if kind == "federated":
        check_keep(config)
    if kind == "local" and config.partition.unseen_gateways:
        raise ConfigError(
            f"expected no partition.unseen_gateways in the local arm, got "
            f"{config.partition.unseen_gateways}; a gateway that never trains has no detector of "
            "its own: leave the setting out"
        )
    with disk_faults(out), alone_in(out):
        job = OpenRun.begin(kind, config, out, force=force)
        return _carry_out(job, observers, None, baselines=baselines)


def resume(
    path: Path,
    *,
    rounds: int | None = None,
    baselines: bool = False,
    observers: Sequence[Observer] = (),
) -> ResultRecord:
    """Go on with a run that was stopped, from its last whole round, or add rounds to one.

    A run that was killed when its rounds were over and its result was not written is
    finished.

    Parameters
    ----------
    path : Path
        The run folder.
    rounds : int, optional
        How many rounds it is to have in all; as many as it has without.
    baselines : bool
        Fit gradient boosting to the same flows as well, whether it was begun so or not.
    observers : Sequence[Observer]
        Called after each round.

    Raises
    ------
    RunError
        There is no such run, it has ended, or its flows are others now.
    """
    with disk_faults(path), alone_in(path):
        before = read_checkpoint(path)
        checkpoint = before if rounds is None else extend(path, rounds)
        done, wanted = checkpoint.server_round, checkpoint.config.federation.rounds
        unchanged = is_finished(path) and wanted == before.config.federation.rounds
        if unchanged and (done >= wanted or selection_of(checkpoint.config, checkpoint).stops):
            raise RunError(
                f"expected a run with rounds left, got {path}, which has done all {done}; add some "
                f"with `fednids resume {path} --rounds N`"
            )
        job = OpenRun.go_on(path, checkpoint)
        if done and checkpoint.flows not in ("", _flows(job)):
            raise RunError(
                f"expected the flows that {path} was begun with, got others; put them back, or "
                "start a new run"
            )
        return _carry_out(job, observers, checkpoint, baselines=baselines)


@contextmanager
def disk_faults(out: Path) -> Iterator[None]:
    """Report in one line that the disk took no more, whatever was being written.

    Raises
    ------
    DiskError
        In place of such an OSError; any other passes.
    """
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        if error.errno not in _OF_DISK:
            raise
        with told_of_disk(Path(error.filename or out)):
            raise


def _flows(job: OpenRun) -> str:
    """Identify the flows and the deal; nothing of a deployment's, which are elsewhere."""
    if job.flows is None:
        return ""
    return f"{job.flows.flows.origin.sha256} {job.flows.plan.fingerprint}"


def check_settings(config: Config) -> None:
    """Find what is wrong with the settings before any flow is read.

    Raises
    ------
    ConfigError, PartitionError
        An unknown name, or sizes that do not fit together.
    """
    Architecture.of(config.model, 1, config.data.window, 2)
    check_engine(config.run.engine)
    recalibration_kind(config, find_algorithm(config))
    WeightCodec(config)
    check_attack(config)
    check_selection(config)
    Environment(config)


def _carry_out(
    job: OpenRun, observers: Sequence[Observer], resumed: Checkpoint | None, *, baselines: bool
) -> ResultRecord:
    """Lead the rounds and write the result; a Ctrl-C ends in one line that says how to go on."""
    job.folder.flows = _flows(job)
    path, every = job.folder.path, [*job.observers, *observers]
    try:
        outcome = ARMS[job.kind](job.config, job.dataset, every, resumed, path.resolve())
    except KeyboardInterrupt:
        done = len(job.folder.rounds)
        raise InterruptedRunError(
            f"stopped after round {done}; all of it is in {path}, and `fednids resume {path}` "
            "goes on from there"
            if done
            else f"stopped before the first round ended; `fednids resume {path}` begins again"
        ) from None
    return job.finish(outcome, _beside(job, outcome, baselines))


def _beside(job: OpenRun, outcome: Outcome, baselines: bool) -> dict[str, Any]:
    """Return what the result has beside its own scores, where it is wanted."""
    found: dict[str, Any] = {}
    if baselines:
        from fednids.experiment.baselines import fit_baseline  # scikit-learn takes a while

        fitted, classes = fit_baseline("boosting", job.config, job.dataset), job.dataset.classes
        boosting = BaselineRecord(
            final=ScoresRecord.of(fitted.counts, classes),
            final_novel=ScoresRecord.of(fitted.novel, classes),
        )
        found["baselines"] = {"boosting": boosting}
    data, partition = job.config.data, job.config.partition
    if job.flows is not None and (data.unseen or partition.unseen_gateways):
        from fednids.experiment.held_out import held_out_scores

        found |= held_out_scores(job.kind, job.config, job.dataset, outcome)
    return found
