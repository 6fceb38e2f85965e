"""``python -m fednids.studies.child FOLDER (KIND NAME)...``: runs of a study, in one process."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import sys
import time
from pathlib import Path

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import FednidsError, InterruptedRunError, RunError
from fednids.experiment.arms import ARMS
from fednids.experiment.baselines import BASELINES, fit_baseline
from fednids.experiment.execution import execute, resume
from fednids.files import write_atomically
from fednids.flows.files.reading import read_flows
from fednids.flows.source import SYNTHETIC_FLOWS
from fednids.flows.split import limit_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.flows.table import FlowTable
from fednids.metrics import majority_counts
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.records import ScoresRecord
from fednids.seeding import Stream, generator
from fednids.studies.engine import FITTED, FittedRecord
from fednids.studies.published import (
    PUBLISHED,
    PUBLISHED_CLASSES,
    epochs_of_as_many_steps,
    run_published,
)

RUN_KINDS = (*ARMS, *BASELINES, *PUBLISHED)
"""What a run of a study may be: an arm, a simpler detector, or a published protocol."""


def carry_out_run(kind: str, config: Config, out: Path) -> None:
    """Carry out a run, or go on with it where a whole round of it is kept.

    Parameters
    ----------
    kind : str
        One of `RUN_KINDS`.
    config : Config
        Settings; a published protocol reads those of the flows, the seed and the rounds alone.
    out : Path
        Folder of the run; one that is no arm leaves a `FittedRecord` in it.

    Raises
    ------
    FednidsError
        The flows cannot be read, or the run fails.
    """
    if kind in ARMS and _can_go_on(kind, config, out):
        resume(out)
        return
    if out.exists():
        shutil.rmtree(out)
    if kind in ARMS:
        execute(kind, config, out)
        return
    found = _published(kind, config) if kind in PUBLISHED else _baseline(kind, config)
    out.mkdir(parents=True)
    write_atomically(out / FITTED, json.dumps(found.to_json(), allow_nan=False).encode())


def _can_go_on(kind: str, config: Config, out: Path) -> bool:
    try:
        checkpoint = read_checkpoint(out)
    except RunError:
        return False
    same = (checkpoint.kind, checkpoint.config) == (kind, config)
    return same and checkpoint.server_round > 0


def _published(kind: str, config: Config) -> FittedRecord:
    table, (leaks, longer) = _table(config), PUBLISHED[kind]
    epochs = config.federation.rounds
    if longer:
        epochs = epochs_of_as_many_steps(epochs, len(table))
    started = time.perf_counter()
    found = run_published(table, label_leaks=leaks, seed=config.run.seed, epochs=epochs)
    seconds = time.perf_counter() - started
    majority = majority_counts(found.trained, found.counts.support)
    return FittedRecord(
        final=ScoresRecord.of(found.counts, PUBLISHED_CLASSES),
        majority=ScoresRecord.of(majority, PUBLISHED_CLASSES),
        flows=len(table),
        test_flows=found.counts.total,
        synthetic=not config.data.path,
        seconds=seconds,
        parameters=found.architecture.size,
        published_parameters=found.architecture.network.published_size(),
        losses=found.losses,
    )


def _table(config: Config) -> FlowTable:
    """Read or make the flows, with the ports that other runs are not shown."""
    data, seed = config.data, config.run.seed
    if not data.path:
        return synthesise(data.flows or SYNTHETIC_FLOWS, generator(seed, Stream.SYNTHETIC))
    table = read_flows(Path(data.path))
    if not data.flows:
        return table
    return table.take(limit_flows(table.attack, data.flows, generator(seed, Stream.LIMIT)))


def _baseline(kind: str, config: Config) -> FittedRecord:
    dataset = FederatedDataset.open(config).pooled()
    started = time.perf_counter()
    fitted = fit_baseline(kind, config, dataset)
    seconds, trained = time.perf_counter() - started, dataset.support(dataset.training(0))
    return FittedRecord(
        final=ScoresRecord.of(fitted.counts, dataset.classes),
        final_novel=ScoresRecord.of(fitted.novel, dataset.classes),
        majority=ScoresRecord.of(majority_counts(trained, fitted.counts.support), dataset.classes),
        flows=len(dataset.flows),
        test_flows=fitted.counts.total,
        synthetic=dataset.flows.origin.synthetic,
        seconds=seconds,
        parameters=fitted.parameters,
        published_parameters=fitted.parameters,
    )


def main() -> int:
    """Carry out the runs that are named, and return 2 if one fails, whose reason is printed."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("flwr").setLevel(logging.ERROR)
    folder, *which = sys.argv[1:]
    code = 0
    for kind, name in zip(which[::2], which[1::2], strict=True):
        try:
            config = Config.resolve(file=Path(folder) / "settings" / f"{name}.toml")
            carry_out_run(kind, config, Path(folder) / "runs" / name)
        except (InterruptedRunError, KeyboardInterrupt) as error:
            sys.stderr.write(f"error: {str(error) or 'stopped'}\n")
            return 130
        except FednidsError as error:
            sys.stderr.write(f"error: {error}\n")
            code = 2
    return code


if __name__ == "__main__":
    sys.exit(main())
