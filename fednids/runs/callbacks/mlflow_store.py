"""Runs in an MLflow store: a local sqlite file, or a server."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from fednids.runs.callbacks.interface import RoundEnd, RunStart, demand_package, flat_numbers
from fednids.runs.layout import RESULT
from fednids.runs.records import ResultRecord

STORE = "mlflow.db"
"""Beside the run folder, where no other is named: so runs beside each other share it."""

ARTIFACTS = "mlflow-artifacts"
"""Folder beside a local store."""

EXPERIMENT = "fednids"

_INSTALL = "fednids[mlflow]"
_BATCH = 1000
"""Metrics in one call; MLflow takes no more."""


class MlflowSink:
    """Writes parameters, metrics of rounds and gateways, tags, result and pictures.

    Parameters
    ----------
    target : str
        A database file, or the address of a store or a server as MLflow reads it; the file
        ``mlflow.db`` beside the run folder if empty.

    Raises
    ------
    SetupError
        A package is not installed.

    Notes
    -----
    A gateway's metric is ``gateway-00003/macro_f1``. MLflow's own reports of usage to its
    makers are switched off.
    """

    def __init__(self, target: str):
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self._target = target
        if "://" not in target:
            for package in ("sqlalchemy", "alembic"):
                demand_package(package, _INSTALL, "mlflow")
        self._mlflow = demand_package("mlflow", _INSTALL, "mlflow")

    def run_began(self, run: RunStart) -> str:
        """Open the store; make a run, or find that of a run that goes on."""
        file = Path(self._target or run.path.parent / STORE).resolve()
        local = "://" not in self._target
        uri = f"sqlite:///{file}" if local else self._target
        if local:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._client = run.path, self._mlflow.MlflowClient(tracking_uri=uri)
        if run.handle:
            self._run = run.handle
            self._client.update_run(self._run, status="RUNNING")
            return self._run
        experiment = self._experiment(file.parent / ARTIFACTS if local else None)
        name = run.path.resolve().name
        self._run = self._client.create_run(experiment, run_name=name).info.run_id
        self._describe(run)
        return str(self._run)

    def round_ended(self, ended: RoundEnd) -> None:
        """Write metrics, the round as their step."""
        self._log((name, value, ended.number) for name, value in _of_round(ended))

    def run_ended(self, result: ResultRecord | None) -> None:
        """Write final scores, provenance and files, and how the run ended."""
        if result is not None:
            last, whole = len(result.rounds), result.to_json()
            final = {name: whole[name] for name in ("final", "final_novel", "seconds")}
            self._log((name, value, last) for name, value in flat_numbers(final).items())
            self._tag(_tags(result))
            for file in (self._path / RESULT, *sorted(self._path.glob("*.png"))):
                self._client.log_artifact(self._run, str(file))
        self._client.set_terminated(self._run, "FINISHED" if result is not None else "KILLED")

    def _experiment(self, artifacts: Path | None) -> str:
        """Find the experiment, or make it."""
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        where = None if artifacts is None else artifacts.as_uri()
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=where))

    def _describe(self, run: RunStart) -> None:
        """Write settings and the arm."""
        entities = self._mlflow.entities
        parameters = [entities.Param(name, text) for name, text in run.settings.items()]
        for k in range(0, len(parameters), 100):
            self._client.log_batch(self._run, params=parameters[k : k + 100])
        self._tag({"fednids.kind": run.kind, "fednids.folder": str(run.path.resolve())})

    def _tag(self, tags: Mapping[str, str]) -> None:
        entities = self._mlflow.entities
        self._client.log_batch(self._run, tags=[entities.RunTag(*each) for each in tags.items()])

    def _log(self, metrics: Iterator[tuple[str, float, int]]) -> None:
        """Write metrics in as few calls as the store takes."""
        metric, now = self._mlflow.entities.Metric, int(time.time() * 1000)
        made = (metric(name, value, now, step) for name, value, step in metrics)
        while batch := list(islice(made, _BATCH)):
            self._client.log_batch(self._run, metrics=batch)


def _of_round(ended: RoundEnd) -> Iterator[tuple[str, float]]:
    yield from ended.metrics.items()
    for k, row in ended.gateways.items():
        yield from ((f"gateway-{k:05d}/{name}", value) for name, value in row.items())


def _tags(result: ResultRecord) -> dict[str, str]:
    """Return by what and on which flows a result was made."""
    made, data = result.provenance, result.data
    tags = {f"fednids.version.{name}": text for name, text in result.versions.items()}
    if made:
        tags |= {f"fednids.machine.{name}": str(value) for name, value in made.machine}
        tags |= {f"fednids.git.{name}": str(value) for name, value in made.git or ()}
        tags |= {"fednids.command": " ".join(made.command), "fednids.started": made.started}
    named = ("sha256", "synthetic", "flows")
    return tags | {f"fednids.data.{name}": str(getattr(data, name)) for name in named}
