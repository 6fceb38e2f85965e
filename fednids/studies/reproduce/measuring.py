"""One row with one seed, from its settings to what it comes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.experiment.arms import ARMS
from fednids.experiment.baselines import BASELINES, fit_baseline
from fednids.experiment.execution import execute
from fednids.flows.files.reading import read_flows
from fednids.flows.source import SYNTHETIC_FLOWS
from fednids.flows.split import limit_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.flows.table import FlowTable
from fednids.metrics import ConfusionCounts, majority_counts
from fednids.runs.reader import Run, load
from fednids.seeding import Stream, generator
from fednids.studies.cross import cross_runs
from fednids.studies.reproduce.folder import ReproductionFolder
from fednids.studies.reproduce.measured import Measured, Rates, worst_of
from fednids.studies.reproduce.published import epochs_of_as_many_steps, run_published
from fednids.studies.reproduce.rows import CLEAN_LONG, LEAKING, LEAKING_LONG, ROWS


def measure(folder: ReproductionFolder, name: str, seed: int) -> Measured:
    """Run a row of `ROWS` and keep what it comes to in the folder.

    Raises
    ------
    FednidsError
        The flows cannot be read, or the run fails.
    """
    found = RUNS[ROWS[name].runs](folder, name, seed)
    folder.keep(name, seed, found)
    return found


def _published(folder: ReproductionFolder, name: str, seed: int) -> Measured:
    config = folder.config(name, seed)
    table, epochs = _table(config), folder.plan.epochs
    if name in (LEAKING_LONG, CLEAN_LONG) and not folder.plan.quick:
        epochs = epochs_of_as_many_steps(epochs, len(table))
    started = time.perf_counter()
    found = run_published(
        table, label_leaks=name in (LEAKING, LEAKING_LONG), seed=seed, epochs=epochs
    )
    seconds = time.perf_counter() - started
    classes, architecture = ("Benign", "Attack"), found.architecture
    majority = majority_counts(found.trained, found.counts.support)
    return Measured(
        all=Rates.of(found.counts, classes),
        majority=Rates.of(majority, classes),
        flows=len(table),
        test_flows=found.counts.total,
        seconds=seconds,
        parameters=architecture.size,
        published_parameters=architecture.published_size,
        losses=found.losses,
        synthetic=not config.data.path,
    )


def _table(config: Config) -> FlowTable:
    """Read or make the flows, with the ports that honest rows are not shown."""
    data, seed = config.data, config.run.seed
    if not data.path:
        return synthesise(data.flows or SYNTHETIC_FLOWS, generator(seed, Stream.SYNTHETIC))
    table = read_flows(Path(data.path))
    if not data.flows:
        return table
    return table.take(limit_flows(table.attack, data.flows, generator(seed, Stream.LIMIT)))


def _arm(folder: ReproductionFolder, name: str, seed: int) -> Measured:
    kind, out = ROWS[name].runs, folder.run(name, seed)
    execute(kind, folder.config(name, seed), out, force=True)
    run = load(out)
    result, classes, worst = run.result, run.classes, {}
    if ROWS[name].part == "federation":
        worst = worst_of(_at_gateways(run), classes)
    return Measured(
        all=Rates.of(result.final.counts(), classes),
        novel=Rates.of(result.final_novel.counts(), classes),
        majority=Rates.of(result.majority.counts(), classes),
        flows=result.data.flows,
        test_flows=result.data.test_flows,
        seconds=result.seconds.train,
        parameters=result.model.parameters,
        published_parameters=result.model.published_parameters,
        losses=tuple(entry.train.loss for entry in result.rounds),
        synthetic=result.data.synthetic,
        **worst,
    )


def _at_gateways(run: Run) -> list[ConfusionCounts]:
    """Count at each gateway; a detector trained in one place is tried at all of them."""
    if run.kind != "centralised":
        return run.last_confusions
    matrices = cross_runs([run.path]).overall[0]
    return [ConfusionCounts(matrix.astype(np.int64)) for matrix in matrices]


def _baseline(folder: ReproductionFolder, name: str, seed: int) -> Measured:
    config = folder.config(name, seed)
    fleet = FederatedDataset.open(config).pooled()
    started = time.perf_counter()
    fitted = fit_baseline(ROWS[name].runs, config, fleet)
    seconds, classes = time.perf_counter() - started, fleet.classes
    majority = majority_counts(fleet.support(fleet.training(0)), fitted.counts.support)
    return Measured(
        all=Rates.of(fitted.counts, classes),
        novel=Rates.of(fitted.novel, classes),
        majority=Rates.of(majority, classes),
        flows=len(fleet.flows),
        test_flows=fitted.counts.total,
        seconds=seconds,
        parameters=fitted.parameters,
        published_parameters=fitted.parameters,
        synthetic=fleet.flows.origin.synthetic,
    )


RUNS: dict[str, Callable[[ReproductionFolder, str, int], Measured]] = {
    "published": _published,
    **dict.fromkeys(ARMS, _arm),
    **dict.fromkeys(BASELINES, _baseline),
}
"""How to add one: write a function from folder, name of the row and seed to what it comes to,
add a line, and name it in `fednids.studies.reproduce.rows.Row.runs`."""
